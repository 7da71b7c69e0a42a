"""Check a built site: every page loads only its own files, and every internal link has a target."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

# What a browser loads by itself, through a tag or a style sheet; users follow links.
LOADS: Final = {"src", "srcset", "poster", "data"}
FOREIGN: Final = re.compile(r"""(?:url\(\s*|@import\s+)["']?(?:https?:)?//[^)"'\s]+""")


class Page(HTMLParser):
    """What a page loads, its links, and the anchors in it."""

    def __init__(self, text: str) -> None:
        """Parse a page."""
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses and the anchors of a tag."""
        for name, value in attrs:
            if name in LOADS or (name == "href" and tag in {"link", "use", "image"}):
                self.loads.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name == "id" or (name == "name" and tag == "a"):
                self.places.add(value or "")


def problems(site: Path) -> list[str]:
    """Return what is wrong with the site in a folder, one sentence each."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    found = [] if pages else [f"{site}: no page"]
    for path, page in pages.items():
        name = path.relative_to(site)
        found += [f"{name} loads {each} from another host" for each in page.loads if _is_elsewhere(each)]
        inside = [each for each in (*page.loads, *page.links) if not _is_elsewhere(each)]
        found += [f"{name} leads to {each}, which is not there" for each in inside if not _is_there(path, each, pages)]
    for sheet in sorted([*site.rglob("*.css"), *site.rglob("*.svg")]):
        loaded = FOREIGN.findall(sheet.read_text(encoding="utf-8"))
        found += [f"{sheet.relative_to(site)} loads {each}" for each in loaded]
    return found


def _is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in {"", "data"}


def _is_there(path: Path, address: str, pages: dict[Path, Page]) -> bool:
    """Return True if an address on a page has a target, both the file and the anchor."""
    parts = urlsplit(address)
    if parts.scheme == "data":
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    page = pages.get(target)
    return target.is_file() and (page is None or unquote(parts.fragment) in page.places)


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1]).resolve())
    print("\n".join(wrong) or "every link finds its place, and nothing is loaded from another host")  # noqa: T201 - it reports to a person
    sys.exit(1 if wrong else 0)
