"""One contestant in a process and an environment of its own: told a round on a line, it answers with what it cost."""

import asyncio
import importlib
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

WARM_UP_CALLS: Final = 20

Call = Callable[[], Awaitable[object]]


async def make(call: Call, calls: int, in_flight: int) -> list[float]:
    """Make `calls` calls, `in_flight` at a time; return how many seconds each took."""
    latencies: list[float] = []
    left = iter(range(calls))

    async def keep_calling() -> None:
        for _ in left:
            started = time.perf_counter()
            await call()
            latencies.append(time.perf_counter() - started)

    await asyncio.gather(*(keep_calling() for _ in range(in_flight)))
    return latencies


async def play(call: Call, calls: int, in_flight: int) -> dict[str, float]:
    """Return what a round took: CPU of all threads and time of a call in ms, peak memory of the process in KB."""
    cpu, wall = time.process_time(), time.perf_counter()
    latencies = sorted(await make(call, calls, in_flight))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "cpu_ms": 1000 * cpu / calls,
        "per_second": calls / wall,
        "p99_ms": 1000 * latencies[int(0.99 * (calls - 1))],
        "peak_kb": peak_kb(),
    }


def peak_kb() -> float:
    """Return the most memory that this process has held: `ru_maxrss` would count what its parent held before."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+([0-9]+) kB", status)
    return float(found[1]) if found else 0.0


async def main(contestant: str) -> None:
    """Answer each line of standard input with one of standard output."""
    sys.path.insert(0, str(Path(__file__).parent / "contestants"))
    module = importlib.import_module(contestant)
    callers: dict[int, Call] = {}
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        size = order["size"]
        if size not in callers:
            callers[size] = module.caller("author/model", "x" * size)
        await make(callers[size], order["in_flight"] + WARM_UP_CALLS, order["in_flight"])  # connections are open now
        sys.stdout.write(json.dumps(await play(callers[size], order["calls"], order["in_flight"])) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
