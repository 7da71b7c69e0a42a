#!/usr/bin/env python3
"""Measure a process's memory, descriptors, tasks and threads after minutes of all kinds of calls; not one of the tests.

    PYTHONPATH=backend/scripts:tests python tests/ledger/measure_soak.py
    PYTHONPATH=backend/scripts:tests python tests/ledger/measure_soak.py --minutes 1 --callers 8

Callers repeat every scenario of the stand-in (answers, errors and broken connections) as text, as an object and with
tools. Each call has its own session and service, and one in ten is cancelled while it is in flight. The first half of
the time is on SQLite, the second on PostgreSQL. A line is printed every tenth of a half, once nothing is in flight.
Then the rows are counted: each call has left at least one, and none is pending.

variables:
    TMPDIR  the folder of the databases
No key is read: calls are answered on this machine.

exit codes:
    0  measured: there are as many tasks and threads as after the first tenth, and at most one more descriptor for each
       caller, because connections to the stand-in are kept for a while
    1  a row is missing or pending, or there are more tasks, threads or descriptors
    2  the command line is wrong
    130  interrupted
"""

from __future__ import annotations

from command_line import parser, run

import asyncio
import gc
import logging
import os
import sys
import threading
import time
from contextlib import suppress
from itertools import count, cycle
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import LLMMessage, ToolDefinition, llm_services_provider
from stand_in import running
from stand_in.scenarios import SCENARIOS
from support import databases
from support.measuring import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

TENTHS: Final = 10
TIMEOUT_SECONDS: Final = 0.5
CANCELLED_SHARE: Final = 0.1
MESSAGES: Final = [LLMMessage(role="user", content="What is the capital of France?")]
TOOLS: Final = [ToolDefinition(name="look_up", description="Look a word up.", parameters={"type": "object"})]
ENVIRONMENT: Final = {"OPENROUTER_API_KEY": "sk-or-soak", "MAX_RETRIES": "1", "LOG_REQUESTS": "false"}


class City(BaseModel):
    """The object of the structured calls."""

    name: str
    population: int


class Held(NamedTuple):
    """What the process has open."""

    megabytes: int
    descriptors: int
    tasks: int
    threads: int


def held() -> Held:
    """Return what this process has open now, after garbage collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    megabytes = pages * os.sysconf("SC_PAGE_SIZE") // 2**20
    return Held(megabytes, len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), threading.active_count())  # noqa: PTH208


async def call(engine: Engine, scenario: str, kind: int, leave_after: float | None) -> None:
    """Make one call as a consumer does; it is cancelled after `leave_after` seconds."""
    given: dict[str, Any] = {"model": f"openrouter/stand-in/{scenario}", "timeout": TIMEOUT_SECONDS}
    with Session(engine) as session:
        llm = llm_services_provider(session)
        calls = (
            lambda: llm.generate_response(MESSAGES, **given),
            lambda: llm.generate_structured_response(MESSAGES, City, **given),
            lambda: llm.generate_response_with_tools(MESSAGES, TOOLS, **given),
        )
        with suppress(LLMError, TimeoutError):
            async with asyncio.timeout(leave_after):
                await calls[kind]()


async def caller(engine: Engine, work: Iterator[tuple[int, str]], ends_at: float, random: Random) -> int:
    """Make calls until the time is over; return their number."""
    made = 0
    while time.monotonic() < ends_at:
        number, scenario = next(work)
        leaves = random.random() < CANCELLED_SHARE
        await call(engine, scenario, number % 3, random.uniform(0, 0.02) if leaves else None)
        made += not leaves
    return made


async def soak(engine: Engine, seconds: float, callers: int) -> tuple[int, list[Held]]:
    """Return the number of calls that were not cancelled, and what was open after each tenth of the time."""
    work = zip(count(), cycle(SCENARIOS))
    random, made, seen = Random(1), 0, []  # noqa: S311 - no secret
    for tenth in range(TENTHS):
        ends_at = time.monotonic() + seconds / TENTHS
        made += sum(await asyncio.gather(*(caller(engine, work, ends_at, random) for _ in range(callers))))
        seen.append(held())
        say(f"    {tenth + 1:2d}/{TENTHS}  {made:7,} calls  " + "  ".join(map("{} {}".format, seen[-1], Held._fields)))
    return made, seen


def measure(engine: Engine, seconds: float, callers: int) -> bool:
    """Soak one database and print the results; return True if no row was lost, and only memory has grown."""
    say(f"{engine.dialect.name}: {callers} callers, {len(SCENARIOS)} scenarios, {seconds:.0f} s")
    made, seen = asyncio.run(soak(engine, seconds, callers))
    with Session(engine) as session:
        by_status = select(LLMRequestModel.status, func.count()).group_by(LLMRequestModel.status)
        statuses = {row.status: row[1] for row in session.execute(by_status)}
    say(f"    {made:,} calls not cancelled, rows by status: {statuses}")
    first, last = seen[0], seen[-1]
    allowed = first.descriptors + callers
    has_grown = last.tasks > first.tasks or last.threads > first.threads or last.descriptors > allowed
    return not has_grown and "pending" not in statuses and sum(statuses.values()) >= made


def main() -> int:
    """Soak both databases; return 0 if both are correct."""
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=10.0, help="how long in all (%(default)s)")
    options.add_argument("--callers", type=int, default=32, help="calls in flight (%(default)s)")
    arguments = options.parse_args()
    logging.getLogger("modules").setLevel(logging.CRITICAL)
    half = arguments.minutes * 30
    with running() as base_url:
        os.environ |= ENVIRONMENT | {"OPENROUTER_BASE_URL": base_url}
        are_well = [measure(engine, half, arguments.callers) for engine in databases.one_after_the_other()]
    return 0 if all(are_well) else 1


if __name__ == "__main__":
    sys.exit(run(main))
