"""The first turn of a tool loop with each vendor, and the parts of it in the second request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cases.bodies import (
    CLAUDE,
    GEMINI,
    OPENAI,
    OPENROUTER,
    candidate,
    claude_message,
    completion,
    function_call,
    output_call,
    response,
    tool_use,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ARGUMENTS: Final = {"city": "Ghent"}
DETAILS: Final = [
    {"type": "reasoning.text", "text": "Belgium?", "signature": "signed-1", "format": "anthropic-claude-v1"},
    {"type": "reasoning.encrypted", "data": "signed-1", "id": "rs_1"},
]
ITEM: Final = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "signed-1"}
THINKING: Final = {"type": "thinking", "thinking": "Belgium?", "signature": "signed-1"}


@dataclass(frozen=True)
class SentCall:
    """A call in a request, its result, and its signature."""

    call_id: str | None
    name: str
    arguments: Any
    result_id: str | None
    signed: Any


@dataclass(frozen=True)
class FirstTurn:
    """A vendor's answer with a signed call of `look`, and how to read a request."""

    model: str
    body: dict[str, Any]
    last: dict[str, Any]
    signed: Any
    read: Callable[[dict[str, Any]], SentCall]


def _chat(payload: dict[str, Any]) -> SentCall:
    assistant, result = payload["messages"][-2:]
    (call,) = assistant["tool_calls"]
    function = call["function"]
    details = assistant.get("reasoning_details")
    return SentCall(call["id"], function["name"], json.loads(function["arguments"]), result["tool_call_id"], details)


def _responses(payload: dict[str, Any]) -> SentCall:
    thought, call, result = payload["input"][-3:]
    signed = thought if thought.get("type") == "reasoning" else None
    return SentCall(call["call_id"], call["name"], json.loads(call["arguments"]), result["call_id"], signed)


def _messages(payload: dict[str, Any]) -> SentCall:
    assistant, user = payload["messages"][-2:]
    use, result = assistant["content"][-1], user["content"][0]
    thought = assistant["content"][0]
    signed = thought if thought["type"] == "thinking" else None
    return SentCall(use["id"], use["name"], use["input"], result["tool_use_id"], signed)


def _contents(payload: dict[str, Any]) -> SentCall:
    model, user = payload["contents"][-2:]
    (part,) = [part for part in model["parts"] if "functionCall" in part]
    call, result = part["functionCall"], user["parts"][0]["functionResponse"]
    assert call["name"] == result["name"]
    return SentCall(call.get("id"), call["name"], call["args"], result.get("id"), part.get("thoughtSignature"))


FIRST_TURNS: Final = {
    "openrouter": FirstTurn(
        OPENROUTER,
        completion(
            None,
            "tool_calls",
            reasoning="Belgium?",
            reasoning_details=DETAILS,
            tool_calls=[function_call("look", json.dumps(ARGUMENTS))],
        ),
        completion("Sunny"),
        DETAILS,
        _chat,
    ),
    "openai": FirstTurn(
        OPENAI,
        response(ITEM, output_call("look", json.dumps(ARGUMENTS))),
        response({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sunny"}]}),
        ITEM,
        _responses,
    ),
    "claude": FirstTurn(
        CLAUDE,
        claude_message(THINKING, tool_use("look", ARGUMENTS, "call_1"), stop_reason="tool_use"),
        claude_message({"type": "text", "text": "Sunny"}),
        THINKING,
        _messages,
    ),
    "gemini": FirstTurn(
        GEMINI,
        candidate(
            {"functionCall": {"name": "look", "args": ARGUMENTS, "id": "call_1"}, "thoughtSignature": "signed-1"}
        ),
        candidate({"text": "Sunny"}),
        "signed-1",
        _contents,
    ),
}
