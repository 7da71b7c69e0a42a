"""Whole processes: they exit without warnings, and they may fork."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.calls import only_row, rows
from support.processes import run_python

if TYPE_CHECKING:
    from sqlalchemy import Engine

HERE = Path(__file__).parent
BACKEND = HERE.parents[1] / "backend"


def environment(engine: Engine) -> dict[str, str]:
    """Return the environment of a process on the same database."""
    url = engine.url.render_as_string(hide_password=False)
    return {**os.environ, "PYTHONPATH": str(BACKEND), "DATABASE_URL": url}


def test_a_script_just_ends(engine: Engine, tmp_path: Path) -> None:
    """A script that makes one call and closes nothing prints no warning, with every warning an error."""
    script = run_python([str(HERE / "one_call.py")], environment(engine), tmp_path)
    assert (0, "") == (script.returncode, script.stderr)
    row = only_row(engine)
    assert (script.stdout, "completed") == (str(row.id), row.status)


@pytest.mark.parametrize(
    ("thread", "warnings", "new_connections"), [("idle", "error", "1"), ("busy", "ignore::DeprecationWarning", "0")]
)
def test_a_process_may_fork_after_its_first_call(
    thread: str, warnings: str, new_connections: str, engine: Engine, tmp_path: Path
) -> None:
    """Parent and child make calls after a fork, and the child's exit does not affect the parent's connection.

    An idle ledger has closed its connection before the fork, as SQLite requires, and has no thread that Python would
    warn about: https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_file_across_a_fork_
    """
    command = [sys.executable, "-W", warnings, str(HERE / "forked_calls.py"), thread]
    script = subprocess.run(command, env=environment(engine), cwd=tmp_path, capture_output=True, check=False, text=True)
    assert (0, new_connections, "") == (script.returncode, script.stdout, script.stderr)
    asked = {"before the fork", "in the child", "after the fork"}
    assert asked == {row.messages[0]["content"] for row in rows(engine) if row.status == "completed"}
