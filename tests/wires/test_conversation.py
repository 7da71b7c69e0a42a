"""The consumers' tool loop: results have only a tool's name, and the API requires the calls that they answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modules.llm_services.types import LLMMessage, MessageRole
from modules.llm_services.wires.conversation import ToolCallMemory

WIRE = "chat_completions"
QUESTION = LLMMessage(role=MessageRole.USER, content="What is the weather?")


def result(name: str | None, content: str = "{}", call_id: str | None = None) -> LLMMessage:
    """Return a tool's result."""
    return LLMMessage(role=MessageRole.TOOL, name=name, content=content, tool_call_id=call_id)


def call(call_id: str, name: str, arguments: str = "{}") -> dict[str, Any]:
    """Return a call in the wire's form."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def asking(*calls: dict[str, Any], **fields: object) -> dict[str, Any]:
    """Return an assistant message with tool calls."""
    return {"role": "assistant", "content": "", "tool_calls": list(calls), **fields}


def is_consistent(wire: list[dict[str, Any]]) -> bool:
    """Return True if every result follows the message that requested it, as OpenRouter's upstreams require."""
    open_calls: set[str] = set()
    for message in wire:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return False
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            return False
        else:
            open_calls = {each["id"] for each in message.get("tool_calls", ())}
    return not open_calls


def test_what_was_answered_is_put_back_word_for_word() -> None:
    """The message that requested a result is added unchanged, with its id, arguments and reasoning details."""
    turns = ToolCallMemory()
    details = [{"type": "reasoning.encrypted", "data": "blob"}]
    answered = asking(call("call_1", "weather", '{"at": "Rome"}'), reasoning_details=details)
    turns.remember([QUESTION], answered, WIRE)
    wire = turns.to_chat_messages([QUESTION, result("weather", '{"sun": true}')], WIRE)
    assert [answered, {"role": "tool", "tool_call_id": "call_1", "content": '{"sun": true}'}] == wire[1:]


def test_parallel_calls_get_their_own_results() -> None:
    """Two results for one answer are matched by name, in any order."""
    turns = ToolCallMemory()
    turns.remember([QUESTION], asking(call("call_1", "weather"), call("call_2", "time")), WIRE)
    wire = turns.to_chat_messages([QUESTION, result("time", "noon"), result("weather", "sun")], WIRE)
    assert [("call_2", "noon"), ("call_1", "sun")] == [(each["tool_call_id"], each["content"]) for each in wire[2:]]
    assert is_consistent(wire)


def test_a_call_without_a_result_is_left_out() -> None:
    """If a consumer answers one of two calls, only that one is added, because APIs refuse open calls."""
    turns = ToolCallMemory()
    turns.remember([QUESTION], asking(call("call_1", "weather"), call("call_2", "time")), WIRE)
    wire = turns.to_chat_messages([QUESTION, result("time")], WIRE)
    assert ["call_2"] == [each["id"] for each in wire[1]["tool_calls"]]
    assert is_consistent(wire)


def test_each_round_finds_its_own_answer() -> None:
    """In a loop of several rounds, each result follows the answer of the same round."""
    turns = ToolCallMemory()
    first, second = result("weather", "sun"), result("weather", "rain")
    turns.remember([QUESTION], asking(call("call_1", "weather", '{"at": "Rome"}')), WIRE)
    turns.remember([QUESTION, first], asking(call("call_2", "weather", '{"at": "Oslo"}')), WIRE)
    wire = turns.to_chat_messages([QUESTION, first, second], WIRE)
    assert ["user", "assistant", "tool", "assistant", "tool"] == [each["role"] for each in wire]
    assert ["call_1", "call_2"] == [each["tool_call_id"] for each in wire if each["role"] == "tool"]
    assert is_consistent(wire)


def test_conversations_do_not_mix() -> None:
    """An answer of another conversation is not added."""
    turns = ToolCallMemory()
    turns.remember(
        [LLMMessage(role=MessageRole.USER, content="Rome?")], asking(call("call_1", "weather", '{"at": 1}')), WIRE
    )
    wire = turns.to_chat_messages([QUESTION, result("weather")], WIRE)
    assert "{}" == wire[1]["tool_calls"][0]["function"]["arguments"]
    assert is_consistent(wire)


@pytest.mark.parametrize(
    "results",
    [
        [result("weather")],
        [result("weather"), result("weather")],
        [result(None)],
        [result("weather", call_id="call_9"), result("time")],
        [LLMMessage(role=MessageRole.FUNCTION, name="weather", content="{}")],
    ],
)
def test_what_is_not_known_is_made_up(results: list[LLMMessage]) -> None:
    """Results of an unknown answer, as after a restart, follow a message made from their names."""
    wire = ToolCallMemory().to_chat_messages(
        [QUESTION, *results, LLMMessage(role=MessageRole.USER, content="So?")], WIRE
    )
    assert [result.name or "tool" for result in results] == [each["function"]["name"] for each in wire[1]["tool_calls"]]
    assert is_consistent(wire)


@pytest.mark.parametrize(
    "calls",
    [
        {"tool_calls": [call("call_1", "weather", '{"at": "Rome"}')]},
        {"tool_calls": [{"id": "call_1", "name": "weather", "arguments": {"at": "Rome"}}]},
    ],
)
def test_calls_that_a_consumer_sends_are_used(calls: dict[str, Any]) -> None:
    """An assistant message with calls, in the wire's form or as dumped ToolCalls, is used unchanged."""
    said = LLMMessage(role=MessageRole.ASSISTANT, content=None, **calls)
    wire = ToolCallMemory().to_chat_messages([QUESTION, said, result("weather")], WIRE)
    assert [call("call_1", "weather", '{"at": "Rome"}')] == wire[1]["tool_calls"]
    assert is_consistent(wire)


def test_a_legacy_function_call_becomes_a_tool_call() -> None:
    """`function_call` and the role "function" become tool calls and results."""
    said = LLMMessage(role=MessageRole.ASSISTANT, function_call={"name": "weather", "arguments": '{"at": 1}'})
    wire = ToolCallMemory().to_chat_messages(
        [QUESTION, said, LLMMessage(role=MessageRole.FUNCTION, name="weather", content="sun")], WIRE
    )
    assert json.dumps({"at": 1}) == wire[1]["tool_calls"][0]["function"]["arguments"]
    assert is_consistent(wire)


def test_memory_is_bounded() -> None:
    """The oldest of many answers is dropped."""
    turns = ToolCallMemory()
    asked = [LLMMessage(role=MessageRole.USER, content=str(number)) for number in range(600)]
    for each in asked:
        turns.remember([each], asking(call(f"call_{each.content}", "weather")), WIRE)
    ids = [
        turns.to_chat_messages([each, result("weather")], WIRE)[1]["tool_calls"][0]["id"]
        for each in (asked[0], asked[-1])
    ]
    assert ["call_1_weather", "call_599"] == ids
