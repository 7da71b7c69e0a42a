"""What `nox -s docs` refuses in a built site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from documents.site_check import problems

if TYPE_CHECKING:
    from pathlib import Path


def site(folder: Path, body: str, css: str = "") -> Path:
    """Write a site of two pages, an image and a style sheet."""
    folder = folder.resolve()
    (folder / "index.html").write_text(f'<link rel="stylesheet" href="a.css">{body}')
    (folder / "other.html").write_text('<h1 id="here">Here</h1><a href="index.html">back</a>')
    (folder / "picture.svg").write_text("<svg/>")
    (folder / "a.css").write_text(css)
    return folder


def test_a_sound_site(tmp_path: Path) -> None:
    """Pages, anchors, images and links to other hosts are accepted."""
    body = (
        '<a href="other.html#here">here</a><a href="#">up</a><img src="picture.svg"><img src="data:,">'
        '<a href="https://pypi.org/">elsewhere</a><a href="mailto:a@b.example">write</a>'
    )
    assert [] == problems(site(tmp_path, body))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="gone.html">x</a>', "index.html leads to gone.html, which is not there"),
        ('<a href="other.html#there">x</a>', "index.html leads to other.html#there, which is not there"),
        ('<a href="#nowhere">x</a>', "index.html leads to #nowhere, which is not there"),
        ('<img src="gone.svg">', "index.html leads to gone.svg, which is not there"),
        ('<img src="//a.example/a.png">', "index.html loads //a.example/a.png from another host"),
        (
            '<script src="https://a.example/a.js"></script>',
            "index.html loads https://a.example/a.js from another host",
        ),
        (
            '<link href="https://fonts.example/f" rel="stylesheet">',
            "index.html loads https://fonts.example/f from another host",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, body: str, problem: str) -> None:
    """A broken link, and anything loaded from another host, is named with its page."""
    assert [problem] == problems(site(tmp_path, body))


@pytest.mark.parametrize("css", ["a {background: url(https://a.example/b.png)}", '@import "//a.example/c.css";'])
def test_a_style_sheet_loads_nothing_from_another_host(tmp_path: Path, css: str) -> None:
    """Fonts, images and style sheets that a style sheet loads from another host are named."""
    (found,) = problems(site(tmp_path, "", css))
    assert found.startswith("a.css loads ")


def test_no_site_is_a_problem(tmp_path: Path) -> None:
    """A folder without pages is refused."""
    assert 1 == len(problems(tmp_path))
