"""What is asked of the table: one statement, of which each part of the table is asked once.

It groups by what has few values together, by user, and by time; what a report shows is added up from these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import BigInteger, Text, case, cast, func, literal, null, or_, select, union_all

from ..types import CostSource, RequestStatus
from .facts import micro_and_parts
from .values import COSTS_UNKNOWN
from .words import ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import CTE, ColumnElement, CompoundSelect, Select

CELLS: Final = "cells"
USERS: Final = "users"
TIMES: Final = "times"
REPEATS: Final = "repeats"
SEPARATOR: Final = ","


class Cell(NamedTuple):
    """What the rows of a cell have in common."""

    model: str
    day: str
    served_by: str
    source: str
    status: str
    error_type: str | None
    status_code: str | None
    error_code: str | None
    is_first: str
    unsettled: str | None
    provider: str
    served_model: str | None


class Sums(NamedTuple):
    """What rows add up to; a cost is the sum of its two integers."""

    attempts: int = 0
    calls: int = 0
    failed: int = 0
    micro: int = 0
    parts: int = 0
    unknown_costs: int = 0
    input_tokens: int = 0
    read_tokens: int = 0
    written_tokens: int = 0
    output_tokens: int = 0


def statement(facts: CTE) -> CompoundSelect[Any]:
    """Return the query whose rows are: the section, the keys of a cell, the numbers of `Sums`."""
    row = facts.c
    sums = _sums(facts)
    cell = [row[name] for name in Cell._fields]
    return union_all(
        _section(CELLS, cell, sums).group_by(*cell),
        _section(USERS, [row.user_id], sums).group_by(row.user_id),
        _times(facts),
        _repeats(facts),
    )


def _section(
    name: str, keys: Sequence[ColumnElement[Any]], numbers: Mapping[str, ColumnElement[Any]]
) -> Select[*tuple[Any, ...]]:
    """Select a section in the shape that all share; what one does not have is NULL."""
    all_keys = [*keys, *[null()] * (len(Cell._fields) - len(keys))]
    all_numbers = (numbers.get(each, null()) for each in Sums._fields)
    return select(
        literal(name, Text).label("section"),
        *(cast(key, Text).label(f"key_{place}") for place, key in enumerate(all_keys)),
        *(cast(number, BigInteger).label(f"number_{place}") for place, number in enumerate(all_numbers)),
    )


def _sums(facts: CTE) -> dict[str, ColumnElement[Any]]:
    row = facts.c
    return {
        "attempts": func.count(),
        "calls": func.sum(row.is_first),
        "failed": func.sum(case((row.status == RequestStatus.FAILED.value, 1), else_=0)),
        "micro": func.sum(row.micro),
        "parts": func.sum(row.parts),
        "unknown_costs": func.sum(case((row.source.in_(COSTS_UNKNOWN), 1), else_=0)),
        "input_tokens": func.sum(row.input_tokens),
        "read_tokens": func.sum(row.read_tokens),
        "written_tokens": func.sum(row.written_tokens),
        "output_tokens": func.sum(row.output_tokens),
    }


def _times(facts: CTE) -> Select[*tuple[Any, ...]]:
    """List how long a model's answers took, as a text; those of the module's own cache took no model's time."""
    row = facts.c
    listed = func.aggregate_strings(cast(row.execution_time_ms, Text), SEPARATOR)
    is_answer = row.status == RequestStatus.COMPLETED.value, row.execution_time_ms >= 0, row.source != CostSource.CACHED
    return _section(TIMES, [row.model, listed], {}).where(*is_answer).group_by(row.model)


def _repeats(facts: CTE) -> Select[*tuple[Any, ...]]:
    """Count the calls that the module's own cache answered, and add up what the answers had cost that it repeats."""
    said = ROWS.response_raw["cost_source"].as_string()
    original = select(ROWS.id, *micro_and_parts(), said.label("cost_source")).subquery()
    is_unknown = or_(original.c.micro.is_(None), original.c.cost_source == CostSource.UNPRICED)
    numbers: dict[str, ColumnElement[Any]] = {
        "attempts": func.count(),
        "micro": func.sum(original.c.micro),
        "parts": func.sum(original.c.parts),
        "unknown_costs": func.sum(case((is_unknown, 1), else_=0)),
    }
    answered = facts.outerjoin(original, original.c.id == facts.c.original)
    return _section(REPEATS, [], numbers).select_from(answered).where(facts.c.source == CostSource.CACHED)
