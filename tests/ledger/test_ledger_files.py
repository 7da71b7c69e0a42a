"""A SQLite file that is removed or replaced while connections to it are open."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from support.calls import ANSWER, Held, ask, draft, only_row
from support.databases import ready

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Engine

    from support.calls import Serve
    from support.server import Visit


def path_of(engine: Engine) -> Path:
    """Return the path of an engine's file."""
    return Path(engine.url.database or "")


async def test_a_file_that_was_removed_stops_the_call(sqlite_engine: Engine, serve: Serve) -> None:
    """If the file is removed between two calls, an LLMError names it, nothing is sent, and no new file is made."""
    with Session(sqlite_engine) as session:
        await ask(session)
        path_of(sqlite_engine).unlink()
        async with serve(Held()) as server:
            with pytest.raises(LLMError, match=r"nothing was sent: .*No such file .*test\.db"):
                await ask(session)
    assert [] == server.visits
    assert not path_of(sqlite_engine).exists()


async def test_a_file_that_is_removed_during_the_call_leaves_the_answer_on_the_error(
    sqlite_engine: Engine, serve: Serve
) -> None:
    """If the file is removed during the call, the LLMError has the answer."""

    def answer(visit: Visit) -> None:
        path_of(sqlite_engine).unlink()
        visit.answer(ANSWER)

    async with serve(answer):
        with Session(sqlite_engine) as session, pytest.raises(LLMError, match="No such file") as caught:
            await ask(session)
    assert caught.value.response is not None
    assert "Paris" == caught.value.response.content


async def test_a_file_that_is_replaced_takes_the_rows(sqlite_engine: Engine, serve: Serve, tmp_path: Path) -> None:
    """If the file is replaced during the call, the complete row is in the new one."""
    other = tmp_path / "other.db"
    with ready(f"sqlite:///{other}"):
        pass

    def answer(visit: Visit) -> None:
        for left in ("-wal", "-shm"):
            Path(f"{path_of(sqlite_engine)}{left}").unlink(missing_ok=True)
        shutil.move(other, path_of(sqlite_engine))
        visit.answer(ANSWER)

    async with serve(answer):
        with Session(sqlite_engine) as session:
            request_id = await ask(session)
    row = only_row(sqlite_engine)
    assert (request_id, "completed", "Paris") == (row.id, row.status, row.response_content)


def delete(file: Path, suffixes: Iterable[str]) -> None:
    """Delete the files of SQLite's beside a database."""
    for suffix in suffixes:
        Path(f"{file}{suffix}").unlink()


@pytest.mark.parametrize("deleted", [["-wal"], ["-wal", "-shm"]], ids=" ".join)
async def test_a_log_that_was_deleted_stops_the_call(sqlite_engine: Engine, serve: Serve, deleted: list[str]) -> None:
    """If the -wal is deleted under open connections, an LLMError names it, nothing is sent, and no row is lost."""
    with Session(sqlite_engine) as session:
        await ask(session)
        delete(path_of(sqlite_engine), deleted)
        async with serve(Held()) as server:
            with pytest.raises(LLMError, match=r"nothing was sent: .*log was deleted .*test\.db-wal"):
                await ask(session)
    assert ([], "completed") == (server.visits, only_row(sqlite_engine).status)


async def test_a_link_that_leads_elsewhere_takes_the_rows_there(tmp_path: Path) -> None:
    """A symbolic link that is changed between two calls leads the next row to the new file."""
    first, second, link = (tmp_path / name for name in ("first.db", "second.db", "link.db"))
    with ready(f"sqlite:///{first}"), ready(f"sqlite:///{second}") as there:
        link.symlink_to(first)
        with ready(f"sqlite:///{link}") as engine, Session(engine) as session:
            await ask(session)
            link.unlink()
            link.symlink_to(second)
            request_id = await ask(session)
            session.rollback()
        assert request_id == only_row(there).id


async def test_a_row_does_not_join_a_transaction_in_a_file_that_was_removed(
    sqlite_engine: Engine, serve: Serve
) -> None:
    """A caller with the write lock of the removed file gets an error too: its row would be lost with the file."""
    with Session(sqlite_engine) as session:
        draft(session)
        await ask(session)
        path_of(sqlite_engine).unlink()
        async with serve(Held()) as server:
            with pytest.raises(LLMError, match="No such file"):
                await ask(session)
        session.rollback()
    assert [] == server.visits
