"""Writes of `llm_requests`: opens and settles rows, each in a transaction of its own.

A row is committed before its request leaves and settled before the caller gets the answer; nothing that the
caller's session holds is committed or rolled back. On SQLite a row joins the caller's transaction where it
would otherwise wait for it (`sqlite.py`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ..exceptions import LLMError
from ..models import LLMRequestModel, new_request_id
from ..sanitize import column_sanitizer, sanitize_row
from ..types import RequestStatus
from .sqlite import write_in_caller_transaction
from .writer import PendingWrite, writer_for

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Engine, Table
    from sqlalchemy.orm import Session

# How much longer than a call a row waits for SQLite's writer, which may be a caller awaiting its own call.
LOCK_MARGIN_SECONDS: Final = 30.0
SANITIZERS: Final = {
    column.name: column_sanitizer(column) for column in cast("Table", LLMRequestModel.__table__).columns
}


def lock_timeout(request_timeout: float) -> float:
    """Return the seconds that a row waits for a lock before its call fails."""
    return request_timeout + LOCK_MARGIN_SECONDS


@dataclass
class Entry:
    """A row in the making; `is_open` once its pending state is written."""

    id: UUID
    row: dict[str, Any]
    is_open: bool = False


def new_entry(**columns: object) -> Entry:
    """Return a pending row with an id of its own, not written yet."""
    now, request_id = datetime.now(UTC), new_request_id()
    fixed = {"id": request_id, "status": RequestStatus.PENDING, "cached": False, "created_at": now, "updated_at": now}
    return Entry(request_id, dict.fromkeys(SANITIZERS) | sanitize_row(fixed | columns, SANITIZERS))


class Ledger:
    """Writes rows to the database of a session, beside whatever that session is doing."""

    def __init__(self, session: Session, request_timeout: float) -> None:
        """Write for calls that take at most `request_timeout` seconds an attempt."""
        self._session = session
        self._patience = lock_timeout(request_timeout)

    async def open(self, entry: Entry) -> None:
        """Write a pending row; raises LLMError when the database does not take it."""
        await self._write(entry, ())

    async def settle(self, entry: Entry, **columns: object) -> None:
        """Write the end of an open row; raises LLMError when the database does not take it."""
        entry.row |= sanitize_row(columns | {"updated_at": datetime.now(UTC)}, SANITIZERS)
        await self._write(entry, tuple(sorted({*columns, "updated_at"})))

    async def _write(self, entry: Entry, changes: tuple[str, ...]) -> None:
        write = PendingWrite(entry.row, changes, self._patience)
        try:
            bind = self._session.get_bind(LLMRequestModel)
            caller = callers_connection(self._session, bind) if bind.dialect.name == "sqlite" else None
            writer = writer_for(bind.engine)
            may_join = writer.is_shared or caller is not None
            if not (may_join and write_in_caller_transaction(caller, bind.engine, writer, write)):
                writer.submit(write)
                await write.wait()
        except asyncio.CancelledError:
            entry.is_open = entry.is_open or write.error is None
            raise
        except (
            SQLAlchemyError,
            sqlite3.Error,
            RuntimeError,
        ) as error:  # RuntimeError: the process is ending, no thread takes work
            cause = getattr(error, "orig", None) or error
            raise LLMError(f"the database did not take the row of this call: {cause}") from error
        entry.is_open = True


def callers_connection(session: Session, bind: Engine | Connection) -> Connection | None:
    """Return the connection that `session` holds now; None when it holds none. Never takes one."""
    if isinstance(bind, Connection):
        return bind
    transaction = session.get_transaction()
    held = transaction.connections if transaction else ()
    return next((connection for connection in held if connection.engine is bind and not connection.closed), None)
