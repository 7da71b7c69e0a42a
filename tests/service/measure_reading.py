#!/usr/bin/env python3
"""Measure what each read of a large table costs, on a SQLite file and on PostgreSQL; not one of the tests.

    PYTHONPATH=backend/scripts:tests python tests/service/measure_reading.py
    PYTHONPATH=backend/scripts:tests python tests/service/measure_reading.py --rows 100000 --explain

It fills a new table of a million rows (about two gigabytes, in the temporary folder) and prints the median of
five reads in milliseconds; with `--explain`, also the database's plan for each.

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

import sys
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from modules.llm_services.models import LLMRequestModel
from modules.llm_services.service import LLMService
from service.big_table import fill
from support import databases
from support.measuring import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

NEWEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
TIMES: Final = 5


def readings(session: Session) -> dict[str, Callable[[], object]]:
    """Return every read, by its name in the documentation."""
    service = LLMService(session)
    request_id = session.scalars(select(LLMRequestModel.id).where(LLMRequestModel.user_id == 20)).first()
    assert request_id
    day = NEWEST - timedelta(days=1)
    return {
        "get_request": lambda: service.get_request(request_id),
        "get_recent_requests(50)": lambda: service.get_recent_requests(50),
        "get_recent_requests(50, 100000)": lambda: service.get_recent_requests(50, 100_000),
        "get_user_requests": lambda: service.get_user_requests(20),
        "count_all_requests": service.count_all_requests,
        "get_request_count_by_user": lambda: service.get_request_count_by_user(20),
        "get_request_count_by_status('failed')": lambda: service.get_request_count_by_status("failed"),
        "get_request_count_by_status('completed')": lambda: service.get_request_count_by_status("completed"),
        "count_requests_since(yesterday)": lambda: service.count_requests_since(day),
        "sum_request_costs_since(yesterday)": lambda: service.sum_request_costs_since(day),
    }


def milliseconds(read: Callable[[], object], session: Session) -> float:
    """Return how long `read` takes in a separate transaction."""
    started = time.perf_counter()
    read()
    elapsed = time.perf_counter() - started
    session.rollback()
    session.expunge_all()
    return 1000 * elapsed


def plan(engine: Engine, read: Callable[[], object]) -> list[str]:
    """Return how the database executes the single query of `read`."""
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    read()
    event.remove(engine, "before_cursor_execute", note)
    (statement, parameters) = asked[-1]
    how = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) "
    with engine.connect() as connection:
        found = connection.exec_driver_sql(how + statement, parameters)  # type: ignore[arg-type]
        return [str(row[-1]) for row in found]


def measure(engine: Engine, rows: int, *, explain: bool) -> None:
    """Fill the table and print a line for each read."""
    started = time.perf_counter()
    fill(engine, rows, NEWEST)
    say(f"{engine.dialect.name}: {rows:,} rows, filled in {time.perf_counter() - started:.0f} s")
    with Session(engine) as session:
        for name, read in readings(session).items():
            say(f"{name:42} {median(milliseconds(read, session) for _ in range(TIMES)):10.1f} ms")
            if explain:
                say(*plan(engine, read))


def main() -> int:
    """Measure on both databases; return 0."""
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=1_000_000, help="rows of the table (%(default)s)")
    options.add_argument("--explain", action="store_true", help="print the database's plans")
    arguments = options.parse_args()
    for engine in databases.one_after_the_other():
        measure(engine, arguments.rows, explain=arguments.explain)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
