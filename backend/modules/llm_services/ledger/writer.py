"""The writer thread: one per engine, which writes rows on connections of its own, many rows to a commit."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from ..threads import JobThread
from .connections import DATABASE_TIMEOUT_SECONDS, ServerConnections, closer, derived, is_disconnect, is_row_lock
from .sqlite import DatabaseFile, impatient, is_locked, is_shared
from .statements import Statements, by_driver

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from .statements import Execute, Row, Schemas

logger = logging.getLogger(__name__)

MAX_BATCH_ROWS: Final = 256
LOCK_PAUSE_SECONDS: Final = 0.005
RECONNECT_PAUSES_SECONDS: Final = (0.2, 1.0, 2.0)
# How long a process that ends waits for its last rows: an orchestrator kills it after 10 seconds.
CLOSE_SECONDS: Final = 5.0
NEVER: Final = float("inf")


@dataclass(eq=False)
class PendingWrite:
    """A row to insert, or one to settle in the columns `changes`, in the schemas that `schemas` translates to.

    It waits for a lock at most `patience` seconds, and its caller for a database that says nothing at most `timeout`
    seconds. `error` says why it was not written. Once it `is_over`, its caller goes on. `is_left`: nobody waits for
    it any more; `is_dropped`: nor is it to be written any more.
    """

    row: Row
    changes: tuple[str, ...] = ()
    patience: float = 30.0
    timeout: float = DATABASE_TIMEOUT_SECONDS
    schemas: Schemas | None = None
    error: Exception | None = None
    is_over: bool = False
    is_left: bool = False
    is_dropped: bool = False
    waiter: asyncio.Future[None] | None = None
    timer: asyncio.TimerHandle | None = None
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    queued_at: float = field(default_factory=time.monotonic)

    @property
    def is_patient(self) -> bool:
        """Whether there is time left to wait for a lock."""
        return time.monotonic() < self.queued_at + self.patience

    def finish(self, error: Exception | None) -> None:
        """Let the caller go on, once, in its own thread; what it does not hear then is logged."""
        if self.is_over:
            self.log(error)
            return
        self.error, self.is_over = error, True
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    def log(self, error: Exception | None) -> None:
        """Log what nobody waits to hear; an insert's settlement says it for both."""
        if error and self.changes:
            logger.error("llm_request %s stays as it was: %s", self.row["id"], error)


def finish(writes: Iterable[PendingWrite], error: Exception | None = None) -> None:
    """Tell the tasks that wait, from the ledger's thread: one call for each event loop."""
    for loop, waiting in groupby(sorted(writes, key=lambda write: id(write.loop)), lambda write: write.loop):
        finished = list(waiting)
        try:
            loop.call_soon_threadsafe(_finish_all, finished, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            for write in finished:
                write.log(error)


def _finish_all(writes: Iterable[PendingWrite], error: Exception | None) -> None:
    for write in writes:
        write.finish(error)


class Writer:
    """The ledger's hand on one database: queued writes are committed together, in the order they came."""

    def __init__(self, engine: Engine, statements: Statements, inherited: Writer | None = None) -> None:
        """Derive engines with pools of their own.

        `inherited` is the writer of the process that this one was forked from: its connections are that process's
        to close, so it is kept.
        """
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._server = None if self.is_sqlite else ServerConnections(engine)
        self.engine = self._server.engine if self._server else derived(engine)
        # For callers' threads, which look at locks: a connection of SQLite may belong to the thread that made it.
        self.looking = derived(engine)
        if self.is_sqlite:
            event.listen(self.engine.pool, "connect", impatient)
            self.file, self.looked_at = DatabaseFile(self.engine), DatabaseFile(self.looking)
        self._statements = statements
        self.inherited = inherited
        self.process = os.getpid()
        # Held while this thread holds SQLite's write lock, so that nobody takes it for a caller's.
        self.writing = threading.Lock()
        self.shared = threading.local()  # what each caller's thread keeps of a connection that everybody has
        self._queue: deque[PendingWrite] = deque()
        self._is_called = False  # whether the thread is to look at the queue
        self._thread = _closed_with(self)
        # When the database last said something, when it was asked for what is being written, when it has to be done.
        self._answered_at, self._asked_at, self._ends_at = 0.0, NEVER, NEVER

    @cached_property
    def is_shared(self) -> bool:
        """Whether the caller's connection is the only one there is to its data."""
        return self.is_sqlite and is_shared(self.looking)

    def submit(self, write: PendingWrite) -> None:
        """Queue `write`, which ends when its row is committed; raises RuntimeError when the process is ending."""
        self._queue.append(write)
        if not self._is_called:
            self._is_called = True
            try:
                self._call(self._drain)
            except RuntimeError:
                self._is_called = False
                self._queue.remove(write)
                raise
        self._leave_silence(write.timeout)

    def _call(self, job: Callable[[], object]) -> None:
        """Run a job in the ledger's thread."""
        if self._ends_at < NEVER:
            raise RuntimeError("the ledger is closed: its engine, or the process, is ending")
        with self._thread.starting:
            if self._thread.thread is None:
                self._thread.start()
            self._thread.jobs.put(job)

    def give_up(self, write: PendingWrite) -> float:
        """Return the seconds left to a database that says nothing; when there are none, leave the connection."""
        left = max(write.queued_at, self._answered_at) + write.timeout - time.monotonic()
        if left <= 0:
            self._leave_silence(write.timeout / 2)  # it may have been asked a little later
        return left

    def _leave_silence(self, seconds: float) -> None:
        """End the connection on which the ledger's thread has been waiting for so long."""
        if self._server and time.monotonic() - max(self._asked_at, self._answered_at) >= seconds:
            self._server.shut_down()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Write what is queued, for at most so many seconds, then close the connections."""
        self.end(seconds)
        # What waits for a lock gives up by itself and says so; what hangs in a silent connection does not.
        if not self.join(1.1 * seconds):
            logger.error("%d rows or more stay as they were: the database says nothing", 1 + len(self._queue))
            if self._server:
                self._server.shut_down()
        self.engine.dispose()
        self.looking.dispose()

    def end(self, seconds: float) -> None:
        """Take no more rows, and wait for the database no longer than so many seconds."""
        self._ends_at = min(self._ends_at, time.monotonic() + seconds)
        self._thread.end()

    def join(self, seconds: float) -> bool:
        """Wait for the ledger's thread to end; return True if it has, or never began."""
        return self._thread.join(seconds)

    def _drain(self) -> None:
        self._is_called = False  # before the queue is read: who comes after that calls again
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH_ROWS))]
            if late := [write for write in batch if write.is_left and not write.is_patient]:
                finish(late, TimeoutError("the database did not take it in time"))
            self._write([write for write in batch if not (write.is_dropped or write in late)])

    def _write(self, batch: Sequence[PendingWrite]) -> None:
        try:
            self._commit(batch)
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            self._failed(batch, error)
        else:
            finish(batch)
        finally:
            self._asked_at = NEVER

    def _failed(self, batch: Sequence[PendingWrite], error: Exception) -> None:
        """Let a row that cannot be written fail alone, and one that is locked wait behind the others."""
        is_the_databases = is_locked(error) or is_disconnect(error) or isinstance(error, TimeoutError)
        if len(batch) > 1 and not is_the_databases:
            for write in batch:
                self._write([write])
        elif is_row_lock(error) and self._is_patient(batch[:1]):
            self._answered_at = time.monotonic()
            self._queue.append(batch[0])
        else:
            finish(batch, error)

    def _commit(self, batch: Sequence[PendingWrite]) -> None:
        pauses = iter(RECONNECT_PAUSES_SECONDS)
        while wanted := [write for write in batch if not write.is_dropped]:
            self._asked_at = time.monotonic()
            try:
                with self._transaction(wanted) as connection:
                    self.run(connection, wanted)
            except (DBAPIError, sqlite3.Error) as error:
                pause = self._pause_after(error, wanted, pauses)
                if pause is None:
                    raise
                time.sleep(pause)
            else:
                self._answered_at = time.monotonic()
                return

    def _pause_after(self, error: Exception, batch: Sequence[PendingWrite], pauses: Iterator[float]) -> float | None:
        """Return the seconds until `batch` is tried again, holding nothing; None when `error` is final."""
        if is_locked(error):
            self._answered_at = time.monotonic()
            # A reader shows itself when the rows are written already, and only their commit is due.
            return (
                max(LOCK_PAUSE_SECONDS, 4 * (self._answered_at - self._asked_at)) if self._is_patient(batch) else None
            )
        return next(pauses, None) if is_disconnect(error) and time.monotonic() < self._ends_at else None

    def _is_patient(self, batch: Sequence[PendingWrite]) -> bool:
        return time.monotonic() < self._ends_at and any(write.is_patient for write in batch)

    def run(self, connection: Connection, batch: Sequence[PendingWrite], execute: Execute = by_driver) -> None:
        """Execute the writes of `batch`, those of one kind together."""
        execute_there = partial(execute, connection)
        kinds: dict[tuple[Any, ...], list[Row]] = {}
        for write in batch:
            schemas = tuple(write.schemas.items()) if write.schemas else ()
            kinds.setdefault((write.changes, schemas), []).append(write.row)
        for (changes, schemas), rows in kinds.items():
            statements = self._statements.translated(schemas) if schemas else self._statements
            if changes:
                statements.settle(execute_there, rows, changes)
            else:
                statements.insert(execute_there, rows)
            self._answered_at = time.monotonic()

    def check(self, file: DatabaseFile) -> None:
        """Let go of connections to a file that was replaced; raises FileNotFoundError where it was removed."""
        if file.path and not os.path.samestat(os.stat(file.path), file.opened):  # noqa: PTH116 - Path takes twice as long
            file.engine.dispose()

    @contextmanager
    def _transaction(self, batch: Sequence[PendingWrite]) -> Generator[Connection]:
        if self._server:
            with self._server.begin(max(write.timeout for write in batch)) as connection:
                yield connection
            return
        self.check(self.file)
        with self.writing, self.engine.connect() as connection:
            connection.connection.dbapi_connection.execute("BEGIN IMMEDIATE")  # type: ignore[union-attr]  # sqlite3's own
            with connection.begin():
                yield connection


def _closed_with(writer: Writer) -> JobThread:
    """Return a thread that ends with `writer`, and closes its connections: one to SQLite may belong to the thread."""
    thread = JobThread("llm-ledger", at_end=closer(writer.engine))
    weakref.finalize(writer, _collected, writer.process, thread, closer(writer.looking)).atexit = False
    return thread


def _collected(process: int, thread: JobThread, close: Callable[[], None]) -> None:
    """Close with the engine: nothing is queued then, for the queue holds on to its writer."""
    if process == os.getpid():
        thread.end()
        close()


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Write what is queued; a database that is locked, or silent, keeps no process from ending for long."""
    writers = [writer for writer in _writers if writer.process == os.getpid()]
    ends_at = time.monotonic() + CLOSE_SECONDS
    for writer in writers:
        writer.end(CLOSE_SECONDS)
    for writer in writers:
        writer.close(max(0.0, ends_at - time.monotonic()))


def writer_for(engine: Engine) -> Writer:
    """Return the writer of `engine` in this process, made on first use and closed with the engine or at exit."""
    writer: Writer | None = getattr(engine, "_llm_ledger_writer", None)
    if writer is None or writer.process != os.getpid():
        if engine.dialect.is_async:
            raise ValueError(f"the ledger writes through a sync engine, not through {engine.url.drivername}")
        statements = Statements(engine.dialect, engine.get_execution_options().get("schema_translate_map"))
        writer = Writer(engine, statements, inherited=writer)
        # On the engine itself: a weak mapping would keep it alive, for pool listeners refer to their engine.
        engine._llm_ledger_writer = writer  # type: ignore[attr-defined]  # noqa: SLF001
        _writers.add(writer)
    return writer
