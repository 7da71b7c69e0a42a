"""Read a cost report from the table."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import accumulate
from math import fsum
from typing import TYPE_CHECKING, Any, Final

from ..pricing import cache_saving, price_table
from ..types import CostSource, LLMProviderType, RequestStatus
from .dialects import DIALECTS, NEXT_ATTEMPT
from .ending import models_that_end
from .query import MICROS_PER_USD, TIMES_SEPARATOR, UNITS_PER_MICRO, Dimensions, totals_query
from .values import Figures, Group, Groups, Latency, PromptCache, Report, ResponseCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import timedelta

    from sqlalchemy import CursorResult, Engine

    from .dialects import Part
    from .ending import Listed
    from .values import Scope

    Key = tuple[str | None, ...]
    Sums = Counter[str]  # the totals of a group, by their names in the query

TOP: Final = 20
METADATA: Final = "metadata."
MEDIAN: Final = 50
SLOW: Final = 95


def read_report(
    engine: Engine,
    scope: Scope,
    longest: timedelta,
    top: int = TOP,
    listed: Listed | None = None,
    tracked: Callable[[Sequence[Part]], Iterable[Part]] = iter,
) -> Report:
    """Return the totals of the rows in `scope` at one moment; nothing is written, and other processes can write.

    A row that has been pending for more than `longest` is overdue. The models, providers, users and causes with the
    highest costs are named, `top` of each. `listed` has OpenRouter's models, if its list was fetched. The whole table
    is read once, because there is no index on `created_at`; `tracked` wraps the iteration over its parts, so that it
    can show progress. Raises SQLAlchemyError if a read fails.
    """
    made_at = datetime.now(UTC)
    dialect = DIALECTS[engine.dialect.name]
    query = totals_query(dialect, scope, made_at - longest)
    totals = Totals(scope.labels)
    with dialect.snapshot(engine) as connection:
        for part in tracked(dialect.parts(connection)):
            totals.add(connection.execute(query, part))
    report = _report(totals, scope, made_at, top)
    return replace(report, ending=models_that_end(totals.models(), made_at.date(), listed))


class Totals:
    """The totals so far: their size depends on the number of groups and of different times, not on the rows read."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.groups: defaultdict[Dimensions, Sums] = defaultdict(Counter)
        self.users: defaultdict[Key, Sums] = defaultdict(Counter)
        self.labels: dict[str, defaultdict[Key, Sums]] = {name: defaultdict(Counter) for name in labels}
        self.times: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.first_pieces = Counter[str]()

    def add(self, result: CursorResult[*tuple[Any, ...]]) -> None:
        """Add the totals of a part."""
        width = len(Dimensions._fields) + 1
        titles = list(result.keys())[width + 3 :]
        named = [self.users, *self.labels.values()]
        for row in result:
            name, times, first_pieces, *numbers = row[width:]
            sums = {title: number or 0 for title, number in zip(titles, numbers, strict=True)}
            if row[0]:
                named[row[0] - 1][name,].update(sums)
                continue
            group = Dimensions(*row[1:width])
            self.groups[group].update(sums)
            if group.status != RequestStatus.COMPLETED or group.cost_source == CostSource.CACHED:
                continue
            if times:
                self.times[group.model].update(times.split(TIMES_SEPARATOR))
            if first_pieces:
                self.first_pieces.update(time for time in first_pieces.split(TIMES_SEPARATOR) if time.isdecimal())

    def models(self) -> dict[tuple[str, str], Figures]:
        """Return the totals by model and provider."""
        totals = self.by(lambda row: (row.model, row.provider))
        return {(str(model), str(provider)): _figures(sums) for (model, provider), sums in totals.items()}

    def by(
        self, key: Callable[[Dimensions], Key], where: Callable[[Dimensions], object] = lambda _: True
    ) -> Mapping[Key, Sums]:
        """Return the totals by `key`, of the groups for which `where` is true."""
        totals: defaultdict[Key, Sums] = defaultdict(Counter)
        for group, sums in self.groups.items():
            if where(group):
                totals[key(group)].update(sums)
        return totals


def _report(totals: Totals, scope: Scope, made_at: datetime, top: int) -> Report:
    causes = totals.by(
        lambda row: (row.error_type, row.status_code, row.error_code),
        where=lambda row: row.status == RequestStatus.FAILED,
    )
    cost_sources = totals.by(lambda row: (row.cost_source,))
    retries = totals.by(lambda _: (), where=lambda row: row.is_retry)
    latencies = {model: found for model, times in sorted(totals.times.items()) if (found := _latency(times))}
    return Report(
        scope=scope,
        made_at=made_at,
        days=_by_name(totals.by(lambda row: (str(row.day),))),
        models=_by_cost(totals.by(lambda row: (row.model,)), top),
        providers=_by_cost(totals.by(lambda row: (row.served_by, row.provider)), top),
        users=_by_cost(totals.users, top),
        labels={f"{METADATA}{name}": _by_cost(groups, top) for name, groups in totals.labels.items()},
        ending=(),
        cost_sources=_by_name(cost_sources),
        causes=_by_cost(causes, top),
        fallbacks=_by_cost(totals.by(lambda row: (row.fallback,), where=_fell_back), top),
        unsettled=_by_name(totals.by(lambda row: (row.unsettled,), where=lambda row: row.unsettled)),
        retries=_figures(retries.get((), Counter())),
        latency=_latency(*totals.times.values()),
        latencies=latencies,
        first_piece=_latency(totals.first_pieces),
        prompt_cache=_prompt_cache(totals.by(lambda row: (row.provider, row.model, row.served_model))),
        response_cache=_response_cache(cost_sources.get((CostSource.CACHED,), Counter())),
    )


def _fell_back(row: Dimensions) -> bool:
    """Return True if OpenRouter made several attempts, or one that failed."""
    return row.fallback is not None and (NEXT_ATTEMPT in row.fallback or row.status == RequestStatus.FAILED)


def _figures(sums: Sums) -> Figures:
    counts = {name: sums[name] for name in Figures.__dataclass_fields__ if name != "cost"}
    return Figures(cost=_usd(sums["cost_micros"], sums["cost_rest"]), **counts)


def _usd(micros: int, rest: int) -> Decimal:
    return Decimal(micros * UNITS_PER_MICRO + rest) / (MICROS_PER_USD * UNITS_PER_MICRO)


def _by_name(totals: Mapping[Key, Sums]) -> dict[str, Figures]:
    return {str(name): _figures(totals[name,]) for (name,) in sorted(totals)}


def _by_cost(totals: Mapping[Key, Sums], top: int) -> Groups:
    groups = [Group(key, _figures(sums)) for key, sums in totals.items()]
    groups.sort(key=lambda group: (-group.figures.cost, -group.figures.attempts, str(group.key)))
    rest = sum((group.figures for group in groups[top:]), Figures())
    return Groups(tuple(groups[:top]), len(groups[top:]), rest)


def _latency(*times: Mapping[str, int]) -> Latency | None:
    """Return the percentiles of times, given how often each was measured; None if there are none."""
    counts = Counter[int]()
    for some in times:
        counts.update({int(time): count for time, count in some.items() if int(time) >= 0})
    ranked = sorted(counts)
    ranks = list(accumulate(counts[time] for time in ranked))
    if not ranks:
        return None
    # Nearest rank: the shortest time that at least this percentage of the times does not exceed.
    p50, p95 = (ranked[bisect_left(ranks, ranks[-1] * percent / 100)] for percent in (MEDIAN, SLOW))
    return Latency(ranks[-1], p50, p95)


def _prompt_cache(totals: Mapping[Key, Sums]) -> PromptCache:
    """Price the cached tokens of each model by its served name, otherwise by its requested name."""
    read = written = unpriced = 0
    savings: list[float] = []
    for (provider, model, served_model), sums in totals.items():
        tokens = sums["cached_input_tokens"], sums["cache_creation_tokens"]
        if not any(tokens):
            continue
        read, written = read + tokens[0], written + tokens[1]
        names = (served_model, str(model).removeprefix("openrouter/"))
        found = (_saving(*tokens, str(provider), name) for name in names if name)
        saving = next((saving for saving in found if saving is not None), None)
        if saving is None:
            unpriced += sum(tokens)
        else:
            savings.append(saving)
    return PromptCache(read, written, fsum(savings), unpriced, price_table())


def _saving(read: int, written: int, provider: str, model: str) -> float | None:
    return cache_saving(read, written, LLMProviderType(provider), model) if provider in list(LLMProviderType) else None


def _response_cache(sums: Sums) -> ResponseCache:
    return ResponseCache(
        answers=sums["attempts"],
        saved=_usd(sums["original_micros"], sums["original_rest"]),
        unknown=sums["attempts"] - sums["known_originals"],
    )
