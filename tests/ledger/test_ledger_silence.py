"""A database that accepts a connection and does not respond: calls and processes still end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

from ledger.silence import silent_way, waited_for
from modules.llm_services.exceptions import LLMError
from modules.llm_services.ledger import ledger
from modules.llm_services.ledger.writer import writer_for
from support.calls import ANSWER, Held, ask, at_work, draft, only_row, rows
from support.processes import started

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from sqlalchemy import Engine

    from ledger.silence import SilentWay
    from support.calls import Serve
    from support.server import Visit

HERE = Path(__file__).parent
BACKEND = HERE.parents[1] / "backend"
NO_RESPONSE = r"nothing was sent: .* it has not responded for 0\.2 s"
CANCELLED = ("failed", "CancelledError", "the caller cancelled the call")


@pytest.fixture
def silent(postgres_engine: Engine) -> Iterator[tuple[SilentWay, Engine]]:
    """Return a proxy to PostgreSQL that can go silent, and an engine that uses it; the ledger is connected."""
    with silent_way(postgres_engine.url) as (way, engine):
        with writer_for(engine).engine.connect():
            pass
        yield way, engine


@pytest.fixture
def leaving_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a cancelled caller wait only briefly for its settlement."""
    monkeypatch.setattr(ledger, "LEAVE_SECONDS", 0.05)


async def test_a_silent_database_stops_the_call(
    silent: tuple[SilentWay, Engine], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the database is silent before the pending row, an LLMError follows after DATABASE_TIMEOUT; nothing is sent."""
    way, engine = silent
    monkeypatch.setenv("DATABASE_TIMEOUT", "0.2")
    way.go_silent()
    async with serve(Held()) as server:
        with Session(engine) as session, pytest.raises(LLMError, match=NO_RESPONSE) as caught:
            await ask(session)
    assert ([], None) == (server.visits, caught.value.request_id)


async def test_a_database_that_goes_silent_leaves_the_answer_on_the_error(
    silent: tuple[SilentWay, Engine],
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    postgres_engine: Engine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If the database is silent before the answer is recorded, the LLMError has the answer; the row stays pending."""
    way, engine = silent
    monkeypatch.setenv("DATABASE_TIMEOUT", "2")

    def answer(visit: Visit) -> None:
        way.go_silent()
        visit.answer(ANSWER)

    async with serve(answer):
        with Session(engine) as session, pytest.raises(LLMError, match="was not recorded") as caught:
            await ask(session)
    assert caught.value.response is not None
    assert ("Paris", 0.25) == (caught.value.response.content, caught.value.response.cost_estimate)
    assert (caught.value.request_id, "pending") == (only_row(postgres_engine).id, only_row(postgres_engine).status)
    assert f"llm_request id={caught.value.request_id} answered, not recorded: " in caplog.text
    assert "status=completed" not in caplog.text


async def test_a_connection_that_fell_silent_is_left_for_a_new_one(
    silent: tuple[SilentWay, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the connection works again after the ledger has given up, the next call is recorded."""
    way, engine = silent
    with Session(engine) as session:
        monkeypatch.setenv("DATABASE_TIMEOUT", "0.2")
        way.go_silent()
        with pytest.raises(LLMError, match="not responded"):
            await ask(session)
        way.heal()
        monkeypatch.setenv("DATABASE_TIMEOUT", "60")
        request_id = await ask(session)
    row = next(row for row in rows(engine) if row.id == request_id)
    assert "completed" == row.status


async def test_a_row_that_was_given_up_is_not_written_later(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the database heals while the pool replaces the silent connection, the call that failed leaves no row."""
    with silent_way(postgres_engine.url, pre_ping=True) as (way, engine), Session(engine) as session:
        await ask(session)
        monkeypatch.setenv("DATABASE_TIMEOUT", "0.2")
        way.go_silent()
        with pytest.raises(LLMError, match=NO_RESPONSE):
            await ask(session)
        way.heal()
        writer_for(engine).close()
    assert "completed" == only_row(postgres_engine).status


@pytest.mark.usefixtures("leaving_soon")
async def test_a_cancelled_call_does_not_wait_for_a_silent_database(
    silent: tuple[SilentWay, Engine], serve: Serve, postgres_engine: Engine
) -> None:
    """A call that is cancelled while its pending row waits for a silent database ends; the row is settled later."""
    way, engine = silent
    way.go_silent()
    async with serve(Held()) as server:
        with Session(engine) as session:
            call = asyncio.create_task(ask(session))
            await waited_for(way.withheld)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
    assert [] == rows(postgres_engine)
    way.heal()
    writer_for(engine).close()
    row = only_row(postgres_engine)
    assert CANCELLED == (row.status, row.error_type, row.error_message)
    assert [] == server.visits


async def ask_until(event: Coroutine[None, None, object], session: Session) -> None:
    """Call with a deadline that passes when an event is set."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as deadline:
        waiting = asyncio.create_task(event)
        waiting.add_done_callback(lambda _: deadline.reschedule(loop.time()))
        await ask(session)


@pytest.mark.usefixtures("leaving_soon")
async def test_a_deadline_of_the_callers_holds_while_the_database_is_silent(
    silent: tuple[SilentWay, Engine], serve: Serve, postgres_engine: Engine
) -> None:
    """`asyncio.timeout` ends a call whose answer waits for a silent database; the answer is recorded later."""
    way, engine = silent

    def answer(visit: Visit) -> None:
        way.go_silent()
        visit.answer(ANSWER)

    async with serve(answer):
        with Session(engine) as session, pytest.raises(TimeoutError):
            await ask_until(waited_for(way.withheld), session)
    assert "pending" == only_row(postgres_engine).status
    way.heal()
    writer_for(engine).close()
    assert ("completed", 0.25) == (only_row(postgres_engine).status, only_row(postgres_engine).cost_estimate)


@pytest.mark.usefixtures("leaving_soon")
async def test_while_sqlites_lock_is_held_a_cancelled_call_ends(sqlite_engine: Engine, serve: Serve) -> None:
    """A call that is cancelled while another connection holds the write lock ends at once; its row is settled later."""
    async with serve(Held()) as server:
        with Session(sqlite_engine) as other, Session(sqlite_engine) as session:
            draft(other)
            with pytest.raises(TimeoutError):
                await ask_until(at_work(sqlite_engine), session)
            assert [] == rows(sqlite_engine)
            other.rollback()
            writer_for(sqlite_engine).close()
    row = only_row(sqlite_engine)
    assert CANCELLED == (row.status, row.error_type, row.error_message)
    assert [] == server.visits


@pytest.mark.usefixtures("leaving_soon")
async def test_the_log_of_a_cancelled_call_says_that_its_row_is_still_pending(
    sqlite_engine: Engine, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """If a cancelled caller does not wait for the settlement, the call's line has the status that the row has."""
    caplog.set_level(logging.INFO, "modules.llm_services")
    held = Held()
    async with serve(held):
        with Session(sqlite_engine) as other, Session(sqlite_engine) as session:
            call = asyncio.create_task(ask(session))
            await held.arrived.wait()
            draft(other)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert "pending" == only_row(sqlite_engine).status
            other.rollback()
    assert "cancelled, to be recorded: provider=openrouter" in caplog.text
    assert "status=failed" not in caplog.text


@pytest.mark.usefixtures("leaving_soon")
async def test_what_a_cancelled_caller_does_not_hear_is_logged(
    sqlite_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """If a settlement fails after its caller was cancelled, the log has a line with the row's id."""
    with Session(sqlite_engine) as other, Session(sqlite_engine) as session:
        draft(other)
        with pytest.raises(TimeoutError):
            await ask_until(at_work(sqlite_engine), session)
        writer = writer_for(sqlite_engine)
        writer.end(0.0)
        assert writer.join(60)
        await asyncio.sleep(0)  # what the ledger's thread has passed to the loop
        other.rollback()
    assert "was not updated: " in caplog.text
    assert [] == rows(sqlite_engine)


def interrupted(folder: Path, url: str, base_url: str) -> tuple[int, str]:
    """Send Ctrl-C to a process whose call waits for the database at `url`; return its exit code and output."""
    variables = {"PYTHONPATH": str(BACKEND), "DATABASE_URL": url, "OPENROUTER_BASE_URL": base_url}
    with started([sys.executable, str(HERE / "waiting_call.py")], os.environ | variables, folder) as script:
        assert script.stdout
        assert "waiting\n" == script.stdout.readline()
        script.send_signal(signal.SIGINT)
        _, errors = script.communicate()
    return script.returncode, errors


def test_ctrl_c_ends_a_process_whose_database_is_silent(
    silent: tuple[SilentWay, Engine], tmp_path: Path, base_url: str
) -> None:
    """One Ctrl-C ends a process whose call waits for a database that accepts a connection and does not respond."""
    way, engine = silent
    way.go_silent()
    status, errors = interrupted(tmp_path, engine.url.render_as_string(hide_password=False), base_url)
    assert -signal.SIGINT == status
    assert "the database does not respond" in errors


def test_ctrl_c_ends_a_process_that_waits_for_sqlites_lock(
    sqlite_engine: Engine, tmp_path: Path, base_url: str
) -> None:
    """The same is true while another process holds the write lock."""
    with Session(sqlite_engine) as session:
        draft(session)
        status, errors = interrupted(tmp_path, sqlite_engine.url.render_as_string(), base_url)
    assert -signal.SIGINT == status
    assert "was not updated: database is locked" in errors
