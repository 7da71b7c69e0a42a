"""The database that the module uses when it runs without an application."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, inspect, text

from modules.infrastructure.database import CONNECT_TIMEOUT_SECONDS, Database
from modules.infrastructure.public import Infrastructure, infrastructure_provider
from modules.shared_models import Base

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_the_default_is_a_sqlite_file_in_wal_mode(tmp_path: Path) -> None:
    """By default, the database is llm_services.db in the working directory, in WAL mode, with its tables."""
    infrastructure = Infrastructure()
    infrastructure.initialize()
    assert [] == list(tmp_path.iterdir())
    with infrastructure.get_session_context() as session:
        assert "wal" == session.scalar(text("PRAGMA journal_mode"))
        assert inspect(session.connection()).has_table("llm_requests")
    assert (tmp_path / "llm_services.db").exists()


def test_initializing_twice_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second initialize keeps the database of the first."""
    infrastructure = Infrastructure()
    infrastructure.initialize()
    monkeypatch.setenv("DATABASE_URL", "sqlite:///other.db")
    infrastructure.initialize()
    with infrastructure.get_database_session().session as session:
        assert "llm_services.db" == session.get_bind().engine.url.database


def test_dotenv_fills_what_the_environment_leaves_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .env file in the working directory sets variables that are not set, and overrides none."""
    (tmp_path / ".env").write_text("TEST_OF_DOTENV_A=file\nTEST_OF_DOTENV_B=file\n")
    monkeypatch.setenv("TEST_OF_DOTENV_A", "environment")
    monkeypatch.setenv("TEST_OF_DOTENV_B", "to be undone")
    monkeypatch.delenv("TEST_OF_DOTENV_B")
    Infrastructure().initialize()
    assert ("environment", "file") == (os.environ.pop("TEST_OF_DOTENV_A"), os.environ.pop("TEST_OF_DOTENV_B"))


@pytest.mark.parametrize(
    ("query", "seconds"), [("", CONNECT_TIMEOUT_SECONDS), ("?connect_timeout=3", "3")], ids=["default", "in the URL"]
)
def test_a_silent_server_is_given_up(query: str, seconds: object) -> None:
    """A connection to PostgreSQL has a time limit, by default or from the URL."""
    database = Database(f"postgresql+psycopg://localhost/x{query}")
    given: list[object] = []

    @event.listens_for(database.engine, "do_connect")
    def _connect(_dialect: object, _record: object, _arguments: object, parameters: dict[str, object]) -> None:
        given.append(parameters["connect_timeout"])
        raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        database.engine.connect()
    assert [seconds] == given


@pytest.mark.parametrize("url", ["nonsense", "postgres://localhost/x", "sqlite+nodriver:///x.db"])
def test_a_malformed_url_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """An invalid DATABASE_URL raises a ValueError that names it and shows an example."""
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ValueError, match=r"DATABASE_URL: .*postgresql\+psycopg://"):
        Infrastructure().initialize()


def test_infrastructure_must_be_initialized() -> None:
    """A session before initialize raises a RuntimeError that says what to call."""
    with pytest.raises(RuntimeError, match=r"initialize\(\)"):
        Infrastructure().get_database_session()


def test_a_session_context_commits_or_rolls_back(tmp_path: Path) -> None:
    """The context commits at its end, and rolls back if it raises."""
    database = Database(f"sqlite:///{tmp_path}/block.db")
    with database.session_context() as session:
        session.execute(text("CREATE TABLE notes (words TEXT)"))
        session.execute(text("INSERT INTO notes VALUES ('kept')"))

    def spoil() -> None:
        with database.session_context() as session:
            session.execute(text("INSERT INTO notes VALUES ('dropped')"))
            raise KeyError

    with pytest.raises(KeyError):
        spoil()
    with database.session() as session:
        assert ["kept"] == list(session.scalars(text("SELECT words FROM notes")))
    database.engine.dispose()
    assert "llm_requests" in Base.metadata.tables


def test_threads_that_begin_at_once_share_one_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that initializes while another one does waits for it, and gets the same engine."""
    infrastructure = Infrastructure()
    second = threading.Thread(target=infrastructure.initialize)
    made: list[Database] = []

    def make(url: str) -> Database:
        if not made:
            made.append(Database(url))
            second.start()
            second.join(timeout=0.2)  # it has to wait for this thread; otherwise it would have its own database by now
            return made[0]
        made.append(Database(url))
        return made[-1]

    monkeypatch.setattr("modules.infrastructure.public.Database", make)
    infrastructure.initialize()
    second.join()
    assert 1 == len(made)


def test_there_is_one_infrastructure() -> None:
    """Every caller gets the same infrastructure."""
    assert infrastructure_provider() is infrastructure_provider()
