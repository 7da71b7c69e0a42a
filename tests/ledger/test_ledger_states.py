"""Whatever state a caller's session is in, the call is recorded and the state is unchanged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, PendingRollbackError
from sqlalchemy.orm import Session

from support.calls import Held, Lesson, ask, draft, only_row, read, rows, titles

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from support.calls import Serve


def fail_to_flush(session: Session) -> None:
    """Leave `session` after a failed flush, so that it has to be rolled back."""
    session.add(Lesson(id=7, title="again"))
    with pytest.raises(IntegrityError):
        session.flush()


def fail_to_execute(session: Session) -> None:
    """Leave `session` in a transaction with a failed statement."""
    with pytest.raises(IntegrityError):
        session.execute(insert(Lesson), {"id": 7, "title": "again"})


@pytest.fixture
def _a_lesson(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        session.add(Lesson(id=7, title="first"))


@pytest.mark.usefixtures("_a_lesson")
async def test_a_failed_flush_does_not_fail_the_call(engine: Engine) -> None:
    """A session with a failed flush can make a call; it still has to be rolled back, and then works again."""
    with Session(engine) as session:
        fail_to_flush(session)
        request_id = await ask(session)
        with pytest.raises(PendingRollbackError):
            session.scalars(select(Lesson)).all()
        session.rollback()
        draft(session, "second")
        session.commit()
    assert {"first", "second"} == set(titles(engine))
    assert (request_id, "completed") == (only_row(engine).id, only_row(engine).status)


@pytest.mark.usefixtures("_a_lesson")
async def test_a_failed_statement_does_not_fail_the_call(engine: Engine) -> None:
    """The same is true after a failed statement in a transaction with changes, which the rollback removes.

    On SQLite, that transaction holds the write lock, and the rollback removes the row too.
    """
    with Session(engine) as session:
        draft(session)
        fail_to_execute(session)
        await ask(session)
        assert session.in_transaction()
        session.rollback()
        assert ["first"] == titles(engine)
        draft(session, "second")
        session.commit()
    assert {"first", "second"} == set(titles(engine))
    kept = [] if engine.dialect.name == "sqlite" else ["completed"]
    assert kept == [row.status for row in rows(engine)]


@pytest.mark.parametrize("prepare", [draft, read, lambda _: None], ids=["written", "read", "idle"])
async def test_one_session_makes_many_calls_at_once(
    engine: Engine, serve: Serve, prepare: Callable[[Session], None]
) -> None:
    """Twenty simultaneous calls through one session leave twenty completed rows, and its transaction unchanged."""
    held = Held(expected=20)
    with Session(engine) as session:
        prepare(session)
        began = session.get_transaction()
        async with serve(held):
            calls = [asyncio.create_task(ask(session)) for _ in range(20)]
            await held.arrived.wait()
            held.let_go.set()
            request_ids = await asyncio.gather(*calls)
        assert began is session.get_transaction()
        assert [] == titles(engine)
        session.commit()
    assert set(request_ids) == {row.id for row in rows(engine) if row.status == "completed"}
    assert (["draft"] if prepare is draft else []) == titles(engine)


@pytest.mark.parametrize("prepare", [draft, read, lambda _: None], ids=["written", "read", "idle"])
async def test_a_session_closed_during_a_call_does_not_lose_it(
    engine: Engine, serve: Serve, prepare: Callable[[Session], None]
) -> None:
    """If the caller's session is closed during the call, the whole row is settled, and no changes are kept."""
    held = Held()
    async with serve(held):
        with Session(engine) as session:
            prepare(session)
            call = asyncio.create_task(ask(session))
            await held.arrived.wait()
            session.close()
            held.let_go.set()
            request_id = await call
            assert not session.in_transaction()
    row = only_row(engine)
    assert (request_id, "completed", "Paris") == (row.id, row.status, row.response_content)
    assert [] == titles(engine)


async def test_a_session_closed_for_good_still_records(engine: Engine, serve: Serve) -> None:
    """A session that can be closed only once (`close_resets_only=False`) may be closed during a call too."""
    held = Held()
    async with serve(held):
        session = Session(engine, close_resets_only=False)
        call = asyncio.create_task(ask(session))
        await held.arrived.wait()
        session.close()
        held.let_go.set()
        await call
    assert "completed" == only_row(engine).status
