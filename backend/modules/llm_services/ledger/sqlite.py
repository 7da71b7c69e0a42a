"""SQLite's single writer: who holds the lock, and when a row has to be written in the caller's transaction.

That fallback is used only if the row's own transaction would wait for a caller who waits for the row: because the
caller's connection holds the write lock, or because there is no second connection (a database in memory, a StaticPool).
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from .statements import by_sqlalchemy

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

    from .writer import PendingWrite, Writer

# Without WAL, a commit waits for readers. No new reader can begin while it waits, so the wait ends.
READERS_MILLISECONDS: Final = 10
NORMAL: Final = 1
NO_WAIT: Final = "llm_ledger_no_wait"
DELETED_LOG: Final = "SQLite's log was deleted while it was in use: end the processes that have the database open"


class DatabaseFile:
    """The file that an engine's connections write to; it may be deleted or replaced while they are open.

    `opened` has the identity of the file by its path, and of its -wal.
    """

    def __init__(self, engine: Engine) -> None:
        """Note the path and the identity of the file at each new connection of `engine`."""
        self.engine = engine
        self.opened: dict[str, os.stat_result] = {}
        self._path = self._log = ""
        event.listen(engine.pool, "connect", self._note)
        event.listen(engine.pool, "close", self._forget_log)

    def check(self) -> None:
        """Drop connections to a file that was replaced; raise FileNotFoundError if it, or its -wal, was deleted."""
        is_replaced = not os.path.samestat(Path(self._path).stat(), self.opened[self._path])
        if not is_replaced and self._log in self.opened:
            self._save_log()
            raise FileNotFoundError(errno.ENOENT, DELETED_LOG, self._log)
        self.engine.dispose()

    def _save_log(self) -> None:
        """Write the rows of a deleted -wal to the file, unless there is a new one, which they do not belong to.

        The connections stay open: a new one would begin another -wal beside that of the application's connections.
        """
        if not Path(self._log).exists():
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint")

    def _note(self, connection: DBAPIConnection, _record: object) -> None:
        real = self._path = main_file(connection)
        if not real:
            return
        given = Path(self.engine.url.database or "").absolute()
        with suppress(OSError):  # a URI
            if given.samefile(real):
                self._path = str(given)  # it may be a symbolic link, which may lead elsewhere later
        opened = {self._path: Path(self._path).stat()}
        self._log = f"{real}-wal"
        with suppress(OSError):  # another journal mode
            opened[self._log] = Path(self._log).stat()
        self.opened = opened

    def _forget_log(self, _connection: DBAPIConnection, _record: object) -> None:
        """SQLite deletes the -wal with the last connection."""
        self.opened = {path: opened for path, opened in self.opened.items() if path != self._log}


def main_file(connection: DBAPIConnection) -> str:
    """Return the path of a connection's file, or an empty string for a database in memory."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA database_list")
    files = {name: path for _, name, path in cursor.fetchall()}
    cursor.close()
    return files.get("main") or ""


def impatient(connection: DBAPIConnection, _record: object) -> None:
    """Make SQLite fail at once if the database is locked; the ledger's thread waits without holding anything."""
    cursor = connection.cursor()
    is_wal = cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    cursor.execute(f"PRAGMA busy_timeout={0 if is_wal else READERS_MILLISECONDS}")
    cursor.close()


def leave_checkpoints(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    """Turn off checkpoints on a connection, and note whether its commits then never wait for the disk.

    In WAL mode with synchronous=NORMAL, only a checkpoint and the commit after it wait:
    https://www.sqlite.org/pragma.html#pragma_synchronous
    """
    with closing(connection.cursor()) as cursor:
        is_wal = cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        is_normal = cursor.execute("PRAGMA synchronous").fetchone()[0] <= NORMAL
        cursor.execute("PRAGMA wal_autocheckpoint=0")
    record.info[NO_WAIT] = is_wal and is_normal


def write_in_caller_transaction(caller: Connection | None, engine: Engine, writer: Writer, write: PendingWrite) -> bool:
    """Write on the connection `caller`, in its transaction, if nothing else is possible; return True if that was so."""
    if writer.is_shared:
        _write_shared(shared_connection(writer, engine), writer, write)
        return True
    if caller is None or not driver(caller).in_transaction:
        return False
    writer.check(writer.looked_at)
    with writer.writing:
        if lock_is_free(writer.looking):
            return False
        with without_waiting(caller):
            try:
                writer.run(caller, [write], by_sqlalchemy)
            except DBAPIError as error:
                if not is_locked(error):
                    raise
                return False
    return True


def shared_connection(writer: Writer, engine: Engine) -> Connection:
    """Return this thread's connection of `engine`'s pool; it is kept, because returning it would roll it back."""
    if getattr(writer.shared, "pool", None) is not engine.pool:
        writer.shared.pool, writer.shared.connection = engine.pool, engine.connect()
    connection: Connection = writer.shared.connection
    return connection


def _write_shared(connection: Connection, writer: Writer, write: PendingWrite) -> None:
    """Write on the shared connection, and commit only if no other transaction is open on it.

    SQLAlchemy's own transaction on this connection is never ended, because that would commit or roll back the
    transactions of others on the same connection.
    """
    begun = driver(connection).in_transaction
    writer.run(connection, [write], by_sqlalchemy)
    if not begun:
        driver(connection).commit()


def is_locked(error: BaseException) -> bool:
    """Return True if `error` means that another connection holds SQLite's lock."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.OperationalError):
        return False
    return cause.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def driver(connection: Connection) -> Any:  # noqa: ANN401 - the DBAPI's own object
    """Return the DBAPI connection that `connection` wraps."""
    return connection.connection.dbapi_connection


def is_shared(engine: Engine) -> bool:
    """Return True if all users of this database share one connection: a StaticPool, or a database in memory."""
    if isinstance(engine.pool, StaticPool):
        return True
    with engine.connect() as connection:
        return not main_file(driver(connection))


def lock_is_free(own: Engine) -> bool:
    """Return True if the write lock of a WAL database is free; False in other modes, where readers block writers."""
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
    """Make statements on `connection` fail at once instead of waiting for a lock."""
    cursor = driver(connection).cursor()
    patience = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA busy_timeout={patience}")
        cursor.close()
