"""An OpenRouter that charges 0.1 USD for every answer, for the tests of paid answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.server import Visit


def completion(content: str | None, finish_reason: str = "stop", **message: object) -> dict[str, Any]:
    """Return a completion."""
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.1}
    return {"id": "gen-1", "choices": [choice], "usage": usage}


def answering(*bodies: dict[str, Any]) -> Callable[[Visit], None]:
    """Return a handler that sends the bodies one after another."""
    turns = iter(bodies)
    return lambda visit: visit.answer(next(turns))
