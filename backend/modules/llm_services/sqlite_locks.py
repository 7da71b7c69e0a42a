"""SQLite has one writer: when a caller already is that writer, the ledger joins its transaction.

The documented exception of the ledger. A row joins the caller's transaction when, and only when, a transaction
of its own would wait for the caller, who waits for the row: the caller's connection holds the write lock, or
there is no second connection to be had (an in-memory database, a StaticPool).
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from .writer import Write, Writer


def is_locked(error: BaseException) -> bool:
    """Say whether `error` means that another connection holds SQLite's lock."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.OperationalError):
        return False
    return cause.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def driver(connection: Connection) -> Any:  # noqa: ANN401 - the DBAPI's own object
    """Return the DBAPI connection below `connection`."""
    return connection.connection.dbapi_connection


def callers_connection(session: Session, bind: Engine | Connection) -> Connection | None:
    """Return the connection that `session` holds now; None when it holds none. Never takes one."""
    if isinstance(bind, Connection):
        return bind
    transaction = session.get_transaction()
    held = transaction.connections if transaction else ()
    return next((connection for connection in held if connection.engine is bind and not connection.closed), None)


def is_shared(engine: Engine) -> bool:
    """Say whether every user of this database has the same connection: a StaticPool, or a database in memory."""
    if isinstance(engine.pool, StaticPool):
        return True
    with engine.connect() as connection:
        files = [row[2] for row in connection.exec_driver_sql("PRAGMA database_list") if row[1] == "main"]
    return not any(files)


def joined(session: Session, bind: Engine | Connection, writer: Writer, write: Write) -> bool:
    """Write through the caller's connection where nothing else is possible; say whether that was done."""
    caller = callers_connection(session, bind)
    if writer.is_shared:
        _write_shared(caller, bind.engine, writer, write)
        return True
    if caller is None or not driver(caller).in_transaction:
        return False
    with writer.writing:
        if lock_is_free(writer.engine):
            return False
        with impatient(caller):
            try:
                writer.statements.run(caller, [write])
            except DBAPIError as error:
                if not is_locked(error):
                    raise
                return False
    return True


def _write_shared(caller: Connection | None, engine: Engine, writer: Writer, write: Write) -> None:
    """Write on the connection that everybody has, and commit only what nobody had begun."""
    with nullcontext(caller) if caller is not None else engine.connect() as connection:
        begun = driver(connection).in_transaction
        writer.statements.run(connection, [write])
        if not begun:
            driver(connection).commit()


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
