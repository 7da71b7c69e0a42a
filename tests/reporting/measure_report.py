#!/usr/bin/env python3
"""Measure how long a report on a large table takes, on a SQLite file and on PostgreSQL; not one of the tests.

    PYTHONPATH=backend/scripts:tests python tests/reporting/measure_report.py
    PYTHONPATH=backend/scripts:tests python tests/reporting/measure_report.py --rows 100000

It fills a new table of a million rows with answers of about 1.5 KB (about two gigabytes, in the temporary folder) and
prints the seconds of three reports on all of it, and the process's peak memory.

variables:
    TMPDIR  the folder of the databases
No key is read: no model is called.

exit codes:
    0  measured
    2  the command line is wrong
    130  interrupted
"""

from __future__ import annotations

from command_line import parser, run

import os
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from modules.llm_services.reporting.report import read_report
from modules.llm_services.reporting.values import Scope
from reporting.reported_table import fill
from support import databases
from support.measuring import say

if TYPE_CHECKING:
    from sqlalchemy import Engine

NEWEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
TIMES: Final = 3


def measure(engine: Engine, rows: int) -> None:
    """Fill the table and report on it."""
    fill(engine, rows, NEWEST)
    scope = Scope((NEWEST - timedelta(seconds=rows)).date(), NEWEST.date())
    for _ in range(TIMES):
        started = time.perf_counter()
        found = read_report(engine, scope, timedelta(minutes=10))
        elapsed = time.perf_counter() - started
        busy = os.getloadavg()[0]
        say(f"{engine.dialect.name}: {found.total.attempts:,} rows in {elapsed:.1f} s, load of the machine {busy:.1f}")
    say(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def main() -> int:
    """Measure on both databases; return 0."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    rows = options.parse_args().rows
    for engine in databases.one_after_the_other():
        measure(engine, rows)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
