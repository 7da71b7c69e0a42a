"""Streams of Chat Completions that a test writes, and handlers that send them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.server import Visit

HEAD: Final = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-generation-id: gen-1-header\r\n"
USAGE: Final = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "cost": 0.25}
END: Final = b"data: [DONE]\n\n"


def event(value: object) -> bytes:
    """Return an event with JSON as its data."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def chunk(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    """Return a chunk of a completion, with a delta for the first choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "gen-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "choices": [choice]}


def of_text(*pieces: str, **fields: Any) -> bytes:
    """Return a whole stream of text, with its usage in the last chunk."""
    events = [*(chunk(content=piece) for piece in pieces), chunk("stop", content=""), {"choices": [], "usage": USAGE}]
    return b"".join(event({**fields, **chunk}) for chunk in events) + END


def send(visit: Visit, *blocks: bytes) -> None:
    """Write a stream, and end the connection."""
    visit.writer.write(HEAD.encode() + b"connection: close\r\n\r\n" + b"".join(blocks))


def sends(*blocks: bytes) -> Callable[[Visit], None]:
    """Return a handler that answers with a stream."""
    return lambda visit: send(visit, *blocks)
