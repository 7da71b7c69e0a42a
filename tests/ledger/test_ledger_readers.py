"""Outside WAL, a reader keeps SQLite's writer from committing: a row waits for it, as for a writer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from modules.llm_services.ledger.writer import writer_for
from support.calls import ANSWER, Held, ask, only_row, read
from support.databases import close

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from support.calls import Serve
    from support.server import Visit


@pytest.fixture
def journal_engine(sqlite_engine: Engine) -> Iterator[Engine]:
    """Return an engine on a file in rollback-journal mode, SQLite's default."""
    sqlite_engine.dispose()
    engine = create_engine(sqlite_engine.url)
    with engine.connect() as connection:
        assert "delete" == connection.scalar(text("PRAGMA journal_mode=DELETE"))
    yield engine
    close(engine)


async def refused_commit(engine: Engine) -> None:
    """Return when the reader has blocked the ledger's commit once."""
    writer = writer_for(engine)
    while not writer._answered_at:  # noqa: ASYNC110 - the thread sets no event
        await asyncio.sleep(0.001)


async def test_a_pending_row_waits_for_a_reader(journal_engine: Engine, serve: Serve) -> None:
    """While another session reads, nothing is sent; when it has finished, the call is recorded."""
    held = Held()
    held.let_go.set()
    async with serve(held) as server:
        with Session(journal_engine) as reader, Session(journal_engine) as session:
            read(reader)
            call = asyncio.create_task(ask(session))
            await refused_commit(journal_engine)
            assert ([], False) == (server.visits, call.done())
            reader.rollback()
            await call
    assert "completed" == only_row(journal_engine).status


async def test_an_answer_waits_for_a_reader(journal_engine: Engine, serve: Serve) -> None:
    """A reader that begins during the call does not cause the answer to be lost."""
    with Session(journal_engine) as reader, Session(journal_engine) as session:

        def answer(visit: Visit) -> None:
            read(reader)
            writer_for(journal_engine)._answered_at = 0.0
            visit.answer(ANSWER)

        async with serve(answer):
            call = asyncio.create_task(ask(session))
            await refused_commit(journal_engine)
            while not reader.in_transaction() or not writer_for(journal_engine)._answered_at:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            assert not call.done()
            reader.rollback()
            await call
    assert "completed" == only_row(journal_engine).status


async def test_while_a_row_waits_for_a_reader_others_can_read(journal_engine: Engine) -> None:
    """A waiting row holds no lock, so other sessions can begin to read."""
    with Session(journal_engine) as reader, Session(journal_engine) as session:
        read(reader)
        call = asyncio.create_task(ask(session))
        await refused_commit(journal_engine)
        for _ in range(20):
            with Session(journal_engine) as another:
                read(another)
            await asyncio.sleep(0)
        assert not call.done()
        reader.rollback()
        await call
    assert "completed" == only_row(journal_engine).status
