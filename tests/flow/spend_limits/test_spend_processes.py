"""What a process knows about other processes' spending, and when it reads the rows again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from flow.spend_limits.conftest import Clock, write
from flow.spend_limits.test_spend_limits import DAY, refusal
from modules.llm_services.flow.spend_limits import spend_of
from support.calls import ask, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flow.conftest import OpenRouter, Process

SCRIPT = "spend_limits/spending_calls.py"


@pytest.fixture
def readings() -> Iterator[list[str]]:
    """Return the statements that sum the costs, as they are executed."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "GROUP BY" in statement:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


async def test_two_processes_share_a_limit(
    postgres_engine: Engine, openrouter: OpenRouter, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its first call, a process counts the other's spending; later, the first process counts both."""
    engine, url = postgres_engine, postgres_engine.url.render_as_string(hide_password=False)
    settings = {DAY: "1", "DATABASE_URL": url, "OPENROUTER_BASE_URL": openrouter.served.base_url}
    monkeypatch.setenv(DAY, "1")
    clock = Clock()
    spend_of(engine, (), clock)
    with Session(engine) as session:
        await ask(session)
        other = await asyncio.to_thread(process, "3", "1", script=SCRIPT, **settings)
        assert {"answered": 3, "has_imported": True} == other
        clock.go_on(seconds=11)
        await refusal(session)
        other = await asyncio.to_thread(process, "3", "12", script=SCRIPT, **settings)
        assert {"answered": 0, "has_imported": True} == other
    assert (4, 4) == (openrouter.requests, len(rows(engine)))


async def test_limits_that_are_off_are_not_imported(openrouter: OpenRouter, importing_process: Process) -> None:
    """Without a limit, a call does not import the module of the limits."""
    base_url = openrouter.served.base_url
    other = await asyncio.to_thread(importing_process, "1", script=SCRIPT, OPENROUTER_BASE_URL=base_url)
    assert {"answered": 1, "has_imported": False} == other


async def test_rows_are_read_once_in_a_pause(
    engine: Engine, openrouter: OpenRouter, clock: Clock, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first calls wait for one read; there is no other read for five seconds."""
    monkeypatch.setenv(DAY, "100")
    with Session(engine) as session:
        await asyncio.gather(*(ask(session) for _ in range(10)))
        clock.go_on(seconds=5)
        await ask(session)
    assert (1, 11) == (len(readings), openrouter.requests)


@pytest.mark.parametrize(("seconds", "requests"), [(6, 2), (11, 1)], ids=["in the background", "before the call"])
async def test_an_old_reading_is_renewed(
    engine: Engine, openrouter: OpenRouter, clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: float, requests: int
) -> None:
    """After five seconds a call starts a read without waiting; after ten, it waits."""
    monkeypatch.setenv(DAY, "1")
    with Session(engine) as session:
        await ask(session)
        write(engine)
        clock.go_on(seconds=seconds)
        if requests == 2:
            await ask(session)
            while spend_of(engine)._reading:  # noqa: ASYNC110 - a thread's end sets no event
                await asyncio.sleep(0)
        await refusal(session)
    assert requests == openrouter.requests


async def test_a_call_counts_once(
    engine: Engine, openrouter: OpenRouter, clock: Clock, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read includes this process's own rows, and they are not counted twice."""
    monkeypatch.setenv(DAY, "1")
    with Session(engine) as session:
        for _ in range(4):
            await ask(session)
            clock.go_on(seconds=11)
        error = await refusal(session)
    assert (5, 4) == (len(readings), openrouter.requests)
    assert "1 USD of 1 were spent" in error.message
