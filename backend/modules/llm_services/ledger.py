"""Writes of `llm_requests`: opens and settles rows, each in a transaction of its own.

A row is committed before its request leaves and settled before the caller gets the answer; nothing that the
caller's session holds is committed or rolled back. On SQLite a row joins the caller's transaction where it
would otherwise wait for it (`joining`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy.exc import SQLAlchemyError

from .exceptions import LLMError
from .joining import joined
from .models import LLMRequestModel
from .request_ids import new_request_id
from .storable import cleaner
from .types import RequestStatus
from .writer import writer_for
from .writes import Write

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Table
    from sqlalchemy.orm import Session

# How much longer than a call a row waits for SQLite's writer, who may be a caller awaiting its own call.
MARGIN_SECONDS: Final = 30.0
CLEANERS: Final = {column.name: cleaner(column) for column in cast("Table", LLMRequestModel.__table__).columns}


def ledger_patience(request_timeout: float) -> float:
    """Return the seconds that a row waits for a lock before its call fails."""
    return request_timeout + MARGIN_SECONDS


@dataclass
class Entry:
    """A row in the making; `is_open` once its pending state is written."""

    row: dict[str, Any]
    is_open: bool = False

    @property
    def id(self) -> UUID:
        """The request id."""
        request_id: UUID = self.row["id"]
        return request_id


class Ledger:
    """Writes rows to the database of a session, beside whatever that session is doing."""

    def __init__(self, session: Session, request_timeout: float) -> None:
        """Write for calls that take at most `request_timeout` seconds an attempt."""
        self._session = session
        self._patience = ledger_patience(request_timeout)

    @staticmethod
    def entry(**columns: object) -> Entry:
        """Return a pending row with an id of its own, not written yet."""
        now = datetime.now(UTC)
        fixed = {"id": new_request_id(), "status": RequestStatus.PENDING, "cached": False, "created_at": now}
        return Entry(dict.fromkeys(CLEANERS) | _storable(fixed | columns | {"updated_at": now}))

    async def open(self, entry: Entry) -> None:
        """Write a pending row; raises LLMError when the database does not take it."""
        await self._write(entry, ())

    async def settle(self, entry: Entry, **columns: object) -> None:
        """Write the end of an open row; raises LLMError when the database does not take it."""
        entry.row |= _storable(columns | {"updated_at": datetime.now(UTC)})
        await self._write(entry, tuple(sorted({*columns, "updated_at"})))

    async def _write(self, entry: Entry, changes: tuple[str, ...]) -> None:
        write = Write(entry.row, changes, self._patience)
        try:
            bind = self._session.get_bind(LLMRequestModel)
            writer = writer_for(bind.engine)
            if not (bind.dialect.name == "sqlite" and joined(self._session, bind, writer, write)):
                writer.submit(write)
                await write.ended()
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


def _storable(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: CLEANERS[name](value) for name, value in columns.items()}
