"""The application on PostgreSQL, with every provider configured, for each provider that a model's name can select."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

import stand_in
from drop_in.places import PLACES, Place, every_provider
from modules.infrastructure.public import Infrastructure
from modules.llm_services.config import VARIABLE_NAMES
from support import databases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Engine


@pytest.fixture(scope="session")
def base_url() -> Iterator[str]:
    """Start the stand-in, once."""
    with stand_in.running() as url:
        yield url


@pytest.fixture
def configured(base_url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Configure every provider; return the variables."""
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)
    environment = every_provider(base_url)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


@pytest.fixture
def application(configured: dict[str, str], postgres_server: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Give the application an empty database; return its own engine, with 5 + 10 connections."""
    del configured
    databases.empty(postgres_server)
    monkeypatch.setenv("DATABASE_URL", postgres_server.render_as_string(hide_password=False))
    infrastructure = Infrastructure()
    monkeypatch.setattr("modules.infrastructure.public._infrastructure", infrastructure)
    infrastructure.initialize()
    with infrastructure.get_session_context() as session:
        engine = session.get_bind().engine
    yield engine
    databases.close(engine)


@pytest.fixture
def session(application: Engine) -> Iterator[Session]:
    """Open one of the application's sessions."""
    with Session(application) as session:
        yield session


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest, configured: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Place:
    """Select each provider in turn by the model's name, with all others configured too."""
    del configured
    place = PLACES[request.param]
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    return place
