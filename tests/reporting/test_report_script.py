"""report.py as a process."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modules.llm_services.config import VARIABLE_NAMES
from reporting.reported_rows import ONE, SECOND, noon, row, write
from scripts.programs import run_here
from support.processes import run_python

if TYPE_CHECKING:
    import subprocess

    from sqlalchemy import Engine

    from stand_in.pytest_plugin import LLMStandIn

BACKEND = Path(__file__).resolve().parents[2] / "backend"
LONG_NAME = "openrouter/anthropic/claude-sonnet-4.5:beta"
OPENROUTER = "https://openrouter.invalid/api/v1"  # no model is called
MARCH = "--since=2026-03-01", "--until=2026-03-02"


def run(
    url: str, folder: Path, *arguments: str, columns: int = 140, base_url: str = OPENROUTER
) -> subprocess.CompletedProcess[str]:
    """Run report.py as a process, with warnings as errors."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLE_NAMES}
    environment |= {"PYTHONPATH": str(BACKEND), "DATABASE_URL": url, "COLUMNS": str(columns)}
    environment |= {"OPENROUTER_BASE_URL": base_url}
    return run_python([str(BACKEND / "scripts/report.py"), *arguments], environment, folder)


def of(engine: Engine) -> str:
    """Return the URL of a database."""
    return engine.url.render_as_string(hide_password=False)


def test_it_prints_tables(engine: Engine, tmp_path: Path) -> None:
    """By default the report is printed; piped output has neither colours nor progress."""
    write(engine, row(cost_estimate=1234.5), row(status="failed", error_type="LLMTimeoutError", cost_estimate=None))
    done = run(of(engine), tmp_path, *MARCH)
    assert (0, "") == (done.returncode, done.stderr)
    assert "LLM spend, 2026-03-01 to 2026-03-02" in done.stdout
    for message in ("1,234.5000 USD", "plus 1 attempts whose cost is unknown", ONE, "LLMTimeoutError", "By user"):
        assert message in done.stdout
    assert "\x1b" not in done.stdout


@pytest.fixture
def twelve_users(sqlite_engine: Engine) -> Engine:
    """Return a table of twelve users, with long model names, and one vendor that is called in two ways."""
    openrouter = {"cost_source": "reported", "upstream_provider": "OpenAI"}
    users = range(100_001, 100_013)
    write(
        sqlite_engine,
        *(row(model=LONG_NAME, user_id=user, cost_estimate=1234.5678, response_raw=openrouter) for user in users),
        row(model="gpt-5-mini", provider="openai", response_raw={"cost_source": "estimated"}, created_at=noon(SECOND)),
        row(
            status="failed", error_type="LLMRateLimitError", response_raw={"status_code": 429, "error_code": "a_limit"}
        ),
    )
    return sqlite_engine


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_no_date_name_or_figure_is_broken(twelve_users: Engine, tmp_path: Path, columns: int) -> None:
    """A narrow terminal has fewer columns; days, users, names and amounts stay whole, on one line."""
    printed = run(of(twelve_users), tmp_path, *MARCH, columns=columns).stdout
    lines = printed.splitlines()
    assert columns >= max(map(len, lines))
    first_cells = [line.split()[0] for line in lines if line.strip()]
    assert {"2026-03-01", "2026-03-02", LONG_NAME, *map(str, range(100_001, 100_013))} <= set(first_cells)
    totals = [line.split() for line in lines if line.strip().startswith("total")]
    assert {"14,815.0136"} == {cell for cells in totals for cell in cells if cell.startswith("14,")}
    assert "…" not in printed


@pytest.mark.parametrize(
    ("columns", "left_out"),
    [
        (60, ["share, cached, output, input, calls, p95, p50, failed, attempts, unknown"]),
        (100, ["share, cached, output, input, calls, p95"]),
        (160, []),
    ],
)
def test_the_columns_that_are_left_out_are_named(
    twelve_users: Engine, tmp_path: Path, columns: int, left_out: list[str]
) -> None:
    """Below a table without some columns, the missing ones and the terminal's width are named."""
    printed = run(of(twelve_users), tmp_path, *MARCH, columns=columns).stdout
    models = " ".join(printed.partition("By model")[2].partition("By served provider")[0].split())
    assert [f"Left out at {columns} columns: {names}." for names in left_out] == re.findall("Left out.*", models)


def test_a_name_without_room_is_shortened_in_the_middle(sqlite_engine: Engine, tmp_path: Path) -> None:
    """A name wider than the terminal keeps its beginning and its end, and the report says so."""
    write(sqlite_engine, row(model=f"openrouter/vendor/{'a' * 60}-v1"), row(model=f"openrouter/vendor/{'a' * 60}-v2"))
    printed = run(of(sqlite_engine), tmp_path, *MARCH, columns=60).stdout
    assert 60 >= max(map(len, printed.splitlines()))
    names = [line.split()[0] for line in printed.splitlines() if "…" in line]
    assert [("openrouter/vendor/", "-v1"), ("openrouter/vendor/", "-v2")] == [(name[:18], name[-3:]) for name in names]
    assert "Names are shortened." in printed


def test_a_vendor_that_is_reached_in_two_ways_has_two_rows(twelve_users: Engine, tmp_path: Path) -> None:
    """OpenAI behind OpenRouter and OpenAI itself have separate rows."""
    printed = run(of(twelve_users), tmp_path, *MARCH).stdout
    cells = [line.split()[:2] for line in printed.splitlines()]
    assert ["OpenAI", "openrouter"] in cells
    assert ["openai", "openai"] in cells


def test_it_prints_json(sqlite_engine: Engine, tmp_path: Path) -> None:
    """`--json` has every figure, with amounts as text, so that nothing is rounded."""
    write(sqlite_engine, row(cost_estimate=0.000194, user_id=7), row(user_id=8))
    done = run(of(sqlite_engine), tmp_path, *MARCH, "--json", "--user=7")
    found: dict[str, Any] = json.loads(done.stdout)
    assert ("0.000194", 1, "2026-03-01") == (found["total"]["cost"], found["total"]["calls"], found["scope"]["since"])
    assert {"days", "models", "providers", "users", "causes", "latencies", "prompt_cache"} < found.keys()


def test_it_looks_up_which_models_end(sqlite_engine: Engine, tmp_path: Path, llm_stand_in: LLMStandIn) -> None:
    """`--check-models` reads OpenRouter's list without a key: one model has ended, one is not listed."""
    models = ("ended", "ends-late", "completion", "never-was")
    write(sqlite_engine, *(row(model=f"openrouter/stand-in/{name}") for name in models))
    done = run(of(sqlite_engine), tmp_path, *MARCH, "--json", "--check-models", base_url=llm_stand_in.url)
    ending = [(model["model"], model["end"]) for model in json.loads(done.stdout)["ending"]]
    assert [("openrouter/stand-in/ended", "2026-01-31"), ("openrouter/stand-in/never-was", None)] == ending
    printed = run(of(sqlite_engine), tmp_path, *MARCH, "--check-models", base_url=llm_stand_in.url).stdout
    assert "not listed" in printed


def test_a_list_that_cannot_be_read(sqlite_engine: Engine, tmp_path: Path) -> None:
    """If OpenRouter does not answer, `--check-models` ends with 2 and one line instead of an incomplete report."""
    done = run(of(sqlite_engine), tmp_path, *MARCH, "--check-models", base_url="http://127.0.0.1:9/api/v1")
    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert "no answer from http://127.0.0.1:9/api/v1/models" in done.stderr


def test_it_reports_by_labels(sqlite_engine: Engine, tmp_path: Path) -> None:
    """`--by` adds a table for each name, in JSON under `labels`; rows without the label have no name."""
    write(sqlite_engine, row(additional_params={"metadata": {"team": "growth", "feature": "search"}}), row())
    done = run(of(sqlite_engine), tmp_path, *MARCH, "--json", "--by=metadata.team", "--by=metadata.feature")
    labels = json.loads(done.stdout)["labels"]
    assert ["metadata.team", "metadata.feature"] == list(labels)
    assert [["growth"], [None]] == [group["key"] for group in labels["metadata.team"]["shown"]]
    printed = run(of(sqlite_engine), tmp_path, *MARCH, "--by=metadata.team").stdout
    assert "By metadata.team" in printed
    assert "no metadata.team" in printed


def test_it_writes_a_page(sqlite_engine: Engine, tmp_path: Path) -> None:
    """`--html` writes one file, and says so; it contains no password."""
    write(sqlite_engine, row())
    done = run(of(sqlite_engine), tmp_path, *MARCH, "--html=report.html")
    assert (0, "", "wrote report.html\n") == (done.returncode, done.stdout, done.stderr)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert ONE in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--days=0"], "0 is not a number of at least 1"),
        (["--days=x"], "x is not a number of at least 1"),
        (["--days=9999999"], "the calendar does not go that far"),
        (["--until=9999-12-31"], "the calendar does not go that far"),
        (["--since=yesterday"], "'yesterday' is not a day: write it as 2026-12-31"),
        (["--since=2026-03-02", "--until=2026-03-01"], "--since 2026-03-02 is after --until 2026-03-01"),
        (["--since=2026-03-02", "--days=3"], "give one of them"),
        (["--user=99999999999"], "'99999999999' is not a user id"),
        (["--by=team"], "'team' is not a name in the metadata of calls: write it as metadata.team"),
        (["--by=metadata."], "write it as metadata.team"),
        (["--html=nowhere/report.html"], "cannot write nowhere/report.html"),
        (["--html=."], "cannot write .: it is a folder"),
    ],
    ids=str,
)
def test_an_impossible_argument_is_named(tmp_path: Path, arguments: list[str], message: str) -> None:
    """An invalid argument gives exit code 2 and a sentence, before the database is used."""
    done = run_here("backend/scripts/report.py", tmp_path, *arguments, DATABASE_URL="sqlite:///never.db")
    assert (2, "") == (done.returncode, done.stdout)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("postgresql+psycopg://nobody:secret@127.0.0.1:1/none", 3, "connection"),
        ("sqlite:////nowhere/at/all.db", 2, "there is no SQLite file /nowhere/at/all.db: is this the right"),
        ("sqlite:///not-yet.db", 2, "there is no SQLite file not-yet.db"),
        ("sqlite:///file:not-yet.db?uri=true", 2, "there is no SQLite file not-yet.db"),
        ("nonsense", 2, "DATABASE_URL"),
    ],
)
def test_a_database_that_is_not_there(tmp_path: Path, url: str, code: int, message: str) -> None:
    """An unreachable database gives one line, without the password; no file is created."""
    done = run(url, tmp_path)
    assert (code, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert message in done.stderr
    assert "secret" not in done.stderr
    assert [] == list(tmp_path.iterdir())
