"""The calls of a run: fifty at a time, each with its own marker and the answer for it."""

from __future__ import annotations

from typing import Any

from support.streams import END, event

IN_FLIGHT = 50
MODEL = "openrouter/author/model"
REFUSAL = {"error": {"code": 502, "message": "the harness refuses this one"}}
REFUSED_AS = "LLMProviderError"


def is_refused(marker: str) -> bool:
    """Return True if the server refuses this call: one in eight."""
    return _number(marker) % 8 == 7


def text(marker: str) -> str:
    """Return the answer to a call, which is long enough to be split."""
    return f"the answer to {marker}; " * 20


def cost(marker: str) -> float:
    """Return the cost of a call; it is different for each call of a run."""
    return (_number(marker) + 1) * 1e-6


def answer(marker: str) -> dict[str, Any]:
    """Return the body that answers a call."""
    return {
        "id": f"gen-{marker}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "author/model",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text(marker)}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 100, "total_tokens": 107, "cost": cost(marker)},
    }


def is_streamed(marker: str) -> bool:
    """Return True if a call is streamed: every other pair of calls."""
    return _number(marker) % 4 >= 2


def stream(marker: str) -> tuple[bytes, bytes]:
    """Return the stream that answers a call, in two halves; the second has the usage."""
    words = text(marker).split(" ")
    pieces = [f"{word} " for word in words[:-1]] + [words[-1]]
    shared = {name: value for name, value in answer(marker).items() if name not in {"choices", "usage"}}
    events = [event({**shared, "choices": [{"index": 0, "delta": {"content": piece}}]}) for piece in pieces]
    end = {**shared, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": answer(marker)["usage"]}
    half = len(events) // 2
    return b"".join(events[:half]), b"".join([*events[half:], event(end), END])


def _number(marker: str) -> int:
    return int(marker.partition("-")[2])
