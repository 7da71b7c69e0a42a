"""SQLite's single writer: a row joins the transaction of a caller that holds the write lock, and no other."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from support.calls import (
    COMPLETION,
    NO_CREDITS,
    Held,
    Lesson,
    ask,
    draft,
    many_turns,
    only_row,
    read,
    rows,
    titles,
)
from support.databases import close

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from support.calls import Serve


@pytest.mark.parametrize("model", [COMPLETION, NO_CREDITS])
async def test_the_row_of_a_caller_that_has_written_goes_with_its_rollback(sqlite_engine: Engine, model: str) -> None:
    """The row of a caller with the write lock joins its transaction, and is gone when the caller rolls back."""
    with Session(sqlite_engine) as session:
        draft(session)
        with suppress(LLMError):
            await ask(session, model)
        assert [] == rows(sqlite_engine)
        session.rollback()
    assert [] == rows(sqlite_engine)


@pytest.mark.parametrize(("model", "status"), [(COMPLETION, "completed"), (NO_CREDITS, "failed")])
async def test_the_row_of_a_caller_that_has_written_comes_with_its_commit(
    sqlite_engine: Engine, model: str, status: str
) -> None:
    """A row that joined is settled when the caller commits."""
    with Session(sqlite_engine) as session:
        draft(session)
        with suppress(LLMError):
            await ask(session, model)
        session.commit()
    assert status == only_row(sqlite_engine).status


async def test_the_row_of_a_reader_does_not_join(sqlite_engine: Engine) -> None:
    """In a read-only transaction, the row is committed separately, and another connection sees it at once."""
    with Session(sqlite_engine) as session:
        read(session)
        await ask(session)
        assert session.in_transaction()
        assert "completed" == only_row(sqlite_engine).status


async def test_without_wal_the_row_of_a_reader_joins(sqlite_engine: Engine) -> None:
    """Outside WAL, a reader blocks every commit, so its row joins its transaction instead of waiting for it."""
    sqlite_engine.dispose()
    engine = create_engine(sqlite_engine.url)
    with Session(engine) as session:
        assert "delete" == session.scalar(text("PRAGMA journal_mode=DELETE"))
        read(session)
        await ask(session)
        assert [] == rows(engine)
        session.commit()
    assert "completed" == only_row(engine).status
    close(engine)


@pytest.mark.parametrize("reading", [False, True], ids=["idle", "reading"])
async def test_a_row_waits_for_somebody_elses_lock(sqlite_engine: Engine, serve: Serve, *, reading: bool) -> None:
    """While another session holds the write lock, the row waits, and nothing is sent; then it is committed."""
    held = Held()
    held.let_go.set()
    async with serve(held) as server:
        with Session(sqlite_engine) as other, Session(sqlite_engine) as session:
            if reading:
                read(session)
            draft(other)
            call = asyncio.create_task(ask(session))
            await many_turns()
            assert ([], False) == (server.visits, call.done())
            other.commit()
            await call
            session.rollback()
    assert "completed" == only_row(sqlite_engine).status


async def both_finish(engine: Engine) -> None:
    """Make two calls at once: one by a caller that holds the write lock until it is answered, and one that waits."""
    with Session(engine) as first, Session(engine) as second:
        draft(first)
        waiting = asyncio.create_task(ask(second))
        await many_turns()
        try:
            await ask(first)
            assert not waiting.done()
        finally:
            first.commit()
            await waiting
    assert ["completed", "completed"] == [row.status for row in rows(engine)]


async def test_two_callers_one_of_them_writing_both_finish(sqlite_engine: Engine) -> None:
    """The caller with the lock gets its answer; the other's row is written after the first has committed."""
    await both_finish(sqlite_engine)


async def test_a_pool_of_one_is_enough(sqlite_engine: Engine) -> None:
    """The same is true if the application's pool has one connection."""
    engine = create_engine(sqlite_engine.url, pool_size=1, max_overflow=0, pool_timeout=1)
    try:
        await both_finish(engine)
    finally:
        close(engine)


async def test_a_row_that_joined_outlives_a_rollback_during_the_call(sqlite_engine: Engine, serve: Serve) -> None:
    """If the caller rolls back during the call, the whole row is written again."""
    held = Held()
    async with serve(held):
        with Session(sqlite_engine) as session:
            draft(session)
            call = asyncio.create_task(ask(session))
            await held.arrived.wait()
            session.rollback()
            held.let_go.set()
            request_id = await call
    row = only_row(sqlite_engine)
    assert (request_id, "completed", COMPLETION) == (row.id, row.status, row.model)
    assert row.request_payload


async def test_a_row_that_joined_outlives_the_rollback_of_a_savepoint(sqlite_engine: Engine, serve: Serve) -> None:
    """The same is true of a savepoint: the row is settled in the transaction around it."""
    held = Held()
    async with serve(held):
        with Session(sqlite_engine) as session:
            draft(session)
            savepoint = session.begin_nested()
            call = asyncio.create_task(ask(session))
            await held.arrived.wait()
            savepoint.rollback()
            held.let_go.set()
            await call
            session.commit()
    assert ["draft"] == titles(sqlite_engine)
    assert "completed" == only_row(sqlite_engine).status


async def test_a_row_that_joined_is_settled_alone_after_a_commit_during_the_call(
    sqlite_engine: Engine, serve: Serve
) -> None:
    """If the caller commits during the call, the pending row is visible, and is settled separately."""
    held = Held()
    async with serve(held):
        with Session(sqlite_engine) as session:
            draft(session)
            call = asyncio.create_task(ask(session))
            await held.arrived.wait()
            session.commit()
            assert "pending" == only_row(sqlite_engine).status
            held.let_go.set()
            await call
    assert "completed" == only_row(sqlite_engine).status


async def test_an_outer_rollback_takes_the_row_of_a_writer(sqlite_engine: Engine) -> None:
    """If a session's connection has written, the rollback of its outer transaction removes the row."""
    with sqlite_engine.connect() as connection, connection.begin() as outer:
        connection.exec_driver_sql("BEGIN")
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            draft(session)
            await ask(session)
            session.commit()
        outer.rollback()
    assert ([], []) == (rows(sqlite_engine), titles(sqlite_engine))


async def test_an_outer_rollback_leaves_the_row_of_a_reader(sqlite_engine: Engine) -> None:
    """If a session's connection has only read, the row is separate, and survives the rollback."""
    with sqlite_engine.connect() as connection, connection.begin() as outer:
        connection.exec_driver_sql("BEGIN")
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            assert [] == session.scalars(select(Lesson)).all()
            await ask(session)
        outer.rollback()
    assert "completed" == only_row(sqlite_engine).status


async def test_joining_leaves_the_callers_patience_as_it_was(sqlite_engine: Engine) -> None:
    """The caller's busy_timeout is unchanged, whether the row joined or could not."""
    with Session(sqlite_engine) as other, Session(sqlite_engine) as session:
        draft(session)
        await ask(session)
        assert 30_000 == session.scalar(text("PRAGMA busy_timeout"))
        session.rollback()
        read(session)
        draft(other)
        call = asyncio.create_task(ask(session))
        await many_turns()
        assert 30_000 == session.scalar(text("PRAGMA busy_timeout"))
        other.rollback()
        await call


async def test_the_ledgers_own_write_is_not_taken_for_the_callers(sqlite_engine: Engine) -> None:
    """Of many rows written while callers read, none joins a reader's transaction."""
    sessions = [Session(sqlite_engine) for _ in range(10)]
    for session in sessions:
        read(session)
    await asyncio.gather(*(ask(session) for session in sessions for _ in range(10)))
    for session in sessions:
        session.close()
    assert 100 == [row.status for row in rows(sqlite_engine)].count("completed")
