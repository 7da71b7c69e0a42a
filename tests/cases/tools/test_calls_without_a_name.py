"""Tools 02: calls that the server ran itself are left out, and a call without a name is an error."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

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
    output_message,
    response,
    text_block,
    tool_use,
)
from cases.scripted_server import Reply
from support.streams import END, chunk, event

if TYPE_CHECKING:
    from cases.caller import Caller

SEARCH = {"type": "openrouter:web_search", "id": "ws_1"}
BROKEN = {
    "null": [None],
    "nothing but an id": [{"id": "c"}],
    "an empty object": [{}],
    "a list": [[]],
    "a text": ["look"],
    "an empty name": [function_call("")],
    "a blank name": [function_call("  ")],
    "a name of null": [function_call(None)],
    "a name that is a number": [function_call(5)],
    "a function of null": [{"id": "c", "type": "function", "function": None}],
    "an object and no list": {"name": "look"},
    "a good one and null": [function_call("look"), None],
}
SERVERS = {
    "openrouter": (OPENROUTER, completion("Ghent", tool_calls=[SEARCH])),
    "openrouter, with a result": (
        OPENROUTER,
        completion("Ghent", tool_calls=[SEARCH | {"type": "openrouter:datetime", "output": "noon"}]),
    ),
    "openai": (
        OPENAI,
        response({"type": "web_search_call", "id": "ws_1", "status": "completed"}, output_message("Ghent")),
    ),
    "claude": (
        CLAUDE,
        claude_message(
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
            text_block("Ghent"),
        ),
    ),
    "gemini": (
        GEMINI,
        candidate(
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            {"text": "Ghent"},
        ),
    ),
}


@pytest.mark.parametrize("calls", BROKEN.values(), ids=BROKEN)
async def test_a_broken_call_is_an_error(caller: Caller, calls: Any) -> None:
    """No loop answers for a tool that has no name: it is an LLMValidationError, the row failed as billed."""
    outcome = await caller.with_tools(completion(None, "tool_calls", tool_calls=calls))
    assert str(outcome.validation_error)
    assert (COST, INPUT_TOKENS) == (outcome.row.cost_estimate, outcome.row.input_tokens)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (OPENAI, response(output_call(""))),
        (OPENAI, response(output_call(None))),
        (CLAUDE, claude_message(tool_use("", {}), stop_reason="tool_use")),
        (CLAUDE, claude_message({"type": "tool_use", "id": "toolu_1"}, stop_reason="tool_use")),
        (GEMINI, candidate(gemini_call("", {}))),
        (GEMINI, candidate({"functionCall": {"args": {"city": "Ghent"}}})),
        (GEMINI, candidate({"functionCall": {}})),
    ],
)
async def test_other_vendors_broken_calls_are_errors(caller: Caller, model: str, body: Any) -> None:
    """The same is true on every wire."""
    outcome = await caller.with_tools(body, model=model)
    assert str(outcome.validation_error)
    assert INPUT_TOKENS == outcome.row.input_tokens


@pytest.mark.parametrize(("model", "body"), SERVERS.values(), ids=SERVERS)
async def test_what_the_server_ran_is_left_out(caller: Caller, model: str, body: Any) -> None:
    """A search that the vendor ran is not returned as a call: the text is the answer."""
    outcome = await caller.with_tools(body, model=model)
    assert ("Ghent", None) == (outcome.response.content, outcome.tool_calls)


async def test_what_the_server_ran_is_left_out_of_a_stream(caller: Caller) -> None:
    """It is so in a stream, where a call comes as a delta."""
    events = b"".join(map(event, (chunk(tool_calls=[{"index": 0, **SEARCH}]), chunk("stop", content="Ghent"))))
    outcome = await caller.with_tools(Reply(events + END, headers={"Content-Type": "text/event-stream"}), stream=True)
    assert ("Ghent", None) == (outcome.response.content, outcome.tool_calls)


async def test_functions_beside_a_server_tool_stay(caller: Caller) -> None:
    """Of a list with a server's call and a function's, only the function's is returned."""
    calls = [SEARCH, function_call("look", '{"city": "Ghent"}')]
    outcome = await caller.with_tools(completion(None, "tool_calls", tool_calls=calls))
    assert [("call_1", "look")] == [(call.id, call.name) for call in outcome.tool_calls or []]


@pytest.mark.parametrize("call_id", [None, ""])
async def test_a_call_without_an_id_gets_one(caller: Caller, call_id: object) -> None:
    """Missing ids are generated, and differ from each other."""
    calls = [function_call("look", call_id=call_id), function_call("look", call_id=call_id)]
    outcome = await caller.with_tools(completion(None, "tool_calls", tool_calls=calls))
    ids = [call.id for call in outcome.tool_calls or []]
    assert 2 == len({name for name in ids if name})


async def test_a_type_that_is_missing_is_a_function(caller: Caller) -> None:
    """An entry with a function and without a type is a call."""
    calls = [{"id": "call_1", "function": {"name": "look", "arguments": "{}"}}]
    outcome = await caller.with_tools(completion(None, "tool_calls", tool_calls=calls))
    assert ["look"] == [call.name for call in outcome.tool_calls or []]


async def test_the_older_function_call_is_read(caller: Caller) -> None:
    """`message.function_call`, the predecessor of `tool_calls`, is a call."""
    call = {"name": "look", "arguments": '{"city": "Ghent"}'}
    outcome = await caller.with_tools(completion(None, "function_call", function_call=call))
    assert [("look", {"city": "Ghent"})] == [(each.name, each.arguments) for each in outcome.tool_calls or []]


@pytest.mark.parametrize("calls", [None, [], {}, "none"])
async def test_no_calls_are_none(caller: Caller, calls: object) -> None:
    """An empty list, null or another type means that no tool is called."""
    outcome = await caller.with_tools(completion("Ghent", tool_calls=calls))
    assert ("Ghent", None) == (outcome.response.content, outcome.tool_calls)
