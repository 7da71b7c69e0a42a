"""The ledger's own connections: made like the application's, and replaced when they are silent or unusable.

An open connection can be unusable: a firewall has dropped it, its server was demoted and is read-only, or a pooler has
put another server behind it. It is then replaced with a new one.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import weakref
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from .statements import on_cursor

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

    Creator = Callable[[ConnectionPoolEntry], DBAPIConnection]

DATABASE_TIMEOUT_SECONDS: Final = 30.0
# How long PostgreSQL waits for a locked row before the next rows are tried, and for a whole statement.
LIMITS: Final = "SET LOCAL lock_timeout = '100ms'; SET LOCAL statement_timeout = '{}ms'"
LOCK_NOT_AVAILABLE: Final = "55P03"
# Errors of open connections that cannot be used: a demoted primary, or a pooler behind which the server lacks a
# statement that psycopg has prepared, or already has one of that name.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
USELESS_STATES: Final = {"25006", "26000", "42P05"}
# https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
PSYCOPGS_PREPARE_THRESHOLD: Final = 5
# A peer that acknowledges nothing for this long is gone; this leaves time to use another connection.
PEER_GONE_SECONDS: Final = 10
# Linux has all of these; other systems use those that they have.
KEEPALIVE: Final = {
    "TCP_KEEPIDLE": PEER_GONE_SECONDS,
    "TCP_KEEPINTVL": PEER_GONE_SECONDS // 3,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 1000 * PEER_GONE_SECONDS,
}
KEEPALIVE_PARAMETERS: Final = ("keepalives", "tcp_user_timeout")


def derived(engine: Engine) -> Engine:
    """Return an engine that connects like `engine`, with a separate pool and the database's isolation level."""
    options = {name: value for name, value in engine.get_execution_options().items() if name != "isolation_level"}
    own = Engine(engine.pool.recreate(), engine.dialect, engine.url, hide_parameters=True)
    return own.execution_options(**options) if options else own


def closer(engine: Engine) -> Callable[[], None]:
    """Return a function that closes the connections of `engine`, even after the engine was garbage-collected."""
    opened: list[DBAPIConnection] = []
    event.listen(engine.pool, "connect", lambda connection, _: opened.append(connection))
    event.listen(engine.pool, "close", lambda connection, _: opened.remove(connection))
    reference = weakref.ref(engine)

    def close() -> None:
        if remaining := reference():
            remaining.dispose()
        else:
            for connection in opened:
                with suppress(sqlite3.ProgrammingError):  # it belongs to another thread, and is freed there
                    connection.close()

    return close


class ServerConnections:
    """Connections to a server for one thread; each wait ends after `timeout` seconds."""

    def __init__(self, engine: Engine) -> None:
        """Derive an engine; do not connect yet."""
        self.engine = derived(engine)
        self.timeout = DATABASE_TIMEOUT_SECONDS
        self._socket = (-1, -1)  # file descriptor and inode of the latest connection
        pool = self.engine.pool
        # The pool has no public name for its connect function.
        self._creator = cast("Creator", pool._invoke_creator)  # noqa: SLF001
        pool._creator = cast("Any", self._connect)  # noqa: SLF001
        event.listen(pool, "connect", _begin_by_hand)
        given = engine.url.query
        if "prepare_threshold" not in given:
            event.listen(pool, "connect", _prepare_nothing)
        if not any(name.startswith(KEEPALIVE_PARAMETERS) for name in given):
            event.listen(pool, "connect", _notice_dead_peer)

    @contextmanager
    def begin(self, timeout: float) -> Generator[Connection]:
        """Begin a transaction; each statement takes at most `timeout` seconds and does not wait long for locks."""
        self.timeout = timeout
        with self.engine.begin() as connection:
            try:
                _begin(connection, LIMITS.format(max(1, int(1000 * timeout))))
                yield connection
            except DBAPIError as error:
                if is_useless(error):
                    connection.invalidate()
                raise

    def _connect(self, connection_record: ConnectionPoolEntry) -> DBAPIConnection:
        """Connect in a separate thread, because not every driver and resolver has a timeout."""
        made: Future[DBAPIConnection] = Future()
        connecting = threading.Thread(
            target=_connect, args=(self._creator, connection_record, made), name="llm-ledger-connect", daemon=True
        )
        try:
            connecting.start()
        except RuntimeError:  # the interpreter is shutting down and cannot start threads
            connection = self._creator(connection_record)
        else:
            try:
                connection = made.result(self.timeout)
            except TimeoutError:
                if made.done():
                    raise
                made.add_done_callback(_close_unwanted)
                raise TimeoutError(f"it did not accept a connection within {self.timeout:g} s") from None
        self._socket = _socket_of(connection)
        return connection

    def shut_down(self) -> None:
        """Close the latest connection, from any thread; a thread waiting for its response gets a driver error."""
        descriptor, inode = self._socket
        with suppress(OSError):
            copy = os.dup(descriptor)
            # By now the descriptor may belong to another file.
            if os.fstat(copy).st_ino != inode:
                os.close(copy)
                return
            with socket.socket(fileno=copy) as connection:
                connection.shutdown(socket.SHUT_RDWR)


def _connect(creator: Creator, record: ConnectionPoolEntry, made: Future[DBAPIConnection]) -> None:
    try:
        made.set_result(creator(record))
    except Exception as error:  # noqa: BLE001 - raised again by whoever waits
        made.set_exception(error)


def _close_unwanted(made: Future[DBAPIConnection]) -> None:
    if not made.exception():
        made.result().close()


def _socket_of(connection: Any) -> tuple[int, int]:  # noqa: ANN401 - the driver's own
    """Return the file descriptor and inode of a connection's socket, if the driver exposes it."""
    try:
        descriptor: int = getattr(connection, "_usock", connection).fileno()  # pg8000 has no method for it
        return descriptor, os.fstat(descriptor).st_ino
    except (AttributeError, OSError):
        return -1, -1


def _begin(connection: Connection, limits: str) -> None:
    """Begin a transaction with its time limits; psycopg sends both together."""
    with on_cursor(connection) as cursor:
        if _is_psycopgs(connection.connection.dbapi_connection):
            cursor.execute(f"BEGIN; {limits}", prepare=False)
        else:
            for statement in limits.split("; "):
                cursor.execute(statement)


def _begin_by_hand(connection: Any, _record: object) -> None:  # noqa: ANN401 - as above
    """Stop psycopg from beginning transactions; `_begin` sends BEGIN itself."""
    if _is_psycopgs(connection):
        connection.autocommit = True


def _is_psycopgs(connection: object) -> bool:
    return hasattr(connection, "prepare_threshold")


def _prepare_nothing(connection: Any, _record: object) -> None:  # noqa: ANN401 - as above
    """Disable prepared statements, unless they are configured, because a pooler may share the connection.

    psycopg prepares the statements of `executemany`. A pooler in transaction mode may send the next transaction to a
    server that does not have them: https://www.pgbouncer.org/features.html
    """
    if getattr(connection, "prepare_threshold", None) == PSYCOPGS_PREPARE_THRESHOLD:
        connection.prepare_threshold = None


def _notice_dead_peer(connection: Any, _record: object) -> None:  # noqa: ANN401 - as above
    """Let the system detect a lost peer: https://www.postgresql.org/docs/current/libpq-connect.html ."""
    descriptor, _ = _socket_of(connection)
    if descriptor < 0:
        return
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        if copy.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        for option, value in KEEPALIVE.items():
            if hasattr(socket, option):
                copy.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's code for an error, from wherever the driver keeps it."""
    if not isinstance(error, DBAPIError):
        return None
    fields = next(iter(getattr(error.orig, "args", ())), None)  # pg8000 has the fields of the protocol
    code: str | None = (
        getattr(error.orig, "sqlstate", None)
        or getattr(error.orig, "pgcode", None)  # psycopg2
        or (fields.get("C") if isinstance(fields, dict) else None)
    )
    return code


def is_useless(error: BaseException) -> bool:
    """Return True if `error` means that the connection is open but cannot be used for writing."""
    return sqlstate(error) in USELESS_STATES


def is_disconnect(error: BaseException) -> bool:
    """Return True if a new connection may succeed after `error`."""
    if not isinstance(error, DBAPIError) or is_row_lock(error):
        return False
    server_is_away = isinstance(error, InterfaceError | OperationalError) and not isinstance(error.orig, sqlite3.Error)
    return error.connection_invalidated or server_is_away or is_useless(error)


def is_row_lock(error: BaseException) -> bool:
    """Return True if `error` means that another PostgreSQL transaction has locked the row."""
    return sqlstate(error) == LOCK_NOT_AVAILABLE
