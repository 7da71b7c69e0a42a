"""Processes that tests start: what they inherit from this one, and what they print on a busy machine."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from multiprocessing import Pipe
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection

# Where programs are, and compiled modules.
INHERITED: Final = ("PATH", "PYTHONPYCACHEPREFIX")
KILL: Final = 'kill -KILL "$1"'
INTERPRETER: Final = Path(__file__).with_name("interpreter.py")
# The packages without which the module cannot be imported, and what else most calls and scripts import.
NEEDED: Final = ("pydantic", "sqlalchemy.orm", "sqlalchemy.dialects.sqlite")
EVERYTHING: Final = (
    *NEEDED,
    "genai_prices",
    "httpx_aiohttp",
    "rich.live",
    "sqlalchemy.dialects.postgresql.psycopg",
    "modules.llm_services",
    "modules.llm_services.flow.transport",
)
SENDING: Final = Lock()
SLOW_STEP: Final = re.compile(r"^Executing <.*> took [\d.]+ seconds\n", re.MULTILINE)


def bare_environment(**variables: str) -> dict[str, str]:
    """Return an environment with these variables, and no setting of this process."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | variables


@contextmanager
def if_this_process_ends(script: str, *arguments: str) -> Iterator[None]:
    """Run a shell script as soon as this process ends, by whatever signal, if it ends in the block."""
    # `cat` ends when nobody has the other end of its pipe. Ctrl-C reaches every process of a session.
    command = ["sh", "-c", f"cat\n{script}", "sh", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as shell:
        try:
            yield
        finally:
            shell.kill()


@contextmanager
def started(command: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a process that receives SIGINT as usual, and is killed at the end of the block.

    Otherwise it could inherit that SIGINT is ignored, for example after `nohup` or from a shell script's `command &`.
    """
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=env, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    finally:
        signal.signal(signal.SIGINT, handler)
    with process, if_this_process_ends(KILL, str(process.pid)):
        try:
            yield process
        finally:
            process.kill()


@cache
def _interpreter(imported: tuple[str, ...]) -> Connection:
    """Start an interpreter that imports these modules; it ends with this process. Raise RuntimeError if it fails."""
    there, here = Pipe(duplex=False)
    command = [sys.executable, "-X", "dev", "-W", "error", str(INTERPRETER), str(there.fileno()), *imported]
    process = subprocess.Popen(
        command,
        pass_fds=[there.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the tests
    )
    there.close()
    assert process.stdout
    with process.stdout as output:
        is_ready = output.readline()
    if not is_ready:
        here.close()
        raise RuntimeError(f"an interpreter that imports {', '.join(imported)} ended with {process.wait()}")

    def end() -> None:
        here.close()
        process.wait()

    atexit.register(end)
    return here


def run_python(
    arguments: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    text: str = "",
    imported: tuple[str, ...] = EVERYTHING,
) -> subprocess.CompletedProcess[str]:
    """Run `python -X dev -W error ARGUMENTS` to its end, with `text` as its standard input.

    The process is forked from one that has imported `imported`, which saves four fifths of the time. A test of what is
    imported passes NEEDED, or starts Python itself; so does a test of a variable of Python's other than PYTHONPATH.
    """
    with TemporaryDirectory() as streams:
        given, output, errors = (Path(streams, name) for name in "012")
        given.write_text(text)
        os.mkfifo(end := Path(streams, "end"))
        with SENDING:
            _interpreter(imported).send((list(arguments), dict(env), str(cwd), streams))
        exit_code = int(end.read_text())
        printed = output.read_text(), without_slow_steps(errors.read_text())
    return subprocess.CompletedProcess(arguments, exit_code, *printed)


def without_slow_steps(errors: str) -> str:
    """Remove from a process's output what asyncio's debug mode prints about steps of more than 0.1 s."""
    return SLOW_STEP.sub("", errors)
