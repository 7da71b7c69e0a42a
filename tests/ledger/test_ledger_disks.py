"""A SQLite file that is full or read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from modules.llm_services.ledger.writer import writer_for
from support.calls import ANSWER, Held, ask, draft, only_row, read, rows, titles
from support.databases import close

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from support.calls import Serve
    from support.server import Visit

LONG = "long " * 20_000
PREPARED = pytest.mark.parametrize("prepare", [lambda _: None, read], ids=["idle", "read"])


def fill_disk(engine: Engine) -> None:
    """Keep the file from growing, for every connection that the ledger makes from now on."""

    def _cap(connection: Any, *_: object) -> None:  # noqa: ANN401 - the driver's own
        connection.execute("PRAGMA max_page_count=1").close()  # SQLite raises it to the file's present size

    event.listen(writer_for(engine).engine, "checkout", _cap)


@PREPARED
async def test_a_full_disk_stops_the_call(
    sqlite_engine: Engine, serve: Serve, prepare: Callable[[Session], None]
) -> None:
    """If the disk is full for the pending row, the call raises an LLMError that says so, and nothing is sent."""
    fill_disk(sqlite_engine)
    async with serve(Held()) as server:
        with Session(sqlite_engine) as session:
            prepare(session)
            with pytest.raises(LLMError, match=r"nothing was sent: .*database or disk is full") as caught:
                await ask(session, question=LONG)
    assert ([], [], None) == (server.visits, rows(sqlite_engine), caught.value.request_id)


async def test_a_disk_that_fills_up_during_the_call_leaves_the_answer_on_the_error(
    sqlite_engine: Engine, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """If the disk is full for the answer, the LLMError has it, the log has its figures, and the row stays pending."""

    def answer(visit: Visit) -> None:
        fill_disk(sqlite_engine)
        message = {"role": "assistant", "content": LONG}
        visit.answer(ANSWER | {"choices": [{"index": 0, "finish_reason": "stop", "message": message}]})

    async with serve(answer):
        with Session(sqlite_engine) as session, pytest.raises(LLMError, match="disk is full") as caught:
            await ask(session)
    assert caught.value.response is not None
    assert (LONG, 0.25) == (caught.value.response.content, caught.value.response.cost_estimate)
    assert f"llm_request id={caught.value.request_id} " in caplog.text
    assert "tokens_used=8 cost_estimate=0.25" in caplog.text
    assert (caught.value.request_id, "pending") == (only_row(sqlite_engine).id, only_row(sqlite_engine).status)


async def test_after_a_full_disk_calls_are_recorded_again(sqlite_engine: Engine, serve: Serve) -> None:
    """A failed write leaves no open transaction: when there is space again, the next call is recorded."""
    cap = writer_for(sqlite_engine).engine
    fill_disk(sqlite_engine)
    async with serve(lambda visit: visit.answer(ANSWER)):
        with Session(sqlite_engine) as session:
            with pytest.raises(LLMError, match="disk is full"):
                await ask(session, question=LONG)
            event.listen(cap, "checkout", lambda connection, *_: connection.execute("PRAGMA max_page_count=1000000"))
            await ask(session, question=LONG)
            draft(session)  # the write lock is free
    assert "completed" == only_row(sqlite_engine).status


@PREPARED
async def test_a_read_only_file_stops_the_call(
    sqlite_engine: Engine, serve: Serve, prepare: Callable[[Session], None]
) -> None:
    """For a database opened with `mode=ro`, the call raises an LLMError that says so, and nothing is sent."""
    readonly = create_engine(f"sqlite:///file:{sqlite_engine.url.database}?mode=ro&uri=true")
    async with serve(Held()) as server:
        with Session(readonly) as session:
            prepare(session)
            with pytest.raises(LLMError, match=r"nothing was sent: .*readonly database") as caught:
                await ask(session)
    close(readonly)
    assert ([], None) == (server.visits, caught.value.request_id)


async def test_a_full_disk_takes_the_work_of_a_caller_whose_row_joins_it(sqlite_engine: Engine, serve: Serve) -> None:
    """If a statement fills the disk, SQLite ends the whole transaction: the caller's changes are lost, with an error.

    A write of the caller's own would have failed in the same way; nothing is sent.
    """
    async with serve(Held()) as server:
        with Session(sqlite_engine) as session:
            draft(session)
            session.execute(text("PRAGMA max_page_count=1"))
            with pytest.raises(LLMError, match=r"nothing was sent: .*disk is full"):
                await ask(session, question=LONG)
            session.commit()
    assert ([], [], []) == (server.visits, titles(sqlite_engine), rows(sqlite_engine))
