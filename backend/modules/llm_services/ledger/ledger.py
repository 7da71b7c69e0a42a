"""Open and settle rows of `llm_requests`, each write in its own transaction.

A row is committed before its request is sent, and settled before the caller gets the answer. The caller's session is
neither committed nor rolled back. On SQLite, a row is written in the caller's transaction if it would otherwise have to
wait for that transaction (`sqlite.py`).
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Connection, inspect, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session

from ..exceptions import LLMError
from ..models import LLMRequestModel, new_request_id
from ..sanitize import column_sanitizer, sanitize_row
from ..types import RequestStatus
from .connections import DATABASE_TIMEOUT_SECONDS, sqlstate
from .sqlite import write_in_caller_transaction
from .writer import PendingWrite, writer_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from sqlalchemy import Engine, Table
    from sqlalchemy.orm import SessionTransaction

    from .writer import Writer

# A row waits longer than a call for SQLite's lock, because a caller may hold the lock while it awaits its own call.
LOCK_MARGIN_SECONDS: Final = 30.0
# How long a cancelled caller waits so that its row is settled when it continues; the write itself may take longer.
LEAVE_SECONDS: Final = 1.0
FOR_WRITING: Final = update(LLMRequestModel)
# A table or column is missing: PostgreSQL has a code for each of the two errors, SQLite has only messages.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
MISSING_STATES: Final = {"42P01", "42703"}
MISSING_IN_SQLITE: Final = re.compile("no such (table|column)|has no column")
CREATE_TABLE: Final = (
    "the table llm_requests has to be as LLMRequestModel declares it: create or change it with a migration, "
    "or create it with Base.metadata.create_all(engine)"
)
SANITIZERS: Final = {
    column.name: column_sanitizer(column) for column in cast("Table", LLMRequestModel.__table__).columns
}


def lock_timeout(request_timeout: float) -> float:
    """Return the seconds that a write waits for a lock before the call fails."""
    return request_timeout + LOCK_MARGIN_SECONDS


@dataclass(frozen=True)
class Place:
    """Where the rows of a call are written: what its session is bound to, and the session's `schema_translate_map`."""

    session: Session
    bind: Engine | Connection
    schemas: Mapping[str | None, str | None] | None


@dataclass(eq=False)
class Entry:
    """A row of a call; `is_open` once its pending state is written or queued, in its `place`.

    `is_left` if its caller did not wait for the pending state, which the ledger's thread may not have written yet.
    """

    id: UUID
    row: dict[str, Any]
    is_open: bool = False
    is_left: bool = False
    place: Place | None = None


def new_entry(**columns: object) -> Entry:
    """Return a pending row with a new id, not written yet."""
    now, request_id = datetime.now(UTC), new_request_id()
    fixed = {"id": request_id, "status": RequestStatus.PENDING, "cached": False, "created_at": now, "updated_at": now}
    return Entry(request_id, dict.fromkeys(SANITIZERS) | sanitize_row(fixed | columns, SANITIZERS))


class Ledger:
    """Writes rows to the database of a session, independently of the session's transaction."""

    def __init__(
        self,
        session: Session | scoped_session[Session],
        request_timeout: float,
        database_timeout: float = DATABASE_TIMEOUT_SECONDS,
    ) -> None:
        """Write for calls with attempts of at most `request_timeout` seconds.

        A write fails if the database does not respond for `database_timeout` seconds.
        """
        self._session = session
        self._patience, self.timeout = lock_timeout(request_timeout), database_timeout

    def place(self) -> Place:
        """Return where the session writes now: the current session, for a scoped_session."""
        session = self._session() if isinstance(self._session, scoped_session) else self._session
        bind = _bind_for_writing(session)
        return Place(session, bind, _translated_schemas(session, callers_connection(session, bind)))

    async def open(self, entry: Entry) -> None:
        """Write a pending row; raise LLMError if the database cannot take it.

        A cancelled caller does not wait; its row is written and settled in the background.
        """
        await self._write(entry, ())

    async def settle(self, entry: Entry, *, is_leaving: bool = False, **columns: object) -> bool:
        """Settle an open row, and return True once that is done; raise LLMError if the database cannot take it.

        A caller that `is_leaving`, because it was cancelled, waits only briefly; the rest happens in the background.
        """
        entry.row |= sanitize_row(columns | {"updated_at": datetime.now(UTC)}, SANITIZERS)
        return await self._write(entry, tuple(sorted({*columns, "updated_at"})), is_leaving=is_leaving)

    async def _write(self, entry: Entry, changes: tuple[str, ...], *, is_leaving: bool = False) -> bool:
        write = PendingWrite(entry.row, changes, self._patience, self.timeout)
        try:
            # A settled row stays where it was opened, wherever the session leads by then.
            place = entry.place = entry.place or self.place()
            caller = callers_connection(place.session, place.bind)
            write.schemas = place.schemas
            writer = writer_for(place.bind.engine)
            may_join = writer.is_sqlite and (writer.is_shared or caller is not None)
            (writer.open_entries.discard if changes else writer.open_entries.add)(entry)
            is_written = may_join and write_in_caller_transaction(caller, place.bind.engine, writer, write)
            if not (is_written or (not entry.is_left and writer.write_alone(write))):
                writer.submit(write)
                await written(writer, write, is_leaving=is_leaving)
        except asyncio.CancelledError:
            entry.is_open, entry.is_left = entry.is_open or write.error is None, True
            raise
        except (
            SQLAlchemyError,
            sqlite3.Error,
            OSError,
            RuntimeError,
        ) as error:  # OSError: no response or no file; RuntimeError: the process is ending and its threads take no work
            raise LLMError(f"the database did not take the row of this call: {_describe(error)}") from error
        entry.is_open = True
        return not write.is_left


def _describe(error: Exception) -> str:
    """Return the database's own message, and what to do if the table or one of its columns is missing."""
    message = str(getattr(error, "orig", None) or error)
    if sqlstate(error) in MISSING_STATES or MISSING_IN_SQLITE.search(message):
        return "; ".join([*message.splitlines()[:1], CREATE_TABLE])
    return message


async def written(writer: Writer, write: PendingWrite, *, is_leaving: bool = False) -> None:
    """Wait until a row is written or the write has failed; a cancelled caller stops waiting earlier.

    When a new row is being written, it stops at once, because the settlement follows; when a row is being settled,
    after LEAVE_SECONDS. A caller that `is_leaving` is treated as cancelled.
    """
    _check_silence(writer, write)
    leaving = write.loop.call_later(LEAVE_SECONDS, _leave, write) if is_leaving else None
    cancelled: asyncio.CancelledError | None = None
    try:
        while not write.is_over:
            write.waiter = write.loop.create_future()
            try:
                await write.waiter
            except asyncio.CancelledError as error:
                cancelled = error
                if not write.changes:
                    _leave(write)
                leaving = leaving or write.loop.call_later(LEAVE_SECONDS, _leave, write)
    finally:
        for timer in (write.timer, leaving):
            if timer:
                timer.cancel()
    if cancelled:
        raise cancelled
    if write.error and not write.is_left:
        raise write.error


def _check_silence(writer: Writer, write: PendingWrite) -> None:
    left = writer.give_up(write)
    if left > 0:
        write.timer = write.loop.call_later(left, _check_silence, writer, write)
    else:
        write.is_dropped = not write.changes
        reason = f": {_describe(write.last_error)}" if write.last_error else ""
        write.finish(TimeoutError(f"it has not responded for {write.timeout:g} s{reason}"))


def _leave(write: PendingWrite) -> None:
    write.is_left = True
    write.finish(None)


def _bind_for_writing(session: Session) -> Engine | Connection:
    """Return what `session` would write a row to.

    Recipes for routing check whether the session is flushing, or for an update or a delete, not for an insert:
    https://docs.sqlalchemy.org/en/20/orm/persistence_techniques.html#custom-vertical-partitioning
    """
    bind = partial(session.get_bind, mapper=inspect(LLMRequestModel), clause=FOR_WRITING)
    if not isinstance(session, Session):  # a proxy of the application's own
        return bind()
    is_flushing, session._flushing = session._flushing, True  # noqa: SLF001 - what these recipes read
    try:
        return bind()
    finally:
        session._flushing = is_flushing  # noqa: SLF001


def callers_connection(session: Session, bind: Engine | Connection) -> Connection | None:
    """Return the connection that `session` holds now, or None; never check one out."""
    if isinstance(bind, Connection):
        return None if bind.closed else bind
    transaction = session.get_transaction()
    held = _connections_of(transaction) if transaction else ()
    return next((connection for connection in held if connection.engine is bind and not connection.closed), None)


def _connections_of(transaction: SessionTransaction) -> Iterable[Connection]:
    """Return the connections of a transaction; SQLAlchemy has a public name for them only since 2.1.7."""
    if hasattr(transaction, "connections"):
        return transaction.connections
    return [connection for connection, *_ in transaction._connections.values()]  # noqa: SLF001


def _translated_schemas(session: Session, caller: Connection | None) -> Mapping[str | None, str | None] | None:
    """Return the `schema_translate_map` of the session's connection, or of the session."""
    own = getattr(session, "execution_options", {})  # sessions of SQLAlchemy 2.0 have none
    options = caller.get_execution_options() if caller is not None else own
    schemas: Mapping[str | None, str | None] | None = options.get("schema_translate_map")
    return schemas
