"""Start the stand-in as a separate process, and return its base URL."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["running", "vendor_url"]


@contextmanager
def running() -> Iterator[str]:
    """Run a stand-in on a free port of this machine, and yield its base URL.

    The process ends with the block or with this process, whichever ends first. What it wrote to standard error is
    repeated here, even if the block raises. Raises RuntimeError if it does not start.
    """
    with tempfile.TemporaryFile("w+") as stderr:
        try:
            with _started(stderr) as child:
                try:
                    yield _announced_url(child, stderr)
                finally:
                    child.terminate()
        finally:
            sys.stderr.write(_contents(stderr))


def _started(stderr: IO[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stand_in", "--port", "0", "--attached", "--quiet"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=_environment(),
        text=True,
    )


def _announced_url(child: subprocess.Popen[str], stderr: IO[str]) -> str:
    line = child.stdout.readline() if child.stdout else ""
    url = line.rpartition(" ")[2].strip()
    if not url.startswith("http://"):
        child.terminate()
        child.wait()
        message = f"the stand-in did not start (exit {child.returncode}):\n{_contents(stderr)}"
        raise RuntimeError(message)
    return url


def _contents(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _environment() -> dict[str, str]:
    """Return this environment, with the folder of this package importable in the child."""
    source = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([source, inherited]) if inherited else source
    return {**os.environ, "PYTHONPATH": path}


def vendor_url(base_url: str, vendor: str, scenario: str = "") -> str:
    """Return the base URL of a vendor's wire, or of a scenario on it; OpenRouter's is the base URL itself."""
    if vendor == "openrouter":
        return base_url
    root = base_url.removesuffix("/api/v1")
    return "/".join(filter(None, (root, vendor, scenario)))
