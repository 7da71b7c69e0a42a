"""The stand-in's output for readers: the tables of scenarios, and the variables to set."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import stand_in
from stand_in import listing
from stand_in.scenarios import FAULTY_REQUESTS, SCENARIOS
from stand_in.vendors import environment
from support.processes import started

BACKEND = Path(stand_in.__file__).resolve().parent.parent
ROOT = BACKEND.parent
BEGIN, END = "<!-- printed by `python -m stand_in --markdown` -->\n\n", "\n<!-- end -->"
COMMAND = [sys.executable, "-X", "dev", "-W", "error", "-m", "stand_in"]


def printed(*arguments: str) -> str:
    """Return the output of a command line that exits by itself."""
    done = subprocess.run([*COMMAND, *arguments], cwd=BACKEND, capture_output=True, text=True, check=True)
    assert "" == done.stderr
    return done.stdout


def greeting() -> tuple[str, str]:
    """Return the base URL of a stand-in that was started without options, and its output."""
    with started([*COMMAND, "--port", "0"], os.environ, BACKEND) as process:
        assert process.stdout
        first = process.stdout.readline()
        process.terminate()
        return first.split()[-1], first + process.stdout.read()


def test_it_starts_with_the_tables_and_ends_with_what_to_set() -> None:
    """At its start it prints the scenarios, and then, so that a terminal still shows them, the variables to set."""
    url, said = greeting()
    exported = dict(shlex.split(line)[1].split("=", 1) for line in said.splitlines() if line.startswith("    export "))
    assert listing.text() in said
    assert {name: value for name, value in environment(url).items() if value} == {
        **exported,
        "OPENROUTER_API_KEY": "sk-or-stand-in",
    }
    assert "sk-or-anything" == exported["OPENROUTER_API_KEY"]


def test_the_list_has_everything_that_can_be_asked_for() -> None:
    """`--list` has every scenario under the name that applications use, with status and source, and every wire."""
    said = printed("--list")
    lines = said.splitlines()
    faulty = {each.name for each in FAULTY_REQUESTS}
    asked = [f"openrouter/stand-in/{name}" for name in SCENARIOS if name not in faulty]
    asked += [*faulty, *(name for name, each in SCENARIOS.items() if each.everywhere)]
    assert [] == [name for name in asked if not any(line.split()[:1] == [name] for line in lines)]
    assert [] == [each.alias for each in SCENARIOS.values() if f" or {each.alias}" not in said and each.alias]
    sources = [f"status {each.shown_status}; follows {each.follows}" for each in SCENARIOS.values()]
    assert [] == [source for source in sources if f"    {source}" not in lines]
    assert [] == [each.does for each in SCENARIOS.values() if each.does not in re.sub(r"\n +", " ", said)]


def test_a_line_says_what_is_asked_for_and_what_comes_of_it() -> None:
    """A line that `grep` finds by the model's name ends with what a caller gets after the module's retries."""
    gets = dict(line.split("  ", 1) for line in listing.text().splitlines() if line.startswith("openrouter/stand-in/"))
    gets = {name.removeprefix("openrouter/stand-in/"): words.strip() for name, words in gets.items()}
    assert "LLMRateLimitError after retries" == gets["rate-limited"]
    assert "LLMProviderError" == gets["no-credits"]
    assert "an answer" == gets["completion"]
    assert "an answer, also structured" == gets["structured"]
    assert "an answer after one retry" == gets["flaky"]


def test_it_fits_eighty_columns() -> None:
    """Its output at the start, and its help, fit a terminal of eighty columns."""
    lines = [*greeting()[1].splitlines()[1:], *printed("--help").splitlines()]
    assert [] == [line for line in lines if len(line) > 80]


def test_the_document_has_the_tables() -> None:
    """The tables of docs/stand-in.md are the output of `--markdown`; if this fails, print them again."""
    page = (ROOT / "docs/stand-in.md").read_text(encoding="utf-8")
    assert printed("--markdown") == page.split(BEGIN)[1].split(END)[0]


def unread(*arguments: str, **variables: str) -> subprocess.Popen[bytes]:
    """Start the command line with a closed standard output, as behind `| head`."""
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=BACKEND, env=os.environ | variables, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    return process


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("argument", ["--list", "--help", "--markdown"])
def test_what_nobody_reads_is_cut_without_a_word(argument: str, unbuffered: str) -> None:
    """A closed pipe ends the output, with exit code 0 and nothing on standard error."""
    with unread(argument, PYTHONUNBUFFERED=unbuffered) as process:
        _, said = process.communicate()
    assert (0, b"") == (process.returncode, said)


def test_a_server_that_nobody_reads_serves_on() -> None:
    """A closed pipe does not end the server: it answers, and ends when it is stopped."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with unread("--port", str(port)) as process:
        url = f"http://127.0.0.1:{port}/api/v1/nothing"
        transport = httpx.HTTPTransport(retries=20)  # httpx waits longer each time: the server is starting
        with httpx.Client(transport=transport, trust_env=False) as client:
            assert 404 == client.get(url).status_code
        process.terminate()
        _, said = process.communicate()
    assert (0, b"") == (process.returncode, said)
