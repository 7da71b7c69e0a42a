"""The page of a report in a real browser, narrow and dark; run by `nox -s browser`, not collected by pytest."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import Page, sync_playwright

from documents.browse_site import FLAGS
from modules.llm_services.reporting.page import page
from reporting.reported_rows import FIRST, noon, report, row, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

PHONE: Final = 390
# The scrolling regions, by name: whether they scroll, and whether they say so.
REGIONS: Final = """() => Object.fromEntries([...document.querySelectorAll("[role=region]")].map(region => [
    region.ariaLabel,
    [region.scrollWidth > region.clientWidth, region.querySelector(".hint").getBoundingClientRect().height > 0],
]))"""
LAST_BARS: Final = """() => [...document.querySelectorAll("svg svg")].map(chart =>
    [...chart.querySelectorAll(".bar")].at(-1).getBoundingClientRect().right)"""
LINES: Final = """() => [...document.querySelectorAll("td")].map(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return new Set([...range.getClientRects()].map(rect => rect.top)).size || 1;
})"""
GROUND: Final = "() => getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"


@pytest.fixture
def path(sqlite_engine: Engine, tmp_path: Path) -> Path:
    """Write a page."""
    ended = row(provider="openai", model="o1-preview", status="failed", error_type="LLMValidationError")
    write(sqlite_engine, ended, *(row(created_at=noon(FIRST) + timedelta(days=days)) for days in range(2)))
    file = tmp_path / "report.html"
    file.write_text(page(report(sqlite_engine), "sqlite:///test.db"), encoding="utf-8")
    return file


def opened(path: Path, width: int, **context: Any) -> Iterator[Page]:
    """Open the page in a window of a width."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        with browser.new_context(viewport={"width": width, "height": 900}, **context) as fresh:
            opened = fresh.new_page()
            opened.goto(path.as_uri())
            yield opened
        browser.close()


@pytest.mark.parametrize("width", [PHONE, 1440])
def test_what_scrolls_says_so(path: Path, width: int) -> None:
    """Exactly the tables and charts that are wider than their place say that they scroll; the page fits."""
    for shown in opened(path, width):
        regions = shown.evaluate(REGIONS)
        assert regions
        assert [] == [name for name, (scrolls, says_so) in regions.items() if scrolls != says_so]
        assert (width == PHONE) == any(scrolls for scrolls, _ in regions.values())
        assert width == shown.evaluate("document.documentElement.scrollWidth")


def test_the_last_day_is_in_view(path: Path) -> None:
    """On a phone, a chart shows its end first."""
    for shown in opened(path, PHONE):
        assert [True, True] == [0 < right <= PHONE for right in shown.evaluate(LAST_BARS)]


def test_no_date_or_figure_is_broken(path: Path) -> None:
    """On a phone too, every cell other than a name is one line high."""
    for shown in opened(path, PHONE):
        assert {1} == set(shown.evaluate(LINES))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_scheme(path: Path, scheme: str) -> None:
    """The page is dark if the reader's system is."""
    for shown in opened(path, PHONE, color_scheme=scheme):
        assert (scheme == "dark") == (sum(shown.evaluate(GROUND)) < 3 * 128)
