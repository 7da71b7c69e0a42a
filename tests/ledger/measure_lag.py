#!/usr/bin/env python3
"""Measure how long the event loop is blocked while 500 calls are in flight; not one of the tests.

    PYTHONPATH=backend/scripts:tests python tests/ledger/measure_lag.py
    PYTHONPATH=backend/scripts:tests python tests/ledger/measure_lag.py --calls 100 --think 0

Each answer takes from one to five seconds, so that calls begin and end all the time; with `--think 0`, calls are
answered at once and all proceed in step. The application's pool is 5 + 10 connections, and callers with an open
transaction occupy all fifteen. A probe repeatedly sleeps for a millisecond and records how late it wakes, and how much
CPU time the loop's thread took meanwhile, which depends less on other load on the machine: median, 99th percentile,
longest.

variables:
    TMPDIR  the folder of the databases
No key is read: calls are answered on this machine.

exit codes:
    0  measured
    1  a row was missing
    2  the command line is wrong
    130  interrupted
"""

from __future__ import annotations

from command_line import parser, run

import asyncio
import multiprocessing
import os
import random
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from support import databases
from support.calls import ANSWER, Lesson, ask, draft, read, rows
from support.measuring import probe, say
from support.server import serving

if TYPE_CHECKING:
    from collections.abc import Generator
    from multiprocessing.connection import Connection

    from sqlalchemy import Engine

    from support.server import Visit

POOL: Final = 15


async def caller(session: Session, rounds: int, think: float) -> None:
    """Make one call after another, not in step with the other callers."""
    await asyncio.sleep(random.uniform(0, think))  # noqa: S311 - no secret
    for _ in range(rounds):
        await ask(session)


async def model(base_url: Connection, think: float) -> None:
    """Answer every request after a while, until the process is ended."""

    async def answer(visit: Visit) -> None:
        await asyncio.sleep(think * random.uniform(1 / 3, 5 / 3))  # noqa: S311 - no secret
        visit.answer(ANSWER)

    async with serving(answer) as server:
        base_url.send(server.base_url)
        await asyncio.Event().wait()


def run_model(base_url: Connection, think: float) -> None:
    """Run the model in a separate process, so that its work is not measured as lag."""
    asyncio.run(model(base_url, think))


@contextmanager
def thinking(think: float) -> Generator[str]:
    """Run a model that takes this many seconds on average, and yield its base URL."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=run_model, args=(its, think), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


async def lags_of(engine: Engine, calls: int, rounds: int, think: float) -> list[tuple[float, float]]:
    """Return the lags while this many callers each make this many calls, one at a time."""
    lags: list[tuple[float, float]] = []
    with ExitStack() as stack:
        sessions = [stack.enter_context(Session(engine)) for _ in range(calls)]
        for session in sessions[:POOL]:
            (read if engine.dialect.name == "sqlite" else draft)(session)
        probing = asyncio.create_task(probe(lags))
        await asyncio.gather(*(caller(session, rounds, think) for session in sessions))
        probing.cancel()
        with suppress(asyncio.CancelledError):
            await probing
    return lags


def measure(engine: Engine, calls: int, rounds: int, think: float) -> None:
    """Make the calls, and print a line."""
    Lesson.metadata.create_all(engine)
    started, cpu = time.perf_counter(), time.process_time()
    lags = asyncio.run(lags_of(engine, calls, rounds, think))
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    if calls * rounds != [row.status for row in rows(engine)].count("completed"):
        raise AssertionError("a row is missing")
    say(
        f"{engine.dialect.name}: {calls} calls in flight, {rounds} rounds, {len(lags)} probes, {elapsed:.1f} s, "
        f"{1000 * cpu / calls / rounds:.2f} ms of CPU a call"
    )
    for name, figures in zip(("lag", "CPU"), zip(*lags, strict=True), strict=True):
        p99 = quantiles(figures, n=100, method="inclusive")[-1]
        say(f"    {name} in ms: median {median(figures):.1f}, p99 {p99:.1f}, longest {max(figures):.1f}")


def main() -> int:
    """Measure on both databases; return 0."""
    options = parser(__doc__)
    options.add_argument("--calls", type=int, default=500, help="calls in flight (%(default)s)")
    options.add_argument("--rounds", type=int, default=5, help="calls that each caller makes (%(default)s)")
    options.add_argument("--think", type=float, default=3.0, help="average seconds of an answer (%(default)s)")
    arguments = options.parse_args()
    with thinking(arguments.think) as base_url:
        os.environ |= {"OPENROUTER_BASE_URL": base_url, "OPENROUTER_API_KEY": "sk-or-lag", "MAX_RETRIES": "0"}
        for engine in databases.one_after_the_other():
            measure(engine, arguments.calls, arguments.rounds, arguments.think)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
