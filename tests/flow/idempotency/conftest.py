"""An OpenRouter that counts its requests, and answers each with another city."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from modules.llm_services.config import VARIABLE_NAMES
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from support.server import Server

CITIES = ("Paris", "Rome", "Oslo", "Bern")


@dataclass
class OpenRouter:
    """Where it listens, what it says first, and then a city after the other."""

    served: Server
    replies: list[Callable[[Visit], Awaitable[None] | None]] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many requests came."""
        return len(self.served.visits)


def city(visit: Visit, name: str, cost: float = 0.25) -> None:
    """Answer with a city: as text, as an object, or in a tool call, as the request wants it."""
    message: dict[str, Any] = {"role": "assistant", "content": name}
    if "tools" in visit.payload:
        function = {"name": "look", "arguments": json.dumps({"city": name})}
        message = {"content": None, "tool_calls": [{"id": "call-1", "type": "function", "function": function}]}
    elif "response_format" in visit.payload:
        message["content"] = json.dumps({"name": name})
    usage = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8, "cost": cost}
    choices = [{"message": message, "finish_reason": "stop"}]
    visit.answer({"id": f"gen-{name}", "model": "author/model", "choices": choices, "usage": usage})


@pytest.fixture
async def openrouter(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[OpenRouter]:
    """Serve OpenRouter on this machine, nothing else being set."""
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)

    def answer(visit: Visit) -> Awaitable[None] | None:
        if router.replies:
            return router.replies.pop(0)(visit)
        city(visit, CITIES[(router.requests - 1) % len(CITIES)])
        return None

    async with serving(answer) as served:
        router = OpenRouter(served)
        monkeypatch.setenv("OPENROUTER_BASE_URL", served.base_url)
        monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-keyed")
        monkeypatch.setenv("MAX_RETRIES", "0")
        monkeypatch.setattr("modules.llm_services.flow.idempotency.FIRST_PAUSE_SECONDS", 0.01)
        yield router
