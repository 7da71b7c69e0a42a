"""Every scenario of the stand-in again, with streamed answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from faults.outcomes import Outcome, check_nothing_is_left, check_row, outcome
from faults.test_faults_by_scenario import hurry
from modules.llm_services import LLMMessage, llm_services_provider
from stand_in.scenario import Failure
from stand_in.scenarios import SCENARIOS
from support.attempts import rows

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.orm import Session

    from stand_in.pytest_plugin import LLMStandIn
    from stand_in.scenario import Scenario

# Half of a stream is text that was handed out; half of an unstreamed body is not an answer, and is requested again. An
# error after the last event of a stream does not affect the answer.
OF_STREAMS: Final = SCENARIOS | {
    "cut-json": replace(SCENARIOS["cut-json"], failure=Failure.BROKEN),
    "long-content-length": replace(SCENARIOS["long-content-length"], failure=None),
}
# In these scenarios, some text arrives before the failure.
BEGUN: Final = ("cut-json", "choice-error", "choice-error-unbilled", "half-body", "reset-mid-body", "stall-mid-body")


async def ask(session: Session, scenario: str, pieces: list[str]) -> UUID:
    """Call a scenario and note the pieces of its text; return the id of the answered row."""
    messages = [LLMMessage(role="user", content=f"streamed {scenario}")]
    model = f"openrouter/stand-in/{scenario}"
    response, request_id = await llm_services_provider(session).generate_response(
        messages, model=model, on_text=pieces.append
    )
    assert response.content == "".join(pieces)
    return request_id


def check_exception(scenario: Scenario, seen: Outcome) -> None:
    """Assert the attributes that callers use; the message for a stream differs."""
    error, failure = seen.error, scenario.failure
    assert (failure and failure.raises) == (type(error).__name__ if error else None)
    if error and failure:
        status = (scenario.error_status or scenario.status) if scenario.arrives else None
        assert (status, scenario.code, failure.retryable) == (error.status_code, error.error_code, error.retryable)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_streamed_scenario_ends_as_it_does_in_one_piece(
    session: Session, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The exception and the row are the scenario's, with the text that was handed out; nothing is left open."""
    hurry(monkeypatch, name)
    scenario, pieces = OF_STREAMS[name], list[str]()
    seen = await outcome(ask(session, name, pieces))
    await check_nothing_is_left(session)
    [row] = rows(session)
    check_exception(scenario, seen)
    check_row(scenario, seen, row)
    assert "".join(pieces) == (row.response_content or "")
    assert (row.request_payload or {})["stream"] is True
    assert {"stream": True} == row.additional_params


@pytest.mark.parametrize("name", BEGUN)
async def test_what_came_before_the_break_is_kept(session: Session, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The row and the exception have the text so far; the row has the time to the first piece."""
    hurry(monkeypatch, name)
    pieces: list[str] = []
    seen = await outcome(ask(session, name, pieces))
    [row] = rows(session)
    assert pieces
    assert row.response_content == "".join(pieces)
    assert row.response_raw
    assert row.response_raw["time_to_first_piece_ms"] >= 0
    assert row.response_raw["body"]["assembled_from_events"] >= len(pieces)
    assert seen.error


@pytest.mark.parametrize("name", ["stall-mid-body", "slow", "silence", "stall"])
async def test_a_cancelled_stream_is_hung_up_on(session: Session, name: str, llm_stand_in: LLMStandIn) -> None:
    """A cancelled call closes its connection at once, which the server sees; its row has the text so far."""
    arrived = asyncio.Event()
    pieces: list[str] = []

    async def note(piece: str) -> None:
        pieces.append(piece)
        arrived.set()

    messages = [LLMMessage(role="user", content="to be cancelled")]
    call = asyncio.ensure_future(
        llm_services_provider(session).generate_response(messages, model=f"openrouter/stand-in/{name}", on_text=note)
    )
    if name == "stall-mid-body":
        await arrived.wait()
    while not llm_stand_in.requests:  # noqa: ASYNC110 - the server is another process
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    [row] = rows(session)
    assert ("failed", "CancelledError", None) == (row.status, row.error_type, row.cost_estimate)
    assert "".join(pieces) == (row.response_content or "")
    assert bool(pieces) == bool(row.provider_response_id and row.provider_response_id.startswith("gen-"))
    while not llm_stand_in.requests[-1].hung_up:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
