"""Bars over days, as the numbers that an SVG needs; the page's template draws them.

Drawn so, and not by a plotting library, because model names and the like then pass through one thing that escapes
them, and because a page that is dark, or printed, changes the colours of what it has drawn itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modules.llm_services.reporting.values import Figures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modules.llm_services.reporting.values import Report

WIDTH: Final = 720
HEIGHT: Final = 220
LEFT: Final = 64
TOP: Final = 12
BOTTOM: Final = 28
PLOT_HEIGHT: Final = HEIGHT - TOP - BOTTOM
FLOOR: Final = TOP + PLOT_HEIGHT
MOST_TICKS: Final = 5
MOST_DAYS_NAMED: Final = 8
GAP: Final = 0.2  # of a day's width


@dataclass(frozen=True)
class Bar:
    """A day's bar; `marked` is the height of the part of it that stands out, `name` what it says."""

    x: float
    y: float
    width: float
    height: float
    marked: float
    name: str


@dataclass(frozen=True)
class Tick:
    """A line across the plot, or a day below it: where it is, and what it says."""

    at: float
    name: str


@dataclass(frozen=True)
class Chart:
    """A plot; `summary` says in words what it shows, for who does not see it."""

    title: str
    summary: str
    bars: tuple[Bar, ...]
    lines: tuple[Tick, ...]
    days: tuple[Tick, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = FLOOR


def charts(report: Report) -> tuple[Chart, ...]:
    """Return what was spent a day, and how many attempts were made and failed."""
    spent = _chart(
        report,
        "USD by day",
        lambda each: (float(each.cost), 0.0),
        lambda each: f"{each.cost:,.4f} USD",
    )
    made = _chart(
        report,
        "Attempts by day, failed ones marked",
        lambda each: (each.attempts, each.failed),
        lambda each: f"{each.attempts:,} attempts, {each.failed:,} failed",
    )
    return spent, made


def _chart(
    report: Report, title: str, measure: Callable[[Figures], tuple[float, float]], words: Callable[[Figures], str]
) -> Chart:
    days = dict(_every_day(report))
    measured = {day: measure(each) for day, each in days.items()}
    step = tick_step(max((whole for whole, _part in measured.values()), default=0.0))
    highest = max(math.ceil(max(whole for whole, _part in measured.values()) / step), 1) * step
    across = (WIDTH - LEFT) / len(days)
    bars = []
    for place, (day, (whole, part)) in enumerate(measured.items()):
        height, marked = (PLOT_HEIGHT * max(each, 0.0) / highest for each in (whole, part))
        x = LEFT + across * (place + GAP / 2)
        bars.append(Bar(x, FLOOR - height, across * (1 - GAP), height, marked, f"{day}: {words(days[day])}"))
    lines = tuple(Tick(FLOOR - PLOT_HEIGHT * value / highest, f"{value:,.10g}") for value in _values(step, highest))
    every = math.ceil(len(days) / MOST_DAYS_NAMED)
    named = tuple(Tick(LEFT + across * (place + 0.5), day[5:]) for place, day in enumerate(days) if not place % every)
    return Chart(
        title, _summary(title, measured, {day: words(each) for day, each in days.items()}), tuple(bars), lines, named
    )


def _every_day(report: Report) -> Iterator[tuple[str, Figures]]:
    """Yield the days of the period, those without a row too."""
    day = report.scope.since
    while day <= report.scope.until:
        yield day.isoformat(), report.days.get(day.isoformat(), Figures())
        day += timedelta(days=1)


def _summary(title: str, measured: Mapping[str, tuple[float, float]], words: Mapping[str, str]) -> str:
    highest = max(measured, key=lambda day: measured[day][0])
    return f"{title}, {min(measured)} to {max(measured)}. Most on {highest}: {words[highest]}. The table has every day."


def _values(step: float, highest: float) -> Iterator[float]:
    return (place * step for place in range(round(highest / step) + 1))


def tick_step(highest: float) -> float:
    """Return the least of 1, 2, 5, 10, 20, ... (or tenths of these) that needs no more than five lines."""
    least = highest / MOST_TICKS
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= least), 10 * power)
