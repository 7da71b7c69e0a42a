"""A clock that a test moves, and rows of other processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

from modules.llm_services.flow.spend_limits import spend_of
from modules.llm_services.models import LLMRequestModel

if TYPE_CHECKING:
    from sqlalchemy import Engine


NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
PRICED = "openrouter/openai/gpt-4o"


@dataclass
class Clock:
    """A clock that advances only when a test moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def go_on(self, **by: float) -> None:
        """Advance the clock."""
        self.now += timedelta(**by)


@pytest.fixture
def clock(engine: Engine) -> Clock:
    """Set the clock of this database's limits to noon on a Thursday."""
    clock = Clock()
    spend_of(engine, (), clock)
    return clock


def write(engine: Engine, **columns: object) -> None:
    """Write a row of another process: completed, with a cost of one dollar, unless `columns` say otherwise."""
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
