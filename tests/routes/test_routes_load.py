"""Many simultaneous requests, and clients that disconnect: no connection is held, and the loop is not blocked."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from modules.infrastructure.public import infrastructure_provider
from routes.mounted import DOOR, PATH, asked, mounted
from support.calls import Held, blocked, only_row, rows
from support.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Engine
    from sqlalchemy.pool import QueuePool

MANY = 100


def known(url: str) -> httpx.AsyncClient:
    """Return a client with valid credentials and as many connections as it needs."""
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=url, headers=DOOR, timeout=100, trust_env=False, limits=limits)


@pytest.fixture
async def caller(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client in the same event loop as the provider."""
    async with known(url) as client:
        yield client


def connections_out() -> int:
    """Count the connections of the application's pool that are checked out."""
    database = infrastructure_provider()._database
    assert database
    pool: QueuePool = database.engine.pool  # type: ignore[assignment]
    return pool.checkedout()


async def test_a_hundred_at_once(database: Engine, caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 100 calls in flight, no connection of the pool is held, reads work, and all calls complete."""
    held = Held(MANY)
    async with serving(held) as server:
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        calls = [asyncio.create_task(caller.post("/responses", json=asked(user_id=n))) for n in range(MANY)]
        await held.arrived.wait()
        assert 0 == connections_out()
        reads = [caller.get("/requests", params={"user_id": n}) for n in range(MANY)]
        pending = [request for read in await asyncio.gather(*reads) for request in read.json()]
        held.let_go.set()
        answers = await asyncio.gather(*calls)
    assert [("pending", n) for n in range(MANY)] == [(each["status"], each["user_id"]) for each in pending]
    assert {(200, "Paris")} == {(each.status_code, each.json()["response"]["content"]) for each in answers}
    completed = {str(row.id): row.user_id for row in rows(database) if row.status == "completed"}
    assert {each.json()["request_id"]: n for n, each in enumerate(answers)} == completed
    assert 0 == connections_out()


@pytest.mark.usefixtures("_openrouter")
async def test_a_client_that_goes_away_leaves_a_settled_row(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the client disconnects during the call, the answer, which is billed, is still recorded."""
    held = Held()
    async with serving(held) as server:
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        with ExitStack() as stack:
            address = stack.enter_context(mounted())
            async with known(address + PATH) as client:
                call = asyncio.create_task(client.post("/responses", json=asked()))
                await held.arrived.wait()
                call.cancel()
                await asyncio.wait([call])
            assert "pending" == only_row(database).status
            held.let_go.set()
            await asyncio.to_thread(stack.close)  # the server handles earlier requests before it ends
    assert ("completed", "Paris", 0.25) == (
        only_row(database).status,
        only_row(database).response_content,
        only_row(database).cost_estimate,
    )


async def test_a_database_that_is_slow_stops_nobody_else(
    postgres_engine: Engine, caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a read waits for a database lock, other requests are answered."""
    monkeypatch.setenv("DATABASE_URL", postgres_engine.url.render_as_string(hide_password=False))
    assert 200 == (await caller.get("/requests?user_id=1")).status_code
    with Session(postgres_engine) as locking:
        locking.execute(text("LOCK TABLE llm_requests"))
        read = asyncio.create_task(caller.get("/requests?user_id=1"))
        await blocked(postgres_engine)
        assert 422 == (await caller.get("/requests")).status_code
        assert not read.done()
    assert 200 == (await read).status_code
