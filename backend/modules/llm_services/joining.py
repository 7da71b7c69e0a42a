"""The ledger's one exception: on SQLite a row joins its caller's transaction where it could only wait for it.

That is when, and only when, a transaction of the row's own would wait for the caller, who waits for the row: the
caller's connection holds the write lock, or there is no second connection (a database in memory, a StaticPool).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .sqlite_locks import driver, impatient, is_locked, lock_is_free

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from .writer import Writer
    from .writes import Write


def joined(session: Session, bind: Engine | Connection, writer: Writer, write: Write) -> bool:
    """Write in the caller's transaction where nothing else is possible; say whether that was done."""
    if writer.is_shared:
        _write_shared(writer.shared_connection(bind.engine), writer, write)
        return True
    caller = callers_connection(session, bind)
    if caller is None or not driver(caller).in_transaction:
        return False
    with writer.writing:
        if lock_is_free(writer.looking):
            return False
        with impatient(caller):
            try:
                writer.run(caller, [write])
            except DBAPIError as error:
                if not is_locked(error):
                    raise
                return False
    return True


def _write_shared(connection: Connection, writer: Writer, write: Write) -> None:
    """Write on the connection that everybody has, and commit only what nobody had begun.

    SQLAlchemy's own transaction on this connection is left open for good: ending it would commit, or roll back,
    what others have begun below it.
    """
    begun = driver(connection).in_transaction
    writer.run(connection, [write])
    if not begun:
        driver(connection).commit()


def callers_connection(session: Session, bind: Engine | Connection) -> Connection | None:
    """Return the connection that `session` holds now; None when it holds none. Never takes one."""
    if isinstance(bind, Connection):
        return bind
    transaction = session.get_transaction()
    held = transaction.connections if transaction else ()
    return next((connection for connection in held if connection.engine is bind and not connection.closed), None)
