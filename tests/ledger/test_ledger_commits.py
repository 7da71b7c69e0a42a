"""The row is committed before the request is sent, and completed before the caller gets the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMProviderError
from support.calls import ANSWER, COMPLETION, NO_CREDITS, QUESTION, Lesson, ask, only_row, rows, titles

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from modules.llm_services.models import LLMRequestModel
    from support.calls import Serve
    from support.server import Visit


async def test_the_pending_row_is_committed_before_the_request_leaves(engine: Engine, serve: Serve) -> None:
    """When a request arrives, the server can read its pending row with the messages and the payload."""
    seen: list[LLMRequestModel] = []

    def answer(visit: Visit) -> None:
        seen.append(only_row(engine))
        visit.answer(ANSWER)

    async with serve(answer) as server:
        with Session(engine) as session:
            request_id = await ask(session, user_id=7)
    (row,) = seen
    assert (request_id, "pending", 7, COMPLETION) == (row.id, row.status, row.user_id, row.model)
    assert [{"role": "user", "content": QUESTION}] == row.messages
    assert server.visits[0].payload == row.request_payload
    assert (None, None, None) == (row.response_raw, row.cost_estimate, row.execution_time_ms)


async def test_the_row_is_completed_when_the_call_returns(engine: Engine, serve: Serve) -> None:
    """When the call returns, another session sees the answer, its figures and its body."""
    async with serve(lambda visit: visit.answer(ANSWER)):
        with Session(engine) as session:
            request_id = await ask(session)
            row = only_row(engine)
    assert (request_id, "completed", "Paris") == (row.id, row.status, row.response_content)
    assert (8, 7, 1, 0.25) == (row.tokens_used, row.input_tokens, row.output_tokens, row.cost_estimate)
    assert row.response_raw is not None
    assert (200, ANSWER) == (row.response_raw["status_code"], row.response_raw["body"])
    assert row.execution_time_ms is not None
    assert row.execution_time_ms >= 0
    assert row.created_at < row.updated_at


async def test_a_consumer_refers_to_the_row(engine: Engine) -> None:
    """The session that made the call can insert a row with a foreign key to the request."""
    with Session(engine) as session:
        request_id = await ask(session)
        session.add(Lesson(title="France", request_id=request_id))
        session.commit()
    assert ["France"] == titles(engine)


async def test_a_consumer_refers_to_the_row_in_the_transaction_that_waited(engine: Engine) -> None:
    """So can a transaction that had written before the call and stayed open."""
    with Session(engine) as session:
        lesson = Lesson(title="France")
        session.add(lesson)
        session.flush()
        lesson.request_id = await ask(session)
        session.commit()
    assert ["France"] == titles(engine)
    assert "completed" == only_row(engine).status


async def test_a_failed_call_leaves_what_was_billed(engine: Engine) -> None:
    """An answer that breaks off raises an error, and its row has the reason, and the text, tokens and cost so far."""
    with Session(engine) as session, pytest.raises(LLMProviderError) as caught:
        await ask(session, "openrouter/stand-in/choice-error")
    row = only_row(engine)
    assert (caught.value.request_id, "failed", "LLMProviderError") == (row.id, row.status, row.error_type)
    assert str(caught.value) == row.error_message
    assert row.response_content
    assert row.tokens_used == (row.input_tokens or 0) + (row.output_tokens or 0) > 0
    assert row.cost_estimate
    assert row.response_raw
    assert row.cost_estimate == row.response_raw["body"]["usage"]["cost"] > 0


async def test_the_cost_of_a_failed_call_without_a_bill_is_unknown(engine: Engine) -> None:
    """After an error without usage, cost and tokens are NULL, not 0."""
    with Session(engine) as session, pytest.raises(LLMProviderError) as caught:
        await ask(session, NO_CREDITS)
    row = only_row(engine)
    assert (caught.value.request_id, "failed", "LLMProviderError") == (row.id, row.status, row.error_type)
    assert str(caught.value) == row.error_message
    assert (None, None, None) == (row.cost_estimate, row.tokens_used, row.response_content)


async def test_every_attempt_is_a_row(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retried call leaves two rows; the second has the answer and the id of the first, and its own id is returned."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    with Session(engine) as session:
        request_id = await ask(session, "openrouter/stand-in/flaky", question=f"flaky {uuid4()}")
    first, second = rows(engine)
    assert ("failed", 1, None) == (first.status, first.retry_attempt, first.additional_params)
    assert ("completed", 2) == (second.status, second.retry_attempt)
    assert {"first_attempt": str(first.id)} == second.additional_params
    assert second.id == request_id


async def test_an_exception_names_the_row_of_its_own_attempt(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that fails on every attempt raises the last error, with the last row's id."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    monkeypatch.setattr("modules.llm_services.flow.loop.BACKOFF_SECONDS", 0.0)
    with Session(engine) as session, pytest.raises(LLMProviderError) as caught:
        await ask(session, "openrouter/stand-in/server-error")
    assert [1, 2] == [row.retry_attempt for row in rows(engine)]
    assert rows(engine)[1].id == caught.value.request_id
