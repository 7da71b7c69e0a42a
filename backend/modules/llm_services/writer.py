"""One thread per engine that writes rows on connections of its own, many rows to a commit."""

from __future__ import annotations

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
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Connection, Engine, Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from .models import LLMRequestModel
from .sqlite_locks import is_locked, is_shared

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from sqlalchemy.sql import Executable

TABLE: Final = cast("Table", LLMRequestModel.__table__)
INSERTS: Final[dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
LARGEST_BATCH: Final = 256
LOCK_PAUSE_SECONDS: Final = 0.005
RECONNECT_PAUSES_SECONDS: Final = (0.0, 0.2, 1.0, 2.0)


@dataclass
class Write:
    """A row to insert, or one to settle: `changes` names the columns that settling writes."""

    row: dict[str, Any]
    changes: tuple[str, ...] = ()
    patience: float = 30.0
    done: Future[None] = field(default_factory=Future)

    def __post_init__(self) -> None:
        """Mark the future running: a cancelled caller must not take its row back out of the queue."""
        self.done.set_running_or_notify_cancel()


class Statements:
    """The statements of one dialect; each can be repeated without harm."""

    def __init__(self, dialect: str) -> None:
        """Raise ValueError for a database that the ledger does not write to."""
        if dialect not in INSERTS:
            raise ValueError(f"the ledger writes to {' and '.join(INSERTS)}, not to {dialect}")
        self.insert = INSERTS[dialect](TABLE).on_conflict_do_nothing(index_elements=["id"])
        upsert = INSERTS[dialect](TABLE)
        every_column = {column.name: upsert.excluded[column.name] for column in TABLE.columns if column.name != "id"}
        self.upsert = upsert.on_conflict_do_update(index_elements=["id"], set_=every_column)

    @staticmethod
    def update(changes: tuple[str, ...]) -> Executable:
        """Return the update of `changes` by the row's id, given as `row_id`."""
        return (
            update(TABLE)
            .where(TABLE.c.id == bindparam("row_id"))
            .values({name: bindparam(f"new_{name}") for name in changes})
        )

    def run(self, connection: Connection, writes: Sequence[Write]) -> None:
        """Write rows that have the same `changes`; a row to settle that is not there any more is written whole."""
        changes = writes[0].changes
        rows = [write.row for write in writes]
        if not changes:
            connection.execute(self.insert, rows)
            return
        values = [{"row_id": row["id"]} | {f"new_{name}": row[name] for name in changes} for row in rows]
        if connection.execute(self.update(changes), values).rowcount != len(rows):
            connection.execute(self.upsert, rows)


class Writer:
    """The ledger's hand on one database: queued writes are committed together, in the order they came."""

    def __init__(self, engine: Engine) -> None:
        """Derive an engine with a pool of its own, made as the caller's was made."""
        self.engine = Engine(engine.pool.recreate(), engine.dialect, engine.url, hide_parameters=True)
        self.statements = Statements(engine.dialect.name)
        self.process = os.getpid()
        # Held while this thread holds SQLite's write lock, so that nobody takes it for a caller's.
        self.writing = threading.Lock()
        self._queue: deque[Write] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llm-ledger")

    def submit(self, write: Write) -> Future[None]:
        """Queue `write`; its future ends when the row is committed."""
        self._queue.append(write)
        self._thread.submit(self._drain)
        return write.done

    def close(self) -> None:
        """Write what is queued, then close the connections."""
        self._thread.shutdown()
        self.engine.dispose()

    @cached_property
    def is_shared(self) -> bool:
        """Whether the caller's connection is the only one there is to its data."""
        return self.engine.dialect.name == "sqlite" and is_shared(self.engine)

    def _drain(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), LARGEST_BATCH))]
        if batch:
            self._write(batch)

    def _write(self, batch: Sequence[Write]) -> None:
        try:
            self._commit(batch)
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits for the futures
            if len(batch) > 1 and not is_locked(error) and not _is_disconnect(error):
                for write in batch:  # a row that cannot be written fails alone
                    self._write([write])
            else:
                for write in batch:
                    write.done.set_exception(error)
        else:
            for write in batch:
                write.done.set_result(None)

    def _commit(self, batch: Sequence[Write]) -> None:
        groups: dict[tuple[str, ...], list[Write]] = {}
        for write in batch:
            groups.setdefault(write.changes, []).append(write)
        for last, pause in enumerate(RECONNECT_PAUSES_SECONDS, 1 - len(RECONNECT_PAUSES_SECONDS)):
            time.sleep(pause)
            try:
                with self._transaction(max(write.patience for write in batch)) as connection:
                    for group in groups.values():
                        self.statements.run(connection, group)
            except DBAPIError as error:
                if last == 0 or not _is_disconnect(error):
                    raise
            else:
                return

    @contextmanager
    def _transaction(self, patience: float) -> Generator[Connection]:
        with self.engine.connect() as connection:
            if self.engine.dialect.name != "sqlite":
                with connection.begin():
                    yield connection
                return
            self._begin_immediate(connection, patience)
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                self.writing.release()

    def _begin_immediate(self, connection: Connection, patience: float) -> None:
        """Take SQLite's write lock, and `writing` with it, waiting at most `patience` seconds."""
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        deadline = time.monotonic() + patience
        while True:
            self.writing.acquire()
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except BaseException as error:
                self.writing.release()
                if not is_locked(error) or time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(LOCK_PAUSE_SECONDS)


def _is_disconnect(error: Exception) -> bool:
    if not isinstance(error, DBAPIError):
        return False
    server_is_away = isinstance(error, (InterfaceError, OperationalError)) and not isinstance(error.orig, sqlite3.Error)
    return error.connection_invalidated or server_is_away


def writer_for(engine: Engine) -> Writer:
    """Return the writer of `engine` in this process, made on first use and closed with the engine or at exit."""
    writer: Writer | None = getattr(engine, "_llm_ledger_writer", None)
    if writer is None or writer.process != os.getpid():
        writer = Writer(engine)
        # On the engine itself: a weak mapping would keep it alive, for pool listeners refer to their engine.
        engine._llm_ledger_writer = writer  # type: ignore[attr-defined]  # noqa: SLF001
        weakref.finalize(engine, writer.close)
    return writer
