"""The server: it listens, serves its connections, and shuts down quietly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h11

from .connection import Connection
from .router import Router

if TYPE_CHECKING:
    from collections.abc import Callable

    from .exchange import Received

BACKLOG = 1024
STANDARD_INPUT = 0
READ_BYTES = 65_536


class ListenError(Exception):
    """The server cannot listen on the address."""


async def serve(host: str, port: int, *, attached: bool, announce: Callable[[str], None]) -> None:
    """Listen, announce the base URL, and answer until SIGINT, SIGTERM or, if attached, the end of standard input.

    Raises ListenError if the server cannot listen on the address.
    """
    _allow_many_connections()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if attached:
        _watch_standard_input(loop, stop)
    try:
        server = await asyncio.start_server(StandIn().serve_connection, host, port, backlog=BACKLOG)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}:{port}: {error}") from error
    shown = f"[{host}]" if ":" in host else host
    announce(f"http://{shown}:{server.sockets[0].getsockname()[1]}/api/v1")
    await stop.wait()
    server.close()


def _allow_many_connections() -> None:
    """Raise this process's limit on open files as far as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _watch_standard_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    def read() -> None:
        if not os.read(STANDARD_INPUT, READ_BYTES):
            loop.remove_reader(STANDARD_INPUT)
            stop.set()

    try:
        loop.add_reader(STANDARD_INPUT, read)
    except OSError:
        stop.set()  # a file, /dev/null or nothing: no parent process holds it open


@dataclass(slots=True)
class StandIn:
    """Answers the requests of all connections with one router."""

    router: Router = field(default_factory=Router)

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until either side, or the server, ends it."""
        connection = Connection(reader, writer)
        try:
            while (received := await connection.receive()) is not None:
                await self._send(connection, received)
                if not connection.ready_for_another():
                    return
        except (ConnectionError, h11.RemoteProtocolError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()

    async def _send(self, connection: Connection, received: Received) -> None:
        """Send the response to a request, and note a client that hangs up during it."""
        response = self.router.respond(received)
        try:
            await connection.send(received, response)
        except ConnectionError:
            if response.entry:
                response.entry.hung_up = True
            raise
