"""Sphinx's configuration, which cannot be in pyproject.toml; index.md lists the pages in order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "llm-services"
extensions = ["myst_parser"]
myst_heading_anchors = 3  # links to headings work as on a code host
nitpicky = True
html_theme = "furo"
html_title = project
html_favicon = "icon.svg"
html_static_path = ["site.css", "site.js"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
smartquotes = False  # quoted values have to match the code
html_copy_source = False
html_show_copyright = False
html_use_index = False

SECTION: Final = re.compile(r"^## (.+)\n((?:\n?(?:- .*\n)+)+)", re.MULTILINE)
PAGE: Final = re.compile(r"^- \[[^]]+\]\(([^)]+)\.md\)", re.MULTILINE)


def add_contents(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Make each section of index.md, which stays plain Markdown, a part of the sidebar."""
    if docname == "index":
        for caption, pages in SECTION.findall(source[0]):
            listed = "\n".join(PAGE.findall(pages))
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def setup(app: Sphinx) -> None:
    """Register `add_contents`."""
    app.connect("source-read", add_contents)
