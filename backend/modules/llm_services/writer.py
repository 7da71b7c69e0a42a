"""One thread per engine that writes rows on connections of its own, many rows to a commit."""

from __future__ import annotations

import atexit
import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from .sqlite_locks import is_locked, is_shared
from .statements import Statements

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

LARGEST_BATCH: Final = 256
LOCK_PAUSE_SECONDS: Final = 0.005
RECONNECT_PAUSES_SECONDS: Final = (0.0, 0.2, 1.0, 2.0)
# How long PostgreSQL may wait for one locked row before the rows behind it get their turn.
LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '100ms'"
LOCK_NOT_AVAILABLE: Final = "55P03"


@dataclass
class Write:
    """A row to insert, or one to settle: `changes` names the columns that settling writes."""

    row: dict[str, Any]
    changes: tuple[str, ...] = ()
    patience: float = 30.0
    done: Future[None] = field(default_factory=Future)
    asked_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Mark the future running: a cancelled caller must not take its row back out of the queue."""
        self.done.set_running_or_notify_cancel()

    @property
    def is_patient(self) -> bool:
        """Whether there is time left to wait for a lock."""
        return time.monotonic() < self.asked_at + self.patience


class Writer:
    """The ledger's hand on one database: queued writes are committed together, in the order they came."""

    def __init__(self, engine: Engine, statements: Statements, inherited: Writer | None = None) -> None:
        """Derive engines with pools of their own.

        `inherited` is the writer of the process that this one was forked from: its connections are that process's
        to close, so it is kept.
        """
        self.engine = _derived(engine)
        # For callers' threads, which look at locks: a connection of SQLite may belong to the thread that made it.
        self.looking = _derived(engine)
        self.statements = statements
        self.inherited = inherited
        self.process = os.getpid()
        # Held while this thread holds SQLite's write lock, so that nobody takes it for a caller's.
        self.writing = threading.Lock()
        self._shared = threading.local()
        self._queue: deque[Write] = deque()
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

    def submit(self, write: Write) -> Future[None]:
        """Queue `write`; its future ends when the row is committed."""
        self._queue.append(write)
        self._thread.submit(self._drain)
        return write.done

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
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), LARGEST_BATCH))]
        if batch:
            self._write(batch)

    def _write(self, batch: Sequence[Write]) -> None:
        try:
            self._commit(batch)
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits for the futures
            self._failed(batch, error)
        else:
            for write in batch:
                write.done.set_result(None)

    def _failed(self, batch: Sequence[Write], error: Exception) -> None:
        """Let a row that cannot be written fail alone, and one that is locked wait behind the others."""
        if len(batch) > 1 and not is_locked(error) and not _is_disconnect(error):
            for write in batch:
                self._write([write])
        elif _is_row_lock(error) and batch[0].is_patient:
            self.submit(batch[0])
        else:
            for write in batch:
                write.done.set_exception(error)

    def _commit(self, batch: Sequence[Write]) -> None:
        for last, pause in enumerate(RECONNECT_PAUSES_SECONDS, 1 - len(RECONNECT_PAUSES_SECONDS)):
            time.sleep(pause)
            try:
                with self._transaction(batch) as connection:
                    self.run(connection, batch)
            except DBAPIError as error:
                if last == 0 or not _is_disconnect(error):
                    raise
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
                connection.exec_driver_sql("PRAGMA busy_timeout=0")
                try:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                except DBAPIError as error:
                    if not is_locked(error) or not any(write.is_patient for write in batch):
                        raise
                else:
                    yield connection
                    return
            time.sleep(LOCK_PAUSE_SECONDS)


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
