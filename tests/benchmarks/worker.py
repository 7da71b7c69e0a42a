"""One contestant in its own process and environment.

Its first line of output has the durations of the import and the first call; then it plays a round for each line of
input, and prints what the round took.
"""

import asyncio
import importlib
import json
import re
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

WARM_UP_CALLS: Final = 20
LEDGER_THREAD: Final = "llm-ledger"
LAG_PAUSE_SECONDS: Final = 0.005

Call = Callable[[], Awaitable[object]]


async def make(call: Call, in_flight: int, calls: int = sys.maxsize, seconds: float = 3600.0) -> list[float]:
    """Make this many calls, `in_flight` at a time, starting none after `seconds`; return how long each took."""
    latencies: list[float] = []
    left = iter(range(calls))
    end = time.perf_counter() + seconds

    async def keep_calling() -> None:
        for _ in left:
            started = time.perf_counter()
            await call()
            latencies.append(time.perf_counter() - started)
            if time.perf_counter() >= end:
                return

    await asyncio.gather(*(keep_calling() for _ in range(in_flight)))
    return latencies


async def play(call: Call, order: dict[str, Any]) -> dict[str, float]:
    """Return what a round took: CPU of a call and of its threads, and the time of a call, in ms; memory in KB."""
    lags: list[float] = []
    watcher = asyncio.create_task(watch_lag(lags)) if order["watches_lag"] else None
    before, wall = clocks(), time.perf_counter()
    latencies = sorted(await make(call, order["in_flight"], seconds=order["seconds"]))
    after, wall = clocks(), time.perf_counter() - wall
    spent = {name: after[name] - before[name] for name in before}
    calls = len(latencies)
    if watcher:
        watcher.cancel()
    return {
        "calls": calls,
        "cpu_ms": 1000 * spent["process"] / calls,
        "loop_ms": 1000 * spent["loop"] / calls,
        "ledger_ms": 1000 * spent["ledger"] / calls,
        "others_ms": 1000 * (spent["process"] - spent["loop"] - spent["ledger"]) / calls,
        "per_second": calls / wall,
        "p99_ms": 1000 * latencies[int(0.99 * calls)],
        "busy_percent": 100 * (1 - spent["idle"] / spent["cores"]) if spent["cores"] else 0.0,
        "peak_kb": peak_kb(),
    } | lag_of(lags)


def clocks() -> dict[str, float]:
    """Return the CPU seconds of the process, of this thread and of the ledger's, and the idle seconds of the cores."""
    ledgers = [each for each in threading.enumerate() if each.name.startswith(LEDGER_THREAD) and each.ident]
    ticks = [int(each) for each in Path("/proc/stat").read_text(encoding="utf-8").split("\n")[0].split()[1:9]]
    return {
        "process": time.process_time(),
        "loop": time.thread_time(),
        "ledger": sum(time.clock_gettime(time.pthread_getcpuclockid(each.ident or 0)) for each in ledgers),
        "cores": sum(ticks),
        "idle": ticks[3] + ticks[4],
    }


async def watch_lag(lags: list[float]) -> None:
    """Record, every few milliseconds, how many seconds late the event loop wakes this task."""
    while True:
        due = time.perf_counter() + LAG_PAUSE_SECONDS
        await asyncio.sleep(LAG_PAUSE_SECONDS)
        lags.append(time.perf_counter() - due)


def lag_of(lags: list[float]) -> dict[str, float]:
    """Return the delay of the event loop in ms, at the 99th percentile and at most."""
    if not lags:
        return {}
    return {"lag_p99_ms": 1000 * sorted(lags)[int(0.99 * len(lags))], "lag_max_ms": 1000 * max(lags)}


def peak_kb() -> float:
    """Return the peak memory of this process; `ru_maxrss` would include the parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+([0-9]+) kB", status)
    return float(found[1]) if found else 0.0


def show(found: dict[str, float]) -> None:
    """Write a line of JSON."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


async def main(contestant: str, model: str, size: int) -> None:
    """Make a first call, to `model` with a prompt of `size` characters, then play until standard input ends."""
    sys.path.insert(0, str(Path(__file__).parent / "contestants"))
    started = time.perf_counter()
    module = importlib.import_module(contestant)
    imported = time.perf_counter()
    call: Call = module.caller(model, "x" * size)
    await call()
    show({"import_s": imported - started, "first_call_s": time.perf_counter() - imported})
    callers: dict[tuple[str, int], Call] = {(model, size): call}
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        key = order["model"], order["size"]
        if key not in callers:
            callers[key] = module.caller(key[0], "x" * key[1])
        in_flight = order["in_flight"]
        await make(callers[key], in_flight, calls=max(in_flight, WARM_UP_CALLS))  # connections are open now
        show(await play(callers[key], order))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
