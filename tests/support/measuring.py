"""The delay of the event loop, the speed of the machine, and lines that are printed at once."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final

INTERVAL_SECONDS: Final = 0.001
MEGABYTE_OF_JSON: Final = json.dumps(list(range(145_000)))


async def probe(lags: list[tuple[float, float]]) -> None:
    """Record, in milliseconds, how much longer than requested a sleep takes, and this thread's CPU time meanwhile."""
    while True:
        started, cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(INTERVAL_SECONDS)
        overslept = time.perf_counter() - started - INTERVAL_SECONDS
        lags.append((1000 * overslept, 1000 * (time.thread_time() - cpu)))


def decoding_seconds() -> float:
    """Return the CPU seconds that this machine now takes to decode a megabyte of JSON.

    A test that limits CPU time does so in multiples of it, because machines differ and other processes slow them down.
    """
    took = []
    for _ in range(3):
        began = time.thread_time()
        json.loads(MEGABYTE_OF_JSON)
        took.append(time.thread_time() - began)
    return min(took)


def say(*lines: str) -> None:
    """Print without buffering, because a run takes minutes."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()
