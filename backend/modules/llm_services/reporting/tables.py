"""What the terminal and the page show of a report: headlines, and tables with rounded figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ..ledger.maintenance import ABANDONED
from ..model_names import ENDS_SOON
from ..types import CostSource
from .values import IN_FLIGHT, OVERDUE, PENDING, UNKNOWN, UNSTATED, Figures, Group, Groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .values import Latency, Report

COST_SOURCES: Final = {
    CostSource.REPORTED: "reported by the provider with the answer",
    CostSource.RECONCILED: "reported by the provider later",
    CostSource.ESTIMATED: "estimated from list prices",
    CostSource.CACHED: "answered by the response cache, for nothing",
    UNSTATED: "known, source not stated",
    CostSource.UNPRICED: "unpriced: answered, without a known price",
    UNKNOWN: "unknown: failed, and the provider did not say whether it billed",
    PENDING: "pending: not settled yet",
}
UNSETTLED: Final = {
    ABANDONED: "abandoned: its process died; settled as failed, cost unknown",
    OVERDUE: "overdue: pending for longer than an attempt can take; run settle_abandoned.py",
    IN_FLIGHT: "in flight: pending, and its process may still settle it",
}
MODELS_NOTE: Final = (
    "unknown: attempts of unknown cost, which is in no sum. input, output: tokens. cached: the share of input "
    "that came from a prompt cache. p50, p95: the time that half, and 95 in 100, of the completed attempts did not "
    "exceed."
)
SERVED: Final = ("served by", "called through")
PROVIDERS_NOTE: Final = (
    "served by: the vendor that OpenRouter routed to, as OpenRouter names it; otherwise the provider that was called."
)
CAUSES_NOTE: Final = "The cost of failed attempts: known if the provider reported it, otherwise unknown, never zero."
ENDING_NOTE: Final = (
    "The days are those that this release knows and, with --check-models, those in OpenRouter's list. At Azure and "
    "Bedrock, a model may end on a different day. not listed: OpenRouter no longer has a text model with this "
    "name."
)
FALLBACKS_NOTE: Final = "What OpenRouter tried for calls with router_metadata, if it tried more than once or failed."
MIN_SHOWN_USD: Final = Decimal("0.0001")
MIN_COMPACT_COUNT: Final = 10_000
UNITS: Final = ("", "k", "M", "G")


@dataclass(frozen=True)
class Row:
    """A row's cells; `share` is its part of the total cost, from 0 to 1, if it is shown as a bar."""

    cells: tuple[str, ...]
    share: float | None = None
    is_total: bool = False


@dataclass(frozen=True)
class Section:
    """A table of names followed by numbers, with a note on how to read it; names `in_prose` are sentences."""

    title: str
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    in_prose: bool = False


@dataclass(frozen=True)
class View:
    """A report as it is shown; a headline is a name, a figure, and a note on how to read it."""

    title: str
    subtitle: str
    headlines: tuple[tuple[str, str, str], ...]
    sections: tuple[Section, ...]


# The columns of numbers, with the functions that format a group's figures beside those of all groups.
Columns = Mapping[str, Callable[[Figures, Figures], str]]
FIGURES: Final[Columns] = {
    "USD": lambda group, _: usd(group.cost),
    "share": lambda group, total: share(group.cost, total.cost),
    "unknown": lambda group, _: f"{group.unknown_costs:,}",
    "calls": lambda group, _: f"{group.calls:,}",
    "attempts": lambda group, _: f"{group.attempts:,}",
    "failed": lambda group, _: f"{group.failed:,}",
    "input": lambda group, _: compact(group.input_tokens),
    "cached": lambda group, _: share(group.cached_input_tokens, group.input_tokens),
    "output": lambda group, _: compact(group.output_tokens),
}
CALLS: Final[Columns] = {name: FIGURES[name] for name in ("USD", "calls", "attempts", "failed")}
COSTS: Final[Columns] = {name: FIGURES[name] for name in ("attempts", "USD", "unknown")}


def view(report: Report, database: str) -> View:
    """Return what is shown of a report on `database`."""
    scope = report.scope
    filters = [f"user {scope.user_id}"] if scope.user_id is not None else []
    filters += [f"model {printable(scope.model)}"] if scope.model is not None else []
    days = Groups(tuple(Group((day,), figures) for day, figures in report.days.items()))
    causes = _section("Failures by cause", ("error", "status", "code"), report.causes, COSTS)
    return View(
        title=" · ".join([f"LLM spend, {scope.since} to {scope.until}", *filters]),
        subtitle=f"UTC days, both included; as of {report.made_at:%Y-%m-%d %H:%M} UTC; read from {database}",
        headlines=tuple(_headlines(report)),
        sections=(
            _models(report),
            replace(_section("By served provider", SERVED, report.providers, has_bars=True), note=PROVIDERS_NOTE),
            _section("By user", ("user",), report.users, has_bars=True),
            *(_section(f"By {name}", (name,), groups, has_bars=True) for name, groups in report.labels.items()),
            *_ending(report),
            replace(causes, note=CAUSES_NOTE),
            *_fallbacks(report),
            _explained("Where the costs come from", report.cost_sources, COST_SOURCES),
            _explained("Not settled by their own process", report.unsettled, UNSETTLED),
            _section("By day", ("UTC day",), days),
        ),
    )


def _headlines(report: Report) -> Iterator[tuple[str, str, str]]:
    total, retries, failed = report.total, report.retries, report.causes.total
    prompt, cache = report.prompt_cache, report.response_cache
    yield ("Spent", f"{usd(total.cost)} USD", f"plus {total.unknown_costs:,} attempts whose cost is unknown")
    yield ("Calls", f"{total.calls:,}", f"{total.attempts:,} attempts")
    note = f"of attempts; {total.failed:,}, which cost {usd(failed.cost)} USD; {failed.unknown_costs:,} of unknown cost"
    yield ("Failed", share(total.failed, total.attempts), note)
    note = f"attempts after the first, which cost {usd(retries.cost)} USD; {retries.unknown_costs:,} of unknown cost"
    yield ("Tried again", f"{retries.attempts:,}", note)
    note = f"of input tokens; saved about {prompt.saved:,.4f} USD, an estimate by list prices ({prompt.price_table})"
    note += f"; {prompt.unpriced_tokens:,} tokens have no known price" if prompt.unpriced_tokens else ""
    yield ("From prompt caches", share(total.cached_input_tokens, total.input_tokens), note)
    note = f"calls; the answers had cost {usd(cache.saved)} USD"
    note += f", and {cache.unknown:,} an unknown amount" if cache.unknown else ""
    yield ("From the response cache", f"{cache.answers:,}", note)
    if report.latency:
        note = (
            f"median of {report.latency.answers:,} answers; 95 in 100 arrived within {seconds(report.latency.p95_ms)}"
        )
        yield ("Answer time", seconds(report.latency.p50_ms), note)
    if first := report.first_piece:
        note = f"median of {first.answers:,} streamed answers; 95 in 100 began within {seconds(first.p95_ms)}"
        yield ("First piece", seconds(first.p50_ms), note)


def _models(report: Report) -> Section:
    section = _section("By model", ("model",), report.models, has_bars=True)
    times = [_times(report.latencies.get(str(group.key[0]))) for group in report.models.shown]
    times += [("", "")] * (len(section.rows) - len(times))
    rows = zip(section.rows, times, strict=True)
    return replace(
        section,
        numbers=(*section.numbers, "p50", "p95"),
        rows=tuple(replace(row, cells=row.cells + cells) for row, cells in rows),
        note=MODELS_NOTE,
    )


def _ending(report: Report) -> Iterator[Section]:
    """Lay out the models that end, if there are any."""
    rows = (
        Row(
            (
                printable(model.model),
                model.provider,
                str(model.end or "not listed"),
                *_cells(model.figures, model.figures, CALLS),
            )
        )
        for model in report.ending
    )
    if report.ending:
        names = ("model", "called through", "ends on")
        yield Section(f"Models that end within {ENDS_SOON.days} days", names, tuple(CALLS), tuple(rows), ENDING_NOTE)


def _fallbacks(report: Report) -> Iterator[Section]:
    """Lay out the attempts that OpenRouter made, if rows have them."""
    if report.fallbacks.total.attempts:
        section = _section("Attempts behind OpenRouter", ("provider and status, in order",), report.fallbacks, CALLS)
        yield replace(section, note=FALLBACKS_NOTE)


def _times(latency: Latency | None) -> tuple[str, str]:
    return (seconds(latency.p50_ms), seconds(latency.p95_ms)) if latency else ("", "")


def _section(
    title: str, names: tuple[str, ...], groups: Groups, columns: Columns = FIGURES, *, has_bars: bool = False
) -> Section:
    """Lay out the groups that are shown, the total of the others, and the total of all."""
    total = groups.total
    missing = f"no {names[0]}" if has_bars else ""
    shown = [(tuple(printable(part or missing) for part in group.key), group.figures) for group in groups.shown]
    empty = ("",) * (len(names) - 1)
    if groups.others:
        shown.append(((f"{groups.others:,} others", *empty), groups.rest))
    rows = [
        Row(labels + _cells(figures, total, columns), _part(figures.cost, total.cost) if has_bars else None)
        for labels, figures in shown
    ]
    if total.attempts:
        rows.append(Row(("total", *empty, *_cells(total, total, columns)), is_total=True))
    return Section(title, names, tuple(columns), tuple(rows))


def _cells(figures: Figures, total: Figures, columns: Columns) -> tuple[str, ...]:
    return tuple(text(figures, total) for text in columns.values())


def _part(cost: Decimal, total: Decimal) -> float | None:
    return float(cost / total) if total > 0 and cost >= 0 else None


def _explained(title: str, groups: Mapping[str, Figures], texts: Mapping[str, str]) -> Section:
    """Lay out groups that are explained by a text, in the order of the texts."""
    rows = (Row((text, *_cells(groups[name], groups[name], COSTS))) for name, text in texts.items() if name in groups)
    return Section(title, ("",), tuple(COSTS), tuple(rows), in_prose=True)


def usd(cost: Decimal) -> str:
    """Format dollars with four decimals; a smaller amount other than zero is shown as "less than"."""
    if 0 < cost < MIN_SHOWN_USD:
        return f"<{MIN_SHOWN_USD}"
    return f"{cost:,.4f}"


def share(part: float | Decimal, whole: float | Decimal) -> str:
    """Format a part of a whole in percent; empty if the whole is zero."""
    return f"{100 * float(part) / float(whole):.1f} %" if whole > 0 else ""


def seconds(milliseconds: int) -> str:
    """Format milliseconds as seconds."""
    return f"{milliseconds / 1000:,.2f} s"


def compact(count: int) -> str:
    """Format a count; from ten thousand on in thousands, millions, or billions."""
    if abs(count) < MIN_COMPACT_COUNT:
        return f"{count:,}"
    exponent = min((len(str(abs(count))) - 1) // 3, len(UNITS) - 1)
    return f"{count / 1000**exponent:,.1f}{UNITS[exponent]}"


def printable(name: str) -> str:
    """Return a name that can be shown anywhere: control characters, and those that reverse text, are replaced."""
    return "".join(character if character.isprintable() else "\ufffd" for character in name)
