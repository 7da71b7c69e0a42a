"""Every scenario of the stand-in: what the caller gets, and the state of the row and the process."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from faults.conftest import REQUEST_TIMEOUT
from faults.outcomes import ask, check_exception, check_nothing_is_left, check_row, outcome
from modules.llm_services import LLMMessage, LLMValidationError, llm_services_provider
from modules.llm_services.flow import loop
from stand_in.scenario import Fault
from stand_in.scenarios import SCENARIOS
from support.attempts import rows

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


ENDLESS = {
    name
    for name, each in SCENARIOS.items()
    if each.fault in {Fault.SILENCE, Fault.STALL, Fault.STALL_IN_THE_BODY} or each.part == "endless padding"
}
SHORT_TIMEOUT = 0.5
STALLED_SECONDS = 60  # how long a busy machine may keep a test from running


class City(BaseModel):
    """A type that no answer can have by chance."""

    name: str
    inhabitants: int


def hurry(monkeypatch: pytest.MonkeyPatch, name: str) -> float:
    """Shorten the deadline for a scenario that never ends; return the deadline."""
    if name not in ENDLESS:
        return REQUEST_TIMEOUT
    monkeypatch.setenv("REQUEST_TIMEOUT", str(SHORT_TIMEOUT))
    return SHORT_TIMEOUT


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_scenario_ends_as_expected(session: Session, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The exception, the row and its cost are the scenario's; it ends in time and leaves nothing open."""
    deadline = hurry(monkeypatch, name)
    seen = await outcome(ask(session, name, f"once {name}"))
    await check_nothing_is_left(session)
    assert deadline + STALLED_SECONDS > seen.seconds
    [row] = rows(session)
    check_exception(SCENARIOS[name], seen.error)
    check_row(SCENARIOS[name], seen, row)
    raw = row.response_raw or {}
    arrived = seen.error is None or seen.error.status_code is not None
    assert (str(SCENARIOS[name].status) if arrived else "-") == str(raw.get("http_status", raw.get("status_code", "-")))


@pytest.mark.parametrize("name", [name for name, each in SCENARIOS.items() if not each.failure])
async def test_an_answer_fits_a_structured_call_or_not(session: Session, name: str) -> None:
    """An answer to a text call gives a structured call its object, or LLMValidationError."""
    messages = [LLMMessage(role="user", content=f"structured {name}")]
    call = llm_services_provider(session).generate_structured_response(
        messages, City, model=f"openrouter/stand-in/{name}"
    )
    if SCENARIOS[name].structured:
        assert isinstance((await call)[0], City)
    else:
        with pytest.raises(LLMValidationError):
            await call


BROKEN = [name for name, each in SCENARIOS.items() if each.fault or each.part != "whole"]


@pytest.mark.parametrize("name", BROKEN)
async def test_the_next_call_is_none_the_worse(session: Session, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """After a broken body or connection, the next call with the same client is answered."""
    hurry(monkeypatch, name)
    await outcome(ask(session, name, f"before another {name}"))
    assert (await outcome(ask(session, "completion"))).error is None


async def test_what_may_pass_is_sent_twice(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """With MAX_RETRIES=1, exactly the scenarios with a retryable exception are sent twice, with a row each."""
    decide = loop.wait_seconds
    monkeypatch.setattr(loop, "wait_seconds", lambda *facts: None if decide(*facts) is None else 0.0)
    monkeypatch.setenv("MAX_RETRIES", "1")
    monkeypatch.setenv("REQUEST_TIMEOUT", str(SHORT_TIMEOUT))
    await asyncio.gather(*(outcome(ask(session, name, f"twice {name}")) for name in ENDLESS))
    monkeypatch.setenv("REQUEST_TIMEOUT", str(REQUEST_TIMEOUT))
    ending = SCENARIOS.keys() - ENDLESS
    await asyncio.gather(*(outcome(ask(session, name, f"twice {name}")) for name in ending))
    sent = Counter(row.model.rpartition("/")[2] for row in rows(session))
    assert {
        name: 1 + bool((failure := SCENARIOS[name].failure) and failure.retryable) for name in ending | ENDLESS
    } == sent
