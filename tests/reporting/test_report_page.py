"""The page that report.py writes: complete, self-contained, and safe with any content of the table."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from modules.llm_services.reporting.page import charts, page, tick_step
from modules.llm_services.reporting.report import read_report
from modules.llm_services.reporting.tables import compact
from modules.llm_services.reporting.values import Scope
from reporting.reported_rows import FIRST, LONGEST, SECOND, report, row, write

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from modules.llm_services.reporting.page import Chart
    from modules.llm_services.reporting.values import Report

HOSTILE = "openrouter/<script>alert('x')</script>&\"onload=\"x\u202e\x1b[31m$\\frac{"


class Outline(HTMLParser):
    """The elements of a page, their attributes, and the texts between them."""

    def __init__(self, page: str) -> None:
        """Parse a page."""
        super().__init__()
        self.elements: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.tags: dict[str, list[dict[str, str]]] = {}
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append(tag)
        self.tags.setdefault(tag, []).append({name: value or "" for name, value in attrs})
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data.strip())


def outline(found: Report) -> Outline:
    """Return the parsed page of a report."""
    return Outline(page(found, "sqlite:///test.db"))


def percent(text: str) -> float:
    """Return a percentage as a number."""
    return float(text.removesuffix("%"))


def attempts(engine: Engine, since: date, until: date) -> Chart:
    """Return the plot of the attempts of a period."""
    return charts(read_report(engine, Scope(since, until), LONGEST))[1]


def test_what_the_table_holds_is_text(sqlite_engine: Engine) -> None:
    """Names that are markup or control characters are shown as text."""
    envelope = {"upstream_provider": HOSTILE, "status_code": "<b>", "error_code": "</td>"}
    write(
        sqlite_engine,
        row(model=HOSTILE, response_raw=envelope),
        row(status="failed", error_type="<img src=x>", response_raw=envelope),
    )
    found = outline(report(sqlite_engine))
    assert [] == [tag for tag in found.elements if tag in {"script", "img", "b", "iframe", "link", "object"}]
    assert "onload" not in found.attributes
    shown = HOSTILE.replace("\u202e", "\ufffd").replace("\x1b", "\ufffd")
    assert [shown, shown] == [each for each in found.texts if each.startswith("openrouter/<script>")]
    assert {"<img src=x>", "<b>", "</td>"} <= set(found.texts)


def test_it_needs_nothing_else(sqlite_engine: Engine) -> None:
    """No attribute refers to another file, and the page's policy forbids loading or running anything."""
    write(sqlite_engine, row())
    found = outline(report(sqlite_engine))
    assert set() == {"src", "href", "srcset", "data", "action", "xlink:href"} & found.attributes.keys()
    assert [] == [text for text in found.texts if "url(" in text or "@import" in text]
    assert "default-src 'none'; style-src 'unsafe-inline'" in found.attributes["content"]


def test_who_does_not_see_the_plots_reads_them(sqlite_engine: Engine) -> None:
    """Each plot and each bar has a text description; the tables have headers."""
    write(sqlite_engine, row(), row(status="failed", cost_estimate=None))
    found = outline(report(sqlite_engine))
    assert ["img", "img"] == [role for role in found.attributes["role"] if role == "img"]
    summary = "USD by day, 2026-03-01 to 2026-03-02. Most on 2026-03-01: 0.1000 USD. The table has every day."
    assert summary in found.attributes["aria-label"]
    bars = {"2026-03-01: 0.1000 USD", "2026-03-01: 2 attempts, 1 failed", "2026-03-02: 0.0000 USD"}
    assert bars <= set(found.texts)
    assert {"col", "row"} == set(found.attributes["scope"])


def test_an_empty_report_is_a_page(sqlite_engine: Engine) -> None:
    """Without rows, the page says that there are none."""
    assert 7 == outline(report(sqlite_engine)).texts.count("None.")


def test_bars_are_as_high_as_their_figures(sqlite_engine: Engine) -> None:
    """A bar is as high as its day's attempts, with failed ones as a part; a day without rows has none."""
    write(sqlite_engine, *(row() for _ in range(3)), row(status="failed"))
    drawn = attempts(sqlite_engine, FIRST, SECOND)
    full, none = drawn.bars
    assert 0 == none.value == none.marked
    assert (4, 4, 1) == (drawn.top, full.value, full.marked)
    assert [(0.0, "0"), (25.0, "1"), (50.0, "2"), (75.0, "3"), (100.0, "4")] == drawn.lines
    assert [(25.0, "03-01"), (75.0, "03-02")] == drawn.dates


def test_bars_are_drawn_from_the_floor(sqlite_engine: Engine) -> None:
    """A bar is drawn at its day, from the bottom up, with the marked part on it; lines and dates are in place."""
    write(sqlite_engine, *(row() for _ in range(3)), row(status="failed"))
    read = report(sqlite_engine)
    bars = [bar for bar in outline(read).tags["rect"] if bar["class"] == "bar"][2:]
    marked = [bar for bar in outline(read).tags["rect"] if bar["class"] == "marked"][2:]
    assert [("5.0%", "40.0%"), ("55.0%", "40.0%")] == [(bar["x"], bar["width"]) for bar in bars]
    assert [("0.0%", "100.0%"), ("100.0%", "0.0%")] == [(bar["y"], bar["height"]) for bar in bars]
    assert [("5.0%", "75.0%", "25.0%"), ("55.0%", "100.0%", "0.0%")] == [
        (bar["x"], bar["y"], bar["height"]) for bar in marked
    ]
    assert ["100.0%", "75.0%", "50.0%", "25.0%", "0.0%"] == [line["y1"] for line in outline(read).tags["line"][-5:]]


def test_a_year_has_a_bar_a_day(sqlite_engine: Engine) -> None:
    """Each day has a bar inside the plot, and only a few are labelled."""
    read = read_report(sqlite_engine, Scope(date(2025, 3, 3), SECOND), LONGEST)
    rects = outline(read).tags["rect"]
    assert 2 * 365 == sum(bar["class"] == "bar" for bar in rects)
    assert all(0 < percent(bar["x"]) and percent(bar["x"]) + percent(bar["width"]) < 100 for bar in rects)
    assert 8 >= len(charts(read)[1].dates)


@pytest.mark.parametrize(
    ("highest", "step"), [(0.0, 1.0), (4, 1.0), (5, 1.0), (5.1, 2.0), (23, 5.0), (0.007, 0.002), (999, 200.0)]
)
def test_lines_are_at_round_figures(highest: float, step: float) -> None:
    """The grid lines are at multiples of 1, 2 or 5, and there are at most five."""
    assert pytest.approx(step) == tick_step(highest)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (9_999, "9,999"), (10_000, "10.0k"), (1_234_567, "1.2M"), (5 * 10**9, "5.0G"), (7 * 10**12, "7,000.0G")],
)
def test_large_counts_are_short(count: int, text: str) -> None:
    """A count of more than four digits is written with a unit."""
    assert text == compact(count)
