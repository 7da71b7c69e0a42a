"""A served application that mounts the routes, with OpenRouter played by the stand-in."""

from __future__ import annotations

import atexit
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import httpx
import pytest

from modules.infrastructure.public import Infrastructure, infrastructure_provider
from modules.llm_services.config import VARIABLE_NAMES
from routes.mounted import DOOR, PATH, mounted
from support import databases
from support.outages import Pauses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine


@pytest.fixture
def _openrouter(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    """Configure only OpenRouter, played by the stand-in, with one attempt per call."""
    for variable in VARIABLE_NAMES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-routes")
    monkeypatch.setenv("OPENROUTER_BASE_URL", base_url)
    monkeypatch.setenv("MAX_RETRIES", "0")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def _application(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Start with an application that has not connected to its database, and close what it opened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("modules.infrastructure.public._infrastructure", Infrastructure())
    yield
    if database := infrastructure_provider()._database:
        databases.close(database.engine)
        atexit.unregister(database.engine.dispose)


@pytest.fixture
def database(engine: Engine, monkeypatch: pytest.MonkeyPatch, _application: None) -> Engine:
    """Make the application's database SQLite, then PostgreSQL; return an engine of the test on it."""
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    return engine


@pytest.fixture
def url(_openrouter: None, _application: None) -> Iterator[str]:
    """Serve the application; return the base URL of its routes."""
    with mounted() as address:
        yield address + PATH


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    """Return a client with valid credentials."""
    with httpx.Client(base_url=url, headers=DOOR, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """Remove the ledger's waits between retries."""
    pauses = Pauses()
    pauses.over.set()
    clock = SimpleNamespace(sleep=pauses.sleep, monotonic=time.monotonic)
    monkeypatch.setattr("modules.llm_services.ledger.writer.time", clock)
    return pauses
