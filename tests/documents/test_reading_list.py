"""The reading list of docs/life-of-a-request.md leads to the request and to the row."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import bare_environment

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/life-of-a-request.md"
STEPS = {
    "ChatCompletionsWire.render": "the payload is rendered",
    "pending": "the pending row's columns are made",
    "Ledger.open": "the row is opened",
    "post": "the request is sent",
    "ChatCompletionsWire.parse": "the answer is read",
    "completed": "the settled row's columns are made",
    "Ledger.settle": "the row is settled",
}
MAX_FILES = 25
MAX_MOVES = 104


@pytest.fixture(scope="module")
def trace() -> str:
    """Trace a text call in a separate process."""
    environment = bare_environment(PYTHONPATH=os.pathsep.join([f"{ROOT}/backend", f"{ROOT}/tests"]))
    script = [sys.executable, str(ROOT / "tests/documents/trace_call.py")]
    return subprocess.run(script, env=environment, capture_output=True, text=True, check=True).stdout


def reading_list() -> list[str]:
    """Return the files that the page lists, in order."""
    listed = PAGE.read_text(encoding="utf-8").split("<!-- reading list -->\n")[1].split("\n\n")[0]
    return [f"llm_services/{name}" for name in re.findall(r"^\d+\. `([^`]+)`", listed, re.MULTILINE)]


def test_a_call_enters_the_files_of_the_list_in_its_order(trace: str) -> None:
    """A call enters the listed files in their order, from the public interface to the row and the request."""
    files = trace.split("in order: ")[1].split("\n", maxsplit=1)[0].split()
    assert reading_list() == [file for file in files if file in reading_list()]


@pytest.mark.parametrize("function", STEPS)
def test_the_list_leads_to_each_step(trace: str, function: str) -> None:
    """The steps of a request and its row happen in files of the list."""
    file = ""
    for line in trace.splitlines():
        file = line.split()[0] if line and not line.startswith(" ") else file
        if line.split()[-1:] == [function]:
            break
    assert file in reading_list(), f"{STEPS[function]} in {file}"


def test_a_call_enters_few_files(trace: str) -> None:
    """A call with a new service can be read in an hour: it enters at most 25 files, and moves at most 104 times."""
    files, moves = map(int, re.findall(r"^(\d+) files, (\d+) moves$", trace, re.MULTILINE)[0])
    assert files <= MAX_FILES
    assert moves <= MAX_MOVES
