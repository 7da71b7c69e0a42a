"""Tools 04: a call that is sent back has its arguments in the API's form, however they arrived."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.bodies import CLAUDE, GEMINI, OPENAI, VENDORS, completion, function_call
from cases.caller import QUESTION
from modules.llm_services.public import LLMMessage

if TYPE_CHECKING:
    from cases.caller import Caller, Outcome

MISSING: Final = object()
CAME: Final = {
    "missing": (MISSING, {}),
    "empty": ("", {}),
    "null": (None, {}),
    "an empty object as text": ("{}", {}),
    "an empty object": ({}, {}),
    "an object": ({"city": "Ghent"}, {"city": "Ghent"}),
    "text": ('{"city": "Ghent"}', {"city": "Ghent"}),
    "JSON in a JSON string": ('"{\\"city\\": \\"Ghent\\"}"', {"city": "Ghent"}),
    "a trailing comma": ('{"city": "Ghent",}', {"city": "Ghent"}),
}
RESULT: Final = LLMMessage(role="tool", name="now", content="12:00")


def call(arguments: object, call_id: str = "toolu_1") -> dict[str, Any]:
    """Return a call; missing arguments are left out."""
    entry = function_call("now", arguments, call_id)
    if arguments is MISSING:
        del entry["function"]["arguments"]
    return entry


def sent_arguments(outcome: Outcome) -> list[str]:
    """Return the arguments of the calls in a request to OpenRouter."""
    calls = [call for message in outcome.payload["messages"] for call in message.get("tool_calls") or []]
    return [call["function"]["arguments"] for call in calls]


def table() -> list[Any]:
    """Return the rows of the table, with their names."""
    return [pytest.param(*case, id=name) for name, case in CAME.items()]


@pytest.mark.parametrize(("arguments", "expected"), table())
async def test_what_came_is_written_in_the_wires_form(caller: Caller, arguments: Any, expected: Any) -> None:
    """`function.arguments` is sent as the JSON text of an object, `{}` if there are none."""
    await caller.with_tools(completion(None, "tool_calls", tool_calls=[call(arguments)]))
    outcome = await caller.with_tools(completion("Noon"), messages=[*QUESTION, RESULT])
    (sent,) = sent_arguments(outcome)
    assert isinstance(sent, str)
    assert expected == json.loads(sent)
    assert "toolu_1" == outcome.payload["messages"][-1]["tool_call_id"]


@pytest.mark.parametrize(("arguments", "expected"), table())
async def test_what_the_caller_says_is_too(caller: Caller, arguments: Any, expected: Any) -> None:
    """The same is true of the caller's assistant message in the form of Chat Completions."""
    turn = LLMMessage(role="assistant", content=None, tool_calls=[call(arguments)])
    outcome = await caller.with_tools(completion("Noon"), messages=[*QUESTION, turn, RESULT])
    (sent,) = sent_arguments(outcome)
    assert isinstance(sent, str)
    assert expected == json.loads(sent)


@pytest.mark.parametrize(
    ("dumped", "expected"),
    [
        ({"id": "c", "name": "now", "arguments": {"city": "Ghent"}}, {"city": "Ghent"}),
        ({"id": "c", "name": "now", "arguments": {}}, {}),
        ({"id": "c", "name": "now", "arguments": ""}, {}),
        ({"id": "c", "name": "now"}, {}),
        ({"name": "now"}, {}),
    ],
)
async def test_a_dumped_call_is_too(caller: Caller, dumped: Any, expected: Any) -> None:
    """The same is true of a dumped ToolCall, with or without an id."""
    turn = LLMMessage(role="assistant", content="", tool_calls=[dumped])
    outcome = await caller.with_tools(completion("Noon"), messages=[*QUESTION, turn, RESULT])
    assert [expected] == [json.loads(sent) for sent in sent_arguments(outcome)]
    assistant, result = outcome.payload["messages"][-2:]
    assert assistant["tool_calls"][0]["id"] == result["tool_call_id"]


@pytest.mark.parametrize(
    ("own", "expected_id"),
    [
        ({"type": "tool_use", "id": "toolu_1", "name": "now", "input": {"city": "Ghent"}}, "toolu_1"),
        (
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "call_1",
                "name": "now",
                "arguments": '{"city": "Ghent"}',
            },
            "call_1",
        ),
        ({"functionCall": {"name": "now", "args": {"city": "Ghent"}}}, "call_1_now"),
    ],
    ids=["claude", "responses", "gemini"],
)
@pytest.mark.parametrize("name", VENDORS)
async def test_a_call_in_a_vendors_own_form_is_too(caller: Caller, name: str, own: Any, expected_id: str) -> None:
    """A call as a vendor's body has it reaches every vendor with its name, arguments and id."""
    turn = LLMMessage(role="assistant", content=None, tool_calls=[own])
    vendor = VENDORS[name]
    outcome = await caller.with_tools(vendor.text("Noon"), model=vendor.model, messages=[*QUESTION, turn, RESULT])
    sent = json.dumps(outcome.payload).replace("\\", "")
    assert '"city": "Ghent"' in sent
    assert '"name": "now"' in sent
    assert name == "gemini" or 2 == sent.count(f'"{expected_id}"')


async def test_the_older_function_call_is_too(caller: Caller) -> None:
    """The same is true of `function_call`."""
    turn = LLMMessage(role="assistant", content=None, function_call={"name": "now"})
    outcome = await caller.with_tools(completion("Noon"), messages=[*QUESTION, turn, RESULT])
    assert ["{}"] == sent_arguments(outcome)


@pytest.mark.parametrize(("arguments", "expected"), table())
async def test_openai_gets_text(caller: Caller, arguments: Any, expected: Any) -> None:
    """OpenAI's API gets a string as well."""
    turn = LLMMessage(role="assistant", content=None, tool_calls=[call(arguments)])
    outcome = await caller.with_tools(VENDORS["openai"].text("Noon"), model=OPENAI, messages=[*QUESTION, turn, RESULT])
    (sent,) = [item["arguments"] for item in outcome.payload["input"] if item.get("type") == "function_call"]
    assert isinstance(sent, str)
    assert expected == json.loads(sent)


@pytest.mark.parametrize(("arguments", "expected"), table())
async def test_claude_and_gemini_get_objects(caller: Caller, arguments: Any, expected: Any) -> None:
    """APIs that expect an object get one."""
    turn = LLMMessage(role="assistant", content=None, tool_calls=[call(arguments)])
    messages = [*QUESTION, turn, RESULT]
    claude = await caller.with_tools(VENDORS["claude"].text("Noon"), model=CLAUDE, messages=messages)
    assert expected == claude.payload["messages"][1]["content"][0]["input"]
    gemini = await caller.with_tools(VENDORS["gemini"].text("Noon"), model=GEMINI, messages=messages)
    assert expected == gemini.payload["contents"][1]["parts"][0]["functionCall"]["args"]


async def test_parallel_calls_without_arguments(caller: Caller) -> None:
    """Two calls without arguments are sent back with `{}` each, and with their results."""
    calls = [call(MISSING, "toolu_1"), call("", "toolu_2")]
    await caller.with_tools(completion(None, "tool_calls", tool_calls=calls))
    outcome = await caller.with_tools(completion("Noon"), messages=[*QUESTION, RESULT, RESULT])
    assert ["{}", "{}"] == sent_arguments(outcome)
    assert ["toolu_1", "toolu_2"] == [message["tool_call_id"] for message in outcome.payload["messages"][-2:]]
