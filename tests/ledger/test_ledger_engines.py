"""However an application makes its engine, its calls are recorded and its transactions are left alone."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import NullPool, SingletonThreadPool, create_engine, event, text
from sqlalchemy.orm import Session

from support.calls import ask, draft, only_row, read, rows, titles
from support.databases import apart, close

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Dialect, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection


def with_begin_event(of: Engine) -> Engine:
    """Return an engine by SQLAlchemy's recipe for SQLite, where an event begins transactions, not the driver."""
    engine = create_engine(of.url)

    @event.listens_for(engine, "connect")
    def _leave_transactions_alone(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def with_creator(of: Engine) -> Engine:
    """Return an engine with a creator, and with no database in its URL."""
    if of.dialect.name == "postgresql":
        url = of.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    path = of.url.database
    assert path
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(path))


def with_creator_and_queue(of: Engine) -> Engine:
    """Return an engine with a creator and a pool that passes connections between threads, without sqlite3's check."""
    path = of.url.database
    assert path
    return create_engine(of.url, creator=lambda: sqlite3.connect(path, check_same_thread=False))


def with_connections_of_one_thread(of: Engine) -> Engine:
    """Return an engine with a creator whose driver refuses a connection made in another thread."""
    path = of.url.database
    assert path
    return create_engine(of.url, creator=lambda: sqlite3.connect(path))


def with_do_connect(of: Engine) -> Engine:
    """Return an engine with a listener that supplies the address, as for rotating passwords."""
    engine = create_engine(of.url.set(database="/no/such/database"))

    @event.listens_for(engine, "do_connect")
    def _lead(dialect: Dialect, _record: object, _args: object, _parameters: object) -> DBAPIConnection:
        args, parameters = dialect.create_connect_args(of.url)
        return dialect.connect(*args, **parameters)

    return engine


FACTORIES: dict[str, Callable[[Engine], Engine]] = {
    "sqlite-NullPool": lambda of: create_engine(of.url, poolclass=NullPool),
    "sqlite-pool-of-one": lambda of: create_engine(of.url, pool_size=1, max_overflow=0, pool_timeout=1),
    "sqlite-thread-pool": lambda of: create_engine(of.url, poolclass=SingletonThreadPool),
    "sqlite-creator": with_creator,
    "sqlite-creator-and-queue": with_creator_and_queue,
    "sqlite-do-connect": with_do_connect,
    "sqlite-begin-event": with_begin_event,
    "postgresql-NullPool": lambda of: create_engine(of.url, poolclass=NullPool),
    "postgresql-pool-of-one": lambda of: create_engine(of.url, pool_size=1, max_overflow=0, pool_timeout=1),
    "postgresql-pre-ping": lambda of: create_engine(of.url, pool_pre_ping=True, pool_recycle=0),
    "postgresql-creator": with_creator,
    "postgresql-do-connect": with_do_connect,
    "postgresql-serializable": lambda of: create_engine(of.url, isolation_level="SERIALIZABLE"),
}


@pytest.fixture(params=FACTORIES)
def engines(request: pytest.FixtureRequest) -> Iterator[tuple[Engine, Engine]]:
    """Return an engine made in one of these ways, and a plain one on the same database."""
    dialect = request.param.partition("-")[0]
    plain: Engine = request.getfixturevalue("sqlite_engine" if dialect == "sqlite" else "postgres_engine")
    made = FACTORIES[request.param](plain)
    yield made, plain
    close(made)


async def test_a_caller_of_any_engine_keeps_its_work(engines: tuple[Engine, Engine]) -> None:
    """Changes that were flushed before a call are uncommitted after it, and the caller can commit them."""
    made, plain = engines
    with Session(made) as session:
        draft(session)
        await ask(session)
        assert [] == titles(plain)
        session.commit()
    assert (["draft"], "completed") == (titles(plain), only_row(plain).status)


async def test_a_reader_of_any_engine_keeps_its_transaction(engines: tuple[Engine, Engine]) -> None:
    """A read-only transaction is still open after three calls, and its rollback leaves their rows."""
    made, plain = engines
    with Session(made) as session:
        read(session)
        began = session.get_transaction()
        for _ in range(3):
            await ask(session)
        assert began is session.get_transaction()
        session.rollback()
    assert ["completed"] * 3 == [row.status for row in rows(plain)]


async def test_an_idle_session_of_any_engine_stays_idle(engines: tuple[Engine, Engine]) -> None:
    """A session without a connection has none after a call, which is recorded."""
    made, plain = engines
    with Session(made) as session:
        await ask(session)
        assert not session.in_transaction()
    assert "completed" == only_row(plain).status


@pytest.mark.parametrize("prepare", [read, lambda _: None], ids=["read", "idle"])
async def test_a_connection_may_belong_to_its_thread(sqlite_engine: Engine, prepare: Callable[[Session], None]) -> None:
    """A creator that leaves sqlite3's thread check on works."""
    made = with_connections_of_one_thread(sqlite_engine)
    try:
        with Session(made) as session:
            prepare(session)
            await ask(session)
    finally:
        close(made)
    assert "completed" == only_row(sqlite_engine).status


async def test_with_autocommit_nothing_is_held_back(postgres_engine: Engine) -> None:
    """With `isolation_level="AUTOCOMMIT"`, a call is recorded, and the caller's changes are visible at once."""
    made = create_engine(postgres_engine.url, isolation_level="AUTOCOMMIT")
    with Session(made) as session:
        draft(session)
        await ask(session)
        assert ["draft"] == titles(postgres_engine)
        session.rollback()
    close(made)
    assert "completed" == only_row(postgres_engine).status


async def test_what_is_done_to_new_connections_is_done_to_the_ledgers(postgres_engine: Engine) -> None:
    """A connect listener that sets a role or a schema also applies to the ledger's connections."""
    with apart(postgres_engine.url) as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS listener CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA listener")
        connection.exec_driver_sql("CREATE TABLE listener.llm_requests (LIKE llm_requests INCLUDING ALL)")
    made = create_engine(postgres_engine.url)
    event.listen(made, "connect", lambda connection, _: connection.execute("SET search_path TO listener"))
    event.listen(made, "connect", lambda connection, _: connection.commit())
    with Session(made) as session:
        await ask(session)
        assert 1 == session.scalar(text("SELECT count(*) FROM listener.llm_requests"))
    close(made)
    assert [] == rows(postgres_engine)
