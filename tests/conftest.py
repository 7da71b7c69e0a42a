"""Fixtures for every suite: empty databases with the tables, and one stand-in for all tests."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.orm import Session

from modules.llm_services import cache, config, secret, threads
from modules.llm_services.flow import streaming
from modules.llm_services.flow.loop import TOOL_CALLS
from modules.llm_services.ledger import ledger
from modules.llm_services.providers import base
from support import databases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import URL, Engine

    from stand_in.pytest_plugin import StandInServer

os.environ["AWS_CONFIG_FILE"] = os.devnull  # keep a profile on this machine from choosing the region of Bedrock calls
# How long an example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
# Of the module's own time limits, those that a stalled machine exceeds although everything is in order.
SHORT_LIMITS = [
    (cache, "PATIENCE_SECONDS"),
    (ledger, "LEAVE_SECONDS"),
    (streaming, "END_OF_BODY_SECONDS"),
    (threads, "FORK_SECONDS"),
]


def pytest_collection_finish() -> None:
    """Leave nine thousand collected tests out of garbage collection, which otherwise looks through them every time."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Begin as a new process does: no warning has been logged, and no key, setting or tool call is remembered."""
    base._logged_options.clear()
    base._logged_ends.clear()
    secret._keys.clear()
    config._config.cache_clear()  # else the keys of a known environment would not be remembered again
    cache._store.cache_clear()
    TOOL_CALLS._turns.clear()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make short time limits a minute long; a test of a limit sets its own."""
    for module, name in SHORT_LIMITS:
        monkeypatch.setattr(module, name, 60.0)


@pytest.fixture(scope="session")
def base_url(llm_stand_in_server: StandInServer) -> str:
    """Return the stand-in's base URL, for OpenRouter."""
    return llm_stand_in_server.url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """Run one PostgreSQL server for all tests."""
    with databases.postgres_server() as url:
        yield url


@pytest.fixture
def postgres_engine(postgres_server: URL) -> Iterator[Engine]:
    """Return an engine on a PostgreSQL database without the rows of other tests."""
    databases.empty(postgres_server)
    with databases.ready(postgres_server) as engine:
        yield engine


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    """Return an engine on a new SQLite file."""
    with databases.ready(f"sqlite:///{tmp_path / 'test.db'}") as engine:
        yield engine


@pytest.fixture
def session(sqlite_engine: Engine) -> Iterator[Session]:
    """Open a session on a SQLite file."""
    with Session(sqlite_engine) as session:
        yield session


@pytest.fixture(params=["sqlite_engine", "postgres_engine"], ids=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Run the test twice: on a SQLite file and on PostgreSQL."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine
