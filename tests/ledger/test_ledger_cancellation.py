"""A cancelled call leaves a failed row, and its caller gets the cancellation."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from support.calls import Held, ask, hide_table, many_turns, only_row, queued, rows, writer_held

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy import Engine

    from support.calls import Serve

CANCELLED = ("failed", "CancelledError", "the caller cancelled the call", None)


def outcome(engine: Engine) -> tuple[Any, ...]:
    """Return the end of the call, as the only row has it."""
    row = only_row(engine)
    return row.status, row.error_type, row.error_message, row.cost_estimate


async def test_a_cancelled_call_is_a_failed_row(engine: Engine, serve: Serve) -> None:
    """If a call is cancelled before the answer, the caller gets CancelledError, and the cost is unknown."""
    held = Held()
    async with serve(held):
        with Session(engine) as session:
            call = asyncio.create_task(ask(session))
            await held.arrived.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert CANCELLED == outcome(engine)


async def test_a_second_cancellation_does_not_lose_the_row(engine: Engine, serve: Serve) -> None:
    """If a call is cancelled again while its row is being settled, it still settles the row."""
    held = Held()
    async with serve(held):
        with Session(engine) as session:
            call = asyncio.create_task(ask(session))
            await held.arrived.wait()
            with writer_held(engine) as gate:
                call.cancel()
                await queued(engine)
                call.cancel()
                await many_turns()
                assert not call.done()
                gate.set()
                with pytest.raises(asyncio.CancelledError):
                    await call
            assert CANCELLED == outcome(engine)


async def ask_until(moment: asyncio.Event, session: Session) -> None:
    """Call with a deadline that passes as soon as `moment` is set."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as deadline, asyncio.TaskGroup() as tasks:
        passing = tasks.create_task(moment.wait())
        passing.add_done_callback(lambda _: deadline.reschedule(loop.time()))
        await ask(session)


async def test_a_deadline_of_the_callers_is_a_cancellation(engine: Engine, serve: Serve) -> None:
    """`asyncio.timeout` around a call raises TimeoutError, and the row has CancelledError."""
    held = Held()
    async with serve(held):
        with Session(engine) as session:
            with pytest.raises(TimeoutError):
                await ask_until(held.arrived, session)
            assert CANCELLED == outcome(engine)


def test_a_call_that_outlives_its_loop_is_cancelled(engine: Engine, serve: Serve) -> None:
    """When `asyncio.run` ends with a call in flight, the row is settled before it returns."""
    calls: list[asyncio.Task[UUID]] = []
    server = AsyncExitStack()

    async def main(session: Session) -> None:
        held = Held()
        await server.enter_async_context(serve(held))  # closed with the loop, after the call
        calls.append(asyncio.create_task(ask(session)))
        await held.arrived.wait()

    with Session(engine) as session:
        asyncio.run(main(session))
        assert calls[0].cancelled()
        assert CANCELLED == outcome(engine)


async def test_a_call_cancelled_before_it_is_sent_sends_nothing(engine: Engine, serve: Serve) -> None:
    """If a call is cancelled while its pending row is being written, the row is failed and nothing was sent."""
    async with serve(Held()) as server:
        with Session(engine) as session, writer_held(engine) as gate:
            call = asyncio.create_task(ask(session))
            await queued(engine)
            call.cancel()
            await many_turns()
            gate.set()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert CANCELLED == outcome(engine)
    assert [] == server.visits


async def test_an_answer_that_came_is_recorded_though_its_caller_left(engine: Engine, serve: Serve) -> None:
    """If a call is cancelled while its answer is being recorded, the row is completed and CancelledError is raised."""
    held = Held()
    async with serve(held):
        with Session(engine) as session:
            call = asyncio.create_task(ask(session))
            await held.arrived.wait()
            with writer_held(engine) as gate:
                held.let_go.set()
                await queued(engine)
                call.cancel()
                await many_turns()
                gate.set()
                with pytest.raises(asyncio.CancelledError):
                    await call
    assert ("completed", 0.25) == (only_row(engine).status, only_row(engine).cost_estimate)


async def test_a_cancelled_call_among_others_leaves_them_alone(engine: Engine, serve: Serve) -> None:
    """Of three calls through one session, the cancelled one fails and the others complete."""
    held = Held(expected=3)
    async with serve(held):
        with Session(engine) as session:
            calls = [asyncio.create_task(ask(session)) for _ in range(3)]
            await held.arrived.wait()
            calls[1].cancel()
            held.let_go.set()
            results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert ["completed", "completed", "failed"] == sorted(row.status for row in rows(engine))


async def test_a_database_that_fails_does_not_swallow_a_cancellation(engine: Engine, serve: Serve) -> None:
    """If a call is cancelled while its pending row cannot be written, it still ends in CancelledError."""
    async with serve(Held()):
        with Session(engine) as session, writer_held(engine) as gate:
            call = asyncio.create_task(ask(session))
            await queued(engine)
            call.cancel()
            await many_turns()
            hide_table(engine)
            gate.set()
            with pytest.raises(asyncio.CancelledError):
                await call
