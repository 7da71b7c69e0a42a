"""A database in memory has one connection: rows are written on it, and the caller's transaction stays open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import StaticPool, create_engine, func, select
from sqlalchemy.orm import Session

from modules.llm_services.models import LLMRequestModel
from modules.shared_models import Base
from support.calls import Held, Lesson, ask, draft
from support.databases import close

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine, Pool

    from support.calls import Serve


@pytest.fixture(params=[None, StaticPool], ids=["SingletonThreadPool", "StaticPool"])
def memory(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Return an engine in memory, with SQLAlchemy's default pool and with the one that tests often use."""
    pool: type[Pool] | None = request.param
    engine = create_engine("sqlite://", poolclass=pool) if pool else create_engine("sqlite://")
    Base.metadata.create_all(engine)
    Lesson.metadata.create_all(engine)
    yield engine
    close(engine)


def statuses(session: Session) -> list[str]:
    """Return the status of every row."""
    return list(session.scalars(select(LLMRequestModel.status)))


def lessons(session: Session) -> int:
    """Count the consumer's lessons."""
    return session.scalar(select(func.count(Lesson.id))) or 0


async def test_a_row_in_memory_is_committed(memory: Engine) -> None:
    """Without an open transaction, the row is committed: it survives the session's rollback."""
    with Session(memory) as session:
        await ask(session)
        session.rollback()
    with Session(memory) as session:
        assert ["completed"] == statuses(session)


async def test_in_memory_the_callers_transaction_is_not_committed(memory: Engine) -> None:
    """In an open transaction, the row is part of it, and the caller can roll back both."""
    with Session(memory) as session:
        draft(session)
        await ask(session)
        assert (["completed"], 1) == (statuses(session), lessons(session))
        session.rollback()
        assert ([], 0) == (statuses(session), lessons(session))


async def test_in_memory_the_row_comes_with_the_callers_commit(memory: Engine) -> None:
    """When an open transaction is committed, the row is kept with the caller's changes."""
    with Session(memory) as session:
        draft(session)
        await ask(session)
        session.commit()
    with Session(memory) as session:
        assert (["completed"], 1) == (statuses(session), lessons(session))


async def test_in_memory_a_savepoint_is_part_of_the_callers_transaction(memory: Engine) -> None:
    """A call in a savepoint does not commit the transaction around it."""
    with Session(memory) as session:
        draft(session)
        with session.begin_nested():
            await ask(session)
        session.rollback()
        assert ([], 0) == (statuses(session), lessons(session))


async def test_in_memory_a_row_outlives_a_rollback_during_the_call(memory: Engine, serve: Serve) -> None:
    """If the caller rolls back during the call, the whole row is written again."""
    held = Held()
    async with serve(held):
        with Session(memory) as session:
            draft(session)
            call = asyncio.create_task(ask(session))
            await held.arrived.wait()
            session.rollback()
            held.let_go.set()
            await call
    with Session(memory) as session:
        assert (["completed"], 0) == (statuses(session), lessons(session))


async def test_in_memory_many_calls_at_once(memory: Engine) -> None:
    """Ten simultaneous calls of one session leave ten rows."""
    with Session(memory) as session:
        await asyncio.gather(*(ask(session) for _ in range(10)))
        assert ["completed"] * 10 == statuses(session)


async def test_in_memory_a_call_leaves_another_sessions_work_alone(memory: Engine) -> None:
    """A call of one session does not affect another session's open transaction, which can still commit."""
    with Session(memory) as writing, Session(memory) as session:
        draft(writing)
        await ask(session)
        writing.commit()
    with Session(memory) as session:
        assert (["completed"], 1) == (statuses(session), lessons(session))


async def test_in_memory_a_connection_is_left_as_it_was(memory: Engine) -> None:
    """If a session's connection has not begun a transaction, it has none after a call either."""
    with memory.connect() as connection:
        with Session(connection) as session:
            await ask(session)
        assert not connection.in_transaction()


async def test_a_static_pool_on_a_file_is_one_connection_too(tmp_path: Path) -> None:
    """A StaticPool has one connection for a file too, so the row joins the caller's transaction."""
    engine = create_engine(f"sqlite:///{tmp_path / 'static.db'}", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    Lesson.metadata.create_all(engine)
    with Session(engine) as session:
        draft(session)
        await ask(session)
        session.rollback()
        assert ([], 0) == (statuses(session), lessons(session))
    close(engine)
