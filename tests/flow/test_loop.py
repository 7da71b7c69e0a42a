"""Which failures are retried, after which wait, and with which rows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from modules.llm_services.exceptions import LLMError, LLMRateLimitError
from modules.llm_services.flow.loop import wait_seconds
from support.attempts import COMPLETION, MESSAGES, MODEL, provider, rows
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session


def refusing(times: int, status: int, error: dict[str, Any], retry_after: str = "0") -> Callable[[Visit], None]:
    """Return a handler that refuses `times` times and then answers."""
    visits = iter(range(1_000))

    def answer(visit: Visit) -> None:
        if next(visits) < times:
            visit.answer({"error": error}, status, retry_after=retry_after)
        else:
            visit.answer(COMPLETION)

    return answer


@pytest.mark.parametrize(("status", "code"), [(429, 429), (503, 503), (200, 502), (408, 408)])
@pytest.mark.usefixtures("_no_backoff")
async def test_what_may_pass_is_tried_again(session: Session, status: int, code: int) -> None:
    """408, 429 and 5xx, also inside a 200, are retried, with a row each; later rows name the first one's id."""
    async with serving(refusing(2, status, {"code": code, "message": "later"})) as server:
        response, request_id = await provider(session, server.base_url, retries=2).generate_response(
            MESSAGES, model=MODEL
        )
    first, second, third = rows(session)
    assert "hello" == response.content
    assert (third.id, 0.5) == (request_id, third.cost_estimate)
    assert [("failed", 1), ("failed", 2), ("completed", 3)] == [
        (row.status, row.retry_attempt) for row in (first, second, third)
    ]
    named = {"first_attempt": str(first.id)}
    assert (None, named, named) == (first.additional_params, second.additional_params, third.additional_params)
    assert (None, None) == (first.cost_estimate, second.cost_estimate)


@pytest.mark.usefixtures("_no_backoff")
async def test_retries_end(session: Session) -> None:
    """After MAX_RETRIES further attempts, the error is raised, and names the last row."""
    async with serving(refusing(9, 503, {"code": 503, "message": "later"})) as server:
        with pytest.raises(LLMError) as caught:
            await provider(session, server.base_url, retries=2).generate_response(MESSAGES, model=MODEL)
    assert 3 == len(server.visits)
    assert rows(session)[2].id == caught.value.request_id


async def test_no_retries_is_one_call(session: Session) -> None:
    """With MAX_RETRIES=0 there is one attempt, whatever fails."""
    async with serving(refusing(9, 503, {"code": 503, "message": "later"})) as server:
        with pytest.raises(LLMError):
            await provider(session, server.base_url, retries=0).generate_response(MESSAGES, model=MODEL)
    assert 1 == len(server.visits)


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 413, 422])
async def test_what_will_not_pass_is_not_tried_again(session: Session, code: int) -> None:
    """Other 4xx statuses are not retried, because the call would fail in the same way."""
    async with serving(refusing(1, code, {"code": code, "message": "no"})) as server:
        with pytest.raises(LLMError):
            await provider(session, server.base_url, retries=3).generate_response(MESSAGES, model=MODEL)
    assert [("failed", 1)] == [(row.status, row.retry_attempt) for row in rows(session)]


async def test_a_wait_that_is_too_long_fails_at_once(session: Session) -> None:
    """If a wait would exceed the budget of 60 s, the call fails at once, with `retry_after`."""
    async with serving(refusing(1, 429, {"code": 429, "message": "tomorrow"}, retry_after="61")) as server:
        with pytest.raises(LLMRateLimitError, match="retry after 61 s") as caught:
            await provider(session, server.base_url, retries=3).generate_response(MESSAGES, model=MODEL)
    assert (1, 61.0) == (len(server.visits), caught.value.retry_after)


async def test_an_empty_answer_is_not_asked_again(session: Session) -> None:
    """Empty text is an answer: one attempt, "" returned, its cost on the row."""
    empty = COMPLETION | {"choices": [{"message": {"role": "assistant", "content": None}, "finish_reason": "stop"}]}
    async with serving(lambda visit: visit.answer(empty)) as server:
        response, _ = await provider(session, server.base_url, retries=3).generate_response(MESSAGES, model=MODEL)
    assert ("", 1) == (response.content, len(server.visits))
    assert ["", 0.5] == [rows(session)[0].response_content, rows(session)[0].cost_estimate]


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0)])
def test_backoff_doubles_with_jitter(attempt: int, longest: float) -> None:
    """Without the server's own figure, the wait doubles, with a random value between half and all of it."""
    waits = [wait_seconds(LLMError("later", retryable=True), attempt, 0.0) or 0 for _ in range(200)]
    assert longest / 2 <= min(waits) < max(waits) <= longest


@pytest.mark.usefixtures("_no_backoff")
async def test_an_attempt_is_one_line_in_the_log(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    """Each attempt logs its row's id and figures in one line, without prompt and answer."""
    caplog.set_level(logging.INFO, logger="modules.llm_services")
    async with serving(refusing(1, 503, {"code": 503, "message": "later"})) as server:
        await provider(session, server.base_url, retries=1).generate_response(MESSAGES, model=MODEL)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("modules.llm_services")]
    assert [f"id={row.id} " in line for row, line in zip(rows(session), lines, strict=True)] == [True, True]
    assert "status=failed retry_attempt=1" in lines[0]
    assert "tokens_used=3 cost_estimate=0.5" in lines[1]
    assert "hello" not in "".join(lines)


async def test_an_unknown_option_is_kept_and_logged_once(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    """An option that no provider knows is kept in additional_params, not sent, and logged once."""
    async with serving(lambda visit: visit.answer(COMPLETION)) as server:
        asked = provider(session, server.base_url, retries=0)
        for _ in range(2):
            await asked.generate_response(MESSAGES, model=MODEL, hue_of_the_sky="green")
    assert [{"hue_of_the_sky": "green"}] * 2 == [row.additional_params for row in rows(session)]
    assert not any("hue_of_the_sky" in visit.payload for visit in server.visits)
    assert 1 == sum("hue_of_the_sky" in record.getMessage() for record in caplog.records)
