"""The writer thread: one for each engine, with its own connections, committing many rows at once.

On SQLite, a call that is alone commits its row in its own thread, which takes less time than switching threads.
"""

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
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from ..threads import JobThread
from .connections import DATABASE_TIMEOUT_SECONDS, ServerConnections, closer, derived, is_disconnect, is_row_lock
from .sqlite import NO_WAIT, DatabaseFile, impatient, is_locked, is_shared, leave_checkpoints
from .statements import Statements, by_driver, directly

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from .ledger import Entry
    from .statements import Execute, Row, Schemas

logger = logging.getLogger(__name__)

MAX_BATCH_ROWS: Final = 256
# With more calls in flight than this, it costs less if their rows wait for the ledger's thread and share a commit.
LONE_CALLS: Final = 2
LONE_ROW_CHARACTERS: Final = 50_000
# The ledger's thread makes two of this many writes: a checkpoint, and the commit after it.
CHECKPOINT_PERIOD: Final = 64
CHECKPOINT_WRITES: Final = 2
# After a slower commit, the ledger's thread does the writes for this many times as long.
SLOW_SECONDS: Final = 0.005
SLOW_FACTOR: Final = 200
LOCK_PAUSE_SECONDS: Final = 0.005
RECONNECT_PAUSES_SECONDS: Final = (0.2, 1.0, 2.0)
# How long an ending process waits for its last rows; orchestrators kill it after 10 seconds.
CLOSE_SECONDS: Final = 5.0
NEVER: Final = float("inf")


@dataclass(eq=False)
class PendingWrite:
    """A row to insert, or one to settle in the columns `changes`, with the `schemas` translation of its session.

    The write waits at most `patience` seconds for a lock, and its caller at most `timeout` seconds for a silent
    database. If it fails, `error` is the reason; `last_error` is that of a try after which it is repeated. The caller
    continues once it `is_over`. `is_left` means that no caller waits for it any more, and `is_dropped` that it will not
    be written.
    """

    row: Row
    changes: tuple[str, ...] = ()
    patience: float = 30.0
    timeout: float = DATABASE_TIMEOUT_SECONDS
    schemas: Schemas | None = None
    error: Exception | None = None
    last_error: Exception | None = None
    is_over: bool = False
    is_left: bool = False
    is_dropped: bool = False
    waiter: asyncio.Future[None] | None = None
    timer: asyncio.TimerHandle | None = None
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    queued_at: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        """The number of characters of the row; SQLite writes all of them again when one column changes."""
        return sum(len(value) for value in self.row.values() if isinstance(value, str))

    @property
    def is_patient(self) -> bool:
        """True while there is time left to wait for a lock."""
        return time.monotonic() < self.queued_at + self.patience

    def finish(self, error: Exception | None) -> None:
        """Let the caller continue, once, in its own thread; log an error if no caller waits."""
        if self.is_over:
            self.log(error)
            return
        self.error, self.is_over = error, True
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    def log(self, error: Exception | None) -> None:
        """Log an error that no caller waits for; for an insert, the settlement logs it."""
        if error and self.changes:
            logger.error("llm_request %s was not updated: %s", self.row["id"], error)


def finish(writes: Iterable[PendingWrite], error: Exception | None = None) -> None:
    """Notify the waiting tasks from the ledger's thread, with one call for each event loop."""
    for loop, waiting in groupby(sorted(writes, key=lambda write: id(write.loop)), lambda write: write.loop):
        finished = list(waiting)
        try:
            loop.call_soon_threadsafe(_finish_all, finished, error)
        except RuntimeError:  # the loop is closed, so no task waits
            for write in finished:
                write.log(error)


def _finish_all(writes: Iterable[PendingWrite], error: Exception | None) -> None:
    for write in writes:
        write.finish(error)


class Writer:
    """The writer of one database; it commits queued writes together, in order."""

    def __init__(self, engine: Engine, statements: Statements, inherited: Writer | None = None) -> None:
        """Derive engines with separate pools.

        `inherited` is the parent process's writer after a fork. It is kept, because only the parent may close its
        connections.
        """
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._server = None if self.is_sqlite else ServerConnections(engine)
        self.engine = self._server.engine if self._server else derived(engine)
        # For callers' threads: a SQLite connection may be bound to the thread that made it.
        self.looking = derived(engine)
        if self.is_sqlite:
            event.listen(self.engine.pool, "connect", impatient)
            for prepare in (impatient, leave_checkpoints):
                event.listen(self.looking.pool, "connect", prepare)
            self.file, self.looked_at = DatabaseFile(self.engine), DatabaseFile(self.looking)
        self._statements = statements
        self.inherited = inherited
        self.process = os.getpid()
        # Held while this thread has SQLite's write lock, so that its lock is not mistaken for a caller's.
        self.writing = threading.Lock()
        self.shared = threading.local()  # the shared connection, one for each caller's thread
        self.open_entries: weakref.WeakSet[Entry] = weakref.WeakSet()  # of the calls in flight
        self._lone_writes, self._lone_from = 0, 0.0
        self._queue: deque[PendingWrite] = deque()
        self._is_called = False  # whether the thread has been notified to look at the queue
        self._thread = _closed_with(self)
        # When the database last responded, when the current write began, and when that write has to end.
        self._answered_at, self._asked_at, self._ends_at = 0.0, NEVER, NEVER

    @cached_property
    def is_shared(self) -> bool:
        """True if the database has only one connection, which the caller uses too."""
        return self.is_sqlite and is_shared(self.looking)

    def write_alone(self, write: PendingWrite) -> bool:
        """Commit a row in its caller's thread if that is quick; return False if it has to be submitted."""
        is_idle = self._ends_at == NEVER and not (self._is_called or self._queue)
        if not (self.is_sqlite and is_idle and len(self.open_entries) <= LONE_CALLS):
            return False
        self._lone_writes = (self._lone_writes + 1) % CHECKPOINT_PERIOD
        began = time.monotonic()
        is_slow = self._lone_writes < CHECKPOINT_WRITES or began < self._lone_from or write.size > LONE_ROW_CHARACTERS
        if is_slow or not self.writing.acquire(blocking=False):
            return False
        try:
            return self._commit_alone(write)
        except (
            DBAPIError,
            sqlite3.Error,
            OSError,
        ):  # the ledger's thread can wait for a lock, and reports other errors
            return False
        finally:
            self.writing.release()
            took = time.monotonic() - began
            if took > SLOW_SECONDS:
                self._lone_from = max(self._lone_from, began + SLOW_FACTOR * took)

    def _commit_alone(self, write: PendingWrite) -> bool:
        self.check(self.looked_at)
        with closing(self.looking.raw_connection()) as connection:
            if not connection.info[NO_WAIT]:
                self._lone_from = NEVER
                return False
            self.run(cast("Any", connection.dbapi_connection), [write], directly)
            connection.commit()
        return True

    def submit(self, write: PendingWrite) -> None:
        """Queue `write`, which is over when its row is committed; raise RuntimeError if the process is ending."""
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
        """Return the seconds left to wait for a silent database; if there are none, drop the connection."""
        left = max(write.queued_at, self._answered_at) + write.timeout - time.monotonic()
        if left <= 0:
            self._leave_silence(write.timeout / 2)  # the write may have begun a little later
        return left

    def _leave_silence(self, seconds: float) -> None:
        """Close the connection that the ledger's thread waits for."""
        if self._server and time.monotonic() - max(self._asked_at, self._answered_at) >= seconds:
            self._server.shut_down()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Write the queued rows, for at most `seconds`, then close the connections."""
        self.end(seconds)
        # A write that waits for a lock times out and is logged; one on a silent connection does not.
        if not self.join(1.1 * seconds):
            logger.error("at least %d rows were not updated: the database does not respond", 1 + len(self._queue))
            if self._server:
                self._server.shut_down()
        self.engine.dispose()
        self.looking.dispose()

    def end(self, seconds: float) -> None:
        """Accept no more rows, and wait at most `seconds` for the database."""
        self._ends_at = min(self._ends_at, time.monotonic() + seconds)
        self._thread.end()

    def join(self, seconds: float) -> bool:
        """Wait for the ledger's thread to end; return True if it has ended or never started."""
        return self._thread.join(seconds)

    def _drain(self) -> None:
        self._is_called = False  # set before the queue is read, so that a later write wakes the thread again
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
        """Fail only the row that cannot be written, and move a locked row behind the others."""
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
                    self.run(connection, [write for write in wanted if not write.is_dropped])
            except (DBAPIError, sqlite3.Error) as error:
                pause = self._pause_after(error, wanted, pauses)
                if pause is None:
                    raise
                for write in wanted:
                    write.last_error = error
                time.sleep(pause)
            else:
                self._answered_at = time.monotonic()
                return

    def _pause_after(self, error: Exception, batch: Sequence[PendingWrite], pauses: Iterator[float]) -> float | None:
        """Return the seconds until `batch` is retried, with no lock held meanwhile; None if `error` is final."""
        if is_locked(error):
            self._answered_at = time.monotonic()
            # A reader blocks only the commit, after the rows have been written.
            return (
                max(LOCK_PAUSE_SECONDS, 4 * (self._answered_at - self._asked_at)) if self._is_patient(batch) else None
            )
        return next(pauses, None) if is_disconnect(error) and time.monotonic() < self._ends_at else None

    def _is_patient(self, batch: Sequence[PendingWrite]) -> bool:
        return time.monotonic() < self._ends_at and any(write.is_patient for write in batch)

    def run(self, connection: Connection, batch: Sequence[PendingWrite], execute: Execute = by_driver) -> None:
        """Execute the writes of `batch`, grouped by kind."""
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
        """Drop connections to a file that was replaced; raise FileNotFoundError if it, or its -wal, was deleted."""
        try:
            is_same = all(
                os.path.samestat(os.stat(path), opened)  # noqa: PTH116 - Path takes twice as long
                for path, opened in file.opened.items()
            )
        except FileNotFoundError:
            is_same = False
        if not is_same:
            file.check()

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
    """Return a thread that ends with `writer` and then closes its connections; SQLite may bind them to the thread."""
    thread = JobThread("llm-ledger", at_end=closer(writer.engine))
    weakref.finalize(writer, _collected, writer.process, thread, closer(writer.looking)).atexit = False
    return thread


def _collected(process: int, thread: JobThread, close: Callable[[], None]) -> None:
    """Close when the engine is collected; the queue is empty then, because a queued write keeps the writer alive."""
    if process == os.getpid():
        thread.end()
        close()


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Write the queued rows at exit; a locked or silent database delays the exit only briefly."""
    writers = [writer for writer in _writers if writer.process == os.getpid()]
    ends_at = time.monotonic() + CLOSE_SECONDS
    for writer in writers:
        writer.end(CLOSE_SECONDS)
    for writer in writers:
        writer.close(max(0.0, ends_at - time.monotonic()))


def writer_for(engine: Engine) -> Writer:
    """Return this process's writer for `engine`; it is made at first use, and closed with the engine or at exit."""
    writer: Writer | None = getattr(engine, "_llm_ledger_writer", None)
    if writer is None or writer.process != os.getpid():
        if engine.dialect.is_async:
            raise ValueError(f"the ledger writes through a sync engine, not through {engine.url.drivername}")
        statements = Statements(engine.dialect, engine.get_execution_options().get("schema_translate_map"))
        writer = Writer(engine, statements, inherited=writer)
        # Stored on the engine; a weak mapping would keep it alive, because pool listeners refer to their engine.
        engine._llm_ledger_writer = writer  # type: ignore[attr-defined]  # noqa: SLF001
        _writers.add(writer)
    return writer
