"""One key in several processes on one database: best effort, by the primary key."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from modules.llm_services.flow.idempotency import Job
from modules.llm_services.models import LLMRequestModel, derived_request_id
from support.calls import ANSWER, Held, ask, only_row, rows

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Engine

    from flow.conftest import OpenRouter, Process

SCRIPT = "idempotency/keyed_call.py"


def settings(engine: Engine, openrouter: OpenRouter) -> dict[str, str]:
    """Return the environment of another process on the same database."""
    url = engine.url.render_as_string(hide_password=False)
    return {"DATABASE_URL": url, "OPENROUTER_BASE_URL": openrouter.served.base_url}


async def test_a_call_of_another_process_is_waited_for(
    postgres_engine: Engine, openrouter: OpenRouter, process: Process
) -> None:
    """While the call is pending, another process waits within its timeout; then it returns the same row."""
    held, environment = Held(), settings(postgres_engine, openrouter)
    openrouter.replies[:] = [held]
    with Session(postgres_engine) as session:
        first = asyncio.ensure_future(ask(session, idempotency_key="job"))
        await held.arrived.wait()
        other = await asyncio.to_thread(process, "job", "0.5", script=SCRIPT, **environment)
        assert {"said": "LLMTimeoutError"} == other
        waiting = asyncio.ensure_future(asyncio.to_thread(process, "job", "60", script=SCRIPT, **environment))
        held.let_go.set()
        assert {"said": str(await first)} == await waiting
    assert 1 == openrouter.requests


async def test_processes_that_begin_at_once_make_one_call(
    engine: Engine, openrouter: OpenRouter, process: Process
) -> None:
    """Only one of the processes sends the call, and the others return its row."""
    environment = settings(engine, openrouter)
    calls = (asyncio.to_thread(process, "job", "60", script=SCRIPT, **environment) for _ in range(3))
    outcomes = await asyncio.gather(*calls)
    assert [{"said": str(only_row(engine).id)}] * 3 == outcomes
    assert 1 == openrouter.requests


async def test_a_key_that_another_process_takes_first(
    engine: Engine, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another process's row exists when ours is opened, that row is left alone and waited for."""
    find_rows, looks = Job._rows, 0
    taken = derived_request_id(None, "job", datetime.now(UTC).date().isoformat(), 0)

    async def find_none_first(job: Job, *days: str) -> tuple[list[Any], int]:
        nonlocal looks
        looks += 1
        if looks == 1:
            write_pending(engine, taken, job.question)
            return [], 0
        if looks == 3:
            settle(engine, taken)
        return await find_rows(job, *days)

    monkeypatch.setattr(Job, "_rows", find_none_first)
    with Session(engine) as session:
        assert taken == await ask(session, idempotency_key="job")
    assert (0, ["completed"]) == (openrouter.requests, [row.status for row in rows(engine)])


def write_pending(engine: Engine, request_id: Any, question: str) -> None:  # noqa: ANN401 - the row's id
    """Write the pending row of a call of another process."""
    params = {"idempotency_key": "job", "idempotency_claim": "another's", "idempotency_question": question}
    columns = {"provider": "openrouter", "model": "a", "temperature": 0.7, "messages": [], "status": "pending"}
    with Session(engine) as session:
        now = datetime.now(UTC)
        session.add(LLMRequestModel(id=request_id, additional_params=params, created_at=now, **columns))
        session.commit()


def settle(engine: Engine, request_id: Any) -> None:  # noqa: ANN401 - as above
    """Complete the other process's row."""
    raw = {"body": ANSWER, "status_code": 200}
    with Session(engine) as session:
        answered = update(LLMRequestModel).where(LLMRequestModel.id == request_id)
        session.execute(answered.values(status="completed", response_raw=raw, cached=False))
        session.commit()
