"""What a report needs of a row: narrow columns from wide rows, in the SQL of either database.

Reading JSON is what a report costs, so an envelope is asked as little as can be: about a failure only where there was
one. An envelope that is no object, but a list or a text, says nothing; it is no error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from sqlalchemy import BigInteger, Date, Integer, String, Text, and_, case, column, func, not_, select, true
from sqlalchemy import cast as sql_cast

from ..maintenance import ABANDONED
from ..models import LLMRequestModel
from ..types import CostSource, LLMProviderType, RequestStatus
from .values import IN_FLIGHT, OVERDUE, PENDING, UNKNOWN, UNSTATED

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import CTE, ColumnElement, FromClause, Label, ReadOnlyColumnCollection, Table

    from .values import Scope

ROWS: Final = LLMRequestModel
TABLE: Final = cast("Table", LLMRequestModel.__table__)
# What is read of `response_raw`.
SAID: Final = (
    "cost_source",
    "upstream_provider",
    "served_model",
    "status_code",
    "error_code",
    "cached_input_tokens",
    "cache_creation_tokens",
    "cached_request_id",
)
# Costs are added up as integers, so exactly: whole millionths of a dollar, and thousand-millionths of those.
MICRO: Final = 10**6
PARTS: Final = 10**9
LARGEST_COST_USD: Final = 1e9
UUID_PATTERN: Final = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


class Words(Protocol):
    """What the two databases say in different words."""

    source: FromClause

    def said(self, name: str) -> ColumnElement[str]:
        """Return what the envelope says of `name`."""
        ...

    def day(self) -> ColumnElement[Any]:
        """Return the UTC day of a row; as a text it is 2026-12-31."""
        ...

    def is_count(self, said: ColumnElement[str]) -> ColumnElement[bool]:
        """Say whether a text is a whole number."""
        ...

    def request_id(self, said: ColumnElement[str]) -> ColumnElement[Any]:
        """Return a text as the table keeps ids; one that is none is no row's."""
        ...


class SQLite:
    """The words of SQLite, where `json_extract` parses a text once, however often it is asked about it."""

    source: FromClause = TABLE

    def said(self, name: str) -> ColumnElement[str]:
        is_json = func.json_valid(ROWS.response_raw) == 1
        return sql_cast(case((is_json, func.json_extract(ROWS.response_raw, f"$.{name}"))), Text)

    def day(self) -> ColumnElement[Any]:
        return func.substr(ROWS.created_at, 1, 10, type_=Text())

    def is_count(self, said: ColumnElement[str]) -> ColumnElement[bool]:
        return and_(func.length(said).between(1, 9), not_(said.op("GLOB", is_comparison=True)("*[^0-9]*")))

    def request_id(self, said: ColumnElement[str]) -> ColumnElement[Any]:
        return func.lower(func.replace(said, "-", ""), type_=String())


class PostgreSQL:
    """The words of PostgreSQL, where `json_to_record` parses a text once and gives all it is asked for."""

    def __init__(self) -> None:
        """Lay the envelope's fields beside each row."""
        envelope = case((func.json_typeof(ROWS.response_raw) == "object", ROWS.response_raw))
        record = func.json_to_record(envelope).table_valued(*(column(name, Text()) for name in SAID), name="said")
        fields = record.render_derived(with_types=True).lateral()
        self._fields = fields.c
        self.source: FromClause = TABLE.outerjoin(fields, true())

    def said(self, name: str) -> ColumnElement[str]:
        return self._fields[name]

    def day(self) -> ColumnElement[Any]:
        return sql_cast(func.timezone("UTC", ROWS.created_at), Date)

    def is_count(self, said: ColumnElement[str]) -> ColumnElement[bool]:
        return said.regexp_match("^[0-9]{1,9}$")

    def request_id(self, said: ColumnElement[str]) -> ColumnElement[Any]:
        return case((said.regexp_match(UUID_PATTERN), sql_cast(said, ROWS.id.type)))


WORDS: Final[dict[str, Callable[[], Words]]] = {"sqlite": SQLite, "postgresql": PostgreSQL}


def facts(dialect: str, scope: Scope, overdue: datetime, *where: ColumnElement[bool]) -> CTE:
    """Return the rows of `scope` as a report needs them; those pending since before `overdue` will not be settled."""
    words = WORDS[dialect]()
    row = _narrow(words, scope, overdue, *where).prefix_with("MATERIALIZED").c
    columns = {
        name: row[name]
        for name in ("provider", "model", "user_id", "status", "error_type", "status_code", "error_code")
    }
    columns |= {
        "day": row.day,
        "is_first": row.is_first,
        "unsettled": row.unsettled,
        "source": _cost_source(row),
        "served_by": func.coalesce(row.upstream_provider, row.provider),
        "served_model": row.served_model,
        "execution_time_ms": row.execution_time_ms,
        "input_tokens": row.input_tokens,
        "read_tokens": case((words.is_count(row.cached_input_tokens), sql_cast(row.cached_input_tokens, Integer))),
        "written_tokens": case(
            (words.is_count(row.cache_creation_tokens), sql_cast(row.cache_creation_tokens, Integer))
        ),
        "output_tokens": row.output_tokens,
        "original": words.request_id(row.cached_request_id),
        "micro": row.micro,
        "parts": row.parts,
    }
    return select(*(each.label(name) for name, each in columns.items())).cte("facts").prefix_with("NOT MATERIALIZED")


def _narrow(words: Words, scope: Scope, overdue: datetime, *where: ColumnElement[bool]) -> CTE:
    """Return what is read of the wide rows; everything else is made of this."""
    chosen = [ROWS.created_at >= scope.begin, ROWS.created_at < scope.end, *where]
    if scope.user_id is not None:
        chosen.append(ROWS.user_id == scope.user_id)
    if scope.model is not None:
        chosen.append(ROWS.model == scope.model)
    plain = [ROWS.provider, ROWS.model, ROWS.user_id, ROWS.status, ROWS.error_type]
    plain += [ROWS.execution_time_ms, ROWS.input_tokens, ROWS.output_tokens]
    is_asked = _is_asked()
    said = (
        (case((is_asked[name], words.said(name))) if name in is_asked else words.said(name)).label(name)
        for name in SAID
    )
    made = {
        "day": words.day(),
        "is_first": case((ROWS.retry_attempt <= 1, 1), else_=0),
        "unsettled": _unsettled(overdue),
    }
    columns = (*plain, *(each.label(name) for name, each in made.items()), *said, *micro_and_parts())
    return select(*columns).select_from(words.source).where(*chosen).cte("narrow")


def _is_asked() -> dict[str, ColumnElement[bool]]:
    """Return which rows can say something; a name that is not here is asked of all."""
    is_failed = ROWS.status == RequestStatus.FAILED.value
    return {
        "upstream_provider": ROWS.provider == LLMProviderType.OPENROUTER.value,
        "served_model": ROWS.cached,
        "status_code": is_failed,
        "error_code": is_failed,
        "cached_input_tokens": ROWS.cached,
        "cached_request_id": and_(ROWS.cached, ROWS.cost_estimate == 0),
    }


def _unsettled(overdue: datetime) -> ColumnElement[Any]:
    is_pending = ROWS.status == RequestStatus.PENDING.value
    return case(
        (and_(is_pending, ROWS.created_at < overdue), OVERDUE),
        (is_pending, IN_FLIGHT),
        (and_(ROWS.status == RequestStatus.FAILED.value, ROWS.error_type == ABANDONED), ABANDONED),
    )


def _cost_source(row: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[Any]:
    known = [source.value for source in CostSource]
    return case(
        (and_(row.micro.is_(None), row.status == RequestStatus.PENDING.value), PENDING),
        (row.micro.is_(None), UNKNOWN),
        (row.cost_source.in_(known), row.cost_source),
        else_=UNSTATED,
    )


def micro_and_parts() -> tuple[Label[Any], Label[Any]]:
    """Return a row's cost in two integers; NULL where it is not known, or no amount, such as NaN."""
    is_amount = ROWS.cost_estimate.between(-LARGEST_COST_USD, LARGEST_COST_USD)
    micro = func.round(ROWS.cost_estimate * float(MICRO))
    parts = func.round((ROWS.cost_estimate * float(MICRO) - micro) * float(PARTS))
    return (
        case((is_amount, sql_cast(micro, BigInteger))).label("micro"),
        case((is_amount, sql_cast(parts, BigInteger))).label("parts"),
    )
