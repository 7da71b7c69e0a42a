"""The public interface of the infrastructure module: database sessions."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Final

from dotenv import find_dotenv, load_dotenv
from sqlalchemy.exc import ArgumentError

from .database import Database, DatabaseSession

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy.orm import Session

__all__ = ["DatabaseSession", "Infrastructure", "infrastructure_provider"]

DEFAULT_DATABASE_URL = "sqlite:///llm_services.db"
EXAMPLE_URLS = "sqlite:///file.db, or postgresql+psycopg://user@host/name with the package psycopg"


class Infrastructure:
    """The database that `DATABASE_URL` names, otherwise the SQLite file `llm_services.db` in the working directory."""

    def __init__(self) -> None:
        """Read nothing; `initialize` does."""
        self._database: Database | None = None
        self._choosing = Lock()

    def initialize(self) -> None:
        """Load `.env` without overriding the environment, and choose the database; later calls change nothing.

        Raises ValueError for an invalid DATABASE_URL.
        """
        with self._choosing:
            if self._database is None:
                self._database = _chosen()

    def get_database_session(self) -> DatabaseSession:
        """Return a new session, which the caller has to close."""
        return DatabaseSession(self._ready().session())

    def get_session_context(self) -> AbstractContextManager[Session]:
        """Return a context that commits at its end, rolls back if it raises, and closes its session."""
        return self._ready().session_context()

    def _ready(self) -> Database:
        if self._database is None:
            raise RuntimeError("infrastructure is not initialized: call initialize() first")
        return self._database


def _chosen() -> Database:
    load_dotenv(find_dotenv(usecwd=True))
    url = os.environ.get("DATABASE_URL", "").strip()
    try:
        return Database(url or DEFAULT_DATABASE_URL)
    except (ArgumentError, ImportError, ValueError) as error:  # ValueError: of a port that is no number
        raise ValueError(f"DATABASE_URL: {error}; expected {EXAMPLE_URLS}") from error


_infrastructure: Final = Infrastructure()


def infrastructure_provider() -> Infrastructure:
    """Return this process's infrastructure."""
    return _infrastructure
