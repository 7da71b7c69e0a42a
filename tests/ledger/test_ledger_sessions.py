"""A call neither commits nor rolls back the changes in the caller's session."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, event, select, text
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from modules.llm_services.ledger.writer import writer_for
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole
from support.calls import COMPLETION, NO_CREDITS, Lesson, ask, blocked, draft, only_row, read, titles

if TYPE_CHECKING:
    from sqlalchemy import Engine

OUTCOMES = pytest.mark.parametrize(("model", "status"), [(COMPLETION, "completed"), (NO_CREDITS, "failed")])


@OUTCOMES
async def test_a_call_does_not_commit_the_callers_work(engine: Engine, model: str, status: str) -> None:
    """Changes that were flushed before a call are still uncommitted after it, and the caller can commit them."""
    with Session(engine) as session:
        draft(session)
        with suppress(LLMError):
            await ask(session, model)
        assert [] == titles(engine)
        assert ["draft"] == session.scalars(select(Lesson.title)).all()
        session.commit()
    assert ["draft"] == titles(engine)
    assert status == only_row(engine).status


@OUTCOMES
async def test_the_callers_rollback_leaves_the_row(postgres_engine: Engine, model: str, status: str) -> None:
    """On PostgreSQL, the caller's rollback removes the caller's changes and not the row."""
    with Session(postgres_engine) as session:
        draft(session)
        with suppress(LLMError):
            await ask(session, model)
        session.rollback()
    assert [] == titles(postgres_engine)
    assert status == only_row(postgres_engine).status


@OUTCOMES
async def test_the_rollback_of_a_reader_leaves_the_row(engine: Engine, model: str, status: str) -> None:
    """If a caller that has only read rolls back, the row stays, on SQLite and on PostgreSQL."""
    with Session(engine) as session:
        read(session)
        with suppress(LLMError):
            await ask(session, model)
        session.rollback()
    assert status == only_row(engine).status


async def test_the_rollback_of_a_savepoint_leaves_the_row(postgres_engine: Engine) -> None:
    """If the savepoint around a call is rolled back, the row stays, and the outer transaction continues."""
    with Session(postgres_engine) as session:
        draft(session, "before")
        with session.begin_nested() as savepoint:
            draft(session, "within")
            await ask(session)
            savepoint.rollback()
        session.commit()
    assert ["before"] == titles(postgres_engine)
    assert "completed" == only_row(postgres_engine).status


async def test_an_outer_rollback_leaves_the_row(postgres_engine: Engine) -> None:
    """The row survives if a session's outer connection is rolled back, as in SQLAlchemy's recipe for tests."""
    with postgres_engine.connect() as connection, connection.begin() as outer:
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            draft(session)
            await ask(session)
            session.commit()
        outer.rollback()
    assert [] == titles(postgres_engine)
    assert "completed" == only_row(postgres_engine).status


async def test_a_call_leaves_an_idle_session_idle(engine: Engine) -> None:
    """A session without a connection has none after a call, and the application's pool was not used."""
    writer_for(engine)  # made first, so that the listeners below are not its own too
    checkouts: list[object] = []
    event.listen(engine, "checkout", lambda *of: checkouts.append(of))
    with Session(engine) as session:
        await ask(session)
        assert not session.in_transaction()
    assert [] == checkouts


async def test_a_write_does_not_block_the_loop(postgres_engine: Engine) -> None:
    """While a locked table blocks the row, the event loop goes on."""
    with Session(postgres_engine) as locking, Session(postgres_engine) as session:
        locking.execute(text("LOCK TABLE llm_requests"))
        call = asyncio.create_task(ask(session))
        await blocked(postgres_engine)
        assert not call.done()
        locking.rollback()
        request_id = await call
    assert request_id == only_row(postgres_engine).id


async def test_a_dropped_connection_is_replaced(postgres_engine: Engine) -> None:
    """If the server has closed the ledger's idle connection, the next row is written on a new one."""
    others = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'ledger'")
    writer = writer_for(postgres_engine)
    event.listen(writer.engine, "connect", lambda connection, _: connection.execute("SET application_name = 'ledger'"))
    with Session(postgres_engine) as session:
        await ask(session)
        assert [True] == session.scalars(others).all()
        await ask(session)


def test_a_provider_costs_nothing_to_make(engine: Engine) -> None:
    """Building a provider neither connects nor begins a transaction."""
    checkouts: list[object] = []
    event.listen(engine, "checkout", lambda *of: checkouts.append(of))
    with Session(engine) as session:
        llm_services_provider(session)
        llm_services_provider(session=session)
        assert not session.in_transaction()
    assert [] == checkouts


async def test_only_calls_need_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key and a database, a provider can be built; a call then raises an error that names the variable."""
    monkeypatch.delenv("OPENROUTER_API_KEY")
    with Session(create_engine("postgresql+psycopg:///nowhere?host=/nowhere")) as session:
        llm = llm_services_provider(session)
        with pytest.raises(RuntimeError, match="OPENROUTER_API_KEY"):
            await llm.generate_response([LLMMessage(role=MessageRole.USER, content="hi")], model=COMPLETION)
