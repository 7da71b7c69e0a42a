"""Several processes share one database: no lock errors, no lost rows, and any process may be the first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy import event, inspect

from ledger.conftest import many_calls
from modules.infrastructure.database import Database
from modules.shared_models import Base
from support.calls import rows
from support.databases import apart

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from sqlalchemy import Engine


def test_processes_share_a_database(engine: Engine, tmp_path: Path) -> None:
    """Four processes with fifty calls each leave two hundred completed rows, and no call fails."""
    calls = many_calls(4, engine.url, tmp_path)
    assert ["completed"] * calls == [row.status for row in rows(engine)]


@contextmanager
def met(parties: int) -> Generator[None]:
    """Let this many processes see that there are no tables before one of them creates any."""
    meeting = threading.Barrier(parties)

    def wait(*_: object, **__: object) -> None:
        with suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=0.5)  # processes that create tables one after the other do not meet

    event.listen(Base.metadata, "before_create", wait)
    try:
        yield
    finally:
        event.remove(Base.metadata, "before_create", wait)


def first_session(url: str) -> None:
    """Use a session as the first one of a process, and close everything."""
    database = Database(url)
    try:
        with database.session() as session:
            session.connection()
    finally:
        database.engine.dispose()


def test_processes_may_make_the_tables_at_the_same_time(engine: Engine) -> None:
    """If two processes find no table when they start, one table is created, and neither fails."""
    url = engine.url.render_as_string(hide_password=False)
    with apart(engine.url) as connection:
        connection.exec_driver_sql("DROP TABLE lessons")
        Base.metadata.drop_all(connection)
    with met(2), ThreadPoolExecutor(2) as threads:
        makers = [threads.submit(first_session, url) for _ in range(2)]
        errors = [maker.exception() for maker in makers]
    assert [None, None] == errors
    with apart(engine.url) as connection:
        assert inspect(connection).has_table("llm_requests")
