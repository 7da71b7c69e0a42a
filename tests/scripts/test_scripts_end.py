"""Whatever ends a script early, it prints at most one line that says what to do, and has the documented exit code."""

from __future__ import annotations

from command_line import INTERRUPTED, NO_DATABASE, NOBODY_READS, WRONG_USAGE

import os
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, inspect, text

from scripts.programs import SCRIPTS, STAND_IN, command, environment, run, run_alone, run_customized, run_here
from stand_in.vendors import OPENROUTER, VENDORS
from support import databases
from support.processes import bare_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from stand_in.pytest_plugin import LLMStandIn

OWN = [script for script in SCRIPTS if script != STAND_IN]
ASK, EXPORT = "backend/scripts/ask.py", "backend/scripts/export_cassette.py"
SETTLE, MODEL_ENDS = "backend/scripts/settle_abandoned.py", "backend/scripts/model_ends.py"
REPORT, RECONCILE = "backend/scripts/report.py", "backend/scripts/reconcile_costs.py"
FORGET = "backend/scripts/forget.py"
ID = "00000000-0000-4000-8000-00000000000a"
READERS = [(SETTLE, []), (REPORT, []), (RECONCILE, []), (EXPORT, [ID]), (FORGET, ["--user=1"])]
KEY = {"OPENROUTER_API_KEY": "sk-or-scripts", "OPENROUTER_BASE_URL": "http://127.0.0.1:9"}
NO_SPACE = "/dev/full"


@pytest.mark.parametrize("script", OWN)
@pytest.mark.parametrize("at", ["1", "10", "60"], ids=["first", "tenth", "sixtieth"])
def test_an_interrupt_during_the_imports_ends_in_silence(script: str, at: str, tmp_path: Path) -> None:
    """Ctrl-C while a script imports its packages exits with 130 and prints nothing."""
    done = run_customized(command(script), tmp_path, INTERRUPT_AT=at)
    assert (INTERRUPTED, "", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("at", ["asyncio", "h11"])
def test_an_interrupt_before_the_stand_in_serves_ends_in_silence(at: str, tmp_path: Path) -> None:
    """Ctrl-C while the stand-in starts gives the documented exit code 0, and prints nothing."""
    done = run_customized(command(STAND_IN), tmp_path, INTERRUPT_AT=at)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("script", "module", "package"),
    [
        (ASK, "rich", "rich"),
        (ASK, "pydantic", "pydantic"),
        (EXPORT, "vcr", "vcrpy"),
        (EXPORT, "yaml", "PyYAML"),
        (EXPORT, "json_schema_to_pydantic", "json-schema-to-pydantic"),
        (SETTLE, "sqlalchemy", "sqlalchemy"),
        (SETTLE, "dotenv", "python-dotenv"),
        (MODEL_ENDS, "pydantic", "pydantic"),
        (RECONCILE, "rich", "rich"),
        (REPORT, "sqlalchemy", "sqlalchemy"),
        (STAND_IN, "h11", "h11"),
    ],
)
def test_a_missing_package_is_a_line_with_the_command(script: str, module: str, package: str, tmp_path: Path) -> None:
    """A missing package gives one line: its name on the index, this Python, and pip's command."""
    arguments = {ASK: ["Why?"], EXPORT: [ID]}.get(script, [])
    done = run_customized(command(script, *arguments), tmp_path, HIDDEN=module)
    (line,) = done.stderr.splitlines()
    assert f"{sys.executable} -m pip install {package}" in line
    assert (1 if script == STAND_IN else WRONG_USAGE) == done.returncode


@pytest.mark.parametrize("script", [script for script in OWN if script.startswith("backend/scripts/")])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_needs_no_package(script: str, option: str, tmp_path: Path) -> None:
    """The help, with every option, works with only the standard library installed."""
    arguments = [sys.executable, "-S", *SCRIPTS[script], option]
    alone, whole = run_alone(arguments, tmp_path), run(script, tmp_path, option)
    assert (0, "") == (alone.returncode, alone.stderr)
    assert alone.stdout.startswith("usage: ")
    assert whole.stdout == alone.stdout


def test_a_question_may_look_like_an_option(llm_stand_in: LLMStandIn, tmp_path: Path) -> None:
    """What follows `--` is not an option, so it does not show the help."""
    done = run(ASK, tmp_path, "--", "-h", **VENDORS[OPENROUTER].environment(llm_stand_in.url))
    assert (0, True) == (done.returncode, 'It was asked: "-h"' in done.stdout)


def test_a_package_of_one_option_is_missed_when_the_option_is_given(sqlite_engine: Engine, tmp_path: Path) -> None:
    """Only --html needs jinja2: without it, the option gives the same line, and other runs work."""
    url = sqlite_engine.url.render_as_string()
    done = run_customized(command(REPORT, "--html", "page.html"), tmp_path, HIDDEN="jinja2", DATABASE_URL=url)
    (line,) = done.stderr.splitlines()
    assert (WRONG_USAGE, True) == (done.returncode, f"{sys.executable} -m pip install jinja2" in line)
    assert 0 == run_customized(command(REPORT), tmp_path, HIDDEN="jinja2", DATABASE_URL=url).returncode


def test_a_folder_that_was_not_copied_is_named(tmp_path: Path) -> None:
    """In an application without a folder that a script needs, the line names the folder."""
    done = run_customized(command(EXPORT, ID), tmp_path, HIDDEN="cassette")
    (line,) = done.stderr.splitlines()
    assert "the folder `cassette` is missing" in line
    assert WRONG_USAGE == done.returncode


@pytest.mark.parametrize("script", [EXPORT, SETTLE, MODEL_ENDS])
def test_a_script_finds_the_modules_beside_it(script: str, tmp_path: Path) -> None:
    """A script runs from any folder without PYTHONPATH, if the packages are installed."""
    done = subprocess.run(
        command(script, "--help"), cwd=tmp_path, env=bare_environment(), capture_output=True, check=False
    )
    assert (0, b"") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("script", "option", "value"),
    [
        *((SETTLE, "--minutes", value) for value in ("abc", "-1", "nan", "inf", "", "1e300")),
        *((script, "--days", value) for script in (MODEL_ENDS, RECONCILE) for value in ("abc", "-1", "nan", "1e9")),
        *((MODEL_ENDS, "--today", value) for value in ("soon", "2026-13-01", "26-1-1", "")),
    ],
)
def test_a_wrong_value_is_explained(script: str, option: str, value: str, tmp_path: Path) -> None:
    """An invalid value is shown with the option and what is expected, and not with a function's name."""
    done = run_here(script, tmp_path, f"{option}={value}")
    line = done.stderr.splitlines()[-1]
    assert WRONG_USAGE == done.returncode
    assert f"argument {option}: {value!r} is not a " in line


@pytest.mark.parametrize(
    ("script", "arguments"),
    [(SETTLE, []), (REPORT, []), (RECONCILE, []), (EXPORT, [ID])],
    ids=lambda value: str(value)[-20:],
)
@pytest.mark.parametrize("content", [b"no database at all, " * 99, b""], ids=["another file", "a folder"])
def test_what_is_no_database_is_a_line(script: str, arguments: list[str], content: bytes, tmp_path: Path) -> None:
    """A file that is not a database, or a folder, gives one line and exit code 3."""
    file = tmp_path / "rows.db"
    if content:
        file.write_bytes(content)
    else:
        file.mkdir()
    done = run(script, tmp_path, *arguments, DATABASE_URL=f"sqlite:///{file}", **KEY)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{script.rpartition('/')[2]}: the database: ")
    assert NO_DATABASE == done.returncode


@pytest.mark.parametrize(("script", "arguments"), READERS)
def test_a_database_that_is_not_there_is_not_made(script: str, arguments: list[str], tmp_path: Path) -> None:
    """A misspelt path gives one line that names it, exit code 2, and no new file."""
    done = run(script, tmp_path, *arguments, DATABASE_URL="sqlite:///misspelt.db", **KEY)
    (line,) = done.stderr.splitlines()
    assert "there is no SQLite file misspelt.db: is this the right DATABASE_URL?" in line
    assert (WRONG_USAGE, False) == (done.returncode, (tmp_path / "misspelt.db").exists())


@pytest.fixture(params=["sqlite", "postgresql"])
def other_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Return a database that belongs to another application."""
    if request.param == "sqlite":
        engine = create_engine(f"sqlite:///{tmp_path}/other.db")
    else:
        engine = create_engine(request.getfixturevalue("postgres_server"))
        databases.empty(engine.url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE customers (id INTEGER)"))
    yield engine
    if request.param == "postgresql":
        databases.empty(engine.url)
    databases.close(engine)


@pytest.mark.parametrize(("script", "arguments"), READERS)
def test_a_table_that_is_not_there_is_not_made(
    script: str, arguments: list[str], other_database: Engine, tmp_path: Path
) -> None:
    """A database without the table gives one line, exit code 2, and no table; nothing is read or written."""
    url = other_database.url.render_as_string(hide_password=False)
    done = run(script, tmp_path, *arguments, DATABASE_URL=url, **KEY)
    (line,) = done.stderr.splitlines()
    assert f"the table llm_requests cannot be read in {other_database.url.render_as_string()}: " in line
    assert line.endswith(": is this the right DATABASE_URL?")
    assert (WRONG_USAGE, "") == (done.returncode, done.stdout)
    assert ["customers"] == inspect(other_database).get_table_names()


@pytest.mark.parametrize(("script", "arguments"), READERS)
def test_an_older_table_is_named_with_its_column(
    script: str, arguments: list[str], other_database: Engine, tmp_path: Path
) -> None:
    """For a table without all columns of this release, one line names the first missing one."""
    with other_database.begin() as connection:
        connection.execute(text("CREATE TABLE llm_requests (id VARCHAR(36), status VARCHAR(50))"))
    url = other_database.url.render_as_string(hide_password=False)
    done = run(script, tmp_path, *arguments, DATABASE_URL=url, **KEY)
    (line,) = done.stderr.splitlines()
    assert "llm_requests.user_id" in line
    assert (WRONG_USAGE, "") == (done.returncode, done.stdout)


@pytest.mark.parametrize(
    ("script", "redirection"),
    [
        *((REPORT, redirection) for redirection in ("<&-", ">&-", "2>&-")),
        *((script, "<&- >&- 2>&-") for script in (REPORT, SETTLE, FORGET)),
    ],
)
def test_a_closed_stream_is_no_failure(script: str, redirection: str, sqlite_engine: Engine, tmp_path: Path) -> None:
    """A script with a closed standard input, output or error, as from a timer, works."""
    variables = environment(DATABASE_URL=sqlite_engine.url.render_as_string())
    line = f"{shlex.join(command(script, *dict(READERS)[script]))} {redirection}"
    done = subprocess.run(["bash", "-c", line], env=variables, cwd=tmp_path, capture_output=True, check=False)
    assert (0, False) == (done.returncode, b"Traceback" in done.stderr)


@pytest.mark.skipif(not os.path.exists(NO_SPACE), reason="a device of Linux")  # noqa: PTH110 - as short
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_full_disk_is_a_line(options: list[str], sqlite_engine: Engine, tmp_path: Path) -> None:
    """Output that cannot be written gives one line, and exit code 2."""
    variables = environment(DATABASE_URL=sqlite_engine.url.render_as_string())
    with open(NO_SPACE, "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            command(REPORT, *options), env=variables, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (WRONG_USAGE, b"report.py: [Errno 28] No space left on device\n") == (done.returncode, done.stderr)


def test_an_answer_is_shown_where_the_terminal_knows_ascii_alone(llm_stand_in: LLMStandIn, tmp_path: Path) -> None:
    """A character that the terminal's encoding lacks is escaped, so that a paid answer is shown."""
    variables = VENDORS[OPENROUTER].environment(llm_stand_in.url)
    done = run_alone(command(ASK, "Is it \u2713?"), tmp_path, PYTHONIOENCODING="ascii", **variables)
    assert (0, "") == (done.returncode, done.stderr)
    assert r'It was asked: "Is it \u2713?"' in done.stdout


def test_no_columns_are_as_many_as_there_are(sqlite_engine: Engine, tmp_path: Path) -> None:
    """COLUMNS=0, which some programs set if they do not know the width, counts as unset."""
    url = sqlite_engine.url.render_as_string()
    outputs = [run(REPORT, tmp_path, DATABASE_URL=url, COLUMNS=columns).stdout for columns in ("0", "80")]
    assert "LLM spend" in outputs[0]
    assert outputs[0].splitlines()[2:] == outputs[1].splitlines()[2:]


def test_a_file_that_cannot_be_written_is_a_line(llm_stand_in: LLMStandIn, tmp_path: Path) -> None:
    """If the cassette cannot be written, the line names the path."""
    variables = VENDORS[OPENROUTER].environment(llm_stand_in.url)
    assert 0 == run(ASK, tmp_path, "Why?", "--model", "openrouter/author/model", **variables).returncode
    (tmp_path / "out").write_text("a file, not a folder")
    with closing(sqlite3.connect(tmp_path / "llm_services.db")) as connection:
        (request_id,) = connection.execute("SELECT id FROM llm_requests").fetchone()
    done = run(EXPORT, tmp_path, request_id, "--out", str(tmp_path / "out"), **variables)
    (line,) = done.stderr.splitlines()
    assert str(tmp_path / "out") in line
    assert WRONG_USAGE == done.returncode


def test_an_answer_that_nobody_reads_is_no_failure(llm_stand_in: LLMStandIn, tmp_path: Path) -> None:
    """Behind `| head`, the output of rich ends silently with 141 too."""
    reading, writing = os.pipe()
    os.close(reading)
    variables = VENDORS[OPENROUTER].environment(llm_stand_in.url)
    done = subprocess.run(
        command(ASK, "Why?"),
        env=environment(**variables),
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (NOBODY_READS, b"") == (done.returncode, done.stderr)
