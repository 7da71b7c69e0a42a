"""Streams: an answer in the events that the vendor's API would send it in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..exchange import Response

    JSONObject = dict[str, Any]

# A text is sent in pieces of a token or so, a long one in this many.
CHARACTERS_PER_PIECE = 5
MAX_PIECES = 200
END = "[DONE]"


def streamed(response: Response, events: Iterable[JSONObject | str]) -> Response:
    """Return a response whose body is these events; one that is a text is sent as it is."""
    blocks = tuple(_block(event) for event in events)
    return replace(response, body=b"".join(blocks), events=blocks)


def _block(event: JSONObject | str) -> bytes:
    data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"data: {data}\n\n".encode("utf-8", "backslashreplace")


def pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces."""
    size = max(CHARACTERS_PER_PIECE, -(-len(text) // MAX_PIECES))
    yield from (text[start : start + size] for start in range(0, len(text), size))


def chat_completions_events(body: JSONObject) -> Iterator[JSONObject | str]:
    """Yield the chunks of a completion as OpenRouter was recorded to send them, the usage in the last.

    vkryukov/req_llm test/support/fixtures/openrouter: an error comes in a chunk of its own, and after one that stands
    alone there is no `[DONE]`.
    """
    choices = body.get("choices")
    at_the_end = {"usage", "openrouter_metadata"}
    shared = {name: value for name, value in body.items() if name not in {"choices", "error", "user_id", *at_the_end}}
    shared["object"] = "chat.completion.chunk"
    failure: JSONObject = {name: body[name] for name in ("error", "user_id") if name in body}
    usage: JSONObject = {name: body[name] for name in at_the_end if body.get(name)}
    if not choices:
        yield {**shared, "choices": choices, **failure, **usage}
        if failure and not usage:
            return
    else:
        choice = choices[0]
        end = {name: choice[name] for name in ("finish_reason", "native_finish_reason", "error") if name in choice}
        running = {"index": 0, "finish_reason": None, "native_finish_reason": None}
        for delta in _deltas(choice["message"]):
            yield {**shared, "choices": [{**running, "delta": {"role": "assistant", "content": "", **delta}}]}
        yield {**shared, "choices": [{**running, **end, "delta": {"role": "assistant", "content": ""}}], **failure}
        if usage:
            yield {**shared, "choices": [{**running, "delta": {"role": "assistant", "content": ""}}], **usage}
    yield END


def _deltas(message: JSONObject) -> Iterator[JSONObject]:
    for piece in pieces(message.get("reasoning") or ""):
        detail = {"type": "reasoning.text", "text": piece, "format": "unknown", "index": 0}
        yield {"reasoning": piece, "reasoning_details": [detail]}
    for piece in pieces(message.get("content") or ""):
        yield {"content": piece}
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        named = {"index": index, "id": call["id"], "type": "function"}
        yield {"content": None, "tool_calls": [{**named, "function": {"name": function["name"], "arguments": ""}}]}
        for piece in pieces(function["arguments"]):
            yield {"content": None, "tool_calls": [{"index": index, "function": {"arguments": piece}}]}
