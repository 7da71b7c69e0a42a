"""A call can be cancelled wherever it waits: its row is settled, and nothing is left open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import QueuePool
from sqlalchemy.orm import Session

from ledger.stepping import CancelledAt
from modules.llm_services.ledger.writer import writer_for
from support.calls import ANSWER, ask, draft, read, rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Engine

    from modules.llm_services.models import LLMRequestModel
    from support.calls import Serve

    Interrupt = Callable[..., Awaitable[tuple[bool, int]]]

FEWEST_STEPS = 2  # the connection, the answer and, unless a row joins, its pending and its settled state
PREPARED = pytest.mark.parametrize("prepare", [lambda _: None, read, draft], ids=["idle", "read", "written"])
LATE = pytest.mark.parametrize("late", [False, True], ids=["while-waiting", "when-there"])


async def cancelled_at(step: int, session: Session, *, late: bool) -> tuple[bool, int]:
    """Cancel a call's task at `step`; return whether that ended the call, and the number of its steps."""
    stepped: CancelledAt

    async def call() -> None:
        await stepped

    task = asyncio.create_task(call())
    stepped = CancelledAt(ask(session), step, task.cancel, late=late)
    (result,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(result, asyncio.CancelledError | None)
    return result is not None, stepped.steps


async def timed_out_at(step: int, session: Session, *, late: bool) -> tuple[bool, int]:
    """Let a deadline of the caller pass at `step`; return the same values as `cancelled_at`."""
    loop = asyncio.get_running_loop()
    stepped = None
    try:
        async with asyncio.timeout(None) as deadline:
            stepped = CancelledAt(ask(session), step, lambda: deadline.reschedule(loop.time()), late=late)
            await stepped
    except TimeoutError:
        pass
    assert stepped
    return deadline.expired(), stepped.steps


def left_checked_out(engine: Engine) -> int:
    """Count the connections of an engine's pool that are checked out."""
    assert isinstance(engine.pool, QueuePool)
    return engine.pool.checkedout()


async def others() -> set[asyncio.Task[Any]]:
    """Return the other tasks, without those of the server and those that are ending."""
    for _ in range(1000):
        running = asyncio.all_tasks() - {asyncio.current_task()}
        if not running:
            break
        await asyncio.sleep(0.001)
    return running


def settled(engine: Engine, known: set[object]) -> list[str]:
    """Return the states of the new rows."""
    new: list[LLMRequestModel] = [row for row in rows(engine) if row.id not in known]
    known |= {row.id for row in new}
    return [row.status for row in new]


@LATE
@PREPARED
@pytest.mark.parametrize("interrupted_at", [cancelled_at, timed_out_at], ids=["cancel", "timeout"])
async def test_a_call_can_be_interrupted_wherever_it_waits(
    engine: Engine, serve: Serve, prepare: Callable[[Session], None], interrupted_at: Interrupt, *, late: bool
) -> None:
    """For each step in turn: the row, if there is one, is not pending, and no connection or task remains."""
    known: set[object] = set()
    interrupted, step, ends = True, 0, list[list[str]]()
    async with serve(lambda visit: visit.answer(ANSWER)):
        while interrupted:
            with Session(engine) as session:
                prepare(session)
                interrupted, steps = await interrupted_at(step, session, late=late)
                session.commit()
            assert 0 == left_checked_out(engine) == left_checked_out(writer_for(engine).engine)
            assert set() == await others()
            ends.append(settled(engine, known))
            step += 1
    assert step > FEWEST_STEPS
    assert step >= steps
    assert ["completed"] == ends[-1]
    assert {("completed",), ("failed",), ()} >= {tuple(end) for end in ends}
