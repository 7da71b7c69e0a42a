"""A report in words: what report.py prints and the page shows, headline by headline and row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from modules.llm_services.ledger.maintenance import ABANDONED
from modules.llm_services.reporting.values import IN_FLIGHT, OVERDUE, PENDING, UNKNOWN, UNSTATED, Figures
from modules.llm_services.types import CostSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modules.llm_services.reporting.values import Groups, Latency, Report

SMALLEST_SHOWN: Final = Decimal("0.0001")
COST_SOURCES: Final = {
    CostSource.REPORTED: "reported by the provider with the answer",
    CostSource.RECONCILED: "found in the provider's books later",
    CostSource.ESTIMATED: "estimated from list prices",
    CostSource.CACHED: "answered by the response cache, for nothing",
    UNSTATED: "known, source not stated",
    CostSource.UNPRICED: "unpriced: answered, and nobody knows the price",
    UNKNOWN: "unknown: failed, and the provider did not say whether it billed",
    PENDING: "pending: not settled yet",
}
UNSETTLED: Final = {
    ABANDONED: "abandoned: its process died; settled as failed, cost unknown",
    OVERDUE: "overdue: pending for longer than an attempt can take; run settle_abandoned.py",
    IN_FLIGHT: "in flight: pending, and its process may still settle it",
}


@dataclass(frozen=True)
class Column:
    """A column's name, whether it is aligned as numbers are, and whether it can be left out where room is short."""

    name: str
    is_number: bool = True
    is_minor: bool = False


@dataclass(frozen=True)
class Row:
    """A row's cells; `share` is its part of the whole cost, 0 to 1, where that says something."""

    cells: tuple[str, ...]
    share: float | None = None
    is_total: bool = False


@dataclass(frozen=True)
class Section:
    """A table, and what has to be known to read it."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True)
class Headline:
    """One figure that is looked at first."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class View:
    """A report as it is read."""

    title: str
    subtitle: str
    headlines: tuple[Headline, ...]
    sections: tuple[Section, ...]


FIGURES: Final = (
    Column("USD"),
    Column("share", is_minor=True),
    Column("unknown"),
    Column("calls", is_minor=True),
    Column("attempts"),
    Column("failed"),
    Column("input", is_minor=True),
    Column("cached", is_minor=True),
    Column("output", is_minor=True),
)
LEGEND: Final = (
    "unknown: attempts whose cost nobody knows; it is in no sum. input, output: tokens. cached: the share of input "
    "that came from a prompt cache."
)
FEW: Final = 10_000
UNITS: Final = ("", "k", "M", "G")
BILL: Final = ("attempts", "USD", "unknown")


def view(report: Report, database: str) -> View:
    """Return what a report says, its figures rounded for the eye."""
    scope = report.scope
    only = [f"user {scope.user_id}"] if scope.user_id is not None else []
    only += [f"model {printable(scope.model)}"] if scope.model is not None else []
    moment = f"{report.made_at:%Y-%m-%d %H:%M} UTC"
    return View(
        title=" · ".join([f"LLM spend, {scope.since} to {scope.until}", *only]),
        subtitle=f"UTC days, both included; as of {moment}; read from {database}",
        headlines=tuple(_headlines(report)),
        sections=(
            _models(report),
            _named("By served provider", "provider", report.providers),
            _named("By user", "user", report.users),
            _causes(report),
            _described("Where the costs come from", report.cost_sources, COST_SOURCES),
            _described("Not settled by their own process", report.unsettled, UNSETTLED),
            _days(report),
        ),
    )


def _headlines(report: Report) -> Iterable[Headline]:
    total, retries, failed = report.total, report.retries, report.causes.total
    prompt, cache = report.prompt_cache, report.response_cache
    yield Headline("Spent", f"{usd(total.cost)} USD", f"plus {total.unknown_costs:,} attempts whose cost is unknown")
    yield Headline("Calls", f"{total.calls:,}", f"{total.attempts:,} attempts")
    note = f"of attempts; {total.failed:,}, which cost {usd(failed.cost)} USD; {failed.unknown_costs:,} of unknown cost"
    yield Headline("Failed", share(total.failed, total.attempts), note)
    note = f"attempts after the first, which cost {usd(retries.cost)} USD; {retries.unknown_costs:,} of unknown cost"
    yield Headline("Tried again", f"{retries.attempts:,}", note)
    note = f"of input tokens; saved about {prompt.saved:,.4f} USD, an estimate by list prices ({prompt.price_table})"
    note += f"; {prompt.unpriced_tokens:,} tokens have no known price" if prompt.unpriced_tokens else ""
    yield Headline("From prompt caches", share(total.cached_input_tokens, total.input_tokens), note)
    note = f"calls; the answers had cost {usd(cache.saved)} USD"
    note += f", and {cache.unknown:,} an unknown amount" if cache.unknown else ""
    yield Headline("From the response cache", f"{cache.answers:,}", note)
    if report.latency:
        note = f"median of {report.latency.answers:,} answers; 95 in 100 came within {seconds(report.latency.p95_ms)}"
        yield Headline("Answer time", seconds(report.latency.p50_ms), note)


def _days(report: Report) -> Section:
    total = report.total
    rows = [Row((day, *_cells(each, total))) for day, each in report.days.items()]
    return Section("By day", (Column("UTC day", is_number=False), *FIGURES), (*rows, *_total(total)))


def _models(report: Report) -> Section:
    section = _named("By model", "model", report.models)
    times = [_times(report.latencies.get(group.key[0] or "")) for group in report.models.shown]
    times += [("", "")] * (len(section.rows) - len(times))
    rows = (replace(row, cells=row.cells + each) for row, each in zip(section.rows, times, strict=True))
    columns = *section.columns, Column("p50"), Column("p95")
    note = f"{LEGEND} p50, p95: the time that half, and 95 in 100, of the completed attempts did not exceed."
    return Section(section.title, columns, tuple(rows), note)


def _times(latency: Latency | None) -> tuple[str, str]:
    return (seconds(latency.p50_ms), seconds(latency.p95_ms)) if latency else ("", "")


def _named(title: str, what: str, groups: Groups) -> Section:
    """Lay out the dearest groups, what the others add up to, and all of them."""
    total = groups.total
    rows = [_row(printable(group.key[0] or f"no {what}"), group.figures, total) for group in groups.shown]
    if groups.others:
        rows.append(_row(f"{groups.others:,} others", groups.rest, total))
    return Section(title, (Column(what, is_number=False), *FIGURES), (*rows, *_total(total)))


def _row(name: str, figures: Figures, total: Figures) -> Row:
    part = float(figures.cost / total.cost) if total.cost > 0 and figures.cost >= 0 else None
    return Row((name, *_cells(figures, total)), part)


def _total(total: Figures) -> Iterable[Row]:
    return [Row(("total", *_cells(total, total)), is_total=True)] if total.attempts else []


def _cells(figures: Figures, total: Figures) -> tuple[str, ...]:
    return (
        usd(figures.cost),
        share(figures.cost, total.cost),
        f"{figures.unknown_costs:,}",
        f"{figures.calls:,}",
        f"{figures.attempts:,}",
        f"{figures.failed:,}",
        compact(figures.input_tokens),
        share(figures.cached_input_tokens, figures.input_tokens),
        compact(figures.output_tokens),
    )


def _causes(report: Report) -> Section:
    names = "error", "status", "code"
    columns = (*(Column(name, is_number=False) for name in names), *(Column(name) for name in BILL))
    rows = [
        Row((*(printable(part or "") for part in group.key), *_bill(group.figures))) for group in report.causes.shown
    ]
    if report.causes.others:
        rows.append(Row((f"{report.causes.others:,} others", "", "", *_bill(report.causes.rest))))
    if rows:
        rows.append(Row(("total", "", "", *_bill(report.causes.total)), is_total=True))
    note = "What an attempt cost that failed: known where the provider billed it and said so, else unknown, never zero."
    return Section("Failures by cause", columns, tuple(rows), note)


def _described(title: str, groups: Mapping[str, Figures], words: Mapping[str, str]) -> Section:
    """Lay out groups that have a sentence each, in the order of the sentences."""
    found = {words[name]: groups[name] for name in words if name in groups}
    rows = tuple(Row((name, *_bill(each))) for name, each in found.items())
    return Section(title, (Column("", is_number=False), *map(Column, BILL)), rows)


def _bill(figures: Figures) -> tuple[str, ...]:
    return f"{figures.attempts:,}", usd(figures.cost), f"{figures.unknown_costs:,}"


def usd(cost: Decimal) -> str:
    """Write dollars with four decimals; what is less, but not nothing, says so."""
    if 0 < cost < SMALLEST_SHOWN:
        return f"<{SMALLEST_SHOWN}"
    return f"{cost:,.4f}"


def share(part: float | Decimal, whole: float | Decimal) -> str:
    """Write a part of a whole in percent; nothing where there is no whole."""
    return f"{100 * float(part) / float(whole):.1f} %" if whole > 0 else ""


def seconds(milliseconds: int) -> str:
    """Write a time in seconds."""
    return f"{milliseconds / 1000:,.2f} s"


def compact(count: int) -> str:
    """Write a count; from ten thousand on in thousands, millions, or thousands of those."""
    if abs(count) < FEW:
        return f"{count:,}"
    exponent = min((len(str(abs(count))) - 1) // 3, len(UNITS) - 1)
    return f"{count / 1000**exponent:,.1f}{UNITS[exponent]}"


def printable(name: str) -> str:
    """Return a name that can be shown anywhere: what moves a cursor, or turns the writing, is replaced."""
    return "".join(character if character.isprintable() else "\ufffd" for character in name)
