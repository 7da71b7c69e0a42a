"""Bytes that arrive on an idle connection do not answer a later request."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from flow.paid import completion
from support.attempts import MESSAGES, MODEL, provider

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sqlalchemy.orm import Session


def http(body: object) -> bytes:
    """Return a whole response that keeps the connection open."""
    data = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data) + data


GOOD: Final = http(completion("good"))
STRAY: Final = http(completion("stray"))
HALF: Final = STRAY[: len(STRAY) // 2]


@dataclass
class KeepAlive:
    """A server that answers each request with GOOD, and sends an extra response on the first connection."""

    url: str = ""
    connections: list[asyncio.StreamWriter] = field(default_factory=list)
    requests: int = 0


@asynccontextmanager
async def keep_alive(at_once: bytes = b"") -> AsyncGenerator[KeepAlive]:
    """Serve; with `at_once`, the extra response is in the same segment as the first answer."""
    state = KeepAlive()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                await reader.readexactly(int(next(x for x in lines if x.startswith(b"content-length:")).split(b":")[1]))
                state.requests += 1
                writer.write(GOOD + (at_once if state.requests == 1 else b""))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1"
    try:
        yield state
    finally:
        server.close()
        for writer in state.connections:
            writer.close()


async def texts(session: Session, server: KeepAlive, later: bytes = b"", *, is_read: bool = True) -> list[str]:
    """Return the answers of three calls; `later` is sent between the first two, read by the event loop or not yet."""
    called = provider(session, server.url, retries=3)
    answers = []
    for number in range(3):
        response, _request_id = await called.generate_response(MESSAGES, model=MODEL)
        answers.append(response.content)
        if number == 0 and later:
            if is_read:
                server.connections[0].write(later)
                await server.connections[0].drain()
                await asyncio.sleep(0.05)
            else:
                server.connections[0].get_extra_info("socket")._sock.send(later)
    return answers


@pytest.mark.parametrize("stray", [STRAY, HALF, STRAY + STRAY, b"garbage"])
@pytest.mark.parametrize("is_read", [True, False])
async def test_a_stray_answer_on_an_idle_connection(session: Session, stray: bytes, *, is_read: bool) -> None:
    """An extra response between two calls closes the connection; the next call gets its own answer on a new one."""
    async with keep_alive() as server:
        assert ["good"] * 3 == await texts(session, server, stray, is_read=is_read)
    assert (2, 3) == (len(server.connections), server.requests)


@pytest.mark.parametrize("stray", [STRAY, HALF, STRAY + STRAY])
async def test_a_stray_answer_behind_an_answer(session: Session, stray: bytes) -> None:
    """An extra response in the same segment as the answer closes the connection too."""
    async with keep_alive(stray) as server:
        assert ["good"] * 3 == await texts(session, server)
    assert 2 == len(server.connections)


async def test_a_quiet_connection_is_kept(session: Session) -> None:
    """A connection without extra bytes serves one call after another."""
    async with keep_alive() as server:
        assert ["good"] * 3 == await texts(session, server)
    assert 1 == len(server.connections)
