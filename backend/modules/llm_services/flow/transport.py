"""httpx on aiohttp's connections, with failures named truthfully.

httpx's own connection pool costs milliseconds of CPU per call when hundreds are in flight; aiohttp's does not.
httpx-aiohttp 0.2.0 joins the two, but calls a connection that drops after the request was sent a ConnectTimeout.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_HEADER_BYTES: Final = 65_536  # aiohttp's own limit is 8,190

# The first that fits names the failure. Only the first three and the last are raised before anything is sent.
NAMES: Final[tuple[tuple[type[Exception], type[httpx.TransportError]], ...]] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError),
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientOSError, httpx.ReadError),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
)


class NamedTruthfully:
    """Within it, httpx's exception is raised for what aiohttp's says, whatever it was called on the way."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Raise the error under its name."""
        if isinstance(error, httpx.TransportError | aiohttp.ClientError):
            cause = error.__cause__ if isinstance(error, httpx.TransportError) else error
            name = next((name for kind, name in NAMES if isinstance(cause, kind)), httpx.RemoteProtocolError)
            raise name(str(cause) or type(cause).__name__) from cause


named_truthfully: Final = NamedTruthfully()


class Transport(AiohttpTransport):
    """aiohttp's connections for httpx: as many as are needed, and no cookies."""

    def get_client(self) -> aiohttp.ClientSession:
        """Return the session that all requests share."""
        connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=self.limits.keepalive_expiry or 0, ssl=self.ssl_context
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, the body still to be read."""
        with named_truthfully:
            response = await super().handle_async_request(request)
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Body(response.stream)
        return response


class _Body(httpx.AsyncByteStream):
    """A body whose failures are named like those of its head."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with named_truthfully:
            async for chunk in self._body:
                yield chunk

    async def aclose(self) -> None:
        with named_truthfully:
            await self._body.aclose()


class _NoCookies(httpx.Cookies):
    """A jar that takes nothing: what a server sets for one caller is not sent for another."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them."""


_parsed: Final = cache(httpx.URL)


class Client(httpx.AsyncClient):
    """httpx's client, on this transport, with the environment's proxies as httpx reads them.

    It sends a request as it is given. What httpx's own client does around that (cookies, redirects, authentication,
    merging of URLs) is half the CPU of a call, and none of it is wanted here.
    """

    def __init__(self, **options: Any) -> None:
        """Take httpx's options."""
        super().__init__(**options)
        self._cookies = _NoCookies()
        self._own_headers = dict(self.headers)

    async def request(self, method: str, url: httpx.URL | str, **parts: Any) -> httpx.Response:
        """Send `json` with `headers` within `timeout`; response hooks run before the body is read."""
        request = httpx.Request(
            method,
            _parsed(str(url)),
            headers=self._own_headers | parts["headers"],
            json=parts["json"],
            extensions=parts["extensions"] | {"timeout": parts["timeout"].as_dict()},
        )
        response = await self._send_single_request(request)
        try:
            for hook in self.event_hooks["response"]:
                await hook(response)
            await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response

    def _init_transport(self, **options: Any) -> httpx.AsyncBaseTransport:  # type: ignore[override]
        return Transport(**options)

    def _init_proxy_transport(self, proxy: httpx.Proxy, **options: Any) -> httpx.AsyncBaseTransport:  # type: ignore[override]
        return Transport(proxy=proxy, **options)
