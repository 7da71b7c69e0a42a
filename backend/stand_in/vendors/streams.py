"""Streams: an answer as the events that the vendor's API sends."""

from __future__ import annotations

import base64
import itertools
import json
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..exchange import Response

    JSONObject = dict[str, Any]

# A text is sent in pieces of about a token, but a long text in this many pieces.
CHARACTERS_PER_PIECE = 5
MAX_PIECES = 200
END = "[DONE]"
# The fields of Anthropic's blocks that are sent in pieces, with the type and the field of their deltas.
CONTINUED = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "signature": ("signature_delta", "signature"),
    "input": ("input_json_delta", "partial_json"),
}
FRAME_OVERHEAD_BYTES = 16  # two lengths and two checksums


def streamed(response: Response, events: Iterable[JSONObject | str]) -> Response:
    """Return a response with these events as its body; an event that is a text is sent unchanged."""
    blocks = tuple(server_sent(event) for event in events)
    return replace(response, body=b"".join(blocks), events=blocks)


def server_sent(event: JSONObject | str) -> bytes:
    """Return an event as it is sent, with its name if it has a type."""
    data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
    return f"{name}data: {data}\n\n".encode("utf-8", "backslashreplace")


def amazon_frame(event: JSONObject) -> bytes:
    """Return an event in Bedrock's format: https://smithy.io/2.0/aws/amazon-eventstream.html."""
    payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode()}).encode()
    named = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\7" + struct.pack(">H", len(value)) + value.encode()
        for name, value in named.items()
    )
    prelude = struct.pack(">II", FRAME_OVERHEAD_BYTES + len(headers) + len(payload), len(headers))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return frame + struct.pack(">I", zlib.crc32(frame))


def pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces."""
    size = max(CHARACTERS_PER_PIECE, -(-len(text) // MAX_PIECES))
    yield from (text[start : start + size] for start in range(0, len(text), size))


def chat_completions_events(body: JSONObject) -> Iterator[JSONObject | str]:
    """Yield the chunks of a completion as OpenRouter was recorded to send them, with the usage in the last one.

    vkryukov/req_llm test/support/fixtures/openrouter: an error is sent in a separate chunk, and after an error without
    an answer there is no `[DONE]`.
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


def responses_events(body: JSONObject) -> Iterator[JSONObject]:
    """Yield the events of OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses-streaming."""
    numbers = itertools.count()
    begun = {**body, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    steps = [{"type": f"response.{step}", "response": begun} for step in ("created", "in_progress")]
    items = (_item_events(index, item) for index, item in enumerate(body["output"]))
    end = {"type": f"response.{body['status']}", "response": body}
    for event in itertools.chain(steps, itertools.chain.from_iterable(items), [end]):
        yield {**event, "sequence_number": next(numbers)}


def _item_events(index: int, item: JSONObject) -> Iterator[JSONObject]:
    place = {"output_index": index}
    empty = {**item, **{name: value[:0] for name, value in item.items() if name in {"content", "arguments"}}}
    yield {"type": "response.output_item.added", **place, "item": {**empty, "status": "in_progress"}}
    of_item = {**place, "item_id": item["id"]}
    for piece in pieces(item.get("arguments") or ""):
        yield {"type": "response.function_call_arguments.delta", **of_item, "delta": piece}
    if "arguments" in item:
        yield {"type": "response.function_call_arguments.done", **of_item, "arguments": item["arguments"]}
    for number, part in enumerate(item.get("content") or ()):
        name, field = ("refusal", "refusal") if part["type"] == "refusal" else ("output_text", "text")
        of_part = {**of_item, "content_index": number}
        yield {"type": "response.content_part.added", **of_part, "part": {**part, field: ""}}
        for piece in pieces(part[field]):
            yield {"type": f"response.{name}.delta", **of_part, "delta": piece}
        yield {"type": f"response.{name}.done", **of_part, field: part[field]}
        yield {"type": "response.content_part.done", **of_part, "part": part}
    yield {"type": "response.output_item.done", **place, "item": item}


def messages_events(body: JSONObject) -> Iterator[JSONObject]:
    """Yield the events of Anthropic's Messages API: https://docs.anthropic.com/en/api/messages-streaming."""
    usage = {**body["usage"], "output_tokens": 1}
    begun = {**body, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    for index, block in enumerate(body["content"]):
        empty = {**block, **{name: type(value)() for name, value in block.items() if name in CONTINUED}}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for name, (kind, field) in CONTINUED.items():
            given = block.get(name, "")
            for piece in pieces(given if isinstance(given, str) else json.dumps(given)):
                yield {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: piece}}
        yield {"type": "content_block_stop", "index": index}
    ended = {name: body[name] for name in ("stop_reason", "stop_sequence")}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": body["usage"]["output_tokens"]}}
    yield {"type": "message_stop"}


def generate_content_events(body: JSONObject) -> Iterator[JSONObject]:
    """Yield the responses of Google's streamGenerateContent, each with the usage so far."""
    shared = {name: value for name, value in body.items() if name not in {"candidates", "usageMetadata"}}
    usage = body["usageMetadata"]
    for candidate in body.get("candidates") or ():
        for part in candidate["content"]["parts"]:
            texts = pieces(part["text"]) if "text" in part else [None]
            for piece in texts:
                sent = part if piece is None else {**part, "text": piece}
                delta = {"content": {"parts": [sent], "role": "model"}, "index": candidate["index"]}
                yield {
                    "candidates": [delta],
                    **shared,
                    "usageMetadata": {"promptTokenCount": usage["promptTokenCount"]},
                }
        end = {**candidate, "content": {"parts": [{"text": ""}], "role": "model"}}
        yield {"candidates": [end], **shared, "usageMetadata": usage}
        return
    yield body
