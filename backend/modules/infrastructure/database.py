"""One engine for the process, and the sessions that use it."""

from __future__ import annotations

import atexit
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Engine, SingletonThreadPool, StaticPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from modules.shared_models import Base

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection

LIBPQ_DRIVERS: Final = ("psycopg", "psycopg2")
CONNECT_TIMEOUT_SECONDS: Final = 30  # a serverless database may have to start first


def make_engine(url: str) -> Engine:
    """Return an engine for `url`; on SQLite in WAL mode, with foreign keys and a 30 s wait for a busy writer.

    Raises ArgumentError for a URL without a sync driver.
    """
    parsed = make_url(url)
    if parsed.get_dialect().is_async:
        raise ArgumentError(f"{parsed.drivername} is a driver of async engines; sessions here are sync")
    engine = create_engine(parsed, connect_args=_connect_args(parsed))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    atexit.register(engine.dispose)
    return engine


def _connect_args(url: URL) -> dict[str, object]:
    """Return a time limit for libpq's connections, and psycopg's `prepare_threshold` as a number; in a URL it is text.

    libpq would wait endlessly for a server that accepts a connection and then is silent.
    """
    arguments: dict[str, object] = {}
    if url.get_driver_name() in LIBPQ_DRIVERS and "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_TIMEOUT_SECONDS
    threshold = url.query.get("prepare_threshold")
    if threshold is None:
        return arguments
    try:
        return arguments | {"prepare_threshold": int(str(threshold))}
    except ValueError as error:
        raise ArgumentError(f"prepare_threshold must be a number, not {threshold!r}") from error


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@dataclass(frozen=True)
class DatabaseSession:
    """A session, which the caller has to close."""

    session: Session


class Database:
    """An engine; its first connection creates the missing tables."""

    def __init__(self, url: str) -> None:
        """Connect nothing yet; the first caller that needs a connection makes it, in its own thread."""
        self.engine = make_engine(url)
        self.session = sessionmaker(self.engine)
        self._has_tables = False
        # Set on the pool, so that it also applies to copies of the pool.
        event.listen(self.engine.pool, "connect", self._make_tables)

    def _make_tables(self, connection: DBAPIConnection, _record: object) -> None:
        """Create the missing tables; another process may create any of them first, so a failure is retried."""
        if self._has_tables:
            return
        engine = Engine(StaticPool(lambda: connection), self.engine.dialect, self.engine.url)
        for left in reversed(range(1 + len(Base.metadata.tables))):
            try:
                Base.metadata.create_all(engine)
            except DBAPIError:
                if not left:
                    raise
            else:
                break
        # In memory, every connection has its own database.
        self._has_tables = not isinstance(self.engine.pool, SingletonThreadPool)

    @contextmanager
    def session_context(self) -> Generator[Session]:
        """Commit at the end of the block, roll back if it raises, and close the session."""
        with self.session() as session, session.begin():
            yield session
