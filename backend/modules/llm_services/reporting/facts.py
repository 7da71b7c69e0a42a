"""What a report needs of a row: narrow columns from wide rows, in the SQL of either database.

Reading JSON is what a report costs, so an envelope is asked as little as can be: about a failure only where there was
one. An envelope that is no object, but a list or a text, says nothing; it is no error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Integer, and_, case, func, select
from sqlalchemy import cast as sql_cast

from ..ledger.maintenance import ABANDONED
from ..types import CostSource, LLMProviderType, RequestStatus
from .values import IN_FLIGHT, OVERDUE, PENDING, UNKNOWN, UNSTATED
from .words import ROWS, SAID, words_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import CTE, ColumnElement, Label, TextClause
    from sqlalchemy.sql.base import ReadOnlyColumnCollection

    from .values import Scope
    from .words import Words

# Costs are added up as integers, so exactly: whole millionths of a dollar, and thousand-millionths of those.
MICRO: Final = 10**6
PARTS: Final = 10**9
LARGEST_COST_USD: Final = 1e9
AS_THEY_ARE: Final = (
    "day",
    "provider",
    "model",
    "served_model",
    "user_id",
    "status",
    "unsettled",
    "error_type",
    "status_code",
    "error_code",
    "is_first",
    "execution_time_ms",
    "input_tokens",
    "output_tokens",
    "micro",
    "parts",
)


def facts(dialect: str, scope: Scope, overdue: datetime, *where: ColumnElement[bool] | TextClause) -> CTE:
    """Return the rows of `scope` as a report needs them; those pending since before `overdue` will not be settled."""
    words = words_of(dialect)
    row = _narrow(words, scope, overdue, *where).prefix_with("MATERIALIZED").c
    columns: dict[str, ColumnElement[Any]] = {
        **{name: row[name] for name in AS_THEY_ARE},
        "source": _cost_source(row),
        "served_by": func.coalesce(row.upstream_provider, row.provider),
        "read_tokens": _count(words, row.cached_input_tokens),
        "written_tokens": _count(words, row.cache_creation_tokens),
        "original": words.request_id(row.cached_request_id),
    }
    return select(*(each.label(name) for name, each in columns.items())).cte("facts").prefix_with("NOT MATERIALIZED")


def _count(words: Words, said: ColumnElement[str]) -> ColumnElement[Any]:
    return case((words.is_count(said), sql_cast(said, Integer)))


def _narrow(words: Words, scope: Scope, overdue: datetime, *where: ColumnElement[bool] | TextClause) -> CTE:
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
    is_cached = ROWS.cached.is_(True)
    return {
        "upstream_provider": ROWS.provider == LLMProviderType.OPENROUTER.value,
        "served_model": is_cached,
        "status_code": is_failed,
        "error_code": is_failed,
        "cached_input_tokens": is_cached,
        "cached_request_id": and_(is_cached, ROWS.cost_estimate == 0),
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
