"""What the ledger's tests stand on: a provider that is configured, servers for it to ask, a consumer's table."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

import stand_in
from ledger.calls import Lesson
from ledger.outages import Pauses
from modules.llm_services.config import VARIABLE_NAMES
from wire import serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from sqlalchemy import Engine

    from ledger.calls import Answering, Serve
    from wire import Server


@pytest.fixture(scope="session")
def stand_in_url() -> Iterator[str]:
    """Run one stand-in for all tests of the ledger."""
    with stand_in.running() as url:
        yield url


@pytest.fixture(autouse=True)
def _openrouter(monkeypatch: pytest.MonkeyPatch, stand_in_url: str) -> None:
    """Configure OpenRouter, played by the stand-in, and nothing else; one attempt per call."""
    for variable in VARIABLE_NAMES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-ledger")
    monkeypatch.setenv("OPENROUTER_BASE_URL", stand_in_url)
    monkeypatch.setenv("MAX_RETRIES", "0")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Return a way to play OpenRouter inside the test, for a block, in place of the stand-in."""

    @asynccontextmanager
    async def serve(answer: Answering) -> AsyncGenerator[Server]:
        async with serving(answer) as server:
            monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
            yield server

    return serve


@pytest.fixture
def sqlite_engine(sqlite_engine: Engine) -> Engine:
    """Put a consumer's table beside the ledger's."""
    Lesson.metadata.create_all(sqlite_engine)
    return sqlite_engine


@pytest.fixture
def postgres_engine(postgres_engine: Engine) -> Engine:
    """Put a consumer's table beside the ledger's."""
    Lesson.metadata.create_all(postgres_engine)
    return postgres_engine


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """Put the pauses of the ledger's thread into the test's hand."""
    pauses = Pauses()
    clock = SimpleNamespace(sleep=pauses.sleep, monotonic=time.monotonic)
    monkeypatch.setattr("modules.llm_services.writer.time", clock)
    return pauses
