"""The writer thread: one per engine, which writes rows on connections of its own, many rows to a commit."""

from __future__ import annotations

import asyncio
import atexit
import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import JSON, Column, Connection, Engine, MetaData, Table, TypeDecorator, bindparam, event, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from ..models import LLMRequestModel
from .sqlite import is_locked, is_shared

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from sqlalchemy import Dialect
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.sql import Executable

MAX_BATCH_ROWS: Final = 256
LOCK_PAUSE_SECONDS: Final = 0.005
RECONNECT_PAUSES_SECONDS: Final = (0.2, 1.0, 2.0)
# How long PostgreSQL may wait for one locked row before the rows behind it get their turn.
LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '100ms'"
LOCK_NOT_AVAILABLE: Final = "55P03"


class EncodedJSON(TypeDecorator[str]):
    """A JSON column whose values come encoded: once, by the caller's thread and not by the ledger's."""

    impl = JSON
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """Leave the text to the driver as it is."""


def _encoded(table: Table) -> Table:
    """Return `table` as the ledger's statements know it."""
    columns = (
        Column(
            column.name, EncodedJSON() if isinstance(column.type, JSON) else column.type, primary_key=column.primary_key
        )
        for column in table.columns
    )
    return Table(table.name, MetaData(), *columns)


TABLE: Final = _encoded(cast("Table", LLMRequestModel.__table__))
INSERTS: Final[dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class Statements:
    """The statements that write `llm_requests` in one dialect; each can be repeated without harm."""

    def __init__(self, dialect: str) -> None:
        """Raise ValueError for a database that the ledger does not write to."""
        if dialect not in INSERTS:
            raise ValueError(f"the ledger writes to {' and '.join(INSERTS)}, not to {dialect}")
        self._insert = INSERTS[dialect](TABLE).on_conflict_do_nothing(index_elements=["id"])
        upsert = INSERTS[dialect](TABLE)
        every_column = {column.name: upsert.excluded[column.name] for column in TABLE.columns if column.name != "id"}
        self._upsert = upsert.on_conflict_do_update(index_elements=["id"], set_=every_column)

    def insert(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows; one that is there already stays as it is."""
        connection.execute(self._insert, list(rows))

    def settle(self, connection: Connection, rows: Sequence[dict[str, Any]], changes: tuple[str, ...]) -> None:
        """Update the columns `changes` of rows; rows that are not there any more are written whole."""
        values = [{"row_id": row["id"]} | {f"new_{name}": row[name] for name in changes} for row in rows]
        if connection.execute(_update(changes), values).rowcount != len(values):
            connection.execute(self._upsert, list(rows))


@cache
def _update(changes: tuple[str, ...]) -> Executable:
    columns: dict[str, Any] = {name: bindparam(f"new_{name}") for name in changes}
    return update(TABLE).where(TABLE.c.id == bindparam("row_id")).values(columns)


@dataclass(eq=False)
class PendingWrite:
    """A row on its way through the ledger's thread: one to insert, or one to settle in the columns `changes`.

    It waits for a lock at most `patience` seconds. `error` says why it was not written.
    """

    row: dict[str, Any]
    changes: tuple[str, ...] = ()
    patience: float = 30.0
    error: Exception | None = None
    queued_at: float = field(default_factory=time.monotonic)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _waiter: asyncio.Future[None] | None = None
    _is_over: bool = False

    @property
    def is_patient(self) -> bool:
        """Whether there is time left to wait for a lock."""
        return time.monotonic() < self.queued_at + self.patience

    async def wait(self) -> None:
        """Wait until the row is written or given up, also when cancelled meanwhile; then the cancellation goes on."""
        cancelled = None
        while not self._is_over:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled:
            raise cancelled
        if self.error:
            raise self.error

    def _finish(self) -> None:
        self._is_over = True
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


def finish(writes: Iterable[PendingWrite], error: Exception | None = None) -> None:
    """Tell the tasks that wait, from the ledger's thread: one call for each event loop."""
    for loop, waiting in groupby(sorted(writes, key=lambda write: id(write._loop)), lambda write: write._loop):  # noqa: SLF001 - this file's own
        finished = list(waiting)
        for write in finished:
            write.error = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_finish_all, finished)


def _finish_all(writes: Iterable[PendingWrite]) -> None:
    for write in writes:
        write._finish()  # noqa: SLF001 - as above


class Writer:
    """The ledger's hand on one database: queued writes are committed together, in the order they came."""

    def __init__(self, engine: Engine, statements: Statements, inherited: Writer | None = None) -> None:
        """Derive engines with pools of their own.

        `inherited` is the writer of the process that this one was forked from: its connections are that process's
        to close, so it is kept.
        """
        self.engine = _derived(engine)
        self.is_sqlite = engine.dialect.name == "sqlite"
        if self.is_sqlite:
            event.listen(self.engine.pool, "connect", _impatient)
        # For callers' threads, which look at locks: a connection of SQLite may belong to the thread that made it.
        self.looking = _derived(engine)
        self.statements = statements
        self.inherited = inherited
        self.process = os.getpid()
        # Held while this thread holds SQLite's write lock, so that nobody takes it for a caller's.
        self.writing = threading.Lock()
        self._shared = threading.local()
        self._queue: deque[PendingWrite] = deque()
        self._is_called = False  # whether the thread is to look at the queue
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llm-ledger")

    @cached_property
    def is_shared(self) -> bool:
        """Whether the caller's connection is the only one there is to its data."""
        return self.is_sqlite and is_shared(self.looking)

    def shared_connection(self, engine: Engine) -> Connection:
        """Return this thread's connection of `engine`'s pool, which is kept: giving it back would roll it back."""
        if getattr(self._shared, "pool", None) is not engine.pool:
            self._shared.pool, self._shared.connection = engine.pool, engine.connect()
        connection: Connection = self._shared.connection
        return connection

    def submit(self, write: PendingWrite) -> None:
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
        while batch := [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH_ROWS))]:
            self._write(batch)

    def _write(self, batch: Sequence[PendingWrite]) -> None:
        try:
            self._commit(batch)
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            self._failed(batch, error)
        else:
            finish(batch)

    def _failed(self, batch: Sequence[PendingWrite], error: Exception) -> None:
        """Let a row that cannot be written fail alone, and one that is locked wait behind the others."""
        if len(batch) > 1 and not is_locked(error) and not _is_disconnect(error):
            for write in batch:
                self._write([write])
        elif _is_row_lock(error) and batch[0].is_patient:
            self._queue.append(batch[0])
        else:
            finish(batch, error)

    def _commit(self, batch: Sequence[PendingWrite]) -> None:
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

    def run(self, connection: Connection, batch: Sequence[PendingWrite]) -> None:
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
    def _transaction(self, batch: Sequence[PendingWrite]) -> Generator[Connection]:
        if not self.is_sqlite:
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
    def _sqlites_lock(self, batch: Sequence[PendingWrite]) -> Generator[Connection]:
        """Hold SQLite's write lock, and `writing` with it; while waiting for it, hold nothing."""
        while True:
            with self.writing, self.engine.connect() as connection:
                try:
                    connection.connection.dbapi_connection.execute("BEGIN IMMEDIATE")  # type: ignore[union-attr]  # sqlite3's own
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
