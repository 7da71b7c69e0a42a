"""Remove what users and models wrote from settled rows; ids, figures, status, model names and times stay.

Rows are changed in short transactions, so that other processes can write in between. A forgotten row has `forgotten_at`
in `response_raw` and is not selected again, so the same command can continue after an interruption.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import Text, and_, case, cast, func, or_, select, update

from ..models import LLMRequestModel
from ..types import RequestStatus, in_utc
from .sqlite import driver

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Engine
    from sqlalchemy.orm import InstrumentedAttribute

FORGOTTEN_AT: Final = "forgotten_at"
FIRST_ATTEMPT: Final = "first_attempt"  # the field of additional_params with the id of the first attempt
# What stays of the JSON columns: all numbers and booleans, and the texts and objects under these names.
KEPT_PARAMS: Final = frozenset(
    {
        *("first_attempt", "metadata", "idempotency_key", "service_tier", "verbosity"),
        *("size", "quality", "voice", "audio_format"),
    }
)
KEPT_FACTS: Final = frozenset(
    {
        *("finish_reason", "native_finish_reason", "cost_source", "price_table", "reconciled_at", "generation_id"),
        *(
            "vendor_request_id",
            "served_model",
            "upstream_provider",
            "upstream_attempts",
            "service_tier",
            "cache_status",
        ),
        *("error_code", "cached_request_id"),
    }
)
# A name or a code has few words. A longer text may quote a prompt or an answer, and so may the name of an unknown
# option.
SHORT_NAME: Final = re.compile(r"(?=.{1,100}\Z)\S+(?: \S+){0,3}")
OPTION_NAME: Final = re.compile(r"[\w.-]{1,100}", re.ASCII)
MAX_OBJECT_CHARACTERS: Final = 10_000  # length of an object's JSON
MAX_BATCH_ROWS: Final = 200
MAX_LOCK_SECONDS: Final = 0.1
# SQLite's other writers retry the lock every few milliseconds, so they get it during the pause.
PAUSE_SECONDS: Final = 0.05
LOG_WAIT_MILLISECONDS: Final = 500
IDS_PER_QUERY: Final = 500

ROWS: Final = LLMRequestModel


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The rows to forget: those before a time, those of a user, or all attempts of the call that a row belongs to."""

    before: datetime | None = None
    user_id: int | None = None
    request_id: UUID | None = None


@contextmanager
def _reading(engine: Engine) -> Generator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def select_rows(engine: Engine, selection: Selection) -> list[UUID]:
    """Return the ids of the settled rows of `selection` that have not been forgotten."""
    with _reading(engine) as connection:
        settled = ROWS.status != RequestStatus.PENDING.value
        is_forgotten = _text(connection, ROWS.response_raw, FORGOTTEN_AT).is_not(None)
        return list(connection.scalars(select(ROWS.id).where(*_chosen(connection, selection), settled, ~is_forgotten)))


def count_pending(engine: Engine, selection: Selection) -> int:
    """Return the number of pending rows in `selection`, which cannot be forgotten before their calls end."""
    with _reading(engine) as connection:
        pending = ROWS.status == RequestStatus.PENDING.value
        return connection.scalar(select(func.count()).where(*_chosen(connection, selection), pending)) or 0


def find_forgotten(engine: Engine, ids: Collection[UUID]) -> set[UUID]:
    """Return those of `ids` that belong to forgotten rows."""
    every, found = list(ids), set[UUID]()
    with _reading(engine) as connection:
        is_forgotten = _text(connection, ROWS.response_raw, FORGOTTEN_AT).is_not(None)
        for first in range(0, len(every), IDS_PER_QUERY):
            some = ROWS.id.in_(every[first : first + IDS_PER_QUERY])
            found.update(connection.scalars(select(ROWS.id).where(some, is_forgotten)))
    return found


def forget(engine: Engine, ids: Sequence[UUID], now: datetime) -> Generator[int]:
    """Forget rows, and after every commit yield the number processed so far; pending and deleted rows are skipped."""
    remaining = deque(ids)
    while remaining:
        size = len(remaining)
        with _writing(engine) as connection:
            deadline, last = time.monotonic() + MAX_LOCK_SECONDS, max(0, size - MAX_BATCH_ROWS)
            while len(remaining) > last and (len(remaining) == size or time.monotonic() < deadline):
                _forget_row(connection, remaining.popleft(), now)
        yield size - len(remaining)
        if remaining and engine.dialect.name == "sqlite":
            time.sleep(PAUSE_SECONDS)


@contextmanager
def _writing(engine: Engine) -> Generator[Connection]:
    """Begin a transaction; on SQLite, take the write lock at once and overwrite freed space with zeros."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
            if not driver(connection).in_transaction:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def _forget_row(connection: Connection, request_id: UUID, now: datetime) -> None:
    settled = ROWS.id == request_id, ROWS.status != RequestStatus.PENDING.value
    columns = cast(ROWS.additional_params, Text), cast(ROWS.response_raw, Text)
    row = connection.execute(select(*columns).where(*settled).with_for_update(of=ROWS, key_share=True)).first()
    if row is None:
        return
    params, envelope = (_object(column) for column in row)
    facts = {**_kept(envelope, KEPT_FACTS), FORGOTTEN_AT: now.isoformat()}
    connection.execute(
        update(ROWS)
        .where(*settled)
        .values(
            messages=[],
            additional_params=_kept(params, KEPT_PARAMS) or None,
            request_payload=None,
            response_content=None,
            response_raw=facts,
            response_output=None,
            error_message=None,
            updated_at=in_utc(now),
        )
    )


def _object(column: str | None) -> dict[str, Any]:
    """Return the JSON object in `column`, or an empty one if it contains something else."""
    try:
        value = json.loads(column or "null")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _kept(fields: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Return the numbers and booleans of an object, and the short texts and the objects under `names`."""
    return {
        name: value
        for name, value in fields.items()
        if OPTION_NAME.fullmatch(name)
        and (isinstance(value, bool | int | float) or (name in names and _is_kept(value)))
    }


def _is_kept(value: object) -> bool:
    if isinstance(value, str):
        return SHORT_NAME.fullmatch(value) is not None
    return value is not None and len(json.dumps(value)) <= MAX_OBJECT_CHARACTERS


def _chosen(connection: Connection, selection: Selection) -> list[ColumnElement[bool]]:
    conditions = [ROWS.created_at < in_utc(selection.before)] if selection.before else []
    conditions += [ROWS.user_id == selection.user_id] if selection.user_id is not None else []
    if selection.request_id is not None:
        row = select(cast(ROWS.additional_params, Text)).where(ROWS.id == selection.request_id)
        first_id = _object(connection.scalar(row)).get(FIRST_ATTEMPT, str(selection.request_id))
        is_later = and_(ROWS.retry_attempt > 1, _text(connection, ROWS.additional_params, FIRST_ATTEMPT) == first_id)
        conditions.append(or_(ROWS.id.in_({selection.request_id, UUID(first_id)}), is_later))
    return conditions


def _text(connection: Connection, column: InstrumentedAttribute[Any], name: str) -> ColumnElement[str]:
    """Return a field of a JSON object as text; NULL if there is no such field or the JSON is invalid."""
    field: ColumnElement[str] = column[name].as_string()
    return case((func.json_valid(column) == 1, field)) if connection.dialect.name == "sqlite" else field


def empty_log(engine: Engine) -> bool:
    """Copy SQLite's write-ahead log into the database file and empty it; return False if other connections block it."""
    if engine.dialect.name != "sqlite":
        return True
    with engine.connect() as connection:
        connection.detach()
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {LOG_WAIT_MILLISECONDS}")
        busy, _pages, _moved = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        return not busy
