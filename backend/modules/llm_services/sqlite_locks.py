"""SQLite has one writer: who holds its lock, and whether there is a second connection to be had."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection, Engine


def is_locked(error: BaseException) -> bool:
    """Say whether `error` means that another connection holds SQLite's lock."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.OperationalError):
        return False
    return cause.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def driver(connection: Connection) -> Any:  # noqa: ANN401 - the DBAPI's own object
    """Return the DBAPI connection below `connection`."""
    return connection.connection.dbapi_connection


def is_shared(engine: Engine) -> bool:
    """Say whether every user of this database has the same connection: a StaticPool, or a database in memory."""
    if isinstance(engine.pool, StaticPool):
        return True
    with engine.connect() as connection:
        files = [row[2] for row in connection.exec_driver_sql("PRAGMA database_list") if row[1] == "main"]
    return not any(files)


def lock_is_free(own: Engine) -> bool:
    """Say whether nobody holds the write lock of a database in WAL mode; False in other modes, where readers block."""
    with own.connect() as connection:
        if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
            return False
        with impatient(connection):
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except DBAPIError as error:
                if not is_locked(error):
                    raise
                return False
            connection.rollback()
            return True


@contextmanager
def impatient(connection: Connection) -> Generator[None]:
    """Let statements on `connection` fail at once where they would wait for a lock."""
    cursor = driver(connection).cursor()
    patience = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA busy_timeout={patience}")
        cursor.close()
