"""One thread per engine that writes rows on connections of its own, many rows to a commit."""

from __future__ import annotations

import atexit
import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from .sqlite_locks import driver, is_locked, is_shared
from .statements import Statements
from .writes import end

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sqlalchemy.engine.interfaces import DBAPIConnection

    from .writes import Write

LARGEST_BATCH: Final = 256
LOCK_PAUSE_SECONDS: Final = 0.005
RECONNECT_PAUSES_SECONDS: Final = (0.2, 1.0, 2.0)
# How long PostgreSQL may wait for one locked row before the rows behind it get their turn.
LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '100ms'"
LOCK_NOT_AVAILABLE: Final = "55P03"


class Writer:
    """The ledger's hand on one database: queued writes are committed together, in the order they came."""

    def __init__(self, engine: Engine, statements: Statements, inherited: Writer | None = None) -> None:
        """Derive engines with pools of their own.

        `inherited` is the writer of the process that this one was forked from: its connections are that process's
        to close, so it is kept.
        """
        self.engine = _derived(engine)
        if engine.dialect.name == "sqlite":
            event.listen(self.engine.pool, "connect", _impatient)
        # For callers' threads, which look at locks: a connection of SQLite may belong to the thread that made it.
        self.looking = _derived(engine)
        self.statements = statements
        self.inherited = inherited
        self.process = os.getpid()
        # Held while this thread holds SQLite's write lock, so that nobody takes it for a caller's.
        self.writing = threading.Lock()
        self._shared = threading.local()
        self._queue: deque[Write] = deque()
        self._is_called = False  # whether the thread is to look at the queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llm-ledger")

    @cached_property
    def is_shared(self) -> bool:
        """Whether the caller's connection is the only one there is to its data."""
        return self.engine.dialect.name == "sqlite" and is_shared(self.looking)

    def shared_connection(self, engine: Engine) -> Connection:
        """Return this thread's connection of `engine`'s pool, which is kept: giving it back would roll it back."""
        if getattr(self._shared, "pool", None) is not engine.pool:
            self._shared.pool, self._shared.connection = engine.pool, engine.connect()
        connection: Connection = self._shared.connection
        return connection

    def submit(self, write: Write) -> None:
        """Queue `write`, which ends when its row is committed; raises RuntimeError when the process is ending."""
        self._queue.append(write)
        if not self._is_called:
            self._is_called = True
            try:
                self._thread.submit(self._drain)
            except RuntimeError:
                self._is_called = False
                self._queue.remove(write)
                raise

    def close(self) -> None:
        """Write what is queued, then close the connections."""
        self._thread.shutdown()
        self._dispose()

    def __del__(self) -> None:
        """Close with the engine: nothing is queued then, for the queue holds on to its writer."""
        if self.process == os.getpid():
            self._thread.shutdown(wait=False)
            self._dispose()

    def _dispose(self) -> None:
        self.engine.dispose()
        self.looking.dispose()

    def _drain(self) -> None:
        self._is_called = False  # before the queue is read: who comes after that calls again
        while batch := [self._queue.popleft() for _ in range(min(len(self._queue), LARGEST_BATCH))]:
            self._write(batch)

    def _write(self, batch: Sequence[Write]) -> None:
        try:
            self._commit(batch)
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            self._failed(batch, error)
        else:
            end(batch)

    def _failed(self, batch: Sequence[Write], error: Exception) -> None:
        """Let a row that cannot be written fail alone, and one that is locked wait behind the others."""
        if len(batch) > 1 and not is_locked(error) and not _is_disconnect(error):
            for write in batch:
                self._write([write])
        elif _is_row_lock(error) and batch[0].is_patient:
            self._queue.append(batch[0])
        else:
            end(batch, error)

    def _commit(self, batch: Sequence[Write]) -> None:
        for pause in (*RECONNECT_PAUSES_SECONDS, None):
            try:
                with self._transaction(batch) as connection:
                    self.run(connection, batch)
            except DBAPIError as error:
                if pause is None or not _is_disconnect(error):
                    raise
                time.sleep(pause)
            else:
                return

    def run(self, connection: Connection, batch: Sequence[Write]) -> None:
        """Execute the writes of `batch`, those of one kind together."""
        kinds: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for write in batch:
            kinds.setdefault(write.changes, []).append(write.row)
        for changes, rows in kinds.items():
            if changes:
                self.statements.settle(connection, rows, changes)
            else:
                self.statements.insert(connection, rows)

    @contextmanager
    def _transaction(self, batch: Sequence[Write]) -> Generator[Connection]:
        if self.engine.dialect.name != "sqlite":
            with self.engine.begin() as connection:
                connection.exec_driver_sql(LOCK_TIMEOUT)
                yield connection
            return
        with self._sqlites_lock(batch) as connection:
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    @contextmanager
    def _sqlites_lock(self, batch: Sequence[Write]) -> Generator[Connection]:
        """Hold SQLite's write lock, and `writing` with it; while waiting for it, hold nothing."""
        while True:
            with self.writing, self.engine.connect() as connection:
                try:
                    driver(connection).execute("BEGIN IMMEDIATE")
                except sqlite3.Error as error:
                    if not is_locked(error) or not any(write.is_patient for write in batch):
                        raise
                else:
                    yield connection
                    return
            time.sleep(LOCK_PAUSE_SECONDS)


def _impatient(connection: DBAPIConnection, _record: object) -> None:
    """Let SQLite say at once that another holds its lock: the ledger's thread waits for it without holding anything."""
    connection.execute("PRAGMA busy_timeout=0")


def _derived(engine: Engine) -> Engine:
    """Return an engine that connects as `engine` does, with a pool of its own and its database's isolation."""
    options = {name: value for name, value in engine.get_execution_options().items() if name != "isolation_level"}
    own = Engine(engine.pool.recreate(), engine.dialect, engine.url, hide_parameters=True)
    return own.execution_options(**options) if options else own


def _is_disconnect(error: Exception) -> bool:
    if not isinstance(error, DBAPIError) or _is_row_lock(error):
        return False
    server_is_away = isinstance(error, InterfaceError | OperationalError) and not isinstance(error.orig, sqlite3.Error)
    return error.connection_invalidated or server_is_away


def _is_row_lock(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for writer in list(_writers):
        if writer.process == os.getpid():
            writer.close()


def writer_for(engine: Engine) -> Writer:
    """Return the writer of `engine` in this process, made on first use and closed with the engine or at exit."""
    writer: Writer | None = getattr(engine, "_llm_ledger_writer", None)
    if writer is None or writer.process != os.getpid():
        writer = Writer(engine, Statements(engine.dialect.name), inherited=writer)
        # On the engine itself: a weak mapping would keep it alive, for pool listeners refer to their engine.
        engine._llm_ledger_writer = writer  # type: ignore[attr-defined]  # noqa: SLF001
        _writers.add(writer)
    return writer
