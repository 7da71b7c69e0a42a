"""llm_services_provider() without a session connects to nothing; an unreachable database is an LLMError of the call."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import inspect

from ledger.silence import silent_way
from modules.infrastructure.public import Infrastructure
from modules.llm_services.exceptions import LLMError
from modules.llm_services.ledger.writer import writer_for
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole
from modules.shared_models import Base
from support.calls import COMPLETION, QUESTION, Held, Lesson
from support.databases import apart
from support.processes import run_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from support.calls import Serve

BACKEND = Path(__file__).parents[2] / "backend"
HELLO = [LLMMessage(role=MessageRole.USER, content=QUESTION)]


@pytest.fixture
def infrastructure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Infrastructure]:
    """Return an infrastructure for the test, in place of the process's own."""
    monkeypatch.chdir(tmp_path)
    own = Infrastructure()
    monkeypatch.setattr("modules.llm_services.public.infrastructure_provider", lambda: own)
    yield own
    if own._database:
        writer_for(own._database.engine).close()
        own._database.engine.dispose()


def test_a_driver_of_async_engines_is_refused(infrastructure: Infrastructure, monkeypatch: pytest.MonkeyPatch) -> None:
    """An async URL raises a ValueError that names DATABASE_URL and shows a sync one, even without its driver."""
    for driver in ("postgresql+asyncpg", "postgresql+psycopg_async", "sqlite+aiosqlite"):
        monkeypatch.setenv("DATABASE_URL", f"{driver}://host/name")
        with pytest.raises(ValueError, match=r"DATABASE_URL: .* is a driver of async engines.*postgresql\+psycopg://"):
            infrastructure.initialize()


def test_a_number_that_is_none_is_named(infrastructure: Infrastructure, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prepare_threshold that is not a number raises a ValueError that names DATABASE_URL."""
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://host/name?prepare_threshold=often")
    with pytest.raises(ValueError, match="DATABASE_URL: prepare_threshold must be a number"):
        infrastructure.initialize()


async def test_a_prepare_threshold_is_heeded(
    infrastructure: Infrastructure, monkeypatch: pytest.MonkeyPatch, postgres_engine: Engine
) -> None:
    """A prepare_threshold in the URL reaches the driver as a number."""
    url = postgres_engine.url.update_query_dict({"prepare_threshold": "3"})
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    await llm_services_provider().generate_response(HELLO, model=COMPLETION)
    assert infrastructure._database
    with writer_for(infrastructure._database.engine).engine.connect() as connection:
        assert 3 == connection.connection.dbapi_connection.prepare_threshold  # type: ignore[union-attr]  # psycopg's


async def test_a_database_that_is_down_is_an_error_of_the_call(
    infrastructure: Infrastructure, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    """The provider is built; the call raises an LLMError, and nothing is sent."""
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg:///nowhere?host=/nowhere")
    monkeypatch.setattr("modules.llm_services.ledger.writer.RECONNECT_PAUSES_SECONDS", (0.0,))
    async with serve(Held()) as server:
        with pytest.raises(LLMError, match="nothing was sent: the database"):
            await llm_services_provider().generate_response(HELLO, model=COMPLETION)
    assert infrastructure._database
    assert [] == server.visits


async def test_a_database_that_takes_no_connection_is_an_error_of_the_call(
    infrastructure: Infrastructure, monkeypatch: pytest.MonkeyPatch, postgres_engine: Engine, serve: Serve
) -> None:
    """The same is true of a server that accepts and does not respond; the event loop is not blocked."""
    with silent_way(postgres_engine.url) as (way, engine):
        way.go_silent()
        monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
        monkeypatch.setenv("DATABASE_TIMEOUT", "0.2")
        async with serve(Held()) as server:
            call = asyncio.ensure_future(llm_services_provider().generate_response(HELLO, model=COMPLETION))
            await asyncio.to_thread(way.withheld.wait, 60)
            with pytest.raises(LLMError, match="nothing was sent: the database"):
                await call
    assert infrastructure._database
    assert [] == server.visits


async def test_the_first_call_makes_the_table(
    infrastructure: Infrastructure, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    """The first call on a database without the table creates it and is recorded."""
    with apart(engine.url) as connection:
        Lesson.__table__.drop(connection)  # type: ignore[attr-defined]  # a Table, which SQLAlchemy calls FromClause
        Base.metadata.drop_all(connection)
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    llm = llm_services_provider()
    assert not inspect(engine).has_table("llm_requests")
    _, request_id = await llm.generate_response(HELLO, model=COMPLETION)
    request = llm.get_request(request_id)
    assert request is not None
    assert "completed" == request.status
    assert infrastructure._database


async def test_a_database_in_memory_has_the_table(
    infrastructure: Infrastructure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In memory, where each thread has its own database, the caller's has the table and the row."""
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    llm = llm_services_provider()
    _, request_id = await llm.generate_response(HELLO, model=COMPLETION)
    request = llm.get_request(request_id)
    assert request is not None
    assert "completed" == request.status
    assert infrastructure._database


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (["ask.py", "--model", COMPLETION, QUESTION], 1),
        (["settle_abandoned.py"], 3),
        (["reconcile_costs.py"], 3),
        (["export_cassette.py", "00000000-0000-4000-8000-00000000000a"], 3),
    ],
    ids=lambda script: script[0] if isinstance(script, list) else "",
)
def test_a_script_without_a_database_ends_in_a_line(tmp_path: Path, script: list[str], status: int) -> None:
    """If the database is down, a script prints one line and has a separate exit code."""
    environment = os.environ | {
        "PYTHONPATH": str(BACKEND),
        "DATABASE_URL": "postgresql+psycopg:///nowhere?host=/nowhere",
    }
    done = run_python([str(BACKEND / "scripts" / script[0]), *script[1:]], environment, tmp_path)
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if "/nowhere" in line]
    assert status == done.returncode
    assert "Traceback" not in done.stderr, line
