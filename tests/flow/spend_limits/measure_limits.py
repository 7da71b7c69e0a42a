#!/usr/bin/env python3
"""Measure what spend limits cost: a call without and with them, and a read of a large table; not one of the tests.

    PYTHONPATH=backend/scripts:tests python tests/flow/spend_limits/measure_limits.py
    PYTHONPATH=backend/scripts:tests python tests/flow/spend_limits/measure_limits.py --rows 100000

It prints the milliseconds of CPU time that a call takes in this process, the median of seven rounds; then it fills the
table (a million rows are about two gigabytes, in the temporary folder) and prints the median of five reads.

variables:
    TMPDIR  the folder of the databases
No key is read: calls are answered on this machine.

exit codes:
    0  measured
    2  the command line is wrong
    130  interrupted
"""

from __future__ import annotations

from command_line import parser, run

import asyncio
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from ledger.measure_lag import thinking
from modules.llm_services.flow.spend_limits import LIMITS
from modules.llm_services.ledger.ledger import Ledger
from modules.llm_services.ledger.reading import costs_since, reader_of
from service.big_table import fill
from support import databases
from support.calls import ask
from support.measuring import say

if TYPE_CHECKING:
    from sqlalchemy import Engine

MODEL: Final = "openrouter/openai/gpt-4o"
NEWEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS: Final = 7
READINGS: Final = 5


async def calls_at_once(engine: Engine, calls: int) -> None:
    """Make this many calls at once."""
    with Session(engine) as session:
        await asyncio.gather(*(ask(session, MODEL, user_id=number) for number in range(calls)))


def cpu_of_calls(engine: Engine, calls: int) -> float:
    """Return the milliseconds of CPU that a call takes."""
    started = time.process_time()
    asyncio.run(calls_at_once(engine, calls))
    return 1000 * (time.process_time() - started) / calls


def measure_calls(engine: Engine, calls: int) -> None:
    """Print what a call costs without limits and with all three, in turn."""
    figures: dict[str, list[float]] = {"off": [], "on": []}
    variables = [name.upper().replace("LIMIT", "LLM_LIMIT", 1) for name in LIMITS]
    for measured in [False, *[True] * ROUNDS]:
        for state in figures:
            os.environ |= dict.fromkeys(variables, "1000000" if state == "on" else "")
            cpu = cpu_of_calls(engine, calls)
            figures[state] += [cpu] * measured  # the first round includes imports
    shown = ", ".join(f"limits {state} {median(found):.2f} ms" for state, found in figures.items())
    say(f"{engine.dialect.name}: CPU of a call, {calls} at once: {shown}")


def measure_reading(engine: Engine, rows: int) -> None:
    """Print how long it takes to read the costs of a day and of a month from a large table."""
    fill(engine, rows, NEWEST)
    with Session(engine) as session:
        reader = reader_of(Ledger(session, 180))
        for name, since in (("day", NEWEST - timedelta(days=1)), ("month", NEWEST - timedelta(days=31))):
            taken = []
            for _ in range(READINGS):
                started = time.perf_counter()
                reader.read(costs_since(since, NEWEST - timedelta(days=1), NEWEST, ()))
                taken.append(1000 * (time.perf_counter() - started))
            say(f"{engine.dialect.name}: reading a {name} of {rows:,} rows: {median(taken):.0f} ms")


def main() -> int:
    """Measure on both databases; return 0."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=1_000_000, help="rows of the table (%(default)s)")
    options.add_argument("--calls", type=int, default=100, help="calls at once (%(default)s)")
    arguments = options.parse_args()
    with thinking(0.0) as base_url:
        os.environ |= {"OPENROUTER_BASE_URL": base_url, "OPENROUTER_API_KEY": "sk-or-limits", "LOG_REQUESTS": "false"}
        for engine in databases.one_after_the_other():
            measure_calls(engine, arguments.calls)
            measure_reading(engine, arguments.rows)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
