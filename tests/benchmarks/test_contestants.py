"""The contestants' processes measure what they say, with this machine's own server."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from benchmarks import worker
from benchmarks.field import (
    HTTP_ALONE,
    OTHERS,
    OURS,
    PER_CALL,
    ROOT,
    SHARED,
    STREAM_PIECES,
    STREAMED,
    UNRECORDED,
    Round,
)
from benchmarks.players import Process, checkout, server, variables

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTESTANTS = {each.name: each for each in (*OURS, *OTHERS)}
NO_POSTGRES = make_url("postgresql+psycopg://")


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """Run the benchmark's server."""
    with server() as url:
        yield url


@pytest.mark.parametrize(
    ("name", "recorded"), [(HTTP_ALONE, 1), (UNRECORDED, 0), (SHARED, 23), (PER_CALL, 23), ("aiohttp", 0), ("httpx", 0)]
)
def test_a_contestant_plays_a_round(base_url: str, tmp_path: Path, name: str, recorded: int) -> None:
    """There is a first call, twenty to warm up, and two that count; ours leave rows unless they skip the ledger.

    HTTP alone repeats its first request.
    """
    environment = variables(CONTESTANTS[name], base_url, tmp_path, NO_POSTGRES)
    process = Process(CONTESTANTS[name], Path(sys.executable), environment)
    try:
        process.begin(Round(2), 0.0)
        found = process.answer()
    finally:
        process.end()
    assert 2 == found["calls"]
    assert 0 < found["cpu_ms"]
    assert recorded == sum(completed_rows(path) for path in tmp_path.glob("*.db"))


def test_a_streamed_contestant_takes_every_piece(base_url: str, tmp_path: Path) -> None:
    """Our streamed answer is assembled from all pieces."""
    environment = variables(CONTESTANTS[STREAMED], base_url, tmp_path, NO_POSTGRES)
    Process(CONTESTANTS[STREAMED], Path(sys.executable), environment).end()
    with closing(sqlite3.connect(next(tmp_path.glob("*.db")))) as connection:
        found = connection.execute(
            "SELECT response_raw ->> '$.body.assembled_from_events' FROM llm_requests"
        ).fetchall()
    assert [(STREAM_PIECES + 1,)] == found


def completed_rows(path: Path) -> int:
    """Count the rows of answered calls."""
    with closing(sqlite3.connect(path)) as connection:
        found: tuple[int] = connection.execute(
            "SELECT count(*) FROM llm_requests WHERE status = 'completed'"
        ).fetchone()
    return found[0]


def test_a_process_that_ends_is_an_error(base_url: str, tmp_path: Path) -> None:
    """If a contestant ends before its first call, the error says how its process ended."""
    environment = variables(CONTESTANTS[PER_CALL], base_url, tmp_path, NO_POSTGRES) | {"BENCH_WAY": "there is none"}
    with pytest.raises(RuntimeError, match="ended with 1"):
        Process(CONTESTANTS[PER_CALL], Path(sys.executable), environment)


def test_the_ledgers_thread_is_measured_apart() -> None:
    """CPU time of a thread with the ledger's name counts as the ledger's, not as the event loop's."""
    before, burned, done = worker.clocks(), threading.Event(), threading.Event()

    def burn() -> None:
        while time.thread_time() < 0.05:
            pass
        burned.set()
        done.wait()

    thread = threading.Thread(target=burn, name=worker.LEDGER_THREAD)
    thread.start()
    burned.wait()
    after = worker.clocks()
    done.set()
    thread.join()
    assert 0.05 <= after["ledger"] - before["ledger"] <= after["process"] - before["process"]
    assert after["loop"] - before["loop"] < 0.05


async def test_a_blocked_event_loop_is_late() -> None:
    """A call that blocks the loop for 50 ms is measured as lag of another task."""

    async def call() -> None:
        await asyncio.sleep(0)  # the watching task starts
        time.sleep(0.05)  # noqa: ASYNC251 - that is what is measured
        for _ in range(5):  # and continues
            await asyncio.sleep(0)

    order = {"in_flight": 1, "seconds": 0.0, "watches_lag": True}
    found = await worker.play(call, order)
    assert 40 <= found["lag_max_ms"]


def test_another_commit_is_checked_out_for_a_while(tmp_path: Path) -> None:
    """A revision's files exist while it is played, and are removed afterwards."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    with checkout("HEAD", tmp_path) as path:
        assert (path / "backend").is_dir()
    assert [] == [*tmp_path.iterdir()]
