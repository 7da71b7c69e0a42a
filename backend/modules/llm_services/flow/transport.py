"""httpx on aiohttp's connections, with the right exception for each failure.

httpx's own connection pool costs milliseconds of CPU per call when hundreds are in flight; aiohttp's does not.
httpx-aiohttp 0.2.0 connects the two, but reports a connection that drops after the request was sent as a
ConnectTimeout.
"""

from __future__ import annotations

import asyncio
import select
import socket
from contextlib import aclosing
from contextvars import ContextVar
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, cast

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from httpx_aiohttp import AiohttpTransport

from .. import threads
from . import bodies

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from ..wires.wire import Exchange
    from .network import Proxy

CHUNK_BYTES: Final = 2**18
EVENT_STREAMS: Final = ("text/event-stream", "application/vnd.amazon.eventstream")
MAX_HEADER_BYTES: Final = 65_536  # aiohttp's own limit is 8,190

# The first match gives two exceptions: for a request that has a connection, and for one that has none.
NAMES: Final[tuple[tuple[type[Exception], type[httpx.TransportError]], ...]] = (
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientOSError, httpx.ReadError),
    (Exception, httpx.RemoteProtocolError),
)
NAMES_WITHOUT_CONNECTION: Final[tuple[tuple[type[Exception], type[httpx.TransportError]], ...]] = (
    (TimeoutError, httpx.ConnectTimeout),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError),
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError),
    (Exception, httpx.ConnectError),
)

_exchange: Final[ContextVar[Exchange]] = ContextVar("exchange")


class NamedTruthfully:
    """A context that raises aiohttp's exceptions as httpx's.

    Whether the request may have been sent depends on whether it has a connection, not on the exception: a refusing
    proxy and a disconnecting server raise the same one.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Raise httpx's exception for aiohttp's."""
        names = NAMES if self._exchange.is_sent else NAMES_WITHOUT_CONNECTION
        kinds = (httpx.TransportError, aiohttp.ClientError) if self._exchange.is_sent else Exception
        if isinstance(error, kinds):
            cause = error.__cause__ if isinstance(error, httpx.TransportError) else error
            name = next((name for kind, name in names if isinstance(cause, kind)), names[-1][1])
            raise name(str(cause) or type(cause).__name__) from cause


async def _note_connection(*_: object) -> None:
    """Note that a request has its connection, proxies and TLS included: its first byte is sent next."""
    _exchange.get().is_sent = True


class Resolver(AbstractResolver):
    """Resolve names in our own threads; aiohttp's resolver would wait for the application's."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        look_up = partial(
            socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _type, protocol, _name, address in await threads.run(look_up)
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


class Connection(ResponseHandler):
    """A connection that is not reused after it has received unexpected bytes, and that closes at once.

    aiohttp pairs requests and responses by their order only: an extra response would answer the next request.
    """

    def close(self) -> None:
        """Close without the end of TLS, for which the server would have to answer while the event loop still runs."""
        if self.transport is not None:
            self.transport.abort()
        super().close()

    def is_connected(self) -> bool:
        """Return True if an idle connection can be used: it is open, and has received nothing."""
        return super().is_connected() and not self.should_close and not self._is_readable()

    def _is_readable(self) -> bool:
        """Return True if the socket has bytes, or an end of file, that the event loop has not read yet."""
        connection = self.transport.get_extra_info("socket") if self.transport else None
        if connection is None:
            return False
        if not hasattr(select, "poll"):  # Windows
            return bool(select.select([connection], [], [], 0)[0])
        poll = select.poll()  # unlike select, it accepts descriptors beyond 1,024
        poll.register(connection.fileno(), select.POLLIN)
        return bool(poll.poll(0))


class Transport(AiohttpTransport):
    """aiohttp's connections for httpx, without a limit on their number and without cookies."""

    def __init__(self, certificates: ssl.SSLContext, proxy: Proxy | None) -> None:
        """Use these certificates, and `proxy` if it is not None."""
        self._socks = proxy if proxy and proxy.socks_version else None
        super().__init__(verify=certificates, proxy=proxy.for_httpx() if proxy and not self._socks else None)

    def get_client(self) -> aiohttp.ClientSession:
        """Return the session that all requests share."""
        connections = aiohttp.TraceConfig()
        connections.on_connection_create_end.append(_note_connection)
        connections.on_connection_reuseconn.append(_note_connection)
        connector = self._connector()
        make: Callable[[], ResponseHandler] = partial(Connection, loop=asyncio.get_running_loop())
        connector._factory = make  # type: ignore[assignment]  # noqa: SLF001 - aiohttp has no other way
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            trace_configs=[connections],
        )

    def _connector(self) -> aiohttp.TCPConnector:
        keepalive_seconds = self.limits.keepalive_expiry or 0
        if self._socks is None:
            return aiohttp.TCPConnector(
                limit=0, keepalive_timeout=keepalive_seconds, ssl=self.ssl_context, resolver=Resolver()
            )
        from aiohttp_socks import ProxyConnector, ProxyType  # noqa: PLC0415 - an extra

        return ProxyConnector(
            self._socks.host,
            self._socks.port,
            ProxyType[f"SOCKS{self._socks.socks_version}"],
            self._socks.username,
            self._socks.password,
            rdns=True,
            limit=0,
            keepalive_timeout=keepalive_seconds,
            ssl=self.ssl_context,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response; the body is not read yet."""
        exchange: Exchange = request.extensions["exchange"]
        exchange.is_sent = False
        token = _exchange.set(exchange)
        try:
            with NamedTruthfully(exchange):
                response = await super().handle_async_request(request)
        finally:
            _exchange.reset(token)
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Body(response.stream, exchange)
        return response


class _Body(httpx.AsyncByteStream):
    """A response body that raises the same exceptions as the response's headers do."""

    def __init__(self, body: httpx.AsyncByteStream, exchange: Exchange) -> None:
        self._body = body
        self._named_truthfully = NamedTruthfully(exchange)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._named_truthfully:
            async for chunk in self._body:
                yield chunk

    async def aclose(self) -> None:
        with self._named_truthfully:
            await self._body.aclose()


class _NoCookies(httpx.Cookies):
    """A cookie jar that stores nothing, so that a cookie set for one caller is not sent for another."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Ignore the cookies."""


_parsed: Final = cache(httpx.URL)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    """Yield a body in pieces, so that the event loop can run in between."""
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


class Client(httpx.AsyncClient):
    """httpx's client on this transport.

    It sends a request unchanged. Everything else that httpx's own client does (cookies, redirects, authentication,
    merging of URLs, the environment) is half the CPU time of a call and is not needed here.
    """

    def __init__(self, certificates: ssl.SSLContext, proxy: Proxy | None, **options: Any) -> None:
        """Connect to one host, through `proxy` if it is not None; `options` are httpx's."""
        super().__init__(transport=Transport(certificates, proxy), trust_env=False, **options)
        self.route = f" through the proxy {proxy}" if proxy else ""
        self._cookies = _NoCookies()
        self._own_headers = {**self.headers, "accept-encoding": bodies.accepted_encodings()}

    async def request(self, method: str, url: httpx.URL | str, **parts: Any) -> httpx.Response:
        """Send the JSON text in `extensions` with `headers` within `timeout`; hooks run before the body is read.

        `json` is the same value, for tests that patch `post`; it is not encoded again.
        """
        extensions = dict(parts["extensions"])
        body: str = extensions.pop("body")
        data = body.encode() if len(body) <= CHUNK_BYTES else await threads.run(body.encode)
        # aiohttp warns about large bodies in one piece, because copying them blocks the event loop.
        length = {"content-length": str(len(data))}
        request = httpx.Request(
            method,
            _parsed(str(url)),
            headers={**self._own_headers, "content-type": "application/json", **length, **parts["headers"]},
            content=data if len(data) <= CHUNK_BYTES else _chunks(data),
            extensions={**extensions, "timeout": parts["timeout"].as_dict()},
        )
        response = await self._send_single_request(request)
        try:
            for hook in self.event_hooks["response"]:
                await hook(response)
            exchange: Exchange = extensions["exchange"]
            chunks = cast("httpx.AsyncByteStream", response.stream)
            content = chunks, response.headers.get("content-encoding", ""), extensions["max_bytes"]
            if exchange.receive and response.headers.get("content-type", "").lower().startswith(EVENT_STREAMS):
                async with aclosing(bodies.inflated(*content)) as pieces:
                    await exchange.receive(pieces)
            else:
                response._content = b"".join(await bodies.read(*content))  # noqa: SLF001 - where httpx keeps what it has read
        finally:
            await response.aclose()
        return response
