"""Compare OpenRouter's bill with the table: what agrees, and the differences by cause.

Both are added up by day, model and provider, in decimal arithmetic. The differences by cause add up to the total
difference.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import select

from ..providers.openrouter import PREFIX, wire_model
from ..types import CostSource, LLMProviderType
from .dialects import DIALECTS, ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Engine

    from .values import Scope

# https://openrouter.ai/docs/api-reference/analytics/get-user-activity
LISTED_DAYS: Final = 30
# OpenRouter's amounts are sums of floating-point numbers; a difference of this much for each request is rounding.
ROUNDING_USD: Final = Decimal("0.000001")
# The fee, as a part of what the provider of an own key charges: https://openrouter.ai/docs/guides/overview/auth/byok
BYOK_FEE: Final = Decimal("0.05")
BAD_REQUEST: Final = 400
AMOUNTS: Final = ("usage", "byok_usage_inference", "requests")

AGREES: Final = "agrees"
ROUNDING: Final = "rounding"
UNKNOWN_COST: Final = "rows of unknown cost"
BYOK_FEES: Final = "BYOK fees"
NOT_HERE: Final = "calls made elsewhere"
NOT_BILLED: Final = "rows that are not on the bill"
OVER_MIDNIGHT: Final = "calls that are listed under another day"
ANOTHER_COST: Final = "the same calls at another cost"


class Key(NamedTuple):
    """What the amounts are grouped by; `provider` is "" if it is not known."""

    day: date
    model: str
    provider: str


@dataclass
class Spend:
    """The known cost in USD of a key's rows, the number of rows that have one, and the number of those that do not."""

    cost: Decimal = Decimal()
    rows: int = 0
    unknown: int = 0


@dataclass
class Billed:
    """OpenRouter's figures for a key: credits, the amount paid to a provider with an own key, and requests."""

    credits: Decimal = Decimal()
    own_key: Decimal = Decimal()
    requests: int = 0


@dataclass
class Line:
    """A key on both lists, in USD, and why they differ."""

    key: Key
    billed: Decimal
    recorded: Decimal
    requests: int
    rows: int
    reason: str

    @property
    def difference(self) -> Decimal:
        """The amount on the bill, less the amount in the table."""
        return self.billed - self.recorded


@dataclass(frozen=True)
class Bill:
    """The comparison, by line; `missing` has the days of the period that OpenRouter does not list, with their cost."""

    lines: list[Line]
    missing: dict[date, Decimal]
    unknown_rows: int

    @property
    def billed(self) -> Decimal:
        """The amount on the bill, in USD."""
        return sum((line.billed for line in self.lines), Decimal())

    @property
    def recorded(self) -> Decimal:
        """The amount in the table for the days of the bill, in USD."""
        return sum((line.recorded for line in self.lines), Decimal())

    @property
    def agreeing(self) -> Decimal:
        """The amount in lines that agree except for rounding, in USD."""
        return sum((line.recorded for line in self.lines if line.reason in {AGREES, ROUNDING}), Decimal())

    @property
    def remainders(self) -> dict[str, Decimal]:
        """The differences by cause, in USD; they add up to the difference of the totals."""
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for line in self.lines:
            if line.reason != AGREES:
                sums[line.reason] += line.difference
        return dict(sums)


@dataclass
class Names:
    """OpenRouter's model names: a model's own name, and the dated names that served it."""

    served: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    model: dict[str, str] = field(default_factory=dict)

    def add(self, model: str, permaslug: str) -> None:
        """Add a model's name and a dated name that served it."""
        self.served[model].add(permaslug)
        self.model.setdefault(permaslug, model)

    def listed(self, requested: str, served: str | None) -> str:
        """Return the name under which OpenRouter lists a call: that of the model that served it, if known."""
        try:
            name = wire_model(requested)
        except ValueError:
            name = requested.removeprefix(PREFIX)
        if name in self.served and (served is None or served in self.served[name] | {name}):
            return name
        if served is not None:
            return served if served in self.served else self.model.get(served, served)
        base = name.partition("@")[0]
        return (
            base if base in self.served else base.partition(":")[0] if base.partition(":")[0] in self.served else name
        )


def compare(engine: Engine, scope: Scope, activity: Sequence[Mapping[str, Any]], today: date) -> Bill:
    """Compare OpenRouter's `activity` with its rows in `scope`; `today`, which is not listed yet, is left out.

    Raises ValueError if the activity cannot be parsed, and SQLAlchemyError if the rows cannot be read.
    """
    names, billed = Names(), defaultdict[Key, Billed](Billed)
    for item in activity:
        _add(item, billed, names)
    listed = {key.day for key in billed} | {today - timedelta(days=ago) for ago in range(1, LISTED_DAYS + 1)}
    spends = _read(engine, scope, names)
    days = [scope.since + timedelta(days=ago) for ago in range((min(scope.until, today) - scope.since).days + 1)]
    missing = {
        day: sum((spend.cost for key, spend in spends.items() if key.day == day), Decimal())
        for day in days
        if day not in listed
    }
    keys = sorted(key for key in {*billed, *spends} if scope.since <= key.day <= scope.until and key.day in listed)
    lines = [_line(key, billed.get(key, Billed()), spends) for key in keys]
    _find_other_days(lines)
    return Bill(lines, missing, sum(spends[key].unknown for key in keys if key in spends))


def _add(item: Mapping[str, Any], billed: defaultdict[Key, Billed], names: Names) -> None:
    try:
        model, provider = str(item["model"]), str(item.get("provider_name") or "")
        key = Key(date.fromisoformat(str(item["date"])[:10]), model, provider)
        credit, own_key, requests = (_amount(item.get(name)) for name in AMOUNTS)
    except (LookupError, ValueError, InvalidOperation) as error:
        raise ValueError(f"OpenRouter's activity cannot be read: {type(error).__name__} in {dict(item)}") from error
    names.add(model, str(item.get("model_permaslug") or model))
    entry = billed[key]
    entry.credits, entry.own_key = entry.credits + credit, entry.own_key + own_key
    entry.requests += int(requests)


def _amount(value: object) -> Decimal:
    amount = Decimal(str(value or 0))
    if not amount.is_finite():
        raise ValueError(f"{value} is not an amount")
    return amount


def _read(engine: Engine, scope: Scope, names: Names) -> dict[Key, Spend]:
    """Add up the rows, in parts; answers from our own cache were never sent and are left out."""
    dialect = DIALECTS[engine.dialect.name]
    fields = [dialect.field(name) for name in ("served_model", "upstream_provider", "cost_source", "status_code")]
    conditions = [ROWS.created_at >= scope.begin, ROWS.created_at < scope.end]
    conditions.append(ROWS.provider == LLMProviderType.OPENROUTER.value)
    columns: list[Any] = [dialect.day, ROWS.model, ROWS.cost_estimate, *fields]
    query = select(*columns).select_from(dialect.source).where(*conditions, dialect.is_in_part)
    spends: defaultdict[Key, Spend] = defaultdict(Spend)
    with dialect.snapshot(engine) as connection:
        for part in dialect.parts(connection):
            for day, model, cost, served, provider, source, status in connection.execute(query, part):
                if source == CostSource.CACHED:
                    continue
                spend = spends[Key(date.fromisoformat(str(day)), names.listed(model, served), provider or "")]
                if cost is not None and source != CostSource.UNPRICED:
                    spend.cost += Decimal(repr(cost))
                    spend.rows += 1
                elif not (status or "").isdecimal() or int(status) < BAD_REQUEST:
                    spend.unknown += 1  # a refusal was not billed
    return dict(spends)


def _line(key: Key, billed: Billed, spends: Mapping[Key, Spend]) -> Line:
    spend = spends.get(key, Spend())
    line = Line(key, billed.credits + billed.own_key, spend.cost, billed.requests, spend.rows, "")
    line.reason = _reason(line, billed, list(_of_the_model(key, spends)))
    return line


def _of_the_model(key: Key, spends: Mapping[Key, Spend]) -> Iterator[Spend]:
    """Yield a day's amounts in the table for a model; a row without an answer may not know its provider."""
    return (spend for other, spend in spends.items() if (other.day, other.model) == (key.day, key.model))


def _reason(line: Line, billed: Billed, of_the_model: Iterable[Spend]) -> str:
    difference = line.difference
    tolerance = ROUNDING_USD * max(line.requests, line.rows, 1)
    unknown = sum(spend.unknown for spend in of_the_model)
    if abs(difference) <= tolerance:
        return ROUNDING if difference else AGREES
    if difference < 0:
        return ANOTHER_COST if line.requests else NOT_BILLED
    if line.rows and difference <= billed.own_key * BYOK_FEE + tolerance:
        return BYOK_FEES
    if unknown and line.requests > line.rows:
        return UNKNOWN_COST
    return NOT_HERE if line.requests > line.rows else ANOTHER_COST


def _find_other_days(lines: Sequence[Line]) -> None:
    """Find calls on another day: one that began before midnight is listed under the day on which it ended."""
    groups: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        if line.reason in {NOT_HERE, NOT_BILLED, ANOTHER_COST}:
            groups[line.key.model, line.key.provider].append(line)
    for group in groups.values():
        for earlier, later in pairwise(group):
            tolerance = ROUNDING_USD * (earlier.requests + later.requests + 1)
            is_next = later.key.day - earlier.key.day == timedelta(days=1)
            if is_next and abs(earlier.difference + later.difference) <= tolerance:
                earlier.reason = later.reason = OVER_MIDNIGHT
