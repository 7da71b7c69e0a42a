#!/usr/bin/env python3
"""Measure the contestants side by side and write docs/benchmarks.md from the results.

    nox -s bench                        everything, in about ten minutes; at most a quarter of an hour
    nox -s bench -- --against 1234abc   also this module as of another commit, for every comparison of before and after
    nox -s bench -- --quick             one repetition of short rounds, in about two minutes; writes no page
    nox -s bench -- --quick --only      this module alone, or with the named contestants: --only httpx "openai SDK"

Every contestant has its own process and virtual environment. The first run creates the environments below .nox, which
needs PyPI and takes about five minutes more. A repetition runs each round with one contestant after the other, so that
other load on the machine affects all of them equally. The figures are the CPU time of the contestant's process; the CPU
time of the server and of PostgreSQL is not counted.

variables:
    PIP_INDEX_URL  the index that pip installs the contestants from, instead of PyPI
No key and no DATABASE_URL is read: requests are answered on this machine, and rows go to databases on it.

exit codes:
    0  measured; a contestant that could not be installed, or does not run, is named in the results
    1  this module does not run: nothing is kept
    2  the command line is wrong
    130  interrupted
"""

from __future__ import annotations

from command_line import Steps, parser, run

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.field import OTHERS, OURS, PER_CALL, ROOT, Contestant, at_revision, quick
from benchmarks.machine import commit, machine
from benchmarks.page import RESULTS, in_terminal, keep
from benchmarks.players import Player, checkout, server, variables
from support import databases

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from benchmarks.figures import Results

    Turn = tuple[str, Player, Callable[[Player], None]]  # label, contestants, description


@dataclass(frozen=True)
class Extent:
    """The extent of a run: repetitions, the seconds of a round, and what is left out."""

    repetitions: int
    seconds: float
    left_out: tuple[str, ...] = ()


NOT_MEASURED: Final = 1  # the exit code
LONGEST_MINUTES: Final = 14.0  # of the repetitions
FULL: Final = Extent(repetitions=3, seconds=1.5)
QUICK_LEAVES_OUT: Final = (
    "repetitions: each figure is one round of 0.5 s",
    "a thousand calls in flight, and the memory that they take",
    "a table of a million rows",
    "how late the event loop wakes a task",
)
QUICK: Final = Extent(repetitions=1, seconds=0.5, left_out=QUICK_LEAVES_OUT)


class Match:
    """The players, and those that were dropped, with the reason."""

    def __init__(self) -> None:
        """Start without players."""
        self.players: list[Player] = []
        self.missing: dict[str, str] = {}

    def enter(self, contestants: list[Contestant], environment: Callable[[Contestant], dict[str, str]]) -> None:
        """Make a player of every contestant with a working environment."""
        with Steps("environments", len(contestants)) as steps:
            for each in contestants:
                steps.begin(each.name)
                try:
                    self.players.append(Player(each, environment(each)))
                except subprocess.CalledProcessError as error:
                    self.missing[each.name] = f"could not be installed: pip ended with {error.returncode}"
                steps.end(self.missing.get(each.name, ""))

    def take(self, what: str, turns: list[Turn]) -> None:
        """Play one turn after another; a contestant that fails has no further turn."""
        with Steps(what, len(turns)) as steps:
            for label, player, turn in turns:
                name = player.contestant.name
                steps.begin(f"{label}: {name}")
                if name not in self.missing:
                    try:
                        turn(player)
                    except (RuntimeError, OSError) as error:
                        self.missing[name] = f"does not run: {error}"
                        player.end()
                steps.end(self.missing.get(name, ""))

    def repeat(self, turns: list[Turn], times: int) -> int:
        """Play all turns this many times, or once and then as often as the time allows; return the number."""
        started = time.monotonic()
        for done in range(1, times + 1):
            self.take(f"repetition {done} of {times}", turns)
            minutes = (time.monotonic() - started) / 60
            if minutes * (done + 1) / done > LONGEST_MINUTES:
                return done
        return times


def measure(contestants: list[Contestant], extent: Extent, folder: Path, stack: ExitStack) -> Results:
    """Play everything, and return the results."""
    postgres = stack.enter_context(databases.postgres_server())
    base_url = stack.enter_context(server())
    match = Match()
    match.enter(contestants, lambda each: variables(each, base_url, folder, postgres))
    for player in match.players:
        stack.callback(player.end)
    # The first start reads from the disk, compiles and creates tables; it is not counted.
    match.take("starts", [("first start", player, Player.start) for player in match.players])
    counted = [each for each in match.players if each.contestant.counts_starts]
    rounds = dict.fromkeys(order for player in match.players for order in player.contestant.rounds)
    turns: list[Turn] = [("start", player, Player.start_alone) for player in counted]
    turns += [
        (order.key, player, partial(Player.play, order=order, seconds=extent.seconds))
        for order in rounds
        for player in match.players
        if order in player.contestant.rounds
    ]
    repetitions = match.repeat(turns, extent.repetitions)
    running = [each for each in match.players if each.contestant.name not in match.missing]
    return {
        "repetitions": repetitions,
        "rounds": {each.contestant.name: each.rounds for each in running},
        "starts": {each.contestant.name: each.starts[1:] for each in running if each in counted},
        "packages": dict(each.version() for each in running if each.contestant.needs),
        "missing": match.missing,
    }


def contestants_of(arguments: Namespace, before: Path | None) -> list[Contestant]:
    """Return the contestants that the command line chooses: ours, then ours of another commit, then others."""
    chosen = [each for each in OTHERS if arguments.only is None or each.name in arguments.only]
    everybody = [*OURS, *(at_revision(before) if before else ()), *chosen]
    return [quick(each) for each in everybody if not each.is_extra] if arguments.quick else everybody


def not_chosen(arguments: Namespace) -> list[str]:
    """Return, as one line, the contestants that the command line leaves out."""
    names = [each.name for each in OTHERS if arguments.only is not None and each.name not in arguments.only]
    return [f"not chosen: {', '.join(names)}"] if names else []


def main() -> int:
    """Measure and write; return the exit code."""
    options = parser(__doc__)
    options.add_argument("--quick", action="store_true", help="one repetition of short rounds; says what it left out")
    options.add_argument("--against", metavar="COMMIT", help="also measure this module as of this commit")
    names, which = [each.name for each in OTHERS], "those that play beside ours; no name for none; writes no page"
    options.add_argument("--only", nargs="*", choices=names, metavar="NAME", help=which)
    options.add_argument("--keep", action="store_true", help="write the page even if the run is not complete")
    arguments = options.parse_args()
    try:
        revision = commit(arguments.against) if arguments.against else None
    except subprocess.CalledProcessError:
        options.error(f"--against: there is no commit {arguments.against}")
    extent, started = QUICK if arguments.quick else FULL, time.monotonic()
    where = machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        before = stack.enter_context(checkout(revision, folder)) if revision else None
        results = measure(contestants_of(arguments, before), extent, folder, stack)
    results["machine"] = where
    results["extent"] = {
        "round_seconds": extent.seconds,
        "left_out": [*extent.left_out, *not_chosen(arguments)],
        "before": revision,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    sys.stdout.write(in_terminal(results))
    if PER_CALL not in results["rounds"]:
        return NOT_MEASURED
    if arguments.keep or not (arguments.quick or arguments.only is not None):
        keep(results)
        sys.stdout.write(f"kept in {RESULTS.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
