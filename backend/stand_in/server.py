"""The server's life: listening, its open connections, and the end it comes to without a word."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h11

from .answers import Desk
from .wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

BACKLOG = 1024


async def serve(host: str, port: int, *, attached: bool, announce: Callable[[str], None]) -> None:
    """Listen, announce the base URL, answer until SIGINT, SIGTERM or, attached, the end of standard input."""
    _allow_many_connections()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if attached:
        loop.add_reader(sys.stdin.fileno(), stop.set)
    stand_in = StandIn()
    server = await asyncio.start_server(stand_in.connected, host, port, backlog=BACKLOG)
    announce(f"http://{host}:{server.sockets[0].getsockname()[1]}/api/v1")
    await stop.wait()
    server.close()
    await stand_in.hang_up()


def _allow_many_connections() -> None:
    """Lift this process's own limit on open files as far as the system lets it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@dataclass(slots=True)
class StandIn:
    """The open conversations, and the desk that all of them are answered from."""

    desk: Desk = field(default_factory=Desk)
    conversations: set[asyncio.Task[None]] = field(default_factory=set)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one connection's conversation until either side ends it."""
        task = asyncio.create_task(self._converse(Wire(reader, writer)))
        self.conversations.add(task)
        try:
            await task
        except (ConnectionError, h11.RemoteProtocolError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.conversations.discard(task)
            writer.close()

    async def hang_up(self) -> None:
        """Break off every open conversation."""
        for task in self.conversations:
            task.cancel()
        await asyncio.gather(*self.conversations, return_exceptions=True)

    async def _converse(self, wire: Wire) -> None:
        while (received := await wire.receive()) is not None:
            await wire.send(received, self.desk.answer(received))
            if not wire.ready_for_another():
                return
