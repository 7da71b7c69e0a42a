"""The ledger's thread: rows that cannot be written, and how long the thread lives."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
import weakref
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from modules.llm_services.ledger.connections import closer
from modules.llm_services.ledger.ledger import Ledger, new_entry
from modules.llm_services.ledger.writer import writer_for
from support.calls import ask, only_row, queued, rows, writer_held
from support.databases import apart

if TYPE_CHECKING:
    from sqlalchemy import Engine


async def test_a_poisoned_row_fails_alone(engine: Engine) -> None:
    """Of three rows in one commit, only the one that the database refuses fails."""
    with Session(engine) as session:
        ledger = Ledger(session, request_timeout=5)
        columns = {"model": "m", "temperature": 0.0, "messages": [], "retry_attempt": 1, "api_variant": "responses"}
        entries = [new_entry(provider=provider, **columns) for provider in ("a", None, "c")]
        with writer_held(engine) as gate:
            writes = [asyncio.create_task(ledger.open(entry)) for entry in entries]
            await queued(engine, writes=3)
            gate.set()
            first, poisoned, last = await asyncio.gather(*writes, return_exceptions=True)
    assert (None, None) == (first, last)
    assert isinstance(poisoned, LLMError)
    assert ["a", "c"] == [row.provider for row in rows(engine)]
    assert [True, False, True] == [entry.is_open for entry in entries]


def test_an_engine_has_one_writer(engine: Engine) -> None:
    """However many sessions use an engine, it has one writer."""
    assert writer_for(engine) is writer_for(engine)


async def test_the_writers_connections_are_made_as_the_engines_are(engine: Engine) -> None:
    """The application's listeners for new connections apply to the ledger's too."""
    made: list[object] = []
    event.listen(engine, "connect", lambda connection, _: made.append(connection))
    with Session(engine) as session:
        await ask(session)
    assert made


async def test_a_closed_writer_has_written_what_was_queued(engine: Engine) -> None:
    """Closing a writer, as at the end of a process, waits for its queued rows."""
    with Session(engine) as session:
        ledger = Ledger(session, request_timeout=5)
        columns = {"model": "m", "temperature": 0.0, "messages": [], "retry_attempt": 1, "api_variant": "responses"}
        writing = asyncio.create_task(ledger.open(new_entry(provider="a", **columns)))
        with writer_held(engine) as gate:
            await queued(engine)
            gate.set()
            writer_for(engine).close()
        await writing
    assert "pending" == only_row(engine).status


def discarded(engine: Engine) -> tuple[weakref.ref[Engine], threading.Thread]:
    """Make a call through an engine and drop it; return a weak reference to the engine, and the writer's thread."""
    own = create_engine(engine.url)
    with Session(own) as session:
        asyncio.run(ask(session))
    own.dispose()
    writer, is_done = writer_for(own), threading.Event()
    writer._call(is_done.set)
    is_done.wait()  # by now the thread has released the last row, and the engine with it
    thread = writer._thread.thread
    assert thread
    return weakref.ref(own), thread


def test_the_writer_of_a_forgotten_engine_is_closed(engine: Engine) -> None:
    """An engine without references is collected, and its writer's thread ends."""
    forgotten, thread = discarded(engine)
    gc.collect()
    assert forgotten() is None
    thread.join(timeout=60)
    assert not thread.is_alive()


def test_an_engine_without_a_writer_is_collected(engine: Engine) -> None:
    """The check of the previous test works: an engine that made no call is collected."""
    own = create_engine(engine.url)
    with own.connect():
        pass
    own.dispose()
    forgotten = weakref.ref(own)
    del own
    gc.collect()
    assert forgotten() is None


def connected_once(engine: Engine) -> None:
    """Connect, and leave the connection to the pool."""
    engine.connect().close()


def test_a_connection_of_another_thread_is_left_to_it(sqlite_engine: Engine) -> None:
    """If an engine is collected in another thread than its connection was made in, closing it raises nothing."""
    own = create_engine(sqlite_engine.url, connect_args={"check_same_thread": True})
    close = closer(own)
    calling = threading.Thread(target=connected_once, args=[own])
    calling.start()
    calling.join()
    forgotten = weakref.ref(own)
    del own, calling
    gc.collect()
    assert forgotten() is None
    close()
    with warnings.catch_warnings():  # of Python 3.13 and later, about the connection that nothing here may close
        warnings.simplefilter("ignore", ResourceWarning)
        del close
        gc.collect()


async def test_a_schema_of_the_engines_is_the_ledgers(postgres_engine: Engine) -> None:
    """With an engine that translates schemas, rows go to the schema that its sessions read."""
    with apart(postgres_engine.url) as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS tenant CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA tenant")
        connection.exec_driver_sql("CREATE TABLE tenant.llm_requests (LIKE llm_requests INCLUDING ALL)")
    tenant = postgres_engine.execution_options(schema_translate_map={None: "tenant"})
    with Session(tenant) as session:
        await ask(session)
        writer_for(tenant).close()
    assert [] == rows(postgres_engine)
