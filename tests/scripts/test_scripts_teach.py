"""Every script has a help text, and ends without a traceback on any input and on a closed pipe."""

from __future__ import annotations

import command_line
from command_line import Steps

import os
import re
import signal
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from scripts.programs import ROOT, SCRIPTS, command, environment, run
from stand_in.vendors import OPENROUTER, VENDORS
from support.processes import started

if TYPE_CHECKING:
    from pathlib import Path

    from stand_in.pytest_plugin import LLMStandIn

READ = re.compile(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"")
WHERE_ROWS_ARE = {
    "backend/scripts/ask.py": ["Why?"],
    "backend/scripts/forget.py": ["--user=1"],
    "backend/scripts/reconcile_costs.py": [],
    "backend/scripts/report.py": [],
    "backend/scripts/settle_abandoned.py": [],
}
# Variables that they read through the module's configuration, or that other programs read.
VARIABLES = {
    "backend/scripts/ask.py": {"OPENROUTER_API_KEY", "OPENROUTER_BASE_URL", "LLM_PROVIDER", "DATABASE_URL"},
    "backend/scripts/forget.py": {"DATABASE_URL", "LLM_CACHE_DIR", "LLM_CACHE_URL"},
    "backend/scripts/reconcile_costs.py": {
        "OPENROUTER_API_KEY",
        "OPENROUTER_MANAGEMENT_KEY",
        "OPENROUTER_BASE_URL",
        "DATABASE_URL",
    },
    "backend/scripts/report.py": {"REQUEST_TIMEOUT", "DATABASE_URL"},
    "backend/scripts/settle_abandoned.py": {"REQUEST_TIMEOUT", "DATABASE_URL"},
    "backend/scripts/run_unit.py": {"PYTEST_ADDOPTS"},
    "backend/scripts/run_integration.py": {"PYTEST_ADDOPTS"},
    "tests/cassettes/recording/record.py": {"OPENROUTER_API_KEY", "GEMINI_API_KEY", "AWS_SECRET_ACCESS_KEY"},
    "python -m stand_in": {"OPENROUTER_API_KEY", "OPENROUTER_BASE_URL"},
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_teaches(script: str, tmp_path: Path) -> None:
    """`--help` shows the usage, the variables and the exit codes."""
    done = run(script, tmp_path, "--help")
    assert (0, "") == (done.returncode, done.stderr)
    name = script.rpartition("/")[2]
    example = f"nox -s {'record' if name == 'record.py' else 'bench'}" if name in {"record.py", "run.py"} else name
    assert re.search(rf"^    .*{re.escape(example)}", done.stdout, re.MULTILINE)
    assert re.search(r"^variables.*:\n    \S", done.stdout, re.MULTILINE)
    assert re.search(r"^exit codes.*:\n    0  ", done.stdout, re.MULTILINE)
    source = (ROOT / script).read_text(encoding="utf-8") if script.endswith(".py") else ""
    read = {*READ.findall(source), *VARIABLES.get(script, ())}
    assert [] == [variable for variable in sorted(read) if variable not in done.stdout]


def test_every_table_row_is_a_script() -> None:
    """The tables of this file name existing scripts."""
    assert (VARIABLES.keys() | WHERE_ROWS_ARE.keys()) <= SCRIPTS.keys()


@pytest.mark.parametrize("script", SCRIPTS)
def test_nobody_reads_on(script: str, tmp_path: Path) -> None:
    """Behind `| head`, which closes the pipe, it ends silently."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(script, "--help"),
        env=environment(),
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert b"" == done.stderr
    assert done.returncode in {0, command_line.NOBODY_READS}


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_unknown_option_is_a_matter_of_usage(script: str, tmp_path: Path) -> None:
    """An unknown option is named, with exit code 2 (pytest's 4) and no traceback."""
    done = run(script, tmp_path, "--no-such-option")
    assert done.returncode in {2, 4}
    assert "--no-such-option" in done.stderr or "required" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("script", WHERE_ROWS_ARE)
@pytest.mark.parametrize(
    ("variable", "value"),
    [("DATABASE_URL", "nowhere"), ("DATABASE_URL", "postgresql://user@host:port/name"), ("REQUEST_TIMEOUT", "soon")],
    ids=["database", "port", "timeout"],
)
def test_a_variable_that_is_wrong_is_named(script: str, variable: str, value: str, tmp_path: Path) -> None:
    """An invalid variable gives one sentence that names it, and exit code 2."""
    key = {"OPENROUTER_API_KEY": "sk-or-scripts"}
    done = run(script, tmp_path, *WHERE_ROWS_ARE[script], **key, **{variable: value})
    assert 2 == done.returncode
    assert variable in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_an_interrupted_call_is_on_its_row(llm_stand_in: LLMStandIn, tmp_path: Path) -> None:
    """Ctrl-C while a model is silent exits with 130, without a traceback, and the row has failed."""
    arguments = command("backend/scripts/ask.py", "Are you there?", "--model", "openrouter/stand-in/silence")
    variables = environment(**VENDORS[OPENROUTER].environment(llm_stand_in.url))
    with started(arguments, variables, tmp_path) as process:
        while not llm_stand_in.requests:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate()
    assert (command_line.INTERRUPTED, "") == (process.returncode, printed)
    with closing(sqlite3.connect(tmp_path / "llm_services.db")) as connection:
        rows = connection.execute("SELECT status, error_type FROM llm_requests").fetchall()
    assert [("failed", "CancelledError")] == rows


def test_a_step_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, every step is a line: its number, name and outcome, and the time left."""
    with Steps("asking", 2) as steps:
        for name, outcome in (("first", "200"), ("second", "")):
            steps.begin(name)
            steps.end(outcome)
    printed = capsys.readouterr()
    assert "" == printed.out
    assert re.fullmatch(r"\[1/2\] first 200, about \d:\d\d:\d\d left\n\[2/2\] second\n", printed.err)


def test_on_a_terminal_it_is_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, a bar shows the step and its number, and only outcomes stay above it."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with Steps("asking", 2) as steps:
        for name, outcome in (("first", "[200]"), ("second", "")):
            steps.begin(name)
            steps.end(outcome)
    printed = capsys.readouterr().err
    assert "asking: second" in printed
    assert "2/2" in printed
    assert "first [200]" in printed
    assert "[2/2] second" not in printed
