"""Adds up what the parts of a table say."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from operator import add
from typing import TYPE_CHECKING, Any, Final

from ..types import RequestStatus
from .facts import MICRO, PARTS
from .sections import CELLS, REPEATS, SEPARATOR, TIMES, Cell, Sums
from .values import Figures, Group, Groups, Latency

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MEDIAN: Final = 50
SLOW: Final = 95
FIRST_NUMBER: Final = 1 + len(Cell._fields)

Key = tuple[str | None, ...]
Section = defaultdict[Key, Sums]


def _section() -> Section:
    return defaultdict(Sums)


@dataclass
class Tally:
    """What has been read so far: as large as there are groups and different times, however many the rows."""

    days: Section = field(default_factory=_section)
    models: Section = field(default_factory=_section)
    providers: Section = field(default_factory=_section)
    users: Section = field(default_factory=_section)
    cost_sources: Section = field(default_factory=_section)
    causes: Section = field(default_factory=_section)
    unsettled: Section = field(default_factory=_section)
    retries: Section = field(default_factory=_section)
    prompt_caches: Section = field(default_factory=_section)
    repeats: Section = field(default_factory=_section)
    times: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add the rows of one part."""
        for row in rows:
            section, keys, numbers = row[0], row[1:FIRST_NUMBER], row[FIRST_NUMBER:]
            if section == TIMES:
                self.times[keys[0]].update(keys[1].split(SEPARATOR))
                continue
            sums = Sums(*(number or 0 for number in numbers))
            if section == CELLS:
                self._add_cell(Cell(*keys), sums)
            else:
                _add(self.repeats if section == REPEATS else self.users, (keys[0],), sums)

    def _add_cell(self, cell: Cell, sums: Sums) -> None:
        _add(self.days, (cell.day,), sums)
        _add(self.models, (cell.model,), sums)
        _add(self.providers, (cell.served_by,), sums)
        _add(self.cost_sources, (cell.source,), sums)
        if cell.status == RequestStatus.FAILED.value:
            _add(self.causes, (cell.error_type, cell.status_code, cell.error_code), sums)
        if cell.unsettled:
            _add(self.unsettled, (cell.unsettled,), sums)
        if not sums.calls:
            _add(self.retries, (), sums)
        if sums.read_tokens or sums.written_tokens:
            _add(self.prompt_caches, (cell.provider, cell.model, cell.served_model), sums)


def _add(section: Section, key: Key, sums: Sums) -> None:
    section[key] = Sums(*map(add, section[key], sums))


def usd(sums: Sums) -> Decimal:
    """Return a cost, exactly."""
    return Decimal(sums.micro * PARTS + sums.parts) / (MICRO * PARTS)


def figures(sums: Sums) -> Figures:
    """Return sums as they are reported."""
    return Figures(
        attempts=sums.attempts,
        calls=sums.calls,
        failed=sums.failed,
        cost=usd(sums),
        unknown_costs=sums.unknown_costs,
        input_tokens=sums.input_tokens,
        cached_input_tokens=sums.read_tokens,
        output_tokens=sums.output_tokens,
    )


def by_name(section: Section) -> dict[str, Figures]:
    """Return all groups of a section, in the order of their names."""
    return {str(name): figures(section[name,]) for (name,) in sorted(section)}


def dearest(section: Section, top: int) -> Groups:
    """Return the groups that cost most, and what the others add up to."""
    groups = [Group(key, figures(sums)) for key, sums in section.items()]
    groups.sort(key=lambda group: (-group.figures.cost, -group.figures.attempts, str(group.key)))
    rest = sum((group.figures for group in groups[top:]), Figures())
    return Groups(tuple(groups[:top]), len(groups[top:]), rest)


def latency(times: Mapping[str, int]) -> Latency | None:
    """Return the percentiles of times, each with how often it was taken: None of none."""
    ranked = sorted((int(time), count) for time, count in times.items())
    passed = list(accumulate(count for _time, count in ranked))
    if not passed:
        return None
    # Nearest rank: the least time that so many in a hundred do not exceed.
    ranks = (-(-passed[-1] * percent // 100) for percent in (MEDIAN, SLOW))
    return Latency(passed[-1], *(ranked[bisect_left(passed, rank)][0] for rank in ranks))
