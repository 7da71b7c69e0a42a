"""Reads of `llm_requests` on the caller's session."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, func, inspect, select
from sqlalchemy.orm import defer

from .models import LLMRequestModel
from .types import in_utc

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.orm import Session


# The bodies may be megabytes for each row, so only `by_id` loads them.
WITHOUT_BODIES: Final = (defer(LLMRequestModel.request_payload), defer(LLMRequestModel.response_raw))


@contextmanager
def undisturbed(session: Session) -> Generator[None]:
    """Read on the caller's session without changing it: nothing is flushed, and a failure does not end its transaction.

    After a failed statement, PostgreSQL refuses all others until the transaction, or a savepoint in it, is rolled back.
    SQLite does not, and a connection in autocommit mode has no transaction to lose.
    """
    connection = session.connection(
        bind_arguments={"mapper": inspect(LLMRequestModel), "clause": select(LLMRequestModel)}
    )
    carries_on = connection.dialect.name == "sqlite" or getattr(
        connection.connection.dbapi_connection, "autocommit", False
    )
    with session.no_autoflush, nullcontext() if carries_on else connection.begin_nested():
        yield


class LLMRequestRepo:
    """Queries that return rows, newest first, or figures about them."""

    def __init__(self, session: Session) -> None:
        """Read with `session`, without committing or rolling back."""
        self._session = session

    def by_id(self, request_id: UUID) -> LLMRequestModel | None:
        """Return the row with this id, or None."""
        return self._session.get(LLMRequestModel, request_id, populate_existing=True)

    def recent(self, limit: int, offset: int, *where: ColumnElement[bool]) -> Sequence[LLMRequestModel]:
        """Return rows newest first, without the bodies; ties are ordered by id, so pages do not overlap."""
        newest = LLMRequestModel.created_at.desc(), LLMRequestModel.id
        query = select(LLMRequestModel).where(*where).order_by(*newest).limit(limit).offset(offset)
        return self._session.scalars(query.options(*WITHOUT_BODIES).execution_options(populate_existing=True)).all()

    def by_user(self, user_id: int, limit: int, offset: int) -> Sequence[LLMRequestModel]:
        """Return a user's rows, newest first."""
        return self.recent(limit, offset, LLMRequestModel.user_id == user_id)

    def count(self, *where: ColumnElement[bool]) -> int:
        """Count rows."""
        return self._session.scalar(select(func.count()).select_from(LLMRequestModel).where(*where)) or 0

    def count_by_user(self, user_id: int) -> int:
        """Count a user's rows."""
        return self.count(LLMRequestModel.user_id == user_id)

    def count_by_status(self, status: str) -> int:
        """Count rows of one status."""
        return self.count(LLMRequestModel.status == status)

    def count_since(self, moment: datetime) -> int:
        """Count rows created at or after `moment`."""
        return self.count(LLMRequestModel.created_at >= in_utc(moment))

    def cost_since(self, moment: datetime) -> float:
        """Add up the known costs, in USD, of rows created at or after `moment`."""
        total = select(func.sum(LLMRequestModel.cost_estimate)).where(LLMRequestModel.created_at >= in_utc(moment))
        return self._session.scalar(total) or 0.0
