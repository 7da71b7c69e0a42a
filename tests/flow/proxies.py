"""Proxies in the test's own event loop: one for SOCKS 5, and one that tunnels HTTP's CONNECT."""

from __future__ import annotations

import asyncio
import base64
import re
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from support.server import listening

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    Handler = Callable[["ProxyServer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

VERSION: Final = 5
NO_PASSWORD, PASSWORD = 0, 2
NAME: Final = 3  # the address type for a name
GRANTED: Final = bytes([VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0])
REFUSED: Final = bytes([VERSION, 2, 0, 1, 0, 0, 0, 0, 0, 0])


@dataclass
class ProxyServer:
    """A proxy's address, the server that it connects to for every name, and what it received."""

    port: int = 0
    target_port: int = 0
    asked: list[str] = field(default_factory=list)
    first_bytes: list[bytes] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)


@asynccontextmanager
async def proxying(handle: Handler, target_port: int = 0) -> AsyncGenerator[ProxyServer]:
    """Run a proxy on this machine until the block ends."""
    proxy = ProxyServer(target_port=target_port)
    async with listening(partial(handle, proxy)) as proxy.port:
        yield proxy


async def socks(proxy: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak SOCKS 5 (https://www.rfc-editor.org/rfc/rfc1928), with a password if the client offers one."""
    await greet(proxy, reader, writer)
    _version, _command, _reserved, kind = await reader.readexactly(4)
    length = (await reader.readexactly(1))[0] if kind == NAME else 4
    host = (await reader.readexactly(length)).decode("latin-1")
    (port,) = struct.unpack(">H", await reader.readexactly(2))
    proxy.asked.append(f"{host}:{port}")
    await tunnel(proxy, reader, writer, GRANTED)


async def greet(proxy: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Agree on the version and the password (https://www.rfc-editor.org/rfc/rfc1929)."""
    proxy.first_bytes.append(await reader.readexactly(1))
    methods = await reader.readexactly((await reader.readexactly(1))[0])
    writer.write(bytes([VERSION, PASSWORD if PASSWORD in methods else NO_PASSWORD]))
    if PASSWORD in methods:
        await reader.readexactly(1)
        user = await reader.readexactly((await reader.readexactly(1))[0])
        password = await reader.readexactly((await reader.readexactly(1))[0])
        proxy.passwords.append(f"{user.decode()}:{password.decode()}")
        writer.write(bytes([1, 0]))


async def connect(proxy: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Open the tunnel that CONNECT requests (https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6)."""
    await read_head(proxy, reader)
    await tunnel(proxy, reader, writer, b"HTTP/1.1 200 Connected\r\n\r\n")


async def read_head(proxy: ProxyServer, reader: asyncio.StreamReader) -> None:
    """Read a request, and note its first line and its password."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    proxy.asked.append(head.splitlines()[0])
    credentials = re.findall("proxy-authorization: basic (.+)\r", head, re.IGNORECASE)
    proxy.passwords.extend(base64.b64decode(each).decode() for each in credentials)


async def tunnel(
    proxy: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, granted: bytes
) -> None:
    """Copy bytes both ways until one side ends."""
    target_reader, target_writer = await asyncio.open_connection("127.0.0.1", proxy.target_port)
    writer.write(granted)
    try:
        await asyncio.gather(carry(reader, target_writer), carry(target_reader, writer))
    finally:
        target_writer.close()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes one way."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
