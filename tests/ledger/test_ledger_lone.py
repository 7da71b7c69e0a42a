"""On SQLite, a lone call commits its row in its own thread, unless that might take long."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from modules.llm_services.ledger import writer
from modules.llm_services.ledger.writer import LONE_CALLS, writer_for
from support.calls import NO_CREDITS, Held, ask, draft, many_turns, rows

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from modules.llm_services.ledger.sqlite import DatabaseFile
    from support.calls import Serve


@pytest.fixture
async def by_thread(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Make a first call, with one row written by the ledger's thread; return the thread's transactions from then on."""
    monkeypatch.setattr(writer, "SLOW_SECONDS", float("inf"))  # a busy machine may look like a slow disk
    with Session(sqlite_engine) as session:
        await ask(session)
    return transactions_of_thread(sqlite_engine)


def transactions_of_thread(engine: Engine) -> list[object]:
    """Return a list to which each transaction of the ledger's thread is added."""
    transactions: list[object] = []
    event.listen(writer_for(engine).engine, "checkout", lambda *_: transactions.append(object()))
    return transactions


def log_bytes(engine: Engine) -> int:
    """Return the size of SQLite's write-ahead log."""
    return Path(f"{engine.url.database}-wal").stat().st_size


async def test_a_lone_call_needs_no_thread(sqlite_engine: Engine, by_thread: list[object]) -> None:
    """Both writes of a lone call are committed in the caller's thread, and visible to others when it returns."""
    with Session(sqlite_engine) as session:
        request_id = await ask(session)
    assert [] == by_thread
    assert ("completed", request_id) == [(row.status, row.id) for row in rows(sqlite_engine)][-1]


async def test_calls_in_company_share_the_commits_of_the_thread(
    sqlite_engine: Engine, by_thread: list[object], serve: Serve
) -> None:
    """With more than LONE_CALLS calls in flight, the thread writes."""
    held = Held(expected=LONE_CALLS + 1)
    with Session(sqlite_engine) as session:
        async with serve(held), asyncio.TaskGroup() as group:
            for _ in range(LONE_CALLS + 1):
                group.create_task(ask(session))
            await held.arrived.wait()
            assert by_thread
            held.let_go.set()


async def test_a_call_is_alone_again_after_others(sqlite_engine: Engine, by_thread: list[object]) -> None:
    """Calls that have ended, even with an error that is still referenced, do not count as being in flight."""
    with Session(sqlite_engine) as session:
        errors = await asyncio.gather(*(ask(session, NO_CREDITS) for _ in range(8)), return_exceptions=True)
        by_thread.clear()
        await ask(session)
    assert all(isinstance(error, LLMError) for error in errors)
    assert [] == by_thread


async def test_a_large_row_is_left_to_the_thread(sqlite_engine: Engine, by_thread: list[object]) -> None:
    """Megabytes are not written on the event loop: neither when inserted, nor again when settled."""
    with Session(sqlite_engine) as session:
        await ask(session, question="x" * writer.LONE_ROW_CHARACTERS)
    assert 2 == len(by_thread)


async def test_a_write_that_would_sync_the_disk_is_left_to_the_thread(sqlite_engine: Engine) -> None:
    """With synchronous=FULL each commit waits for the disk, so the thread does them all."""
    event.listen(sqlite_engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=FULL"))
    transactions = transactions_of_thread(sqlite_engine)
    with Session(sqlite_engine) as session:
        for _ in range(3):
            await ask(session)
    assert 2 * 3 == len(transactions)


async def test_the_next_rows_after_a_slow_write_are_left_to_the_thread(
    sqlite_engine: Engine, by_thread: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one slow write, the thread writes, so that the event loop is not blocked again."""
    monkeypatch.setattr(writer, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(writer, "SLOW_FACTOR", float("inf"))
    with Session(sqlite_engine) as session:
        await ask(session)
        await ask(session)
    assert by_thread


async def test_a_lone_row_waits_in_the_thread_for_the_lock_of_another(
    sqlite_engine: Engine, by_thread: list[object]
) -> None:
    """If another connection is writing, the ledger's thread gets the row, and waits."""
    with Session(sqlite_engine) as other, Session(sqlite_engine) as session:
        draft(other)
        call = asyncio.create_task(ask(session))
        while not by_thread:  # noqa: ASYNC110 - a pool's checkout sets no event
            await asyncio.sleep(0)
        other.commit()
        await call
    assert "completed" == rows(sqlite_engine)[-1].status


async def test_lone_calls_do_not_let_the_log_grow(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a number of writes the thread writes one, and makes a checkpoint, so that the log starts again."""
    monkeypatch.setattr(writer, "SLOW_SECONDS", float("inf"))
    event.listen(sqlite_engine, "connect", lambda connection, _: connection.execute("PRAGMA wal_autocheckpoint=1"))
    with Session(sqlite_engine) as session:
        for _ in range(writer.CHECKPOINT_PERIOD):
            await ask(session)
        after_two_checkpoints = log_bytes(sqlite_engine)
        for _ in range(3 * writer.CHECKPOINT_PERIOD):
            await ask(session)
    assert log_bytes(sqlite_engine) < 2 * after_two_checkpoints


async def test_a_settlement_does_not_overtake_the_insert_of_a_cancelled_call(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the ledger's thread is about to insert the row, it settles the row too, even though it is not writing yet."""
    own, begun, gate = writer_for(sqlite_engine), asyncio.Event(), threading.Event()
    check, loop = own.check, asyncio.get_running_loop()

    def check_when_let_go(file: DatabaseFile) -> None:
        if file is own.file:
            loop.call_soon_threadsafe(begun.set)
            gate.wait()
        check(file)

    monkeypatch.setattr(own, "check", check_when_let_go)
    with Session(sqlite_engine) as session:
        call = asyncio.create_task(ask(session))
        await begun.wait()
        call.cancel()
        await many_turns()
        written_first = rows(sqlite_engine)
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert [] == written_first
    assert ["failed"] == [row.status for row in rows(sqlite_engine)]
