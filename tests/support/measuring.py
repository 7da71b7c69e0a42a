"""What the programs that measure share: how late the event loop is, and lines that are printed at once."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final

INTERVAL_SECONDS: Final = 0.001


async def probe(lags: list[tuple[float, float]]) -> None:
    """Note, in milliseconds, how much longer than asked a sleep takes, and the CPU that this thread had meanwhile."""
    while True:
        started, cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(INTERVAL_SECONDS)
        overslept = time.perf_counter() - started - INTERVAL_SECONDS
        lags.append((1000 * overslept, 1000 * (time.thread_time() - cpu)))


def say(*lines: str) -> None:
    """Print at once: a run takes minutes."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()
