"""What the measuring programs share: the delay of the event loop, and lines that are printed at once."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final

INTERVAL_SECONDS: Final = 0.001


async def probe(lags: list[tuple[float, float]]) -> None:
    """Record, in milliseconds, how much longer than requested a sleep takes, and this thread's CPU time meanwhile."""
    while True:
        started, cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(INTERVAL_SECONDS)
        overslept = time.perf_counter() - started - INTERVAL_SECONDS
        lags.append((1000 * overslept, 1000 * (time.thread_time() - cpu)))


def say(*lines: str) -> None:
    """Print without buffering, because a run takes minutes."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()
