"""A report as one HTML page, which loads nothing, has no scripts, and can be printed.

The template draws the charts as SVG from the percentages computed here. A plotting library would bypass the template's
escaping, and its colours would not follow a dark or printed page.
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
MAX_LINES: Final = 5
MAX_DATES: Final = 8


class Bar(NamedTuple):
    """One day's bar; a part of it can be highlighted."""

    date: str
    value: float
    marked: float
    text: str


class Chart(NamedTuple):
    """Bars over days, below `top`; `summary` describes them to readers who cannot see them.

    A line has its position in percent of the height, a date in percent of the width, and each has its label.
    """

    title: str
    summary: str
    bars: Sequence[Bar]
    top: float
    lines: Sequence[tuple[float, str]]
    dates: Sequence[tuple[float, str]]


def page(report: Report, database: str) -> str:
    """Return the page; values from the table appear as text, even if they are markup."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(TEMPLATE).render(view=view(report, database), charts=charts(report))


def charts(report: Report) -> tuple[Chart, Chart]:
    """Return the charts of each day's cost and attempts, including days without rows."""
    scope = report.scope
    dates = [str(scope.since + timedelta(days=number)) for number in range((scope.until - scope.since).days + 1)]
    days = [(date, report.days.get(date, Figures())) for date in dates]
    costs = [Bar(date, max(float(day.cost), 0.0), 0.0, f"{day.cost:,.4f} USD") for date, day in days]
    attempts = [
        Bar(date, day.attempts, day.failed, f"{day.attempts:,} attempts, {day.failed:,} failed") for date, day in days
    ]
    return _chart("USD by day", costs), _chart("Attempts by day, failed ones marked", attempts)


def _chart(title: str, bars: Sequence[Bar]) -> Chart:
    highest = max(bars, key=lambda bar: bar.value)
    step = tick_step(highest.value)
    lines = max(math.ceil(highest.value / step), 1)
    every = math.ceil(len(bars) / MAX_DATES)
    summary = f"{title}, {bars[0].date} to {bars[-1].date}. Most on {highest.date}: {highest.text}."
    return Chart(
        title=title,
        summary=f"{summary} The table has every day.",
        bars=bars,
        top=lines * step,
        lines=[(100 * line / lines, f"{line * step:,.10g}") for line in range(lines + 1)],
        dates=[(100 * (place + 0.5) / len(bars), bars[place].date[5:]) for place in range(0, len(bars), every)],
    )


def tick_step(highest: float) -> float:
    """Return the least of 1, 2, 5, 10, 20, ... (or tenths of these) that needs at most five lines."""
    least = highest / MAX_LINES
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)
