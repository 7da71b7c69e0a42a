"""The query of a report: one statement, which adds up the rows of a part inside the database.

Most of the time goes into `response_raw`, so its fields are read only for rows where they can have a value. A
`response_raw` that is not an object, such as a list or a text, has no fields; that is not an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, and_, case, cast, func, literal_column, null, or_, select, union_all
from sqlalchemy.orm import aliased

from ..ledger.maintenance import ABANDONED
from ..types import CostSource, LLMProviderType, RequestStatus
from .dialects import ROWS, TABLE
from .values import IN_FLIGHT, OVERDUE, PENDING, UNKNOWN, UNSTATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import CTE, ColumnElement, CompoundSelect, ScalarSelect, Select
    from sqlalchemy.orm import InstrumentedAttribute

    from .dialects import Dialect
    from .values import Scope

MICROS_PER_USD: Final = 10**6
UNITS_PER_MICRO: Final = 10**9
MAX_COST_USD: Final = 1e9  # a larger cost, infinity or NaN counts as unknown
STATED_SOURCES: Final = frozenset(CostSource)
TIMES_SEPARATOR: Final = ","


class Dimensions(NamedTuple):
    """The columns that attempts are grouped by."""

    day: date | str  # a text on SQLite
    provider: str
    model: str
    served_by: str
    served_model: str | None
    status: str
    error_type: str | None
    status_code: str | None
    error_code: str | None
    is_retry: bool
    is_overdue: bool
    has_cost: bool
    stated_source: str | None
    fallback: str | None

    @property
    def cost_source(self) -> str:
        """The source of the cost, or the reason why it is not known."""
        if not self.has_cost:
            return PENDING if self.status == RequestStatus.PENDING else UNKNOWN
        return self.stated_source if self.stated_source in STATED_SOURCES else UNSTATED

    @property
    def unsettled(self) -> str | None:
        """The reason why the attempt's process did not settle it; None if it did."""
        if self.status == RequestStatus.PENDING:
            return OVERDUE if self.is_overdue else IN_FLIGHT
        return ABANDONED if self.status == RequestStatus.FAILED and self.error_type == ABANDONED else None


def totals_query(dialect: Dialect, scope: Scope, overdue: datetime) -> CompoundSelect[Any]:
    """Return the query that adds up the rows of a part: by all Dimensions, by user, and by each of its labels.

    A result row has the number of its grouping (0 for all Dimensions); the Dimensions; the user's name or the label's
    value; the execution times separated by commas, and in the same form the times to the first piece of streams; and
    the totals by name. A row that has been pending since before `overdue` is overdue.
    """
    attempts = _attempts(dialect, scope, overdue)
    times = [
        func.aggregate_strings(cast(column, Text), TIMES_SEPARATOR)
        for column in (attempts.c.execution_time_ms, attempts.c.first_piece_ms)
    ]
    names = ["user_id", *map(_label_column, range(len(scope.labels)))]
    return union_all(
        _totals(dialect, attempts, Dimensions._fields, times),
        *(
            _totals(dialect, attempts, [name], [null(), null()], grouping)
            for grouping, name in enumerate(names, start=1)
        ),
    )


def _label_column(number: int) -> str:
    return f"label_{number}"


def _totals(
    dialect: Dialect, attempts: CTE, keys: Sequence[str], times: Sequence[ColumnElement[Any]], grouping: int = 0
) -> Select[*tuple[Any, ...]]:
    """Add up by `keys`: all Dimensions, or for a later `grouping` the one column whose values are the names."""
    dimensions = (attempts.c[name] if name in keys else null().label(name) for name in Dimensions._fields)
    name = cast(attempts.c[keys[0]], Text) if grouping else null()
    sums = (cast(value, BigInteger).label(title) for title, value in _sums(dialect, attempts).items())
    named = (value.label(title) for title, value in zip(("times", "first_pieces"), times, strict=True))
    columns = (literal_column(str(grouping)), *dimensions, name.label("name"), *named)
    return select(*columns, *sums).group_by(*(attempts.c[key] for key in keys))


def _sums(dialect: Dialect, attempts: CTE) -> Mapping[str, ColumnElement[Any]]:
    def count(condition: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.sum(case((condition, 1), else_=0))

    def tokens(value: ColumnElement[str]) -> ColumnElement[Any]:
        return func.sum(case((dialect.is_count(value), cast(value, Integer))))

    row = attempts.c
    micros, rest = _exact(row.original_cost)
    return {
        "attempts": func.count(),
        "calls": count(row.is_retry.is_(False)),
        "failed": count(row.status == RequestStatus.FAILED.value),
        "cost_micros": func.sum(row.cost_micros),
        "cost_rest": func.sum(row.cost_rest),
        "unknown_costs": count(or_(row.cost_micros.is_(None), row.stated_source == CostSource.UNPRICED.value)),
        "input_tokens": func.sum(row.input_tokens),
        "cached_input_tokens": tokens(row.cached_input_tokens),
        "cache_creation_tokens": tokens(row.cache_creation_tokens),
        "output_tokens": func.sum(row.output_tokens),
        "known_originals": func.count(row.original_cost),
        "original_micros": func.sum(micros),
        "original_rest": func.sum(rest),
    }


def _exact(cost: ColumnElement[float] | InstrumentedAttribute[float | None]) -> Iterator[ColumnElement[Any]]:
    """Return a cost as two integers with exact sums: micro-USD, and the remainder in units of 1e-15 USD."""
    micros = func.round(cost * float(MICROS_PER_USD))
    rest = func.round((cost * float(MICROS_PER_USD) - micros) * float(UNITS_PER_MICRO))
    return (cast(number, BigInteger) for number in (micros, rest))


def _attempts(dialect: Dialect, scope: Scope, overdue: datetime) -> CTE:
    """Return the narrow rows that everything else is computed from, so that the wide ones are read once."""
    is_cached, is_failed = ROWS.cached.is_(True), ROWS.status == RequestStatus.FAILED.value
    is_routed = ROWS.provider == LLMProviderType.OPENROUTER.value
    has_cost = ROWS.cost_estimate.between(-MAX_COST_USD, MAX_COST_USD)
    micros, rest = _exact(ROWS.cost_estimate)
    original_id = dialect.row_id(dialect.field("cached_request_id"))
    computed: dict[str, ColumnElement[Any]] = {
        "day": dialect.day,
        "served_by": func.coalesce(case((is_routed, dialect.field("upstream_provider"))), ROWS.provider),
        "served_model": case((is_cached, dialect.field("served_model"))),
        "status_code": case((is_failed, dialect.field("status_code"))),
        "error_code": case((is_failed, dialect.field("error_code"))),
        "is_retry": ROWS.retry_attempt > 1,
        "is_overdue": ROWS.created_at < overdue,
        "has_cost": has_cost,
        "stated_source": dialect.field("cost_source"),
        "fallback": case((and_(is_routed, dialect.field("upstream_attempts").is_not(None)), dialect.fallback())),
        "cost_micros": case((has_cost, micros)),
        "cost_rest": case((has_cost, rest)),
        "first_piece_ms": dialect.field("time_to_first_piece_ms"),
        "cached_input_tokens": case((is_cached, dialect.field("cached_input_tokens"))),
        "cache_creation_tokens": dialect.field("cache_creation_tokens"),
        "original_cost": case((and_(is_cached, ROWS.cost_estimate == 0), _known_cost(dialect, original_id))),
    }
    named = {_label_column(number): dialect.label(name) for number, name in enumerate(scope.labels)}
    copied = ["user_id", "provider", "model", "status", "error_type"]
    copied += ["execution_time_ms", "input_tokens", "output_tokens"]
    columns = [*(TABLE.c[name] for name in copied), *(value.label(name) for name, value in (computed | named).items())]
    conditions = [ROWS.created_at >= scope.begin, ROWS.created_at < scope.end]
    conditions += [ROWS.user_id == scope.user_id] if scope.user_id is not None else []
    conditions += [ROWS.model == scope.model] if scope.model is not None else []
    query = select(*columns).select_from(dialect.source).where(*conditions, dialect.is_in_part)
    return query.cte("attempts").prefix_with("MATERIALIZED")


def _known_cost(dialect: Dialect, row_id: ColumnElement[Any]) -> ScalarSelect[Any]:
    """Return the cost of a row; NULL if it is unknown, or if the row does not exist."""
    row = aliased(ROWS)
    is_priced = func.coalesce(dialect.field("cost_source", row), UNSTATED) != CostSource.UNPRICED.value
    is_known = and_(row.cost_estimate.between(-MAX_COST_USD, MAX_COST_USD), is_priced)
    return select(case((is_known, row.cost_estimate))).where(row.id == row_id).scalar_subquery()
