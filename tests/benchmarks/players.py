"""The processes of the benchmark: a contestant's environment and processes, and the server that answers."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from threading import Timer
from typing import TYPE_CHECKING, Final

from benchmarks.field import MODEL, ROOT, SLOW_MODEL, SLOW_SECONDS, STREAM_PIECES, USUAL_SIZE, Contestant, Round

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL

HERE: Final = Path(__file__).resolve().parent
ENVIRONMENTS: Final = ROOT / ".nox" / "benchmarks"
PATIENCE_SECONDS: Final = 60.0
SUMMED: Final = ("calls", "per_second")  # of simultaneous processes; all other figures are averaged

Found = dict[str, float]


class Process:
    """A contestant that has made its first call, and waits for rounds."""

    def __init__(self, contestant: Contestant, python: Path, environment: dict[str, str]) -> None:
        """Start the contestant; raise RuntimeError if it ends before its first call."""
        command = [str(python), str(HERE / "worker.py"), contestant.file, MODEL, str(USUAL_SIZE)]
        self._process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.ready = self.answer()

    def begin(self, order: Round, seconds: float) -> None:
        """Start a round."""
        assert self._process.stdin
        line = {
            "in_flight": order.in_flight,
            "size": order.size,
            "model": order.model,
            "watches_lag": order.watches_lag,
            "seconds": seconds,
        }
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Found:
        """Return the process's next line; raise RuntimeError if there is none within a minute."""
        assert self._process.stdout
        patience = Timer(PATIENCE_SECONDS, self._process.kill)
        patience.start()
        line = self._process.stdout.readline()
        code = None if line else self._process.wait()
        patience.cancel()
        if not line:
            self.end()
            raise RuntimeError(f"its process gave no answer, and ended with {code}")
        found: Found = json.loads(line)
        return found

    def end(self) -> None:
        """End the process, unless it has ended by itself."""
        self._process.kill()
        self._process.communicate()


class Player:
    """A contestant, and what its rounds took."""

    def __init__(self, contestant: Contestant, environment: dict[str, str]) -> None:
        """Make the contestant's virtual environment if it is missing; raise CalledProcessError if pip fails."""
        self.contestant = contestant
        self.starts: list[Found] = []
        self.rounds: dict[str, list[Found]] = {}
        self._python, self._environment = environment_of(contestant), environment
        self._processes: list[Process] = []

    def start(self) -> None:
        """Start another process of the contestant, and record how long that took."""
        process = Process(self.contestant, self._python, self._environment)
        self._processes.append(process)
        self.starts.append(process.ready)

    def start_alone(self) -> None:
        """Start a process, record how long that took, and end it."""
        self.start()
        self._processes.pop().end()

    def play(self, order: Round, seconds: float) -> None:
        """Play a round in as many processes as it requires, and record what it took; raise RuntimeError or OSError."""
        while len(self._processes) < order.processes:
            self._processes.append(Process(self.contestant, self._python, self._environment))
        playing = self._processes[: order.processes]
        for process in playing:
            process.begin(order, seconds)
        found = [process.answer() for process in playing]
        names = set.intersection(*map(set, found))
        together = {name: (sum if name in SUMMED else mean)(each[name] for each in found) for name in sorted(names)}
        self.rounds.setdefault(order.key, []).append(together)

    def version(self) -> tuple[str, str]:
        """Return the name of the contestant's package, and its version."""
        name = self.contestant.needs[0].partition("[")[0]
        program = f"from importlib.metadata import version; print(version({name!r}))"
        command = [str(self._python), "-c", program]
        return name, subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def end(self) -> None:
        """End its processes."""
        for process in self._processes:
            process.end()
        self._processes.clear()


def environment_of(contestant: Contestant) -> Path:
    """Return the Python of a contestant's environment, made if missing; raise CalledProcessError if pip fails."""
    requirements = contestant.requirements
    digest = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:8]
    folder = ENVIRONMENTS / f"{contestant.file}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *requirements]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (folder / "complete").touch()
    return python


def variables(contestant: Contestant, base_url: str, folder: Path, postgres: URL) -> dict[str, str]:
    """Return the environment variables of a contestant's process."""
    name = "".join(each if each.isalnum() else "-" for each in contestant.name)
    database = f"sqlite:///{folder / name}.db"
    if "DATABASE_URL" in contestant.environment:
        database = postgres.render_as_string(hide_password=False)
    source = {"PYTHONPATH": str(contestant.source / "backend")} if contestant.source else {}
    key = {"OPENROUTER_API_KEY": "sk-or-v1-benchmark", "OPENROUTER_BASE_URL": base_url, "MAX_RETRIES": "0"}
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, **source, **key, **contestant.environment, "DATABASE_URL": database}


@contextmanager
def server() -> Iterator[str]:
    """Run the server that answers, and yield its base URL."""
    given = (SLOW_MODEL, str(SLOW_SECONDS), str(STREAM_PIECES))
    command = [sys.executable, str(HERE / "server.py"), *given]
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/api/v1"
    finally:
        process.kill()
        process.communicate()


@contextmanager
def checkout(revision: str, folder: Path) -> Iterator[Path]:
    """Check out a revision in `folder` until the block ends; raise CalledProcessError for an unknown one."""
    git = ["git", "-C", str(ROOT), "worktree"]
    path = folder / "revision"
    subprocess.run([*git, "add", "--quiet", "--detach", str(path), revision], check=True)
    try:
        yield path
    finally:
        subprocess.run([*git, "remove", "--force", str(path)], check=True)
