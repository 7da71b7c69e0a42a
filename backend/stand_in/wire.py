"""The bytes: HTTP/1.1 framing, chunks without a content-length, gzip, and the padding before an answer."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import zlib
from dataclasses import dataclass
from http.client import responses
from typing import TYPE_CHECKING

import h11

from .kinds import Answer, Body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# The unit of padding, how many come before an answer, and that each is a compressed block of its own:
# DataDog/dd-trace-py tests/contrib/litellm/cassettes/completion_openrouter.yaml. The pace is an estimate from
# completion_openrouter_byok.yaml beside it, which has nine units and a Date two seconds after `created`.
PADDING = b"\n         \n"
PADDING_UNITS = 3
PADDING_SECONDS = 0.25
READ_BYTES = 65_536
GZIP_WINDOW = 16 + zlib.MAX_WBITS
# The one scenario that has to be known before the request has been read whole.
RESET_WHILE_READING = re.compile(rb'"model": ?"stand-in/reset-while-reading"')
ON_CLOSE_RESET = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds


@dataclass(frozen=True, slots=True)
class Received:
    """A whole request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header by its lower-case name, "" when it is not there."""
        return self.headers.get(name, "")


class Wire:
    """One connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def receive(self) -> Received | None:
        """Read one request; return None when the client has hung up, or been hung up on."""
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
                    self.reset()
                    return None
            elif isinstance(event, h11.EndOfMessage) and head:
                return _received(head, bytes(body))
            else:
                return None

    async def send(self, received: Received, answer: Answer) -> None:
        """Send an answer, each unit of padding and the body as a chunk and a compressed block of its own."""
        gzip = "gzip" in received.header("accept-encoding").lower()
        await self.begin(answer, *([("Content-Encoding", "gzip")] if gzip else []))
        if received.method != "HEAD":
            compress = zlib.compressobj(wbits=GZIP_WINDOW) if gzip else None
            async for block in _blocks(answer):
                data = compress.compress(block) + compress.flush(zlib.Z_SYNC_FLUSH) if compress else block
                await self.write(self.framed(data))
            if compress:
                await self.write(self.framed(compress.flush()))
        await self.end()

    async def begin(self, answer: Answer, *more: tuple[str, str]) -> None:
        """Send the status and the headers."""
        await self.write(self.head(answer, *more))

    def head(self, answer: Answer, *more: tuple[str, str]) -> bytes:
        """Return the status and the headers as they go over the wire."""
        phrase = responses.get(answer.status, "").encode()
        head = h11.Response(status_code=answer.status, headers=[*answer.headers, *more], reason=phrase)
        return self._http.send(head) or b""

    def framed(self, data: bytes) -> bytes:
        """Return a piece of the body as it goes over the wire."""
        return self._http.send(h11.Data(data=data)) or b""

    async def end(self) -> None:
        """Send the end of the body."""
        await self.write(self._http.send(h11.EndOfMessage()) or b"")

    async def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """Break the connection off: the client is sent RST instead of FIN."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ON_CLOSE_RESET)
        self._writer.transport.abort()

    async def hung_up(self) -> None:
        """Wait until the client has hung up."""
        while await self._reader.read(READ_BYTES):
            pass

    def ready_for_another(self) -> bool:
        """Prepare for the next request on this connection; return False when there can be none."""
        if h11.DONE is not self._http.our_state or h11.DONE is not self._http.their_state:
            return False
        self._http.start_next_cycle()
        return True


def _received(head: h11.Request, body: bytes) -> Received:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    return Received(head.method.decode("latin-1"), head.target.decode("latin-1"), headers, body)


async def _blocks(answer: Answer) -> AsyncIterator[bytes]:
    for _ in range(PADDING_UNITS if answer.padded else 0):
        yield PADDING
    while answer.sends is Body.PADDING_WITHOUT_END:
        await asyncio.sleep(PADDING_SECONDS)
        yield PADDING
    if answer.sends is Body.CUT:
        yield answer.body[: len(answer.body) // 2]
    elif answer.sends is not Body.PADDING_ONLY:
        yield answer.body
