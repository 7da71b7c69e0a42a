"""A server in the test's own event loop that answers each request with bytes that the test writes."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Visit:
    """One request, read completely, and the connection to answer it on."""

    head: str
    payload: dict[str, Any]
    writer: asyncio.StreamWriter

    def answer(self, body: object, status: int = 200, **headers: str) -> None:
        """Write a whole answer; a body that is not text is sent as JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        data = text.encode()
        head = (
            f"HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\n"
            f"content-length: {len(data)}\r\nconnection: close\r\n{named}\r\n"
        )
        self.writer.write(head.encode() + data)


@dataclass
class Server:
    """The server's address, and the requests that arrived."""

    base_url: str
    visits: list[Visit] = field(default_factory=list)


@asynccontextmanager
async def listening(handle: Handler, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """Handle connections to a free port of this machine until the block ends, each in a task; yield the port.

    When the handler returns, its connection is closed; a client that hangs up ends the handler.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            try:
                await handle(reader, writer)
            finally:
                writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(handled(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def serving(
    answer: Callable[[Visit], Awaitable[None] | None], tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Server]:
    """Serve on this machine until the block ends; when a handler returns, its connection is closed."""
    served = Server("")

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(line.split(":")[1] for line in head.splitlines() if line.lower().startswith("content-length:"))
        visit = Visit(head, json.loads(await reader.readexactly(int(length))), writer)
        served.visits.append(visit)
        waiting = answer(visit)
        if waiting is not None:
            await waiting
        await writer.drain()

    async with listening(visited, tls) as port:
        served.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/api/v1"
        yield served
