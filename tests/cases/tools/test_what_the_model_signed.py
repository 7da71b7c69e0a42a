"""Tools 03: reasoning and signatures are sent back unchanged in every form of the tool loop."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.bodies import OPENROUTER, VENDORS, completion, function_call
from cases.caller import QUESTION, tool
from cases.tools.turns import ARGUMENTS, DETAILS, FIRST_TURNS, FirstTurn
from modules.llm_services.public import LLMMessage
from support.processes import run_python

if TYPE_CHECKING:
    from pathlib import Path

    from cases.caller import Caller, Outcome

RESULT: Final = LLMMessage(role="tool", name="look", content='{"sun": true}')


@pytest.fixture(params=list(FIRST_TURNS))
def first_turn(request: pytest.FixtureRequest) -> FirstTurn:
    """Run the test once with each vendor's first turn."""
    return FIRST_TURNS[request.param]


def dated(day: str) -> LLMMessage:
    """Return a system prompt with a date."""
    return LLMMessage(role="system", content=f"Today is {day}.")


def assistant(outcome: Outcome, **fields: Any) -> LLMMessage:
    """Return the assistant's turn as a caller appends it: the content, the calls, and further fields."""
    calls = [call.model_dump() for call in outcome.tool_calls or []]
    return LLMMessage(role="assistant", content=outcome.response.content, tool_calls=calls, **fields)


async def second(caller: Caller, turn: FirstTurn, messages: list[LLMMessage], **options: Any) -> Outcome:
    """Make the second turn's call."""
    outcome = await caller.with_tools(turn.last, model=turn.model, messages=messages, **options)
    assert "Sunny" == outcome.response.content
    return outcome


def check(turn: FirstTurn, outcome: Outcome, *, is_named: bool = True) -> None:
    """Assert that the call, its id, its arguments and its signature are sent as they were answered."""
    sent = turn.read(outcome.payload)
    assert ("look", ARGUMENTS, turn.signed) == (sent.name, sent.arguments, sent.signed)
    assert sent.call_id == sent.result_id
    if is_named:
        assert "call_1" == sent.call_id


async def test_consumers_append_the_result_alone(caller: Caller, first_turn: FirstTurn) -> None:
    """The consumers' loop works with a new service object for each turn, as in a web application."""
    await caller.with_tools(first_turn.body, model=first_turn.model)
    check(first_turn, await second(caller, first_turn, [*QUESTION, RESULT]))


async def test_the_system_prompt_may_change(caller: Caller, first_turn: FirstTurn) -> None:
    """A system prompt with today's date does not change which turn is found."""
    await caller.with_tools(first_turn.body, model=first_turn.model, messages=[dated("Monday"), *QUESTION])
    check(first_turn, await second(caller, first_turn, [dated("Tuesday"), *QUESTION, RESULT]))


async def test_callers_append_the_assistants_turn(caller: Caller, first_turn: FirstTurn) -> None:
    """A caller's assistant message with the calls and without signatures gets them by the call's id."""
    first = await caller.with_tools(first_turn.body, model=first_turn.model)
    result = RESULT.model_copy(update={"tool_call_id": "call_1"})
    check(first_turn, await second(caller, first_turn, [*QUESTION, assistant(first), result]))


async def test_everything_may_change_at_once(caller: Caller, first_turn: FirstTurn) -> None:
    """The turn is found with a new service, another prompt and an appended turn at once."""
    first = await caller.with_tools(first_turn.body, model=first_turn.model, messages=[dated("Monday"), *QUESTION])
    check(first_turn, await second(caller, first_turn, [dated("Tuesday"), *QUESTION, assistant(first), RESULT]))


async def test_a_turn_made_of_what_was_handed_out_goes_back(caller: Caller, first_turn: FirstTurn) -> None:
    """A turn made of the content, `response_output` as the calls, and `reasoning_details` is complete."""
    first = await caller.with_tools(first_turn.body, model=first_turn.model)
    turn = LLMMessage(
        role="assistant",
        content=first.response.content,
        tool_calls=first.response.response_output,
        reasoning_details=first.response.reasoning_details,
    )
    check(first_turn, await second(caller, first_turn, [*QUESTION, turn, RESULT]))


SECOND_TURN: Final = """
import asyncio, json, sys
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from modules.llm_services.public import LLMMessage, ToolDefinition, llm_services_provider
told = json.load(sys.stdin)
messages = [LLMMessage(**message) for message in told["messages"]]
tools = [ToolDefinition(**tool) for tool in told["tools"]]
engine = create_engine(told["url"])
with Session(engine) as session:
    call = llm_services_provider(session).generate_response_with_tools(messages, tools, model=told["model"])
    asyncio.run(call)
engine.dispose()
"""


def database_in(folder: Path) -> str:
    """Return the URL of another process's database."""
    return f"sqlite:///{folder / 'elsewhere.db'}"


def in_another_process(caller: Caller, turn: FirstTurn, messages: list[LLMMessage], folder: Path) -> dict[str, Any]:
    """Make the second turn's call in another process, with the database in the folder; return what it sent."""
    told = {
        "url": database_in(folder),
        "model": turn.model,
        "messages": [message.model_dump(mode="json") for message in messages],
        "tools": [tool().model_dump(mode="json", exclude_none=True)],
    }
    caller.server.script(turn.last)
    path = os.pathsep.join(part for part in sys.path if part)
    done = run_python(["-c", SECOND_TURN], {**os.environ, "PYTHONPATH": path}, folder, json.dumps(told))
    assert 0 == done.returncode, done.stderr
    payload: dict[str, Any] = caller.server.requests[-1].body
    return payload


async def test_another_process_sends_it_too(caller: Caller, first_turn: FirstTurn, tmp_path: Path) -> None:
    """A turn made from a response is complete: another process with another database sends it."""
    from sqlalchemy import create_engine  # noqa: PLC0415 - for an empty database beside the test's own

    from modules.shared_models import Base  # noqa: PLC0415

    first = await caller.with_tools(first_turn.body, model=first_turn.model)
    details = first.response.reasoning_details
    messages = [*QUESTION, assistant(first, reasoning_details=details), RESULT]
    engine = create_engine(database_in(tmp_path))
    Base.metadata.create_all(engine)
    engine.dispose()
    sent = first_turn.read(in_another_process(caller, first_turn, messages, tmp_path))
    assert ("look", ARGUMENTS, first_turn.signed) == (sent.name, sent.arguments, sent.signed)


def openrouter_turn(data: str, *calls: dict[str, Any]) -> dict[str, Any]:
    """Return a completion with tool calls that are signed with `data`."""
    return completion(
        None, "tool_calls", reasoning_details=[{"type": "reasoning.encrypted", "data": data}], tool_calls=list(calls)
    )


async def test_parallel_calls_stay_together(caller: Caller) -> None:
    """Two calls of one turn, answered in another order, are sent as the one signed turn."""
    calls = function_call("look", '{"city": "Ghent"}', "call_1"), function_call("time", "{}", "call_2")
    tools = [tool("look"), tool("time")]
    await caller.with_tools(openrouter_turn("both", *calls), tools=tools)
    results = [LLMMessage(role="tool", name=name, content=f'"{name}"') for name in ("time", "look")]
    outcome = await caller.with_tools(completion("Sunny"), tools=tools, messages=[*QUESTION, *results])
    _, turn, *answers = outcome.payload["messages"]
    assert {"call_1", "call_2"} == {call["id"] for call in turn["tool_calls"]}
    assert "both" == turn["reasoning_details"][0]["data"]
    assert {"call_1": '"look"', "call_2": '"time"'} == {each["tool_call_id"]: each["content"] for each in answers}


@pytest.mark.parametrize("is_appended", [True, False])
async def test_each_round_keeps_its_own(caller: Caller, *, is_appended: bool) -> None:
    """The same tool called in two rounds gives two turns, each with its own signature."""
    messages = list(QUESTION)
    for number in (1, 2):
        call = function_call("look", json.dumps({"city": str(number)}), f"call_{number}")
        outcome = await caller.with_tools(openrouter_turn(f"signed-{number}", call), messages=messages)
        messages += [assistant(outcome)] if is_appended else []
        messages += [LLMMessage(role="tool", name="look", content=str(number))]
    payload = (await caller.with_tools(completion("Sunny"), messages=messages)).payload
    turns = [message for message in payload["messages"] if message["role"] == "assistant"]
    assert ["call_1", "call_2"] == [turn["tool_calls"][0]["id"] for turn in turns]
    assert ["signed-1", "signed-2"] == [turn["reasoning_details"][0]["data"] for turn in turns]


async def test_the_callers_own_details_win(caller: Caller) -> None:
    """Details that the caller puts on a message are sent unchanged."""
    first = await caller.with_tools(FIRST_TURNS["openrouter"].body)
    own = [{"type": "reasoning.encrypted", "data": "own"}]
    turn = assistant(first, reasoning_details=own)
    outcome = await caller.with_tools(completion("Sunny"), messages=[*QUESTION, turn, RESULT])
    assert own == outcome.payload["messages"][1]["reasoning_details"]


async def test_two_conversations_with_the_same_ids_do_not_mix(caller: Caller) -> None:
    """If a vendor uses the same ids in two conversations, each gets its own turn."""
    questions = [[LLMMessage(role="user", content=city)] for city in ("Ghent?", "Rome?")]
    for question, data in zip(questions, ("ghent", "rome"), strict=True):
        call = function_call("look", json.dumps({"city": data}), "call_1")
        await caller.with_tools(openrouter_turn(data, call), messages=question)
    for question, data in zip(questions, ("ghent", "rome"), strict=True):
        outcome = await caller.with_tools(completion("Sunny"), messages=[*question, RESULT])
        turn = outcome.payload["messages"][1]
        assert data == turn["reasoning_details"][0]["data"]
        assert {"city": data} == json.loads(turn["tool_calls"][0]["function"]["arguments"])


async def test_reasoning_of_a_plain_answer_goes_back(caller: Caller) -> None:
    """A message without calls keeps its reasoning details too."""
    first = await caller.text(completion("Ghent", reasoning_details=DETAILS))
    details = first.response.reasoning_details
    said = LLMMessage(role="assistant", content="Ghent", reasoning_details=details)
    more = [*QUESTION, said, LLMMessage(role="user", content="Why?")]
    outcome = await caller.text(completion("So"), messages=more)
    assert DETAILS == outcome.payload["messages"][1]["reasoning_details"]


async def test_details_of_another_vendor_do_not_fail_a_call(caller: Caller) -> None:
    """A turn that one vendor signed can be sent to another, with or without the signature."""
    first = await caller.with_tools(FIRST_TURNS["openrouter"].body, model=OPENROUTER)
    turn = assistant(first, reasoning_details=DETAILS)
    for name in ("openai", "claude", "gemini"):
        vendor = VENDORS[name]
        messages = [*QUESTION, turn, RESULT]
        outcome = await caller.with_tools(vendor.text("Sunny"), model=vendor.model, messages=messages)
        assert "Sunny" == outcome.response.content
        assert "Ghent" in json.dumps(outcome.payload)


@pytest.mark.parametrize("name", ["openai", "claude", "gemini"])
async def test_details_of_another_vendor_do_not_reach_openrouter(caller: Caller, name: str) -> None:
    """OpenRouter gets the call that another vendor made, and no details of a form that it does not know."""
    vendor_turn = FIRST_TURNS[name]
    first = await caller.with_tools(vendor_turn.body, model=vendor_turn.model)
    turn = assistant(first, reasoning_details=first.response.reasoning_details)
    outcome = await caller.with_tools(completion("Sunny"), messages=[*QUESTION, turn, RESULT])
    (sent,) = [message for message in outcome.payload["messages"] if message["role"] == "assistant"]
    assert "reasoning_details" not in sent
    assert ["look"] == [call["function"]["name"] for call in sent["tool_calls"]]


async def test_what_claudes_server_tools_did_goes_back_whole(caller: Caller) -> None:
    """The call of a server tool and its result are sent together, in a process that does not remember them too."""
    ran = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": {"command": "ls"}}
    result = {"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {"stdout": "a"}}
    turn = LLMMessage(role="assistant", content="Done.", reasoning_details=[ran, result])
    messages = [*QUESTION, turn, LLMMessage(role="user", content="Why?")]
    vendor = VENDORS["claude"]
    outcome = await caller.text(vendor.text("So"), model=vendor.model, messages=messages)
    assert [ran, result] == outcome.payload["messages"][1]["content"][:2]
