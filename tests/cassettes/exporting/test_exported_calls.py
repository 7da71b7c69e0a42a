"""Calls of several attempts, remembered turns, and rows without an exchange."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cassette.call_from_rows import attempts_of, previous_turn
from cassette.export import RequestDiffersError, export
from cassette.response_from_row import NotExportableError
from cassettes.exporting.incidents import QUESTION, WEATHER, City, Incident, check_same, make_calls, outcome
from modules.llm_services import LLMMessage, LLMRequest, llm_services_provider
from modules.llm_services.flow import loop
from modules.llm_services.ledger.forgetting import forget
from modules.llm_services.ledger.maintenance import settle_abandoned
from modules.llm_services.models import LLMRequestModel
from support.calls import COMPLETION
from support.doors import DOORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from modules.llm_services import LLMServicesProvider

NOBODY = "http://127.0.0.1:9/api/v1"
FLAKY = "openrouter/stand-in/flaky"


@pytest.fixture
def _retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry once, without a wait."""
    decide = loop.wait_seconds
    monkeypatch.setattr(loop, "wait_seconds", lambda *facts: None if decide(*facts) is None else 0.0)
    monkeypatch.setenv("MAX_RETRIES", "1")


def flaky(text: str) -> Callable[[LLMServicesProvider], Any]:
    """Return a request that fails the first time."""
    return lambda llm: llm.generate_response([LLMMessage(role="user", content=text)], model=FLAKY)


@pytest.mark.usefixtures("_retried")
@pytest.mark.parametrize("mask", [False, True])
def test_a_call_comes_back_attempt_by_attempt(session: Session, *, mask: bool) -> None:
    """All attempts of a call are found from any of them, and replay in order without a wait."""
    incident = make_calls(session, flaky(f"exported, {mask}"))
    attempts = attempts_of(session, incident.requests[1])
    assert [request.id for request in incident.requests] == [attempt.id for attempt in attempts]
    assert attempts == attempts_of(session, incident.requests[0])
    exported = export([attempts], mask=mask)
    assert ["failed", "completed"] == [row["status"] for row in exported.replay.rows]
    assert 2 == exported.text.count("- request:")
    if not mask:
        assert outcome(incident.result, None) == outcome(exported.replay.result, None)


@pytest.mark.usefixtures("_retried")
def test_one_attempt_comes_back_alone(session: Session) -> None:
    """One attempt of several can be exported alone."""
    incident = make_calls(session, flaky("exported alone"))
    first, last = incident.requests
    assert "LLMProviderError" == type(export([[first]], mask=False).replay.error).__name__
    check_same(incident, export([[last]], mask=False))


@pytest.mark.parametrize("setting", [{}, {"LLM_STORE": "figures", "LLM_LIMIT_USD_DAY": "0.000001"}], ids=["", "set"])
def test_a_call_with_a_key_comes_back(
    session: Session, monkeypatch: pytest.MonkeyPatch, setting: dict[str, str]
) -> None:
    """A replay sends the request and ignores its idempotency key; this machine's settings do not affect it."""
    incident = make_calls(session, lambda llm: llm.generate_response(QUESTION, model=COMPLETION, idempotency_key="job"))
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    check_same(incident, export([incident.requests], mask=False))


@pytest.mark.usefixtures("_retried")
def test_an_answer_that_was_corrected_comes_back(session: Session) -> None:
    """The replay also makes the second request of a structured call, with the validation errors."""
    model = "openrouter/stand-in/structured-invalid"
    incident = make_calls(session, lambda llm: llm.generate_structured_response(QUESTION, City, model=model))
    assert 2 == len(incident.requests)
    exported = export([attempts_of(session, incident.requests[0])], mask=False)
    assert outcome(None, incident.error) == outcome(None, exported.replay.error)


def tool_call_and_result(model: str) -> tuple[Callable[[LLMServicesProvider], Any], ...]:
    """Return two turns: a tool call, and its result sent with the tool's name only."""
    result = LLMMessage(role="tool", name="weather", content='{"sky": "clear"}')
    return (
        lambda llm: llm.generate_response_with_tools(QUESTION, [WEATHER], model=model),
        lambda llm: llm.generate_response_with_tools([*QUESTION, result], [WEATHER], model=model),
    )


@pytest.mark.parametrize("provider", ["openrouter", *DOORS])
@pytest.mark.parametrize("mask", [False, True])
def test_a_turn_that_was_remembered_comes_before(
    session: Session, lead: Callable[..., str], provider: str, *, mask: bool
) -> None:
    """A request with a remembered turn is exported with that turn; other requests are exported alone."""
    model = "openrouter/author/model" if provider == "openrouter" else lead(provider)
    incident = make_calls(session, *tool_call_and_result(model))
    first, last = incident.requests
    assert first == previous_turn(session, last)
    if provider != "gemini":  # its API has no ids: a remembered call equals a made-up one
        with pytest.raises(RequestDiffersError):
            export([[last]], mask=mask)
    exported = export([[first], [last]], mask=mask)
    assert 2 == len(exported.replay.rows)
    assert mask or outcome(incident.result, None) == outcome(exported.replay.result, None)


def row(session: Session, **columns: object) -> LLMRequest:
    """Return the row of a plain call, changed."""
    incident = make_calls(session, lambda llm: llm.generate_response(QUESTION, model="openrouter/author/model"))
    return incident.requests[0].model_copy(update=columns)


def test_a_row_of_the_cache_names_its_original(session: Session) -> None:
    """For a row that the response cache answered, the refusal names the original row."""
    original = str(uuid.uuid4())
    cached = row(session, response_raw={"cached_request_id": original})
    with pytest.raises(NotExportableError, match=original):
        export([[cached]], mask=True)


def test_a_forgotten_row_is_refused(session: Session) -> None:
    """For a forgotten row, the refusal says when it was forgotten."""
    request = row(session)
    session.commit()
    engine = session.get_bind().engine
    list(forget(engine, [request.id], datetime(2026, 11, 26, tzinfo=UTC)))
    session.expire_all()
    forgotten = LLMRequest.model_validate(session.get(LLMRequestModel, request.id))
    with pytest.raises(NotExportableError, match="forgotten at 2026-11-26"):
        export([[forgotten]], mask=True)


def test_a_pending_row_is_refused(session: Session) -> None:
    """A row that is still pending is refused."""
    with pytest.raises(NotExportableError, match="pending"):
        export([[row(session, status="pending", response_raw=None)]], mask=True)


def test_an_abandoned_row_is_refused(session: Session) -> None:
    """For an abandoned row, the refusal says how to reproduce it."""
    request = row(session)
    stored = session.get(LLMRequestModel, request.id)
    assert stored
    stored.status, stored.response_raw = "pending", None
    session.flush()
    settle_abandoned(session, timedelta(0))
    session.refresh(stored)
    with pytest.raises(NotExportableError, match="stand-in/silence, and end the process"):
        export([[LLMRequest.model_validate(stored)]], mask=True)


def test_a_connection_that_was_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a refused connection, the row is refused, because nothing was sent."""
    monkeypatch.setenv("OPENROUTER_BASE_URL", NOBODY)
    incident = make_calls(session, lambda llm: llm.generate_response(QUESTION, model="openrouter/author/model"))
    with pytest.raises(NotExportableError, match="nothing was sent"):
        incident.export()


def test_a_call_that_was_cancelled(session: Session) -> None:
    """For a cancelled call, the refusal says how to reproduce it."""

    async def cancelled() -> None:
        task = asyncio.ensure_future(
            llm_services_provider(session).generate_response(QUESTION, model="openrouter/stand-in/silence")
        )
        while not session.query(LLMRequestModel).count():
            session.rollback()
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    request = LLMRequest.model_validate(session.query(LLMRequestModel).one())
    with pytest.raises(NotExportableError, match="stand-in/silence, and cancel the task"):
        Incident(None, None, [request]).export()
