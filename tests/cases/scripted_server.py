"""A server on this machine that sends the next scripted reply to each request, and stores the requests.

It runs in its own threads, so that it answers a test whose event loop is busy, closed or in another process.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

LONGEST_SILENCE_SECONDS: Final = 60.0


class Silence:
    """A body that is never sent: the connection stays open until the test ends."""


@dataclass(frozen=True)
class Request:
    """One request as it arrived; the names of its headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """A status, headers and a body: JSON, text, bytes, `Silence`, or a function that makes one from the request."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class ScriptedServer(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1; the last reply of a script is repeated."""

    daemon_threads = True

    def __init__(self) -> None:
        """Start without a script."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[Request] = []
        self.connections: set[socket.socket] = set()
        self.is_over = threading.Event()
        self._replies: list[Reply] = []
        self._lock = threading.Lock()

    def script(self, *replies: object) -> None:
        """Answer the next requests with `replies`; a value that is not a Reply is used as a body."""
        self._replies = [reply if isinstance(reply, Reply) else Reply(reply) for reply in replies]

    def reply(self, request: Request) -> Reply:
        """Store `request` and return its reply."""
        with self._lock:
            self.requests.append(request)
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        body = reply.body(request) if callable(reply.body) and reply.body is not Silence else reply.body
        return Reply(body, reply.status, reply.headers)


Server = TypeVar("Server", bound=ScriptedServer)


class Handler(BaseHTTPRequestHandler):
    """Reads a request completely and writes the scripted reply, with only type and length added as headers."""

    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def setup(self) -> None:
        """Remember the connection."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        self.server.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        """Answer until the client disconnects, in any way."""
        with suppress(OSError):
            super().handle()

    def do_POST(self) -> None:
        """Answer a request."""
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.reply(Request(self.path, headers, json.loads(data) if data else None))
        if reply.body is Silence:
            self.server.is_over.wait(LONGEST_SILENCE_SECONDS)
            self.close_connection = True
            return
        content, kind = _encoded(reply.body)
        self.send_response_only(reply.status)
        for name, value in {"Content-Type": kind, **reply.headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST  # noqa: N815 - its name at http.server

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


def _encoded(body: object) -> tuple[bytes, str]:
    """Return the bytes of a body and their content type."""
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/plain"
    return json.dumps(body).encode(), "application/json"


@contextmanager
def running(server: Server) -> Generator[Server]:
    """Serve until the block ends, then close every connection."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.is_over.set()
            server.shutdown()
            thread.join()
            for connection in tuple(server.connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def scripted_server() -> Generator[ScriptedServer]:
    """Serve what a test scripts until the block ends."""
    with running(ScriptedServer()) as server:
        yield server
