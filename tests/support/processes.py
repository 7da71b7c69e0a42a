"""Processes that tests start: what they inherit from this one, and what they print on a busy machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# Where programs are, and compiled modules.
INHERITED: Final = ("PATH", "PYTHONPYCACHEPREFIX")
KILL: Final = 'kill -KILL "$1"'
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


def without_slow_steps(errors: str) -> str:
    """Remove from a process's output what asyncio's debug mode prints about steps of more than 0.1 s."""
    return SLOW_STEP.sub("", errors)
