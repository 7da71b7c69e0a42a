"""The built site in a real browser, narrow and wide; run by `nox -s browser`, not collected by pytest."""

from __future__ import annotations

import base64
import os
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE: Final = Path(__file__).resolve().parents[2] / "build" / "site"
PAGES: Final = [path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html"))]
WITH_TABLES: Final = [name for name in PAGES if "table-wrapper" in (SITE / name).read_text(encoding="utf-8")]
WIDTHS: Final = (390, 1440)
READABLE: Final = 4.5  # contrast of text, https://www.w3.org/TR/WCAG22/#contrast-minimum
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What extends beyond the window or has to be scrolled to; tables and code scroll in their own boxes.
TOO_WIDE: Final = """() => {
    const own = element => element.closest(".table-wrapper *, pre *");
    const beyond = element => element.getBoundingClientRect().right > innerWidth + 1 && !own(element);
    const wide = [...document.querySelectorAll("article, article *")].filter(beyond).map(each => each.outerHTML);
    return document.documentElement.scrollWidth > innerWidth ? ["the page", ...wide] : wide;
}"""
# For each table: whether it is wider than its box, whether a hint says so, whether the keyboard can scroll it.
TABLES: Final = """() => [...document.querySelectorAll(".table-wrapper")].map(box => [
    box.scrollWidth > box.clientWidth,
    getComputedStyle(box, "::before").content.startsWith('"Scroll sideways'),
    box.tabIndex === 0,
])"""
TWO_FRAMES: Final = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
# The luminance of a picture's commonest colour, and the contrast of the colour that differs most from it.
CONTRAST: Final = """async png => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const {data} = canvas.getImageData(0, 0, image.width, image.height);
    const counts = new Map();
    for (let at = 0; at < data.length; at += 4) {
        const colour = data.slice(at, at + 3).join();
        counts.set(colour, (counts.get(colour) ?? 0) + 1);
    }
    const linear = part => part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = colour => colour.split(",").map(Number).map(linear)
        .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    const ground = luminance([...counts].reduce((most, each) => each[1] > most[1] ? each : most)[0]);
    const contrast = other => (Math.max(ground, other) + 0.05) / (Math.min(ground, other) + 0.05);
    return [ground, Math.max(...[...counts.keys()].map(luminance).map(contrast))];
}"""


class Silent(SimpleHTTPRequestHandler):
    """Serves files without logging."""

    def log_message(self, format: str, *_arguments: object) -> None:  # noqa: A002 - the parameter's name is its base's
        """Say nothing."""
        del format


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Serve the site on a free port of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(SITE))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the machine's Chromium, with a temporary profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """An open page, and what happened on it."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note the page's requests and errors."""
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._heard)

    def _heard(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(f"{said.text} ({said.location})")


def visiting(browser: Browser, address: str, width: int = 1440, **context: Any) -> Iterator[Visit]:
    """Open a page in a window of a width, in a new browser context."""
    with browser.new_context(viewport={"width": width, "height": 900}, **context) as fresh:
        visit = Visit(fresh.new_page())
        visit.listen()
        visit.page.goto(address, wait_until="networkidle")
        yield visit


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page(browser: Browser, site: str, name: str, width: int) -> None:
    """A page requests no other host, has no errors, is not wider than its window, and its links work."""
    for visit in visiting(browser, f"{site}/{name}", width):
        assert [] == [url for url in visit.asked if not url.startswith((f"{site}/", "data:", "blob:"))]
        assert [] == visit.complaints
        assert [] == visit.page.evaluate(TOO_WIDE)
        links = set(visit.page.evaluate("[...document.links].map(link => link.href.split('#')[0])"))
        inside = sorted(link for link in links if link.startswith(site))
        assert [] == [link for link in inside if not visit.page.request.get(link).ok]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", WITH_TABLES)
def test_a_table_says_that_it_scrolls(browser: Browser, site: str, name: str, width: int) -> None:
    """A table that is wider than its box says so and can be scrolled by keyboard; no other table says so."""
    for visit in visiting(browser, f"{site}/{name}", width):
        visit.page.evaluate(TWO_FRAMES)  # ResizeObservers run after the first layout
        assert [] == [table for table in visit.page.evaluate(TABLES) if len(set(table)) > 1]


def test_the_search_finds_a_word(browser: Browser, site: str) -> None:
    """A search for a word of the ledger's page finds the page."""
    for visit in visiting(browser, f"{site}/search.html?q=rollback"):
        visit.page.wait_for_selector("#search-results li a")
        found = visit.page.evaluate("[...document.querySelectorAll('#search-results li a')].map(each => each.href)")
        assert any("ledger.html" in each for each in found)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("system", ["light", "dark"])
@pytest.mark.parametrize("chosen", ["auto", "light", "dark"])
def test_the_diagram_is_legible(browser: Browser, site: str, width: int, system: str, chosen: str) -> None:
    """The diagram follows the dark or light scheme, by system or by choice, and is legible."""
    for visit in visiting(browser, f"{site}/life-of-a-request.html", width, color_scheme=system):
        visit.page.evaluate("theme => { document.body.dataset.theme = theme }", chosen)
        picture = visit.page.locator("img[src$='life-of-a-request.svg']").screenshot()
        ground, contrast = visit.page.evaluate(CONTRAST, base64.b64encode(picture).decode())
        assert ("dark" == (system if chosen == "auto" else chosen)) == (ground < 0.2)
        assert READABLE <= contrast
