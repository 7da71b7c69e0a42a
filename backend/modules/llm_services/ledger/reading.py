"""Read `llm_requests` on a separate connection, which sees the committed rows of all processes."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Integer, Text, and_, case, cast, func, not_, or_, select
from sqlalchemy.exc import SQLAlchemyError

from .. import threads
from ..exceptions import (
    LLMAuthenticationError,
    LLMError,
    LLMProviderError,
    LLMRateLimitError,
    LLMValidationError,
)
from ..models import LLMRequestModel
from ..types import CHARACTERS_OF_A_TOKEN, RequestStatus
from .connections import ServerConnections, derived
from .sqlite import shared_connection
from .writer import writer_for

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import ColumnElement, Connection, Engine, Row, Select

    from .ledger import Ledger

    Rows = Sequence[Row[Any]]

# These attempts were not billed: the vendor answered with an error.
REFUSALS: Final = tuple(
    error.__name__ for error in (LLMAuthenticationError, LLMRateLimitError, LLMProviderError, LLMValidationError)
)


@dataclass(frozen=True)
class Reader:
    """Reads the table that a session's calls are written to; a read fails after `timeout` seconds without a response.

    `schemas` is the session's `schema_translate_map`. If `is_shared`, the application and the module use one
    connection.
    """

    engine: Engine
    schemas: tuple[tuple[str | None, str | None], ...]
    timeout: float
    is_shared: bool

    async def rows(self, statement: Select[Any]) -> Rows:
        """Return the rows of a statement, read in a thread; raise LLMError as `read` does."""
        return self.read(statement) if self.is_shared else await threads.run(lambda: self.read(statement))

    def read(self, statement: Select[Any]) -> Rows:
        """Return the rows of a statement; call this in a thread, unless the connection `is_shared`.

        Raises LLMError if the database does not respond.
        """
        options = {"schema_translate_map": dict(self.schemas)} if self.schemas else {}
        try:
            with self._connection() as connection:
                return connection.execute(statement, execution_options=options).all()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise LLMError(f"the database cannot be read: {getattr(error, 'orig', None) or error}") from error

    @contextmanager
    def _connection(self) -> Generator[Connection]:
        """Connect for one read; a connection that is kept may be dead at the next."""
        if self.is_shared:
            yield shared_connection(writer_for(self.engine), self.engine)
            return
        server = None if self.engine.dialect.name == "sqlite" else ServerConnections(self.engine)
        own = server.engine if server else derived(self.engine)
        try:
            with server.begin(self.timeout) if server else own.connect() as connection:
                yield connection
        finally:
            own.dispose()


def reader_of(ledger: Ledger) -> Reader:
    """Return a reader of the table that `ledger` writes, outside its session's transaction."""
    place = ledger.place()
    engine, schemas = place.bind.engine, place.schemas or {}
    return Reader(engine, tuple(schemas.items()), ledger.timeout, writer_for(engine).is_shared)


def costs_since(since: datetime, day: datetime, before: datetime, but: Collection[UUID]) -> Select[Any]:
    """Return the statement that sums the costs of rows since `since`, except those in `but`, by user and day.

    Its columns are `is_today`, True for rows of `day`; `user_id`, for today's rows only; and `cost`, the known costs in
    USD. Rows that may have been billed without a known cost are counted by `provider` and `model` in `rows`, with their
    tokens estimated at four characters a token.
    """
    rows, is_today = LLMRequestModel, LLMRequestModel.created_at >= day
    is_unknown = and_(rows.cost_estimate.is_(None), or_(rows.status == RequestStatus.PENDING.value, _may_be_billed()))
    unstored = rows.additional_params["messages_characters"].as_string()
    is_count = cast(unstored, Text).regexp_match("^[0-9]{1,9}$")  # SQLite gives a number; SQLAlchemy 2.0 needs text
    characters = case((is_count, cast(unstored, Integer)), else_=func.length(cast(rows.messages, Text)))
    prompt = characters / CHARACTERS_OF_A_TOKEN
    row = (
        select(
            case((is_today, 1), else_=0).label("is_today"),
            case((is_today, rows.user_id)).label("user_id"),
            case((is_unknown, rows.provider)).label("provider"),
            case((is_unknown, rows.model)).label("model"),
            case((is_unknown, rows.max_output_tokens)).label("cap"),
            case((is_unknown, prompt), else_=0).label("prompt_tokens"),
            func.coalesce(rows.cost_estimate, 0.0).label("cost"),
        )
        .where(rows.created_at >= since, rows.created_at < before, rows.id.not_in(but))
        .subquery()
    )
    answer = case((row.c.cap < row.c.prompt_tokens, row.c.cap), else_=row.c.prompt_tokens)
    groups = (row.c.is_today, row.c.user_id, row.c.provider, row.c.model)
    return select(
        *groups,
        func.sum(row.c.cost).label("cost"),
        func.count().label("rows"),
        func.sum(row.c.prompt_tokens).label("prompt_tokens"),
        func.sum(answer).label("answer_tokens"),
    ).group_by(*groups)


def _may_be_billed() -> ColumnElement[bool]:
    """Return the condition for failed rows that were sent and not answered with an error status."""
    raw = func.coalesce(cast(LLMRequestModel.response_raw, Text), "")
    is_answered, is_success = raw.contains('"status_code": '), raw.contains('"status_code": 2')
    is_refused = and_(LLMRequestModel.error_type.in_(REFUSALS), is_answered, not_(is_success))
    return not_(or_(is_refused, and_(raw.contains('"retryable": true'), not_(is_answered))))
