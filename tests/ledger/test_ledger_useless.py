"""A connection that is alive but cannot write: its server is read-only since a failover, or a pooler has changed it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from ledger.conftest import many_calls
from modules.llm_services.ledger.connections import is_disconnect, is_row_lock
from modules.llm_services.ledger.writer import writer_for
from support.calls import ANSWER, ask, only_row, rows
from support.databases import apart, close
from support.processes import KILL, if_this_process_ends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Engine

    from support.calls import Serve
    from support.outages import Pauses
    from support.server import Visit


def demote(engine: Engine) -> None:
    """Connect the ledger to a demoted server; a new connection goes to its successor."""
    with writer_for(engine).engine.connect() as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = on")
        connection.commit()


@pytest.mark.parametrize("pre_ping", [False, True], ids=["", "pre-ping"])
async def test_a_demoted_primary_is_left_for_its_successor(
    postgres_engine: Engine, pauses: Pauses, *, pre_ping: bool
) -> None:
    """After a failover, the next call is recorded on a new connection."""
    pauses.over.set()
    engine = create_engine(postgres_engine.url, pool_pre_ping=pre_ping)
    with Session(engine) as session:
        await ask(session)
        demote(engine)
        await ask(session)
    close(engine)
    assert ["completed", "completed"] == [row.status for row in rows(postgres_engine)]


def with_attribute(name: str) -> Callable[[str], Exception]:
    """Return a driver's way to make an error with this SQLSTATE as an attribute."""

    def error(state: str) -> Exception:
        made = Exception("refused")
        setattr(made, name, state)
        return made

    return error


@pytest.mark.parametrize(
    "driver_error",
    [with_attribute("sqlstate"), with_attribute("pgcode"), lambda state: Exception({"C": state, "M": "refused"})],
    ids=["psycopg", "psycopg2", "pg8000"],
)
def test_the_state_of_an_error_is_read_from_every_driver(driver_error: Callable[[str], Exception]) -> None:
    """A read-only server and a locked row are recognised by their SQLSTATE, wherever the driver keeps it."""
    read_only, locked = (DBAPIError(None, None, driver_error(state)) for state in ("25006", "55P03"))
    assert (True, False) == (is_disconnect(read_only), is_row_lock(read_only))
    assert (False, True) == (is_disconnect(locked), is_row_lock(locked))


async def test_a_failover_during_the_call_does_not_lose_the_answer(
    postgres_engine: Engine, serve: Serve, pauses: Pauses
) -> None:
    """After a failover during the call, the answer is recorded on a new connection."""
    pauses.over.set()

    def answer(visit: Visit) -> None:
        demote(postgres_engine)
        visit.answer(ANSWER)

    async with serve(answer):
        with Session(postgres_engine) as session:
            await ask(session)
    assert "completed" == only_row(postgres_engine).status
    assert [0.2] == pauses.lengths


async def test_a_connection_that_was_closed_is_left_for_a_new_one(postgres_engine: Engine, pauses: Pauses) -> None:
    """If the driver's connection was closed below the pool, the next row is written on a new one."""
    pauses.over.set()
    with Session(postgres_engine) as session:
        await ask(session)
        with writer_for(postgres_engine).engine.connect() as connection:
            below = connection.connection.dbapi_connection
        assert below
        below.close()
        await ask(session)
    assert ["completed", "completed"] == [row.status for row in rows(postgres_engine)]


async def test_the_ledger_leaves_nothing_in_a_connection(postgres_engine: Engine) -> None:
    """No statement is prepared on a connection that a pooler may share, however often it is executed."""
    left: list[int | None] = []
    own = writer_for(postgres_engine).engine
    event.listen(own, "commit", lambda connection: left.append(prepared(connection.connection.dbapi_connection)))
    with Session(postgres_engine) as session:
        for _ in range(10):
            await ask(session)
    assert [0] * 20 == left


def prepared(connection: object) -> int:
    """Count the prepared statements of a psycopg connection."""
    return len(connection.execute("SELECT name FROM pg_prepared_statements").fetchall())  # type: ignore[attr-defined]


async def test_statements_are_prepared_where_the_url_asks_for_it(postgres_engine: Engine) -> None:
    """`?prepare_threshold=` in the URL turns prepared statements on."""
    engine = create_engine(
        postgres_engine.url.update_query_dict({"prepare_threshold": "0"}), connect_args={"prepare_threshold": 0}
    )
    with Session(engine) as session:
        await ask(session)
    with writer_for(engine).engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
    close(engine)


@pytest.fixture
def pooler(postgres_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """Run PgBouncer in front of PostgreSQL, with two shared connections; skip if it is not installed."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if not program:
        pytest.skip("PgBouncer is not installed")
    url = postgres_engine.url
    folder = tmp_path_factory.mktemp("pooler")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={url.query['host']} user={url.username}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\nunix_socket_dir =\n"
    )
    command = [program, "-q", str(settings)]
    if os.getuid() == 0:  # PgBouncer, like PostgreSQL, refuses to run as root; it uses the owner of PostgreSQL's files
        owner = Path(str(url.query["host"])).stat().st_uid
        command[1:1] = ["-u", pwd.getpwuid(owner).pw_name]
        for path in (folder, *folder.parents[:-2]):
            path.chmod(0o755)
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    pooled = url.set(host="127.0.0.1", port=port, query={})
    try:
        with if_this_process_ends(KILL, str(process.pid)):
            _connect_first(pooled)
            yield pooled
    finally:
        process.terminate()
        process.communicate()


def _connect_first(url: URL) -> None:
    """Return when the pooler accepts connections."""
    for left in reversed(range(100)):
        try:
            with apart(url):
                return
        except OperationalError:
            if not left:
                raise
            time.sleep(0.05)


def test_a_pooler_loses_no_answer(pooler: URL, postgres_engine: Engine, tmp_path: Path) -> None:
    """With three processes behind a pooler with two connections, no call fails and every row is completed."""
    calls = many_calls(3, pooler, tmp_path)
    assert ["completed"] * calls == [row.status for row in rows(postgres_engine)]
