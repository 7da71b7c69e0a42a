"""The figures of a report; costs in USD, times in milliseconds, days in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

# The sources of a cost, in addition to the members of CostSource.
PENDING: Final = "pending"  # not settled, so not known yet
UNKNOWN: Final = "unknown"  # settled without a cost
UNSTATED: Final = "unstated"  # there is a cost, but not its source
# Why a row is not settled, in addition to maintenance.ABANDONED.
OVERDUE: Final = "overdue"  # pending for longer than an attempt can take
IN_FLIGHT: Final = "in flight"


@dataclass(frozen=True)
class Scope:
    """The rows to report on: those created on the UTC days from `since` to `until`, both included.

    `labels` are names in the callers' metadata; the rows are added up by their values as well.
    """

    since: date
    until: date
    user_id: int | None = None
    model: str | None = None
    labels: tuple[str, ...] = ()

    @property
    def begin(self) -> datetime:
        """The first moment of the period."""
        return datetime.combine(self.since, time(), UTC)

    @property
    def end(self) -> datetime:
        """The first moment after the period."""
        return datetime.combine(self.until, time(), UTC) + timedelta(days=1)


@dataclass(frozen=True)
class Figures:
    """The totals of a group of rows.

    A row is an attempt; `calls` counts the first ones. `cost` is the sum of the known costs, to 1e-15 USD;
    `unknown_costs` counts the rows whose cost is not known: NULL, or the 0.0 of an unpriced answer.
    """

    attempts: int = 0
    calls: int = 0
    failed: int = 0
    cost: Decimal = Decimal()
    unknown_costs: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, column.name) + getattr(other, column.name) for column in fields(self)))


@dataclass(frozen=True)
class Group:
    """Rows with the same `key`; it is None if they have no value."""

    key: tuple[str | None, ...]
    figures: Figures


@dataclass(frozen=True)
class Groups:
    """The groups with the highest costs, in descending order; `rest` is the total of the `others`."""

    shown: tuple[Group, ...] = ()
    others: int = 0
    rest: Figures = field(default_factory=Figures)

    @property
    def total(self) -> Figures:
        """The total of all groups."""
        return sum((group.figures for group in self.shown), self.rest)


@dataclass(frozen=True)
class Latency:
    """How long completed attempts took; a percentile is the nearest rank, so it is a measured time.

    Answers of the response cache are left out, and so are negative times, which occur if a clock is set back.
    """

    answers: int
    p50_ms: int
    p95_ms: int


@dataclass(frozen=True)
class PromptCache:
    """An estimate of what the providers' prompt caches saved, by today's list prices.

    Some providers charge extra for `written_tokens`, which is subtracted. `unpriced_tokens`, read or written, belong to
    models without a known cache price; they add nothing to `saved`.
    """

    read_tokens: int
    written_tokens: int
    saved: float
    unpriced_tokens: int
    price_table: str


@dataclass(frozen=True)
class ResponseCache:
    """Calls that the response cache answered; `saved` is what the original answers had cost.

    `unknown` counts those that repeat an answer of unknown cost, or one with a deleted row.
    """

    answers: int = 0
    saved: Decimal = Decimal()
    unknown: int = 0


@dataclass(frozen=True)
class Ending:
    """A model in use that its vendor ends; `end` is None for one that OpenRouter no longer lists."""

    model: str
    provider: str
    end: date | None
    figures: Figures


@dataclass(frozen=True)
class Report:
    """The report on a period; `labels` has the groups by each of the chosen names in the metadata."""

    scope: Scope
    made_at: datetime
    days: dict[str, Figures]
    models: Groups
    providers: Groups
    users: Groups
    labels: dict[str, Groups]
    ending: tuple[Ending, ...]
    cost_sources: dict[str, Figures]
    causes: Groups
    fallbacks: Groups
    unsettled: dict[str, Figures]
    retries: Figures
    latency: Latency | None
    latencies: dict[str, Latency]
    first_piece: Latency | None
    prompt_cache: PromptCache
    response_cache: ResponseCache

    @property
    def total(self) -> Figures:
        """The total of all rows of the period."""
        return sum(self.days.values(), Figures())
