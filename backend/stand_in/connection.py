"""The bytes on a connection: HTTP/1.1 framing, chunks, gzip, padding before an answer, and faults."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import zlib
from http.client import responses
from typing import TYPE_CHECKING

import h11

from .exchange import Received
from .scenario import WITHOUT_STATUS, Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .exchange import Response

# The unit of padding, the number of units before an answer, and that each is a compressed block of its own:
# DataDog/dd-trace-py tests/contrib/litellm/cassettes/completion_openrouter.yaml. The pace is an estimate from
# completion_openrouter_byok.yaml beside it, which has nine units and a Date two seconds after `created`.
PADDING = b"\n         \n"
# The padding of a stream: https://openrouter.ai/docs/api-reference/streaming.
COMMENT = b": OPENROUTER PROCESSING\n\n"
PADDING_UNITS = 3
PADDING_SECONDS = 0.25
READ_BYTES = 65_536
GZIP_WINDOW = 16 + zlib.MAX_WBITS
# The only scenario that has to be recognised before the request has been read completely.
RESET_WHILE_READING = re.compile(rb'"model": ?"stand-in/reset-while-reading"')
NO_STATUS_LINE = b"220 the stand-in plays a mail server\r\n\r\n"
ON_CLOSE_RESET = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds


class Connection:
    """One connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def receive(self) -> Received | None:
        """Read one request; return None if the client has hung up, or the server has hung up on it."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(READ_BYTES))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if RESET_WHILE_READING.search(body, endpos=READ_BYTES):
                    self._reset()
                    return None
            elif isinstance(event, h11.EndOfMessage) and head:
                return _received(head, bytes(body))
            else:
                return None

    async def send(self, received: Received, response: Response) -> None:
        """Send a response, whole or with its fault; the server closes the connection if the response is incomplete."""
        if response.fault is None:
            await self._send_whole(received, response)
        elif response.fault in WITHOUT_STATUS:
            await self._send_no_status(response.fault)
        else:
            await self._send_broken(response.fault, response)

    async def _send_whole(self, received: Received, response: Response) -> None:
        """Send each unit of padding and the body in its own chunk and compressed block."""
        gzip = "gzip" in received.header("accept-encoding").lower()
        await self._write(self._head(response, *([("Content-Encoding", "gzip")] if gzip else [])))
        if received.method != "HEAD":
            compress = zlib.compressobj(wbits=GZIP_WINDOW) if gzip else None
            async for block in _blocks(response):
                data = compress.compress(block) + compress.flush(zlib.Z_SYNC_FLUSH) if compress else block
                await self._write(self._framed(data))
            if compress:
                await self._write(self._framed(compress.flush()))
        await self._end()

    async def _send_no_status(self, fault: Fault) -> None:
        """Send nothing of a response; for a `DISCONNECT`, the server then closes the connection."""
        if fault is Fault.NOT_HTTP:
            await self._write(NO_STATUS_LINE)
        elif fault is Fault.SILENCE:
            await self._wait_until_hung_up()
        elif fault is not Fault.DISCONNECT:
            self._reset()

    async def _send_broken(self, fault: Fault, response: Response) -> None:
        """Send a status, and a body that contradicts the headers."""
        body = response.body
        if fault is Fault.CONTENT_LENGTH_TOO_SHORT:
            # Sent in one piece, because what a client makes of it must not depend on where the network splits it.
            half = len(body) // 2
            head = self._head(response, ("Content-Length", str(half)))
            await self._write(head + self._framed(body[:half]) + body[half:])
            await self._end()
        elif fault is Fault.CONTENT_LENGTH_TOO_LONG:
            head = self._head(response, ("Content-Length", str(2 * len(body))))
            await self._write(head + self._framed(body))
        elif fault is Fault.NOT_GZIP:
            await self._write(self._head(response, ("Content-Encoding", "gzip")) + self._framed(body))
            await self._end()
        elif fault in (Fault.STALL, Fault.STALL_IN_THE_BODY):
            sent = _beginning(response) if fault is Fault.STALL_IN_THE_BODY else b""
            await self._write(self._head(response) + (self._framed(sent) if sent else b""))
            await self._wait_until_hung_up()
        else:
            head, chunk = self._head(response), self._framed(body)
            await self._write(head)
            await self._write(chunk[: len(chunk) // 2])
            if fault is Fault.RESET_IN_A_CHUNK:
                self._reset()

    def _head(self, response: Response, *more: tuple[str, str]) -> bytes:
        """Return the status and the headers as they are sent."""
        phrase = responses.get(response.status, "").encode()
        head = h11.Response(status_code=response.status, headers=[*response.headers, *more], reason=phrase)
        return self._http.send(head) or b""

    def _framed(self, data: bytes) -> bytes:
        """Return a piece of the body as it is sent."""
        return self._http.send(h11.Data(data=data)) or b""

    async def _end(self) -> None:
        await self._write(self._http.send(h11.EndOfMessage()) or b"")

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def _reset(self) -> None:
        """Break off the connection: the client gets RST instead of FIN."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ON_CLOSE_RESET)
        self._writer.transport.abort()

    async def _wait_until_hung_up(self) -> None:
        """Wait for the client to close the connection; raise ConnectionAbortedError then."""
        while await self._reader.read(READ_BYTES):
            pass
        raise ConnectionAbortedError

    def ready_for_another(self) -> bool:
        """Prepare for the next request on this connection; return False if there can be none."""
        if h11.DONE is not self._http.our_state or h11.DONE is not self._http.their_state:
            return False
        self._http.start_next_cycle()
        return True


def _received(head: h11.Request, body: bytes) -> Received:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Received(head.method.decode("latin-1"), head.target.decode("latin-1"), headers, body)


async def _blocks(response: Response) -> AsyncIterator[bytes]:
    padding = COMMENT if response.events else PADDING
    for _ in range(PADDING_UNITS if response.padded else 0):
        yield padding
    while response.part == "endless padding":
        await asyncio.sleep(PADDING_SECONDS)
        yield padding
    if response.part == "cut":
        yield _beginning(response)
    elif response.part != "only padding":
        for block in response.events or (response.body,):
            yield block


def _beginning(response: Response) -> bytes:
    """Return the first half of a body; of a stream, whole events."""
    if response.events:
        return b"".join(response.events[: len(response.events) // 2])
    return response.body[: len(response.body) // 2]
