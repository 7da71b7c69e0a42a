"""The outcome of a call, and checks against its scenario."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from faults.messages import MESSAGES
from modules.llm_services.exceptions import LLMError
from modules.llm_services.public import LLMMessage, llm_services_provider

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from uuid import UUID

    from sqlalchemy.orm import Session

    from modules.llm_services.models import LLMRequestModel
    from stand_in.scenario import Scenario

PATIENCE_SECONDS = 60.0
GENERATION = re.compile(r"gen-\d{10}-[A-Za-z0-9]{20}")


@dataclass(frozen=True)
class Outcome:
    """What a call returned or raised, and how long it took."""

    request_id: UUID | None
    error: LLMError | None
    seconds: float


async def ask(session: Session, scenario: str, question: str = "Hello") -> UUID:
    """Call a scenario; return the id of the answered row."""
    messages = [LLMMessage(role="user", content=question)]
    _, request_id = await llm_services_provider(session).generate_response(
        messages, model=f"openrouter/stand-in/{scenario}"
    )
    return request_id


async def outcome(call: Awaitable[UUID]) -> Outcome:
    """Await a call, and keep its LLMError; any other exception fails the test."""
    started = time.perf_counter()
    try:
        request_id: UUID | None = await call
        error = None
    except LLMError as raised:
        request_id, error = raised.request_id, raised
    return Outcome(request_id, error, time.perf_counter() - started)


def check_exception(scenario: Scenario, error: LLMError | None) -> None:
    """Assert the exception's exact class, a part of its message, and all attributes that callers use."""
    failure = scenario.failure
    assert (failure and failure.raises) == (type(error).__name__ if error else None)
    if error and failure:
        assert MESSAGES[scenario.name] in str(error)
        status = (scenario.error_status or scenario.status) if scenario.arrives else None
        assert (status, scenario.code) == (error.status_code, error.error_code)
        wait = None if scenario.retry_after is None else pytest.approx(scenario.retry_after, rel=0.01)
        assert wait == error.retry_after
        assert failure.retryable == error.retryable


def check_row(scenario: Scenario, seen: Outcome, row: LLMRequestModel) -> None:
    """Assert that the row is the one that the exception names, with the same message and what was billed."""
    assert row.id == seen.request_id
    assert ("failed" if scenario.failure else "completed") == row.status
    assert (scenario.failure and scenario.failure.raises) == row.error_type
    assert (str(seen.error) if seen.error else None) == row.error_message
    assert scenario.has_id == bool(row.provider_response_id and GENERATION.fullmatch(row.provider_response_id))
    assert bill(scenario, row.response_raw) == (row.tokens_used, row.cost_estimate)


def bill(scenario: Scenario, raw: dict[str, Any] | None) -> tuple[int | None, float | None]:
    """Return the tokens and the cost according to the body on the row."""
    billed = scenario.billed or (None if scenario.failure else "reported")
    if billed is None:
        return None, None
    assert raw
    usage = raw["body"]["usage"]
    costs = {
        "reported": usage.get("cost"),
        "upstream": usage.get("cost_details", {}).get("upstream_inference_cost"),
        "unpriced": 0.0,
    }
    return usage["total_tokens"], costs[billed]


async def check_nothing_is_left(session: Session) -> None:
    """Assert that no connection of the application's pool is in use, and that only the test's task runs.

    A broken connection may need one more turn of the loop to close.
    """
    bind = session.get_bind()
    assert 0 == bind.pool.checkedout()  # type: ignore[union-attr]
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others, timeout=PATIENCE_SECONDS)
    assert {asyncio.current_task()} == asyncio.all_tasks()
