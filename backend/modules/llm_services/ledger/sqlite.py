"""SQLite has one writer: who holds its lock, and the fallback of a row that could only wait for its own caller.

That is when, and only when, a transaction of the row's own would wait for the caller, who waits for the row: the
caller's connection holds the write lock, or there is no second connection (a database in memory, a StaticPool). Then
the row is written in the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection, Engine

    from .writer import PendingWrite, Writer


def write_in_caller_transaction(caller: Connection | None, engine: Engine, writer: Writer, write: PendingWrite) -> bool:
    """Write in the transaction of `caller`, the connection it holds, where nothing else is possible; True if done."""
    if writer.is_shared:
        _write_shared(writer.shared_connection(engine), writer, write)
        return True
    if caller is None or not driver(caller).in_transaction:
        return False
    with writer.writing:
        if lock_is_free(writer.looking):
            return False
        with without_waiting(caller):
            try:
                writer.run(caller, [write])
            except DBAPIError as error:
                if not is_locked(error):
                    raise
                return False
    return True


def _write_shared(connection: Connection, writer: Writer, write: PendingWrite) -> None:
    """Write on the connection that everybody has, and commit only what nobody had begun.

    SQLAlchemy's own transaction on this connection is left open for good: ending it would commit, or roll back,
    what others have begun below it.
    """
    begun = driver(connection).in_transaction
    writer.run(connection, [write])
    if not begun:
        driver(connection).commit()


def is_locked(error: BaseException) -> bool:
    """Return True if `error` means that another connection holds SQLite's lock."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.OperationalError):
        return False
    return cause.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def driver(connection: Connection) -> Any:  # noqa: ANN401 - the DBAPI's own object
    """Return the DBAPI connection below `connection`."""
    return connection.connection.dbapi_connection


def is_shared(engine: Engine) -> bool:
    """Return True if every user of this database has the same connection: a StaticPool, or a database in memory."""
    if isinstance(engine.pool, StaticPool):
        return True
    with engine.connect() as connection:
        files = [row[2] for row in connection.exec_driver_sql("PRAGMA database_list") if row[1] == "main"]
    return not any(files)


def lock_is_free(own: Engine) -> bool:
    """Return True if the write lock of a WAL database is free; False in other modes, where readers block."""
    with own.connect() as connection:
        if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
            return False
        with without_waiting(connection):
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except DBAPIError as error:
                if not is_locked(error):
                    raise
                return False
            connection.rollback()
            return True


@contextmanager
def without_waiting(connection: Connection) -> Generator[None]:
    """Let statements on `connection` fail at once where they would wait for a lock."""
    cursor = driver(connection).cursor()
    patience = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA busy_timeout={patience}")
        cursor.close()
