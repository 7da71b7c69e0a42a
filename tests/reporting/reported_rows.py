"""Rows for reports, and the report on them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from modules.llm_services.models import LLMRequestModel
from modules.llm_services.reporting.report import read_report
from modules.llm_services.reporting.values import Scope

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Engine

    from modules.llm_services.reporting.values import Figures, Report

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
LONGEST = timedelta(minutes=10)
ONE, TWO = "openrouter/openai/gpt-4.1-mini", "gpt-5-mini"


def noon(day: date) -> datetime:
    """Return the middle of a UTC day."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def row(**columns: Any) -> LLMRequestModel:
    """Return an answered OpenRouter attempt on the first day, changed by `columns`."""
    given: dict[str, Any] = {
        "user_id": 1,
        "provider": "openrouter",
        "model": ONE,
        "temperature": 0.7,
        "messages": [{"role": "user", "content": "?"}],
        "response_raw": {"body": {}, "cost_source": "reported", "upstream_provider": "Alpha"},
        "input_tokens": 100,
        "output_tokens": 10,
        "cost_estimate": 0.1,
        "status": "completed",
        "execution_time_ms": 100,
        "created_at": noon(FIRST),
    }
    return LLMRequestModel(**given | columns)


def write(engine: Engine, *rows: LLMRequestModel) -> list[UUID]:
    """Write rows; return their ids."""
    with Session(engine) as session, session.begin():
        session.add_all(rows)
        session.flush()
        return [each.id for each in rows]


def report(engine: Engine, top: int = 20, **scope: Any) -> Report:
    """Return the report on two days in March."""
    return read_report(engine, Scope(FIRST, SECOND, **scope), LONGEST, top)


def brief(figures: Figures) -> tuple[int, int, int, str, int]:
    """Return attempts, calls, failed, USD, and the number of unknown costs."""
    cost = f"{figures.cost.normalize():f}"
    return figures.attempts, figures.calls, figures.failed, cost, figures.unknown_costs
