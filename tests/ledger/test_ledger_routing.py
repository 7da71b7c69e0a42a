"""Other kinds of sessions: routing, scoped, with translated schemas, asynchronous."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from sqlalchemy import Delete, Engine, Update, create_engine, event
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import llm_services_provider
from support.calls import ANSWER, Held, ask, draft, only_row, rows, titles
from support.databases import apart, close

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.calls import Serve
    from support.server import Visit


class RoutingSession(Session):
    """A session made by SQLAlchemy's recipe: writes go to the leader, reads to a follower."""

    def __init__(self, leader: Engine, follower: Engine) -> None:
        """Take both."""
        super().__init__()
        self.leader, self.follower = leader, follower

    def get_bind(self, mapper: Any = None, clause: Any = None, **_: Any) -> Engine:  # noqa: ANN401 - as SQLAlchemy has it
        """Check the mapped class and the statement, as the recipe does."""
        assert mapper is None or issubclass(mapper.class_, object)
        return self.leader if self._flushing or isinstance(clause, Update | Delete) else self.follower


@pytest.fixture
def follower(engine: Engine) -> Iterator[Engine]:
    """Return an engine on the same database with read-only connections."""
    follower = create_engine(engine.url)
    only_read = "PRAGMA query_only=ON" if engine.dialect.name == "sqlite" else "SET default_transaction_read_only = on"

    @event.listens_for(follower, "connect")
    def _only_read(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
        connection.execute(only_read).close()
        connection.commit()

    yield follower
    close(follower)


async def test_the_row_goes_where_a_session_writes(engine: Engine, follower: Engine) -> None:
    """With a routing session, the row goes to the leader and is read where the session reads."""
    with RoutingSession(engine, follower) as session:
        request_id = await ask(session)
        request = llm_services_provider(session).get_request(request_id)
        counted = llm_services_provider(session).get_request_count_by_status("completed")
    assert request is not None
    assert ("completed", 1) == (request.status, counted)
    assert request_id == only_row(engine).id


class FlushingSession(RoutingSession):
    """A session that sends only what it flushes to the leader."""

    def get_bind(self, *_: Any, **__: Any) -> Engine:
        """Ignore the statement."""
        return self.leader if self._flushing else self.follower


async def test_a_session_that_routes_by_its_flushes_writes_to_the_leader(engine: Engine, follower: Engine) -> None:
    """A recipe that checks only whether the session is flushing sends the row to the leader too."""
    with FlushingSession(engine, follower) as session:
        await ask(session)
        assert not session._flushing
    assert "completed" == only_row(engine).status


async def test_a_row_is_settled_in_the_database_that_it_was_opened_in(
    engine: Engine, follower: Engine, serve: Serve
) -> None:
    """If the session leads to another database by the end of the call, or nowhere, the row is settled where it is."""
    with RoutingSession(engine, follower) as session:

        def answer(visit: Visit) -> None:
            session.leader = follower
            visit.answer(ANSWER)

        async with serve(answer):
            await ask(session)
    assert "completed" == only_row(engine).status


async def test_a_connection_that_is_closed_during_the_call_is_not_needed(engine: Engine, serve: Serve) -> None:
    """If the connection that a session is bound to is closed during the call, the row is settled all the same."""
    connection = engine.connect()

    def answer(visit: Visit) -> None:
        connection.close()
        visit.answer(ANSWER)

    async with serve(answer):
        await ask(Session(connection))
    assert "completed" == only_row(engine).status


async def test_a_scoped_session_makes_calls(engine: Engine) -> None:
    """A scoped_session, such as Flask-SQLAlchemy's, can make calls."""
    scoped = scoped_session(sessionmaker(engine))
    try:
        draft(scoped())
        request_id = await ask(scoped)  # type: ignore[arg-type]  # has a session's methods, and is none
        request = llm_services_provider(scoped).get_request(request_id)  # type: ignore[arg-type]  # as above
        assert request is not None
        assert ("completed", []) == (request.status, titles(engine))
        scoped.commit()
    finally:
        scoped.remove()
    assert (["draft"], "completed") == (titles(engine), only_row(engine).status)


class Proxy:
    """A proxy of an application's own, which has no attributes of its own."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        """Stand for `session`."""
        self._session = session

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a session has
        """Return what the session has."""
        return getattr(self._session, name)


async def test_a_proxy_for_a_session_makes_calls(engine: Engine) -> None:
    """A proxy that is not SQLAlchemy's can make calls, if it has a session's methods."""
    with Session(engine) as session:
        await ask(Proxy(session))  # type: ignore[arg-type]  # as above
    assert "completed" == only_row(engine).status


async def test_a_scoped_session_is_that_of_whoever_calls(engine: Engine) -> None:
    """A provider made in one thread uses the current thread's session when it reads."""
    scoped = scoped_session(sessionmaker(engine))
    llm = llm_services_provider(scoped)  # type: ignore[arg-type]  # has a session's methods, and is none
    seen: list[bool] = []

    def read() -> None:
        llm.get_request_count_by_status("completed")
        seen.append(scoped.registry.has())
        scoped.remove()

    reader = threading.Thread(target=read)
    reader.start()
    reader.join()
    assert ([True], False) == (seen, scoped.registry.has())


@pytest.fixture
def tenant(postgres_engine: Engine) -> Iterator[str]:
    """Create a schema with its own table, and return its name."""
    with apart(postgres_engine.url) as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS tenant CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA tenant")
        connection.exec_driver_sql("CREATE TABLE tenant.llm_requests (LIKE llm_requests INCLUDING ALL)")
    yield "tenant"
    with apart(postgres_engine.url) as connection:
        connection.exec_driver_sql("DROP SCHEMA tenant CASCADE")


async def test_the_row_goes_to_the_schema_of_the_sessions_connection(postgres_engine: Engine, tenant: str) -> None:
    """If the session's connection translates schemas, its rows go there and not into the shared schema."""
    with Session(postgres_engine) as session:
        session.connection(execution_options={"schema_translate_map": {None: tenant}})
        request_id = await ask(session)
        request = llm_services_provider(session).get_request(request_id)
    assert request is not None
    assert ("completed", []) == (request.status, rows(postgres_engine))


async def test_a_row_is_settled_in_the_schema_that_it_was_opened_in(
    postgres_engine: Engine, tenant: str, serve: Serve
) -> None:
    """If the session's transaction, and its schema map, ends during the call, the row is settled where it is."""
    with Session(postgres_engine) as session:
        session.connection(execution_options={"schema_translate_map": {None: tenant}})

        def answer(visit: Visit) -> None:
            session.rollback()
            visit.answer(ANSWER)

        async with serve(answer):
            request_id = await ask(session)
    translated = postgres_engine.execution_options(schema_translate_map={None: tenant})
    with Session(translated) as session:
        status = session.get_one(LLMRequestModel, request_id).status
    assert ("completed", []) == (status, rows(postgres_engine))


@pytest.mark.skipif(sqlalchemy.__version__.startswith("2.0."), reason="only sessions of SQLAlchemy 2.1 take options")
async def test_the_row_goes_to_the_schema_of_the_session(postgres_engine: Engine, tenant: str) -> None:
    """The same is true of a session with a schema map and no connection yet."""
    with Session(postgres_engine, execution_options={"schema_translate_map": {None: tenant}}) as session:
        request_id = await ask(session)
        assert "completed" == session.get_one(LLMRequestModel, request_id).status
    assert [] == rows(postgres_engine)


async def test_tenants_do_not_share_a_statement(postgres_engine: Engine, tenant: str) -> None:
    """Rows of several schemas in one commit go to their own schemas."""
    with Session(postgres_engine) as plain, Session(postgres_engine) as other:
        other.connection(execution_options={"schema_translate_map": {None: tenant}})
        first, second = await ask(plain), await ask(other)
        assert second == other.get_one(LLMRequestModel, second).id
    assert [first] == [row.id for row in rows(postgres_engine)]


async def test_an_async_session_is_refused_at_the_door(postgres_engine: Engine) -> None:
    """An AsyncSession, or a proxy for one, raises a ValueError that names the expected type."""
    engine = create_async_engine(postgres_engine.url.set(drivername="postgresql+psycopg_async"))
    scoped = async_scoped_session(async_sessionmaker(engine), scopefunc=lambda: 1)
    for session in (AsyncSession(engine), scoped, engine):
        with pytest.raises(ValueError, match=r"needs a sync sqlalchemy\.orm\.Session, not (Async|async_)"):
            llm_services_provider(session)  # type: ignore[arg-type]  # what the test is about


def test_what_is_no_session_is_refused_at_the_door(engine: Engine) -> None:
    """A sessionmaker, an engine, a connection or a URL raises a TypeError that names it and what to pass."""
    with engine.connect() as connection:
        for given in (sessionmaker(engine), engine, connection, engine.url, "sqlite://", 5):
            with pytest.raises(TypeError, match=f"needs a sqlalchemy.orm.Session, not {type(given).__name__}: with"):
                llm_services_provider(given)  # type: ignore[arg-type]  # what the test is about


async def test_the_sync_side_of_an_async_session_is_refused(postgres_engine: Engine, serve: Serve) -> None:
    """The Session inside an AsyncSession raises a ValueError, and nothing is sent."""
    engine = create_async_engine(postgres_engine.url.set(drivername="postgresql+psycopg_async"))
    async with serve(Held()) as server, AsyncSession(engine) as session:
        with pytest.raises(ValueError, match=r"sync engine, not through postgresql\+psycopg_async"):
            await ask(session.sync_session)
    assert [] == server.visits
