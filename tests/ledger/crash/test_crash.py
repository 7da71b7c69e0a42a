"""A process is killed during its calls: each request that was sent has its row, each returned answer a settled one.

There are five kills on each database, or CRASH_KILLS; from twenty on, the run prints its progress:

    CRASH_KILLS=200 pytest tests/ledger/crash/test_crash.py

A failure prints its CRASH_SEED, which chooses the same moments again, as far as a machine's timing is the same.
"""

from __future__ import annotations

from command_line import Steps

import os
import random
import secrets
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from ledger.crash.comparison import complaints, rows
from ledger.crash.harness import Instant, nursery
from support.databases import apart

if TYPE_CHECKING:
    from sqlalchemy import Engine

KILLS = int(os.environ.get("CRASH_KILLS", "5"))
SEED = os.environ.get("CRASH_SEED") or secrets.token_hex(4)
SECONDS_PER_KILL = 20
TELLING_FROM = 20


def drawing(run: int) -> random.Random:
    """Return the source of all random numbers in a run."""
    return random.Random(f"{SEED}-{run}")  # noqa: S311 - no secret


@pytest.mark.timeout(60 + SECONDS_PER_KILL * KILLS)
async def test_a_killed_process_owes_nothing(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """Every request that was received has its row, and every end that a caller got is on its row, correctly."""
    told = 0
    shown = capsys.disabled() if KILLS >= TELLING_FROM else nullcontext()
    async with nursery(engine) as child:
        with shown, Steps("killing", KILLS) as steps:
            for run in range(1, KILLS + 1):
                steps.begin(f"{engine.dialect.name}, {told} calls told of until now")
                chance = drawing(run)
                instant = Instant.drawn(chance)
                story = await child.killed(run, chance, instant)
                found = rows(engine, run)
                assert [] == complaints(story, found), f"kill {run} of CRASH_SEED={SEED}: {instant}"
                told += len(story.handed)
                steps.end()
    assert KILLS <= told
    assert ["ok"] == sound(engine)


def sound(engine: Engine) -> list[str]:
    """Return the result of SQLite's integrity check; None for PostgreSQL, which was not killed."""
    if engine.dialect.name != "sqlite":
        return ["ok"]
    with apart(engine.url) as connection:
        return list(connection.scalars(text("PRAGMA integrity_check")))


async def test_the_comparison_sees_a_ledger_that_is_late(sqlite_engine: Engine) -> None:
    """For a ledger that delays its last hundred writes, the comparison reports missing and unsettled rows."""
    async with nursery(sqlite_engine) as child:
        story = await child.killed(1, drawing(1), Instant("handed", 200), late=100)
    found = complaints(story, rows(sqlite_engine, 1))
    assert any("was received and has 0 rows" in each for each in found)
    assert any("and its row says" in each and "'pending'" in each for each in found)
