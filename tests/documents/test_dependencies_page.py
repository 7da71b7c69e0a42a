"""docs/dependencies.md has a line for each package in pyproject.toml, and a script compares its versions."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cases.scripted_server import Reply, scripted_server
from documents import dependency_versions
from documents.dependency_versions import NAME, PAGE
from documents.dependency_versions import ROW as ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cases.scripted_server import ScriptedServer

PROJECT = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
ROW = "| [one](https://pypi.org/project/one/) and [two](https://pypi.org/project/two/) | both | why | {} |"
TEXT = "This was the latest release in May 2020.\n\n{}\n\n| the end | not a package |\n"


def answer(version: str, *uploaded: str) -> dict[str, object]:
    """Return the index's answer about a package."""
    return {"info": {"version": version}, "urls": [{"upload_time_iso_8601": time} for time in uploaded]}


@pytest.fixture
def index() -> Iterator[ScriptedServer]:
    """Return an index with two packages; the files of the first were uploaded around midnight."""
    with scripted_server() as server:
        server.script(
            answer("1.2.0", "2026-11-01T00:00:01.5Z", "2026-10-31T23:59:59.1Z"), answer("3", "2024-12-06T15:37:23Z")
        )
        yield server


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Return a page with one row that is out of date."""
    path = tmp_path / "dependencies.md"
    path.write_text(TEXT.format(ROW.format("1.1.0, May 2026; 3, December 2024")))
    return path


def check(page: Path, index: ScriptedServer, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the script; return its exit code."""
    monkeypatch.setattr("sys.argv", ["versions", "--page", str(page), "--index", index.url, *arguments])
    return dependency_versions.main()


def test_every_package_has_a_line() -> None:
    """The page has exactly the packages in pyproject.toml."""
    groups = [
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    named = [each for group in groups for each in group if isinstance(each, str)]
    packages = {canonicalize_name(Requirement(each).name) for each in named} - {PROJECT["project"]["name"]}
    rows = " ".join(found["packages"] for found in ROWS.finditer(PAGE.read_text("utf-8")))
    on_page = set(map(canonicalize_name, NAME.findall(rows)))
    by_extra_of_sqlalchemy = {"greenlet"}
    assert packages | by_extra_of_sqlalchemy == on_page


def test_a_difference_is_a_line(
    page: Path, index: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row that differs from the index is shown with both values, the exit code is 1, and the page is unchanged."""
    before = page.read_text()
    assert 1 == check(page, index, monkeypatch)
    page_says, index_says = "1.1.0, May 2026; 3, December 2024", "1.2.0, October 2026; 3, December 2024"
    assert f"one, two: the page says {page_says}, the index {index_says}\n" == capsys.readouterr().out
    assert ["/pypi/one/json", "/pypi/two/json"] == [request.path for request in index.requests]
    assert before == page.read_text()


def test_the_column_is_written(page: Path, index: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """--write changes the versions and the month of the check, and nothing else; then there is no difference."""
    assert 0 == check(page, index, monkeypatch, "--write")
    text = page.read_text()
    assert ROW.format("1.2.0, October 2026; 3, December 2024") in text
    assert "May 2020" not in text
    assert text.endswith("\n\n| the end | not a package |\n")
    index.script(answer("1.2.0", "2026-10-31T23:59:59Z"), answer("3", "2024-12-06T15:37:23Z"))
    assert 0 == check(page, index, monkeypatch)


def test_the_month_stays_where_not_all_is_checked(
    page: Path, index: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check of some packages writes their rows, and not the month of the check."""
    assert 0 == check(page, index, monkeypatch, "--write", "two")
    assert "the latest release in May 2020." in page.read_text()


@pytest.mark.parametrize("reply", [Reply("no such package", 404), Reply({}), Reply("<html>"), answer("1")])
def test_an_index_that_does_not_say_is_an_error(
    page: Path, index: ScriptedServer, monkeypatch: pytest.MonkeyPatch, reply: object
) -> None:
    """An answer without a version or a date is an error that names the package."""
    index.script(reply)
    with pytest.raises(OSError, match="does not say which version of one is the latest"):
        check(page, index, monkeypatch)


def test_a_package_that_is_not_on_the_page_is_refused(
    page: Path, index: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown name gives exit code 2, and nothing is looked up."""
    with pytest.raises(SystemExit, match="2"):
        check(page, index, monkeypatch, "htpx")
    assert "not on the page: htpx" in capsys.readouterr().err
    assert [] == index.requests
