#!/usr/bin/env python3
"""Play the contestants against each other, side by side, and write docs/benchmarks.md from what was measured.

    nox -s bench                      everything, about a quarter of an hour; needs PyPI the first time
    nox -s bench -- --quick           one repetition of fewer calls
    nox -s bench -- --only httpx      ours and those that are named

Every contestant has a process and a virtual environment of its own, made once below .nox. A repetition plays each
round with one contestant after the other, so that what else the machine does falls on all of them alike. Figures are
the CPU of the contestant's process, all threads; the CPU of the server, and of PostgreSQL, is not counted.

variables:
    PIP_INDEX_URL  where the contestants are installed from, where that is not PyPI; it is pip that reads it
No key and no DATABASE_URL is read: what a contestant asks is answered on this machine, its rows go to its own.

exit codes:
    0  measured; a contestant that could not be installed, or does not run, is named in the results
    2  the command line is wrong
    130  interrupted
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from command_line import Steps, parser, run

from benchmarks.field import CONTESTANTS, SLOW_SECONDS, USUAL_SIZE, Contestant, Round
from benchmarks.machine import machine
from benchmarks.page import write
from support import databases

if TYPE_CHECKING:
    from sqlalchemy import URL

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
ENVIRONMENTS: Final = ROOT / ".nox" / "benchmarks"
RESULTS: Final = ROOT / "docs" / "benchmarks.json"
REPETITIONS: Final = 3
NOWHERE: Final = "http://127.0.0.1:9"
IMPORTS_ALONE: Final = "import httpx, pydantic, sqlalchemy"
PROVIDER: Final = """
import os, time
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from modules.llm_services.public import llm_services_provider
session = Session(create_engine(os.environ["DATABASE_URL"]))
llm_services_provider(session)
started = time.perf_counter()
for _ in range(1000): llm_services_provider(session)
print(1000 * (time.perf_counter() - started))
"""


class Player:
    """A contestant's process."""

    def __init__(self, contestant: Contestant, delay: float, python: Path, environment: dict[str, str]) -> None:
        """Start it, for the rounds whose server takes `delay` seconds."""
        self.contestant = contestant
        self.rounds = [order for order in contestant.rounds if order.delay == delay]
        self.results: dict[str, list[dict[str, float]]] = {}
        command = [str(python), str(HERE / "worker.py"), contestant.file]
        self._process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def play(self, order: Round, calls: int) -> None:
        """Play a round, and keep its result; raises RuntimeError when the process does not answer."""
        assert self._process.stdin
        assert self._process.stdout
        line = {"in_flight": order.in_flight, "calls": calls, "size": order.size}
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"ended with {self._process.wait()}")
        self.results.setdefault(order.key, []).append(json.loads(answer))

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def environment_of(contestant: Contestant) -> Path:
    """Return the Python of a contestant's environment, made when it is not there; CalledProcessError when it fails."""
    folder = ENVIRONMENTS / contestant.file
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *contestant.needs]
        subprocess.run(install, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (folder / "complete").touch()
    return python


def variables(contestant: Contestant, base_url: str, folder: Path, postgres: URL) -> dict[str, str]:
    """Return the environment variables of a contestant's process."""
    database = f"sqlite:///{folder / contestant.name.replace(' ', '-')}-{time.monotonic_ns()}.db"
    given = {name: value for name, value in contestant.environment.items() if name != "DATABASE_URL"}
    if "DATABASE_URL" in contestant.environment:
        database = postgres.render_as_string(hide_password=False)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ours = {"PYTHONPATH": str(ROOT / "backend")} if contestant.file == "ours" else {}
    key = {"OPENROUTER_API_KEY": "sk-or-v1-benchmark", "OPENROUTER_BASE_URL": base_url, "MAX_RETRIES": "0"}
    return {**kept, **ours, **key, "DATABASE_URL": database, **given}


def serve(delay: float, stack: ExitStack) -> str:
    """Start the server, and return its base URL."""
    command = [sys.executable, str(HERE / "server.py"), str(delay)]
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdout
    return f"http://127.0.0.1:{process.stdout.readline().strip()}/api/v1"


def calls_of(order: Round, *, quick: bool) -> int:
    """Return how many calls make a round: enough that the pools are in step, few enough for the slowest."""
    if order.size > USUAL_SIZE:
        calls = 2 * order.in_flight
    elif order.in_flight == 1:
        calls = 20 if order.delay else 400
    else:
        calls = max(2 * order.in_flight, 1280)
    return max(order.in_flight, calls // 4) if quick else calls


def seconds(python: Path, statement: str, environment: dict[str, str]) -> float:
    """Return the seconds that a statement takes in a fresh interpreter, without the interpreter's start."""
    program = f"import time; started = time.perf_counter(); {statement}; print(time.perf_counter() - started)"
    done = subprocess.run([str(python), "-c", program], env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def imports(contestants: list[Contestant], postgres: URL, folder: Path, times: int) -> dict[str, float]:
    """Return the median import time in seconds of each contestant, and of what ours stands on."""
    statements = {each.name: (each, each.imports) for each in contestants if "," not in each.name}
    ours = contestants[0]
    statements |= {"ours": (ours, ours.imports), "httpx, pydantic and SQLAlchemy": (ours, IMPORTS_ALONE)}
    found: dict[str, list[float]] = {name: [] for name in statements}
    turns = [(name, *statement) for _ in range(1 + times) for name, statement in statements.items()]
    with Steps("imports", len(turns)) as steps:
        for name, each, statement in turns:
            steps.begin(name)
            environment = variables(each, NOWHERE, folder, postgres)
            found[name].append(seconds(environment_of(each), statement, environment))
            steps.end()
    return {name: median(each[1:]) for name, each in found.items()}  # the first reads from the disk, and compiles


def prepared(contestants: list[Contestant]) -> dict[str, str]:
    """Make every environment; return the contestants whose environment could not be made, and why."""
    missing: dict[str, str] = {}
    with Steps("environments", len(contestants)) as steps:
        for each in contestants:
            steps.begin(each.name)
            try:
                environment_of(each)
            except subprocess.CalledProcessError as error:
                missing[each.name] = f"could not be installed: pip ended with {error.returncode}"
            steps.end(missing.get(each.name, ""))
    return missing


def play(players: list[Player], repetitions: int, *, quick: bool) -> dict[str, str]:
    """Play every round with one player after the other; return the contestants that do not run, and why."""
    rounds = dict.fromkeys(order for player in players for order in player.rounds)
    turns = [(order, player) for order in rounds for player in players if order in player.rounds] * repetitions
    failed: dict[str, str] = {}
    with Steps("rounds", len(turns)) as steps:
        for order, player in turns:
            name = player.contestant.name
            steps.begin(f"{order.key}: {name}")
            if name not in failed:
                try:
                    player.play(order, calls_of(order, quick=quick))
                except (RuntimeError, OSError) as error:
                    failed[name] = f"does not run: {error}"
            steps.end(failed.get(name, ""))
    return failed


def measure(contestants: list[Contestant], *, quick: bool) -> dict[str, Any]:
    """Play everything, and return the results."""
    repetitions = 1 if quick else REPETITIONS
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(databases.postgres_server())
        urls = {delay: serve(delay, stack) for delay in (0.0, SLOW_SECONDS)}
        missing = prepared(contestants)
        playing = [each for each in contestants if each.name not in missing]
        players = [
            Player(each, delay, environment_of(each), variables(each, urls[delay], folder, postgres))
            for each in playing
            for delay in sorted({order.delay for order in each.rounds})
        ]
        for player in players:
            stack.callback(player.end)
        missing |= play(players, repetitions, quick=quick)
        running = [each for each in playing if each.name not in missing]
        ours = variables(contestants[0], NOWHERE, folder, postgres)
        provider = [str(environment_of(contestants[0])), "-c", PROVIDER]
        return {
            "rounds": {each.name: results_of(each, players) for each in running},
            "missing": missing,
            "imports": imports(running, postgres, folder, repetitions),
            "provider_us": float(subprocess.run(provider, env=ours, check=True, capture_output=True, text=True).stdout),
        }


def results_of(contestant: Contestant, players: list[Player]) -> dict[str, list[dict[str, float]]]:
    """Return what a contestant's players measured, by round."""
    mine = (player.results for player in players if player.contestant is contestant)
    return {key: results for found in mine for key, results in found.items()}


def main() -> int:
    """Measure and write; return 0."""
    ours, *others = CONTESTANTS
    options = parser(__doc__)
    options.add_argument("--quick", action="store_true", help="one repetition of fewer calls; writes nothing")
    words = "the contestants to play beside ours on SQLite; writes nothing"
    options.add_argument("--only", nargs="*", choices=[each.name for each in others], metavar="NAME", help=words)
    arguments = options.parse_args()
    chosen = [ours, *(each for each in others if arguments.only is None or each.name in arguments.only)]
    results = {"machine": machine(), **measure(chosen, quick=arguments.quick)}
    partial = arguments.quick or arguments.only is not None
    write(results, None if partial else RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
