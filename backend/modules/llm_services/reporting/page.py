"""A report as one HTML page: it loads nothing, runs nothing, and can be printed.

Its charts are numbers here, which the template draws as SVG. A plotting library would write names past the one thing
that escapes them, and draw in colours that do not follow a page that is dark, or printed.
"""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .tables import view
from .values import Figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .values import Report

TEMPLATE: Final = "page.html.jinja"
# Of a chart, in units of its SVG:
WIDTH: Final = 720
HEIGHT: Final = 220
LEFT: Final = 64
TOP: Final = 12
FLOOR: Final = HEIGHT - 28
GAP: Final = 0.2  # of a day's width
MAX_LINES: Final = 5
MAX_DAYS_NAMED: Final = 8


class Bar(NamedTuple):
    """A day's bar; `marked` is the height of its marked part."""

    x: float
    y: float
    width: float
    height: float
    marked: float
    name: str


class Tick(NamedTuple):
    """A line across the chart, or a day below it: its place and its name."""

    at: float
    name: str


class Chart(NamedTuple):
    """Bars over days; `summary` is for those who do not see them."""

    title: str
    summary: str
    bars: Sequence[Bar]
    lines: Sequence[Tick]
    days: Sequence[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = FLOOR


class _Day(NamedTuple):
    date: str
    value: float
    marked: float
    text: str


def page(report: Report, database: str) -> str:
    """Return the page; what comes from the table is text in it, even if it is markup."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(TEMPLATE).render(view=view(report, database), charts=charts(report))


def charts(report: Report) -> tuple[Chart, Chart]:
    """Return the charts of the cost and of the attempts of each day, days without rows among them."""
    scope = report.scope
    dates = [str(scope.since + timedelta(days=number)) for number in range((scope.until - scope.since).days + 1)]
    days = [(date, report.days.get(date, Figures())) for date in dates]
    return (
        _chart("USD by day", [_Day(date, float(day.cost), 0.0, f"{day.cost:,.4f} USD") for date, day in days]),
        _chart(
            "Attempts by day, failed ones marked",
            [
                _Day(date, day.attempts, day.failed, f"{day.attempts:,} attempts, {day.failed:,} failed")
                for date, day in days
            ],
        ),
    )


def _chart(title: str, days: Sequence[_Day]) -> Chart:
    highest = max(days, key=lambda day: day.value)
    step = tick_step(highest.value)
    lines = max(math.ceil(highest.value / step), 1)
    unit = (FLOOR - TOP) / (lines * step)
    width = (WIDTH - LEFT) / len(days)
    bars = []
    for place, day in enumerate(days):
        height, marked = unit * max(day.value, 0.0), unit * max(day.marked, 0.0)
        x = LEFT + width * (place + GAP / 2)
        bars.append(Bar(x, FLOOR - height, width * (1 - GAP), height, marked, f"{day.date}: {day.text}"))
    named = range(0, len(days), math.ceil(len(days) / MAX_DAYS_NAMED))
    return Chart(
        title=title,
        summary=f"{title}, {days[0].date} to {days[-1].date}. Most on {highest.date}: {highest.text}. "
        "The table has every day.",
        bars=bars,
        lines=[Tick(FLOOR - unit * line * step, f"{line * step:,.10g}") for line in range(lines + 1)],
        days=[Tick(LEFT + width * (place + 0.5), days[place].date[5:]) for place in named],
    )


def tick_step(highest: float) -> float:
    """Return the least of 1, 2, 5, 10, 20, ... (or tenths of these) that needs no more than five lines."""
    least = highest / MAX_LINES
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)
