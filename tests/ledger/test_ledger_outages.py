"""PostgreSQL goes away during a call: the ledger waits for it, and an answer is never lost silently."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from modules.llm_services.ledger.ledger import written
from modules.llm_services.ledger.writer import PendingWrite, writer_for
from support.calls import ANSWER, Held, ask, blocked, only_row
from support.databases import apart
from support.outages import outage

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from support.calls import Serve
    from support.outages import Pauses
    from support.server import Visit

END_OF_THE_LEDGERS = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'ledger'"
)


def name_the_ledgers(engine: Engine) -> None:
    """Make the ledger's connections distinguishable from others."""
    own = writer_for(engine).engine
    event.listen(own, "connect", lambda connection, _: connection.execute("SET application_name = 'ledger'"))
    event.listen(own, "connect", lambda connection, _: connection.commit())


async def test_a_server_that_is_down_before_the_call_stops_it(
    postgres_engine: Engine, serve: Serve, pauses: Pauses
) -> None:
    """If the server is down for too long before the pending row, an LLMError is raised, and nothing is sent."""
    pauses.over.set()
    async with serve(Held()) as server:
        with Session(postgres_engine) as session, outage(postgres_engine.url) as down:
            down.begin()
            with pytest.raises(LLMError, match="nothing was sent: the database") as caught:
                await ask(session)
    assert ([], None) == (server.visits, caught.value.request_id)


async def test_a_timeout_between_two_tries_names_the_reason(postgres_engine: Engine) -> None:
    """If DATABASE_TIMEOUT ends while a write waits to be repeated, the error has the database's own message."""
    write = PendingWrite({}, ("status",), timeout=0.0, last_error=OperationalError(None, None, Exception("refused")))
    with pytest.raises(TimeoutError, match="has not responded for 0 s: refused"):
        await written(writer_for(postgres_engine), write)


async def test_a_server_that_comes_back_in_time_takes_the_answer(
    postgres_engine: Engine, serve: Serve, pauses: Pauses
) -> None:
    """If the server is down when the answer arrives, but back in time, the answer is returned and recorded."""
    with Session(postgres_engine) as session, outage(postgres_engine.url) as down:

        def answer(visit: Visit) -> None:
            down.begin()
            visit.answer(ANSWER)

        async with serve(answer):
            call = asyncio.create_task(ask(session))
            await asyncio.to_thread(pauses.begun.wait, 60)
            down.end()
            pauses.over.set()
            request_id = await call
    row = only_row(postgres_engine)
    assert (request_id, "completed", 0.25) == (row.id, row.status, row.cost_estimate)


async def test_a_server_that_stays_away_leaves_the_answer_on_the_error(
    postgres_engine: Engine, serve: Serve, pauses: Pauses, caplog: pytest.LogCaptureFixture
) -> None:
    """If it is not back after 3.2 s, the LLMError has the answer, the log the row's figures; the row stays pending."""
    pauses.over.set()
    with Session(postgres_engine) as session, outage(postgres_engine.url) as down:

        def answer(visit: Visit) -> None:
            down.begin()
            visit.answer(ANSWER)

        async with serve(answer):
            with pytest.raises(LLMError, match="was not recorded") as caught:
                await ask(session)
    assert caught.value.response is not None
    assert ("Paris", 0.25) == (caught.value.response.content, caught.value.response.cost_estimate)
    assert [0.2, 1.0, 2.0] == pauses.lengths
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert f"id={caught.value.request_id} " in line
    assert "answered, not recorded: " in line
    assert "status=pending retry_attempt=1" in line
    assert "tokens_used=8 cost_estimate=0.25" in line
    assert (caught.value.request_id, "pending") == (only_row(postgres_engine).id, only_row(postgres_engine).status)


async def test_a_server_restarted_during_the_call_is_not_noticed(postgres_engine: Engine, serve: Serve) -> None:
    """If a restart during the call closes every connection, the row is settled on a new one."""
    with Session(postgres_engine) as session, outage(postgres_engine.url) as down:

        def answer(visit: Visit) -> None:
            down.begin()
            down.end()
            visit.answer(ANSWER)

        async with serve(answer):
            request_id = await ask(session)
    assert (request_id, "completed") == (only_row(postgres_engine).id, only_row(postgres_engine).status)


async def test_a_connection_killed_while_it_writes_is_replaced(postgres_engine: Engine, serve: Serve) -> None:
    """If the ledger's connection is terminated during its statement, the row is written once, later."""
    name_the_ledgers(postgres_engine)
    held = Held()
    async with serve(held) as server:
        with Session(postgres_engine) as session, Session(postgres_engine) as locking:
            locking.execute(text("LOCK TABLE llm_requests"))
            call = asyncio.create_task(ask(session))
            await blocked(postgres_engine)
            with apart(postgres_engine.url) as connection:
                assert [True] == connection.scalars(END_OF_THE_LEDGERS).all()
            locking.rollback()
            held.let_go.set()
            request_id = await call
    assert (request_id, "completed") == (only_row(postgres_engine).id, only_row(postgres_engine).status)
    assert 1 == len(server.visits)


async def test_a_caller_whose_own_connection_died_still_gets_its_answer(postgres_engine: Engine, serve: Serve) -> None:
    """If the caller's own connection dies during the call, the answer and the row are not affected."""
    with Session(postgres_engine) as session, outage(postgres_engine.url) as down:
        session.execute(text("SELECT 1"))

        def answer(visit: Visit) -> None:
            down.begin()
            down.end()
            visit.answer(ANSWER)

        async with serve(answer):
            await ask(session)
        with pytest.raises(OperationalError):
            session.execute(text("SELECT 1"))
        session.rollback()
        assert 1 == session.scalar(text("SELECT count(*) FROM llm_requests WHERE status = 'completed'"))
