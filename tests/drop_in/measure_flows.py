#!/usr/bin/env python3
"""How long the event loop keeps others waiting while 200 flows of consumers are in flight; no part of the tests.

    PYTHONPATH=backend:tests python tests/drop_in/measure_flows.py

The consumers' own sessions are synchronous, so part of what is seen is theirs: the last line has the same
statements, without any call, in the same loop.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from statistics import median, quantiles
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

import databases
import stand_in
from drop_in.consumers.conversation_engine import ConversationTurn
from drop_in.many_flows import FLOWS, all_at_once
from drop_in.places import every_provider
from ledger.measure_lag import probe, say
from modules.infrastructure.public import infrastructure_provider

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Engine


async def own_statements(engine: Engine) -> None:
    """Do what a conversation's turn does in the consumer's own session, as often as there are flows."""
    for number in range(FLOWS):
        with Session(engine) as session:
            for role in ("user", "assistant"):
                session.add(ConversationTurn(conversation=number, role=role, content="Hello."))
                session.commit()
        await asyncio.sleep(0)


async def measured(name: str, work: Callable[[Engine], Awaitable[None]], engine: Engine) -> None:
    """Print how late a probe was while `work` was done."""
    lags: list[tuple[float, float]] = []
    probing = asyncio.create_task(probe(lags))
    started = time.perf_counter()
    await work(engine)
    elapsed = time.perf_counter() - started
    probing.cancel()
    with suppress(asyncio.CancelledError):
        await probing
    late = [lag for lag, _cpu in lags]
    p99 = quantiles(late, n=100, method="inclusive")[-1]
    say(f"{name}: {elapsed:.1f} s, lag in ms: median {median(late):.1f}, p99 {p99:.1f}, longest {max(late):.1f}")


async def measure(engine: Engine) -> None:
    """Run the flows twice, for the first run imports what it needs, and then the consumers' statements alone."""
    await measured(f"{FLOWS} flows, first run", all_at_once, engine)
    await measured(f"{FLOWS} flows, second run", all_at_once, engine)
    await measured(f"{FLOWS} turns without a call", own_statements, engine)


def main() -> int:
    """Measure on PostgreSQL; return 0."""
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
    sys.exit(main())
