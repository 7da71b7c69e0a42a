"""The stand-in's broken connections, byte by byte as a client's socket sees them."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from stand_in.connection import NO_STATUS_LINE
from stand_in.scenario import WITHOUT_STATUS, Fault
from stand_in.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    import httpx

    Ask: TypeAlias = Callable[..., httpx.Response]

HELLO = [{"role": "user", "content": "Hello"}]
FAULTY = {name: each.fault for name, each in SCENARIOS.items() if each.fault}


@pytest.fixture
def connection(base_url: str) -> Iterator[socket.socket]:
    """Connect to the stand-in, with a timeout of ten seconds."""
    where = urlsplit(base_url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as connection:
        yield connection


def asked(connection: socket.socket, name: str) -> None:
    """Send a whole request for a scenario."""
    body = json.dumps({"model": f"stand-in/{name}", "messages": HELLO}).encode()
    connection.sendall(head(len(body)) + body)


def head(length: int) -> bytes:
    """Return the head of a request with a body of `length` bytes."""
    return (
        "POST /api/v1/chat/completions HTTP/1.1\r\nHost: stand-in\r\nAuthorization: Bearer sk-or-v1-raw\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def all_of(connection: socket.socket) -> bytes:
    """Return everything up to the end of the connection."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def until_reset(connection: socket.socket) -> bytes:
    """Return everything up to the reset that ends the connection."""
    seen = bytearray()
    try:
        while piece := connection.recv(65_536):
            seen += piece
    except ConnectionResetError:
        return bytes(seen)
    pytest.fail("the connection was closed, not reset")


def parts(connection: socket.socket) -> tuple[dict[bytes, bytes], bytes]:
    """Return the headers, in lower case, and the body as sent, up to the end of the connection."""
    above, _, body = all_of(connection).partition(b"\r\n\r\n")
    lines = (line.partition(b": ") for line in above.split(b"\r\n")[1:])
    return {name.lower(): value for name, _, value in lines}, body


def test_every_fault_has_its_scenario() -> None:
    """There is a scenario for each way in which a connection can break."""
    assert set(Fault) == set(FAULTY.values())


def test_reset_is_a_reset(connection: socket.socket) -> None:
    """The reset scenario answers a whole request with RST."""
    asked(connection, "reset")
    with pytest.raises(ConnectionResetError):
        connection.recv(1)


def test_reset_while_reading_does_not_read_on(connection: socket.socket) -> None:
    """The connection is reset while a request is still being sent."""
    connection.sendall(head(10**9) + b'{"model":"stand-in/reset-while-reading",')
    with pytest.raises(ConnectionResetError):
        connection.recv(1)


def test_disconnect_is_an_end_without_an_answer(connection: socket.socket) -> None:
    """The disconnect scenario closes the connection properly without sending anything."""
    asked(connection, "disconnect")
    assert b"" == all_of(connection)


@pytest.mark.parametrize(
    ("name", "begins"),
    [("silence", b""), ("stall", b"HTTP/1.1 200 OK\r\n"), ("stall-mid-body", b"HTTP/1.1 200 OK\r\n")],
)
def test_a_silent_one_waits_for_its_client(connection: socket.socket, name: str, begins: bytes) -> None:
    """Silence sends nothing, and stall only the headers, until the client closes the connection."""
    asked(connection, name)
    first = connection.recv(65_536) if begins else b""
    assert first.startswith(begins)
    connection.shutdown(socket.SHUT_WR)
    assert b"" == all_of(connection)


def test_half_a_body_is_half_a_chunk(connection: socket.socket) -> None:
    """The body ends inside a chunk with a larger size."""
    asked(connection, "half-body")
    headers, body = parts(connection)
    size, _, data = body.partition(b"\r\n")
    assert b"chunked" == headers[b"transfer-encoding"]
    assert 0 < len(data) < int(size, 16)
    assert data.startswith(b'{"id":"gen-')


def test_a_reset_in_the_body_comes_after_half_of_it(connection: socket.socket) -> None:
    """Half of the body arrives, then RST."""
    asked(connection, "reset-mid-body")
    assert b'{"id":"gen-' in until_reset(connection)


@pytest.mark.parametrize(("name", "share"), [("short-content-length", 0.5), ("long-content-length", 2)])
def test_a_content_length_lies(connection: socket.socket, name: str, share: float) -> None:
    """A whole completion has a Content-Length of half or twice its size."""
    asked(connection, name)
    connection.shutdown(socket.SHUT_WR)
    headers, body = parts(connection)
    assert int(len(body) * share) == int(headers[b"content-length"])
    assert "chat.completion" == json.loads(body)["object"]


def test_a_short_content_length_leaves_the_connection_open(connection: socket.socket) -> None:
    """After a completion longer than its Content-Length, the connection can be used again."""
    asked(connection, "short-content-length")
    asked(connection, "disconnect")
    assert 1 == all_of(connection).count(b"HTTP/1.1 200 OK")


def test_bad_gzip_is_plain(connection: socket.socket) -> None:
    """The body that is labelled as gzip is JSON."""
    asked(connection, "bad-gzip")
    connection.shutdown(socket.SHUT_WR)
    headers, body = parts(connection)
    assert b"gzip" == headers[b"content-encoding"]
    assert body.split(b"\r\n")[1].startswith(b'{"id":"gen-')


def test_not_http_has_no_status_line(connection: socket.socket) -> None:
    """One line arrives that is not a status line, then the end."""
    asked(connection, "not-http")
    assert NO_STATUS_LINE == all_of(connection)


@pytest.mark.parametrize(
    ("name", "location"),
    [
        ("redirect-nearby", "http://127.0.0.1:9/api/v1/chat/completions"),
        ("redirect-away", "https://example.org/api/v1/chat/completions"),
    ],
)
def test_a_redirect_leads_elsewhere(ask: Ask, name: str, location: str) -> None:
    """A redirect keeps method and body, and names another address."""
    response = ask(f"stand-in/{name}")
    assert (307, location) == (response.status_code, response.headers["location"])


def test_a_status_that_never_comes_is_not_shown() -> None:
    """A scenario without a head has no status in the listing."""
    assert {name for name, fault in FAULTY.items() if fault in WITHOUT_STATUS} == {
        name for name, each in SCENARIOS.items() if each.shown_status == "-"
    }
