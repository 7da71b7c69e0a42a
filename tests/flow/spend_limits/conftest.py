"""An OpenRouter whose every answer costs a quarter of a dollar, and a clock that a test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

from modules.llm_services.config import VARIABLE_NAMES
from modules.llm_services.flow.spend_limits import spend_of
from modules.llm_services.models import LLMRequestModel
from support.calls import ANSWER
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from sqlalchemy import Engine

    from support.server import Server

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
PRICED = "openrouter/openai/gpt-4o"


@dataclass
class Clock:
    """A clock that goes on when a test says so."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def go_on(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)


@dataclass
class OpenRouter:
    """Where it listens, and what it says to each request."""

    served: Server
    answers: list[Callable[[Visit], Awaitable[None] | None]] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many requests came."""
        return len(self.served.visits)


@pytest.fixture
async def openrouter(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[OpenRouter]:
    """Serve OpenRouter on this machine, nothing else being set; `answers` come first, then ANSWER."""
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)

    def answer(visit: Visit) -> Awaitable[None] | None:
        if router.answers:
            return router.answers.pop(0)(visit)
        visit.answer(ANSWER)
        return None

    async with serving(answer) as served:
        router = OpenRouter(served)
        monkeypatch.setenv("OPENROUTER_BASE_URL", served.base_url)
        monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-limited")
        monkeypatch.setenv("MAX_RETRIES", "0")
        yield router


@pytest.fixture
def clock(engine: Engine) -> Clock:
    """Give the limits of this database a clock: it is noon of a Thursday."""
    clock = Clock()
    spend_of(engine, (), clock)
    return clock


def write(engine: Engine, **columns: object) -> None:
    """Write a row of another process: completed, and of a dollar, where `columns` say nothing else."""
    row = {
        "provider": "openrouter",
        "model": PRICED,
        "temperature": 0.7,
        "messages": [],
        "status": "completed",
        "cost_estimate": 1.0,
        "created_at": NOON - timedelta(hours=1),
    }
    with Session(engine) as session:
        session.add(LLMRequestModel(**row | columns))
        session.commit()
