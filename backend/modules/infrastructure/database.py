"""One engine per process and the sessions made from it."""

from __future__ import annotations

import atexit
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from modules.shared_models import Base

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy.engine.interfaces import DBAPIConnection


def make_engine(url: str) -> Engine:
    """Return an engine for `url`; on SQLite in WAL mode, with foreign keys and a 30 s wait for a busy writer."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    atexit.register(engine.dispose)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@dataclass(frozen=True)
class DatabaseSession:
    """A session handed to a caller, who closes it."""

    session: Session


class Database:
    """The engine, and the tables made when a session is first asked for."""

    def __init__(self, url: str) -> None:
        """Connect nothing yet: the first session does."""
        self.engine = make_engine(url)
        self._sessions: sessionmaker[Session] | None = None

    def session(self) -> Session:
        """Return a new session, making tables that do not exist on first use."""
        if self._sessions is None:
            self._make_tables()
            self._sessions = sessionmaker(self.engine)
        return self._sessions()

    def _make_tables(self) -> None:
        """Make the tables that are not there; others may be making them at the same moment, and win each once."""
        for left in reversed(range(1 + len(Base.metadata.tables))):
            try:
                Base.metadata.create_all(self.engine)
            except DBAPIError:
                if not left:
                    raise
            else:
                return

    @contextmanager
    def session_context(self) -> Generator[Session]:
        """Commit at the end of the block, roll back when it raises, and close the session."""
        with self.session() as session, session.begin():
            yield session
