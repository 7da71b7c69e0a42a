"""Another application's public interface to its database: a session per thread, a small pool, its own time zone."""

from __future__ import annotations

import atexit
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from modules.shared_models import Base

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Engine


class DatabaseSession(NamedTuple):
    """The session of this thread, and its engine."""

    session: Session
    engine: Engine


class InfrastructureProvider:
    """The parts of the database that other modules may use."""

    _engine: Engine | None = None

    def initialize(self) -> None:
        """Connect and create the tables, once."""
        if self._engine is not None:
            return
        self._engine = create_engine(
            os.environ["DATABASE_URL"],
            pool_size=2,
            max_overflow=0,
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args={"options": "-c timezone=America/New_York", "application_name": "other application"},
        )
        atexit.register(self._engine.dispose)
        Base.metadata.create_all(self._engine)
        self._make_session = sessionmaker(self._engine, expire_on_commit=False, autoflush=False)
        self._of_this_thread = scoped_session(self._make_session)

    def get_database_session(self) -> DatabaseSession:
        """Return this thread's session."""
        assert self._engine is not None, "initialize() first"
        return DatabaseSession(self._of_this_thread(), self._engine)

    @contextmanager
    def get_session_context(self) -> Generator[Session]:
        """Yield a session that is committed at the end of the block."""
        session = self._make_session()
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()


_infrastructure = InfrastructureProvider()


def infrastructure_provider() -> InfrastructureProvider:
    """Return the only instance."""
    return _infrastructure
