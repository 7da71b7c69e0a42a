"""Bodies of OpenRouter and the other vendors, in their documented form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from cases.scripted_server import Request

Body = dict[str, Any]

COST: Final = 0.25  # USD, the cost that OpenRouter reports for every answer here
INPUT_TOKENS: Final = 10
OUTPUT_TOKENS: Final = 5

OPENROUTER: Final = "openrouter/author/model"
OPENAI: Final = "gpt-5-mini"
CLAUDE: Final = "claude-haiku-4-5"
GEMINI: Final = "gemini-2.5-flash"


def completion(
    content: object = "Ghent", finish_reason: str | None = "stop", native: str | None = None, **message: object
) -> Body:
    """Return an OpenRouter completion; `message` has the further fields of its message."""
    return {
        "id": "gen-1",
        "model": "author/model",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "native_finish_reason": native or finish_reason,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": {
            "prompt_tokens": INPUT_TOKENS,
            "completion_tokens": OUTPUT_TOKENS,
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
            "cost": COST,
        },
    }


def function_call(name: object, arguments: object = "{}", call_id: object = "call_1") -> Body:
    """Return a tool call in the form of Chat Completions."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def response(*output: Body, status: str = "completed", reason: str | None = None) -> Body:
    """Return a response of OpenAI's Responses API; `reason` says why it is incomplete."""
    return {
        "id": "resp_1",
        "object": "response",
        "model": "gpt-5-mini-2025-08-07",
        "status": "incomplete" if reason else status,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": list(output),
        "usage": {
            "input_tokens": INPUT_TOKENS,
            "output_tokens": OUTPUT_TOKENS,
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        },
    }


def output_message(text: str, **part: object) -> Body:
    """Return an output item with `text`."""
    content = {"type": "output_text", "text": text, "annotations": [], **part}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [content]}


def output_call(name: object, arguments: object = "{}", call_id: object = "call_1") -> Body:
    """Return an output item with a tool call."""
    return {"type": "function_call", "id": "fc_1", "call_id": call_id, "name": name, "arguments": arguments}


def claude_message(*blocks: Body, stop_reason: str = "end_turn") -> Body:
    """Return a message of Anthropic's Messages API."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": list(blocks),
        "stop_reason": stop_reason,
        "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
    }


def text_block(text: str, **fields: object) -> Body:
    """Return a text block."""
    return {"type": "text", "text": text, **fields}


def tool_use(name: object, given: object, call_id: object = "toolu_1") -> Body:
    """Return a block with a tool call."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def claude_object(text: str, stop_reason: str | None = None) -> Callable[[Request], Body]:
    """Return Claude's answer to a structured call: through the tool in the request, otherwise as text."""

    def answer(request: Request) -> Body:
        if not request.body.get("tools"):
            return claude_message(text_block(text), stop_reason=stop_reason or "end_turn")
        name = request.body["tools"][0]["name"]
        return claude_message(tool_use(name, json.loads(text)), stop_reason=stop_reason or "tool_use")

    return answer


def candidate(*parts: Body, reason: str | None = "STOP", **body: object) -> Body:
    """Return a Gemini answer; without parts, the candidate has no content at all."""
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    return {
        "responseId": "resp-1",
        "modelVersion": "gemini-2.5-flash",
        "candidates": [{"index": 0, "finishReason": reason, **content}],
        "usageMetadata": {
            "promptTokenCount": INPUT_TOKENS,
            "candidatesTokenCount": OUTPUT_TOKENS,
            "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
        },
        **body,
    }


def gemini_call(name: object, arguments: object, **part: object) -> Body:
    """Return a part with a tool call."""
    return {"functionCall": {"name": name, "args": arguments}, **part}


def _openrouter_call(name: str, arguments: dict[str, Any]) -> Body:
    return completion(None, "tool_calls", tool_calls=[function_call(name, json.dumps(arguments))])


@dataclass(frozen=True)
class Vendor:
    """A vendor's answers with a text, with an object (given as JSON text) and with a tool call."""

    model: str
    text: Callable[[str], Body]
    object: Callable[[str], Any]
    call: Callable[[str, dict[str, Any]], Body]


VENDORS: Final = {
    "openrouter": Vendor(OPENROUTER, completion, completion, _openrouter_call),
    "openai": Vendor(
        OPENAI,
        lambda text: response(output_message(text)),
        lambda text: response(output_message(text)),
        lambda name, arguments: response(output_call(name, json.dumps(arguments))),
    ),
    "claude": Vendor(
        CLAUDE,
        lambda text: claude_message(text_block(text)),
        claude_object,
        lambda name, arguments: claude_message(tool_use(name, arguments), stop_reason="tool_use"),
    ),
    "gemini": Vendor(
        GEMINI,
        lambda text: candidate({"text": text}),
        lambda text: candidate({"text": text}),
        lambda name, arguments: candidate(gemini_call(name, arguments)),
    ),
}
