"""Tools 01: arguments are repaired like objects, and a malformed call does not lose the valid ones."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cases.bodies import (
    CLAUDE,
    COST,
    GEMINI,
    INPUT_TOKENS,
    OPENAI,
    OPENROUTER,
    candidate,
    claude_message,
    completion,
    function_call,
    gemini_call,
    output_call,
    response,
    text_block,
    tool_use,
)

if TYPE_CHECKING:
    from cases.caller import Caller, Outcome

PARIS = {"city": "Paris"}
GOOD = {"id": "call_1", "name": "look", "arguments": {"city": "Rome"}}
REPAIRED = {
    "JSON in a JSON string": json.dumps(json.dumps(PARIS)),
    "the object twice": '{"city":"Paris"}{"city":"Paris"}',
    "an empty object before": '{}{"city":"Paris"}',
    "an empty object after": '{"city":"Paris"}{}',
    "a trailing comma": '{"city":"Paris",}',
    "a fence": '```json\n{"city":"Paris"}\n```',
    "single quotes": "{'city': 'Paris'}",
    "a key without quotes": '{city: "Paris"}',
    "a missing brace": '{"city":"Paris"',
    "a brace too many": '{"city":"Paris"}}',
    "space around": '\n {"city":"Paris"} \n',
    "a mark of the model's after": '{"city":"Paris"}<|tool_call_end|>',
    "an object and no string": PARIS,
}
NOTHING = {"empty": "", "blank": "  ", "null": None, "null as text": "null", "an empty object": "{}"}
UNREADABLE = {"prose": "the city of Paris", "a list": "[1, 2]", "a number": "5", "a list and no string": [1]}


def openrouter(*calls: dict[str, Any], content: str | None = None, ended: Any = ("tool_calls", None)) -> dict[str, Any]:
    """Return a completion with tool calls."""
    return completion(content, *ended, tool_calls=list(calls))


def check_bill(outcome: Outcome) -> None:
    """Assert that the row has what was billed."""
    assert (COST, INPUT_TOKENS) == (outcome.row.cost_estimate, outcome.row.input_tokens)


@pytest.mark.parametrize("arguments", REPAIRED.values(), ids=REPAIRED)
async def test_arguments_are_repaired(caller: Caller, arguments: Any) -> None:
    """Arguments that can be repaired are, without a second request."""
    outcome = await caller.with_tools(openrouter(function_call("look", arguments)))
    assert [PARIS] == [call.arguments for call in outcome.tool_calls or []]
    assert 1 == len(outcome.requests)


@pytest.mark.parametrize("arguments", NOTHING.values(), ids=NOTHING)
async def test_no_arguments_are_an_empty_object(caller: Caller, arguments: Any) -> None:
    """A call without arguments has an empty dict."""
    outcome = await caller.with_tools(openrouter(function_call("look", arguments)))
    assert [{}] == [call.arguments for call in outcome.tool_calls or []]


@pytest.mark.parametrize("shape", ["JSON in a JSON string", "the object twice", "a trailing comma", "single quotes"])
async def test_openais_arguments_are_repaired(caller: Caller, shape: str) -> None:
    """The same is true of OpenAI's wire."""
    outcome = await caller.with_tools(response(output_call("look", REPAIRED[shape])), model=OPENAI)
    assert [PARIS] == [call.arguments for call in outcome.tool_calls or []]


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (CLAUDE, claude_message(tool_use("look", json.dumps(PARIS)), stop_reason="tool_use")),
        (GEMINI, candidate(gemini_call("look", json.dumps(PARIS)))),
    ],
)
async def test_an_object_that_came_as_text_is_read(caller: Caller, model: str, body: Any) -> None:
    """Text in the place of an object is parsed as one."""
    outcome = await caller.with_tools(body, model=model)
    assert [PARIS] == [call.arguments for call in outcome.tool_calls or []]


@pytest.mark.parametrize("arguments", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_no_object_is_an_error(caller: Caller, arguments: Any) -> None:
    """Arguments that cannot be parsed raise an LLMValidationError that names the tool."""
    outcome = await caller.with_tools(openrouter(function_call("look", arguments)))
    assert "look" in str(outcome.validation_error)
    check_bill(outcome)


@pytest.mark.parametrize("ended", [("length", "length"), ("tool_calls", "length"), ("tool_calls", "MAX_TOKENS")])
async def test_cut_arguments_say_truncated(
    caller: Caller, ended: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For truncated arguments, the error says what to raise, and nothing is sent again."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    outcome = await caller.with_tools(openrouter(function_call("look", '{"city":"Par'), ended=ended))
    assert "truncated" in str(outcome.validation_error)
    assert "max_output_tokens" in str(outcome.validation_error)
    assert (1, False) == (len(outcome.requests), outcome.failure.retryable)
    check_bill(outcome)


async def test_openais_cut_arguments_say_truncated(caller: Caller) -> None:
    """The same is true of OpenAI's wire."""
    body = response(output_call("look", '{"city":"Par'), reason="max_output_tokens")
    assert "truncated" in str((await caller.with_tools(body, model=OPENAI)).validation_error)


ONE_OF_TWO = {
    "openrouter, the second is cut": (
        OPENROUTER,
        openrouter(
            function_call("look", '{"city":"Rome"}'),
            function_call("look", '{"city":"Par', "call_2"),
            content="I look.",
            ended=("length", "length"),
        ),
    ),
    "openrouter, the first is unreadable": (
        OPENROUTER,
        openrouter(
            function_call("look", "Paris", "call_2"), function_call("look", '{"city":"Rome"}'), content="I look."
        ),
    ),
    "openrouter, one has no name": (
        OPENROUTER,
        openrouter(function_call("look", '{"city":"Rome"}'), function_call("", "{}", "call_2"), content="I look."),
    ),
    "claude, the second is unreadable": (
        CLAUDE,
        claude_message(
            text_block("I look."),
            tool_use("look", {"city": "Rome"}, "call_1"),
            tool_use("look", [1], "call_2"),
            stop_reason="tool_use",
        ),
    ),
}


@pytest.mark.parametrize(("model", "body"), ONE_OF_TWO.values(), ids=ONE_OF_TWO)
async def test_the_readable_calls_ride_on_the_error(caller: Caller, model: str, body: Any) -> None:
    """The text and the valid call are on the error's response."""
    outcome = await caller.with_tools(body, model=model)
    answered = outcome.validation_error.response
    assert answered is not None
    assert ("I look.", [GOOD]) == (answered.content, answered.response_output)
    assert INPUT_TOKENS == answered.input_tokens


async def test_openais_readable_call_rides_on_the_error(caller: Caller) -> None:
    """The same is true of OpenAI's wire."""
    body = response(output_call("look", '{"city":"Rome"}'), output_call("look", "Paris", "call_2"))
    answered = (await caller.with_tools(body, model=OPENAI)).validation_error.response
    assert answered is not None
    assert [GOOD] == answered.response_output
