"""The programs that users run, and how the tests run them."""

from __future__ import annotations

import command_line

import atexit
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modules.infrastructure.public import Infrastructure, infrastructure_provider
from modules.llm_services.config import VARIABLE_NAMES
from support import databases
from support.processes import bare_environment, run_python

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
SHEBANG = b"#!/usr/bin/env python3\n"
# A program for users has a shebang; the others are started by these, or by tests.
FILES = sorted(
    path.relative_to(ROOT)
    for folder in ("backend", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if path.read_bytes().startswith(SHEBANG)
)
STAND_IN = "python -m stand_in"
SCRIPTS = {path.as_posix(): [str(ROOT / path)] for path in FILES} | {STAND_IN: ["-m", "stand_in"]}
# Imported by Python before the program. It interrupts the program during the import that INTERRUPT_AT names, or the
# n-th import after command_line. It hides the package that HIDDEN names.
SITE_CUSTOMIZE = """
import os, signal, sys
from support.processes import bare_environment

at, hidden = os.environ.get("INTERRUPT_AT", ""), os.environ.get("HIDDEN")
left = [int(at) if at.isdecimal() else 0]

class Finder:
    def find_spec(self, name, path=None, target=None):
        left[0] -= sys.excepthook is not sys.__excepthook__
        if name == at or at.isdecimal() and not left[0]:
            os.kill(os.getpid(), signal.SIGINT)
        if name == hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
"""


def command(script: str, *arguments: str) -> list[str]:
    """Return the command line for a user."""
    return [sys.executable, *SCRIPTS[script], *arguments]


def environment(**variables: str) -> dict[str, str]:
    """Return an environment without a key."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("backend", "backend/scripts", "tests"))
    return bare_environment(**{"PYTHONPATH": path, **variables})


def run(script: str, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    return run_python([*SCRIPTS[script], *arguments], environment(**variables), folder)


def run_alone(arguments: Sequence[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command, which imports everything itself, to its end."""
    return subprocess.run(
        arguments, env=environment(**variables), cwd=folder, capture_output=True, text=True, check=False
    )


def run_here(script: str, folder: Path, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in this process, with no other variables than these, where a process of its own proves no more."""
    output, errors = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
        for name in VARIABLE_NAMES:
            patch.delenv(name, raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        patch.setattr(sys, "argv", [*SCRIPTS[script], *map(str, arguments)])
        patch.setattr("modules.infrastructure.public._infrastructure", Infrastructure())
        try:
            exit_code = command_line.run(import_module(Path(script).stem).main)
        except SystemExit as end:
            exit_code = int(end.code or 0)
        if database := infrastructure_provider()._database:
            databases.close(database.engine)
            atexit.unregister(database.engine.dispose)
    return subprocess.CompletedProcess(arguments, exit_code, output.getvalue(), errors.getvalue())


def run_customized(arguments: Sequence[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with SITE_CUSTOMIZE."""
    (folder / "sitecustomize.py").write_text(SITE_CUSTOMIZE)
    path = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
    return run_alone(arguments, folder, **{**variables, "PYTHONPATH": path})
