"""A proxy to PostgreSQL that can go silent: it accepts connections and data, and forwards nothing."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy import create_engine

from support.databases import close

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

    from sqlalchemy import URL, Engine


class SilentWay:
    """Connections on a port of this machine, forwarded to PostgreSQL's socket by a thread."""

    def __init__(self, socket: str) -> None:
        """Forward to the socket at this path once `run` runs."""
        self._socket = socket
        self._loop = asyncio.new_event_loop()
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._is_over = asyncio.Event()
        self.withheld, self._listens, self.port = threading.Event(), threading.Event(), 0
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def go_silent(self) -> None:
        """Hold back everything that is sent from now on; `withheld` is set when there is something."""
        self.withheld.clear()
        self._loop.call_soon_threadsafe(self._is_open.clear)

    def heal(self) -> None:
        """Forward what was held back, and continue."""
        self._loop.call_soon_threadsafe(self._is_open.set)

    def start(self) -> None:
        """Return when connections are accepted."""
        self._thread.start()
        self._listens.wait()

    def stop(self) -> None:
        """Close every connection."""
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()
        self._loop.close()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._is_over.wait()
        server.close()
        forwarding = asyncio.all_tasks() - {asyncio.current_task()}
        for task in forwarding:
            task.cancel()
        await asyncio.gather(*forwarding, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._socket)
        with suppress(asyncio.CancelledError):
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward(reader, back))
                both.create_task(self._forward(there, writer))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if not self._is_open.is_set():
                    self.withheld.set()
                await self._is_open.wait()
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()


@contextmanager
def silent_way(url: URL, *, pre_ping: bool = False) -> Generator[tuple[SilentWay, Engine]]:
    """Yield a proxy to the server at `url`, and an engine that uses it."""
    way = SilentWay(f"{url.query['host']}/.s.PGSQL.5432")
    way.start()
    engine = create_engine(url.set(host="127.0.0.1", port=way.port, query={}), pool_pre_ping=pre_ping)
    try:
        yield way, engine
    finally:
        way.heal()
        close(engine)
        way.stop()


async def waited_for(event: threading.Event) -> None:
    """Return when a thread has set `event`."""
    waiting: Coroutine[None, None, bool] = asyncio.to_thread(event.wait, 60)
    assert await waiting
