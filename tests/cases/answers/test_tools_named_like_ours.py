"""Answers 04: a tool of the caller works whatever its name is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from cases.bodies import (
    CLAUDE,
    COST,
    VENDORS,
    claude_message,
    claude_object,
    completion,
    function_call,
    text_block,
    tool_use,
)
from cases.caller import QUESTION, tool
from modules.llm_services.public import LLMMessage

if TYPE_CHECKING:
    from cases.bodies import Vendor
    from cases.caller import Caller

# "answer" is the module's own name for the block of a structured call; the others are other clients' names.
NAMES = ("answer", "json", "output", "response", "final_result", "structured_output")


@pytest.mark.parametrize("name", NAMES)
async def test_a_tool_may_have_any_name(caller: Caller, vendor: Vendor, name: str) -> None:
    """The call is returned, the text is empty, and the finish reason is tool calls."""
    outcome = await caller.with_tools(vendor.call(name, {"k": 1}), tools=[tool(name)], model=vendor.model)
    assert [(name, {"k": 1})] == [(call.name, call.arguments) for call in outcome.tool_calls or []]
    assert ("", "tool_calls") == (outcome.response.content, outcome.response.finish_reason)


async def test_text_beside_such_a_call_stays(caller: Caller) -> None:
    """Text before a call of `answer` is the content."""
    body = claude_message(text_block("I look."), tool_use("answer", {"k": 1}), stop_reason="tool_use")
    outcome = await caller.with_tools(body, tools=[tool("answer")], model=CLAUDE)
    assert ("I look.", ["answer"]) == (outcome.response.content, [call.name for call in outcome.tool_calls or []])


async def test_such_a_call_beside_another_is_not_lost(caller: Caller) -> None:
    """Two calls are both returned, in order."""
    uses = tool_use("look", {"city": "Ghent"}, "toolu_1"), tool_use("answer", {"k": 1}, "toolu_2")
    outcome = await caller.with_tools(
        claude_message(*uses, stop_reason="tool_use"), tools=[tool(), tool("answer")], model=CLAUDE
    )
    assert ["toolu_1", "toolu_2"] == [call.id for call in outcome.tool_calls or []]


async def test_its_result_goes_back_to_it(caller: Caller) -> None:
    """The next turn has the call named `answer` and its result."""
    first = await caller.with_tools(VENDORS["claude"].call("answer", {"k": 1}), tools=[tool("answer")], model=CLAUDE)
    assert first.tool_calls
    messages = [*QUESTION, LLMMessage(role="tool", name="answer", content="done")]
    second = await caller.with_tools(
        claude_message(text_block("Done.")), tools=[tool("answer")], messages=messages, model=CLAUDE
    )
    use, result = second.payload["messages"][-2]["content"][0], second.payload["messages"][-1]["content"][0]
    assert ("answer", {"k": 1}) == (use["name"], use["input"])
    assert use["id"] == result["tool_use_id"] == "toolu_1"


async def test_a_structured_call_still_reads_the_block(caller: Caller) -> None:
    """In a structured call, the block of `answer` is the object."""

    class Answer(BaseModel):
        k: int

    outcome = await caller.structured(Answer, claude_object('{"k": 1}'), model=CLAUDE)
    assert Answer(k=1) == outcome.returned


async def test_bedrock_shares_it(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules apply to Claude at Bedrock."""
    environment = {
        "CLAUDE_PROVIDER": "bedrock",
        "AWS_ACCESS_KEY_ID": "AKIDX",
        "AWS_SECRET_ACCESS_KEY": "x/x",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": caller.server.url,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    outcome = await caller.with_tools(
        VENDORS["claude"].call("answer", {"k": 1}), tools=[tool("answer")], model="claude-sonnet-4-5"
    )
    assert ["answer"] == [call.name for call in outcome.tool_calls or []]


async def test_the_row_has_the_call(caller: Caller) -> None:
    """The row has the call as its output, and the cost."""
    body = completion(None, "tool_calls", tool_calls=[function_call("answer", '{"k": 1}')])
    outcome = await caller.with_tools(body, tools=[tool("answer")])
    assert [{"id": "call_1", "name": "answer", "arguments": {"k": 1}}] == outcome.row.response_output
    assert COST == outcome.row.cost_estimate
