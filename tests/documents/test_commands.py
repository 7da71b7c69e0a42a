"""The commands in README, CONTRIBUTING and the documents work as written in a fresh clone."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from support.processes import bare_environment

ROOT: Final = Path(__file__).resolve().parents[2]
# tests/drop_in/test_into_your_application.py runs the commands for an application.
PAGES: Final = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted({*(ROOT / "docs").glob("*.md")} - {ROOT / "docs/into-your-application.md"}),
]
BLOCK: Final = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
BIN: Final = ".venv/bin/"
ON_EVERY_MACHINE: Final = {"python3", "export", "curl"}
SESSION: Final = re.compile(r" -s ([\w-]+)")
EXTRAS: Final = re.compile(r"\.\[([\w,]+)\]")
SCRIPT: Final = re.compile(r"python (-m \w+|backend/\S+)")
OPTION: Final = re.compile(r" (--\w[\w-]*)")


def commands() -> dict[str, str]:
    """Return every command in the pages, with its page."""
    found: dict[str, str] = {}
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            lines = block.replace("\\\n", " ").replace(" && ", "\n").splitlines()
            split = [shlex.split(line, comments=True) for line in lines]
            found |= {shlex.join(words): page.name for words in split if words and "=" not in words[0]}
    return found


COMMANDS: Final = commands()


@cache
def sessions() -> frozenset[str]:
    """Return the names of the sessions in noxfile.py."""
    body = ast.parse((ROOT / "noxfile.py").read_bytes()).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef) and node.decorator_list)


@cache
def extras() -> frozenset[str]:
    """Return the names of the extras that can be installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return frozenset(project["optional-dependencies"])


@cache
def usage(script: str) -> str:
    """Return the help text of a script or a module."""
    environment = bare_environment(PYTHONPATH=str(ROOT / "backend"))
    command = [sys.executable, *script.split(), "--help"]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_on_the_path(command: str) -> None:
    """A command is in the environment that README creates, or available on every machine."""
    tool = command.split(maxsplit=1)[0]
    assert tool in ON_EVERY_MACHINE or tool.startswith(BIN), COMMANDS[command]


@pytest.mark.parametrize("command", [command for command in COMMANDS if SESSION.search(command)])
def test_a_session_exists(command: str) -> None:
    """A nox session that a page names is in noxfile.py."""
    assert set(SESSION.findall(command)) <= sessions()


@pytest.mark.parametrize("command", [command for command in COMMANDS if EXTRAS.search(command)])
def test_an_extra_exists(command: str) -> None:
    """An extra that a page installs is in pyproject.toml."""
    assert set(EXTRAS.findall(command)[0].split(",")) <= extras()


@pytest.mark.parametrize("command", [command for command in COMMANDS if SCRIPT.search(command)])
def test_a_script_takes_the_options(command: str) -> None:
    """A script that a page runs exists, and has every option that the page uses."""
    script = SCRIPT.findall(command)[0]
    if script != "-m venv":
        assert [] == [option for option in OPTION.findall(command) if option not in usage(script)]
