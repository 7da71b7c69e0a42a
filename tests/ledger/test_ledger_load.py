"""Many calls at once: no connection is held while a model answers, and writes share commits."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

from sqlalchemy import QueuePool, event, text
from sqlalchemy.orm import Session

from modules.llm_services.ledger.writer import writer_for
from support.calls import Held, ask, blocked, draft, queued, read, rows, titles, writer_held

if TYPE_CHECKING:
    from uuid import UUID

    import pytest
    from sqlalchemy import Engine

    from support.calls import Serve

CALLS = 500
POOL = 15


def connections(engine: Engine) -> int:
    """Count the connections of an engine's pool that are checked out."""
    assert isinstance(engine.pool, QueuePool)
    return engine.pool.checkedout()


async def test_callers_that_hold_every_connection_do_not_starve_the_ledger(
    engine: Engine, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 500 calls in flight and the pool of 5 + 10 held by callers in open transactions, all calls complete.

    On PostgreSQL the callers have written, and the ledger used one connection for all calls; on SQLite they have only
    read, because only one could have written.
    """
    monkeypatch.setattr("modules.llm_services.flow.http.CONNECT_TIMEOUT_SECONDS", 600.0)  # a busy machine is slow
    held = Held(expected=CALLS)
    made: list[object] = []
    event.listen(writer_for(engine).engine, "connect", lambda connection, _: made.append(connection))
    with ExitStack() as stack:
        sessions = [stack.enter_context(Session(engine)) for _ in range(CALLS)]
        for session in sessions[:POOL]:
            (read if engine.dialect.name == "sqlite" else draft)(session)
        async with serve(held):
            calls = [asyncio.create_task(ask(session)) for session in sessions]
            arrived = asyncio.create_task(held.arrived.wait())
            ended, _ = await asyncio.wait([arrived, *calls], return_when=asyncio.FIRST_COMPLETED)
            assert [True] == [task.result() for task in ended]  # a call that fails is not waited for
            assert (POOL, 0) == (connections(engine), connections(writer_for(engine).engine))
            held.let_go.set()
            request_ids = await asyncio.gather(*calls)
        assert POOL == connections(engine)
        assert 1 == len(made) or engine.dialect.name == "sqlite"  # SQLite has no server that counts connections
    assert set(request_ids) == {row.id for row in rows(engine) if row.status == "completed"}


async def test_one_of_fifteen_callers_has_written(sqlite_engine: Engine) -> None:
    """On SQLite, one of those callers may have written: all complete, its own call first."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(Session(sqlite_engine)) for _ in range(CALLS)]
        draft(sessions[0])
        for session in sessions[1:POOL]:
            read(session)

        async def ask_and_commit(session: Session) -> UUID:
            request_id = await ask(session)
            session.commit()
            return request_id

        assert POOL == connections(sqlite_engine)
        request_ids = await asyncio.gather(*map(ask_and_commit, sessions))
        assert 0 == connections(sqlite_engine) == connections(writer_for(sqlite_engine).engine)
    assert set(request_ids) == {row.id for row in rows(sqlite_engine) if row.status == "completed"}
    assert ["draft"] == titles(sqlite_engine)


async def test_concurrent_writes_share_a_commit(engine: Engine, serve: Serve) -> None:
    """Ten rows that wait for the ledger's thread are committed together."""
    commits: list[object] = []
    event.listen(writer_for(engine).engine, "commit", commits.append)
    held = Held(expected=10)
    with Session(engine) as session:
        async with serve(held):
            with writer_held(engine):
                calls = [asyncio.create_task(ask(session)) for _ in range(10)]
                await queued(engine, writes=10)
            await held.arrived.wait()
            assert 1 == len(commits)
            held.let_go.set()
            await asyncio.gather(*calls)


async def test_a_lock_on_one_row_does_not_hold_up_the_others(postgres_engine: Engine, serve: Serve) -> None:
    """A caller that has changed the row of another call in flight can make a call before it commits."""
    held = Held()
    with Session(postgres_engine) as session, Session(postgres_engine) as erasing:
        async with serve(held):
            call = asyncio.create_task(ask(session))
            await held.arrived.wait()
            erasing.execute(text("UPDATE llm_requests SET user_id = NULL"))
            held.let_go.set()
            await blocked(postgres_engine)
            second = asyncio.create_task(ask(erasing))
            await asyncio.wait({second}, timeout=60)
            answered = second.done()
            erasing.commit()
            await asyncio.gather(call, second)
    assert answered
