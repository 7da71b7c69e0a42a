"""Fixtures of the ledger's tests: a configured provider, servers to call, and a consumer's table."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from support.calls import Lesson
from support.outages import Pauses
from support.processes import run_python
from support.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sqlalchemy import URL, Engine

    from stand_in.pytest_plugin import LLMStandIn
    from support.calls import Answering, Serve
    from support.server import Server

HERE = Path(__file__).parent
CALLS = 50  # of many_calls.py


@pytest.fixture(autouse=True)
def _stand_in(llm_stand_in: LLMStandIn) -> None:
    """Call only the stand-in, with one attempt per call."""
    llm_stand_in.monkeypatch.setenv("MAX_RETRIES", "0")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Return a context that serves OpenRouter inside the test instead of the stand-in."""

    @asynccontextmanager
    async def serve(answer: Answering) -> AsyncGenerator[Server]:
        async with serving(answer) as server:
            monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
            yield server

    return serve


@pytest.fixture
def sqlite_engine(sqlite_engine: Engine) -> Engine:
    """Add a consumer's table beside the ledger's."""
    Lesson.metadata.create_all(sqlite_engine)
    return sqlite_engine


@pytest.fixture
def postgres_engine(postgres_engine: Engine) -> Engine:
    """Add a consumer's table beside the ledger's."""
    Lesson.metadata.create_all(postgres_engine)
    return postgres_engine


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """Let the test control the pauses of the ledger's thread."""
    pauses = Pauses()
    clock = SimpleNamespace(sleep=pauses.sleep, monotonic=time.monotonic)
    monkeypatch.setattr("modules.llm_services.ledger.writer.time", clock)
    return pauses


def many_calls(processes: int, url: URL, folder: Path) -> int:
    """Run many_calls.py in so many processes at once, none of which prints an error; return the number of calls."""
    settings = {
        "PYTHONPATH": str(HERE.parents[1] / "backend"),
        "DATABASE_URL": url.render_as_string(hide_password=False),
    }
    with ThreadPoolExecutor(processes) as pool:
        command, environment = [str(HERE / "many_calls.py")], os.environ | settings
        running = [pool.submit(run_python, command, environment, folder) for _ in range(processes)]
    ends = [(done.result().stderr, done.result().returncode) for done in running]
    assert [("", 0)] * processes == ends
    return CALLS * processes
