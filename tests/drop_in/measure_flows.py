#!/usr/bin/env python3
"""Measure how long the event loop is blocked while 200 of the consumers' flows are in flight; not one of the tests.

    PYTHONPATH=backend/scripts:tests python tests/drop_in/measure_flows.py

The consumers' own sessions are synchronous, so part of the delay is theirs, especially when every flow begins in the
same turn of the loop: the last lines measure the statements of a conversation's turn, without any call.

variables:
    TMPDIR  the folder of the database
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
from contextlib import suppress
from functools import partial
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

import stand_in
from drop_in.consumers.conversation_engine import ConversationTurn
from drop_in.many_flows import FLOWS, all_at_once
from drop_in.places import every_provider
from modules.infrastructure.public import infrastructure_provider
from support import databases
from support.measuring import probe, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Engine


SPREAD_SECONDS: Final = 10.0
WARM_SECONDS: Final = 0.05  # so that the probe starts before the work and ends after it


async def one_by_one(engine: Engine) -> None:
    """Execute a conversation turn's statements once for each flow, one in each turn of the loop."""
    for number in range(FLOWS):
        own_statements(engine, number)
        await asyncio.sleep(0)


async def in_one_go(engine: Engine) -> None:
    """Execute the same in one turn of the loop."""
    for number in range(FLOWS):
        own_statements(engine, number)


def own_statements(engine: Engine, number: int) -> None:
    """Write both sides of a turn."""
    with Session(engine) as session:
        for role in ("user", "assistant"):
            session.add(ConversationTurn(conversation=number, role=role, content="Hello."))
            session.commit()


async def measured(name: str, work: Callable[[Engine], Awaitable[None]], engine: Engine) -> None:
    """Print how late a probe was while `work` was done."""
    lags: list[tuple[float, float]] = []
    probing = asyncio.create_task(probe(lags))
    started = time.perf_counter()
    await asyncio.sleep(WARM_SECONDS)
    await work(engine)
    await asyncio.sleep(WARM_SECONDS)
    elapsed = time.perf_counter() - started
    probing.cancel()
    with suppress(asyncio.CancelledError):
        await probing
    late = [lag for lag, _cpu in lags]
    p99 = quantiles(late, n=100, method="inclusive")[-1]
    say(f"{name}: {elapsed:.1f} s, lag in ms: median {median(late):.1f}, p99 {p99:.1f}, longest {max(late):.1f}")


async def measure(engine: Engine) -> None:
    """Run the flows three times (the first run includes imports), and the consumers' statements alone."""
    await measured(f"{FLOWS} flows, the first run", all_at_once, engine)
    await measured(f"{FLOWS} flows, begun at once", all_at_once, engine)
    spread = partial(all_at_once, spread=SPREAD_SECONDS)
    await measured(f"{FLOWS} flows, begun over {SPREAD_SECONDS:.0f} s", spread, engine)
    await measured(f"{FLOWS} turns without a call, in one go", in_one_go, engine)
    await measured(f"{FLOWS} turns without a call, one by one", one_by_one, engine)


def main() -> int:
    """Measure on PostgreSQL; return 0."""
    parser(__doc__).parse_args()
    with stand_in.running() as base_url, databases.postgres_server() as url:
        os.environ |= {**every_provider(base_url), "DATABASE_URL": url.render_as_string(hide_password=False)}
        infrastructure = infrastructure_provider()
        infrastructure.initialize()
        with infrastructure.get_session_context() as session:
            engine = session.get_bind().engine
        asyncio.run(measure(engine))
        databases.close(engine)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
