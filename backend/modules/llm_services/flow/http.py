"""One request: a shared client, one deadline, and exceptions that say whether the request left the machine."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import httpx

from ..exceptions import LLMError, LLMTimeoutError
from ..sanitize import redact
from ..wires.lenient import is_well_formed, well_formed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from ..wires.wire import Exchange

CONNECT_TIMEOUT_SECONDS: Final = 10.0
MAX_QUOTE_CHARACTERS: Final = 200

NOT_REPEATED: Final = "the request was sent and may have been billed, so it is not repeated"


@dataclass(frozen=True)
class Endpoint:
    """Where a provider's requests go, and the headers that authenticate them there.

    `sign` returns further headers for a URL and the body sent there; it may read files or ask the network.
    """

    base_url: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    sign: Callable[[str, bytes], Mapping[str, str]] | None = field(default=None, repr=False)


async def post(endpoint: Endpoint, payload: dict[str, Any], timeout: float, exchange: Exchange) -> None:  # noqa: ASYNC109 - the deadline is this function's subject
    """Send `payload` and put what comes back into `exchange`.

    `timeout` is the deadline in seconds for the whole exchange, however slowly bytes drip in.
    Raises LLMTimeoutError when it passes, LLMError when the connection fails, ValueError for what is not JSON.
    """
    client = await _client(endpoint.base_url)
    url = endpoint.base_url + endpoint.path
    try:
        async with asyncio.timeout(timeout):
            response = await client.post(
                url,
                json=payload,
                headers=dict(endpoint.headers) | await _signature(endpoint, url, payload),
                timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT_SECONDS)),
                extensions={"exchange": exchange},
            )
    except (httpx.RequestError, httpx.InvalidURL, TimeoutError) as error:
        raise _failure(error, endpoint.base_url, timeout, exchange) from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"the call cannot be sent as JSON: {error}") from error
    if exchange.status_code is None:  # a response event hook notes it; a patched `post` runs no hooks
        exchange.note(response.status_code, response.headers)
    exchange.body = _decoded(response, exchange.headers.get("content-type", ""))


async def _signature(endpoint: Endpoint, url: str, payload: dict[str, Any]) -> dict[str, str]:
    if endpoint.sign is None:
        return {}
    body = httpx.Request("POST", url, json=payload).content  # the bytes that the client will send
    return dict(await asyncio.to_thread(endpoint.sign, url, body))


def _failure(error: Exception, base_url: str, timeout: float, exchange: Exchange) -> LLMError:
    """Name what became of a request that was not answered: whether it was sent decides whether it may be repeated."""
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            message = (
                f"no connection to {base_url} within {min(timeout, CONNECT_TIMEOUT_SECONDS):g} s; nothing was sent"
            )
            return LLMTimeoutError(message, retryable=True)
        case httpx.ConnectError() | httpx.ProxyError() | httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return LLMError(f"no connection to {base_url} ({_quote(error)}); nothing was sent", retryable=True)
        case TimeoutError() | httpx.TimeoutException():
            message = f"no answer from {base_url} within {timeout:g} s (REQUEST_TIMEOUT); {NOT_REPEATED}"
            return LLMTimeoutError(message, status_code=exchange.status_code)
        case httpx.DecodingError():
            message = f"the answer of {base_url} is not encoded as it says ({_quote(error)}); {NOT_REPEATED}"
            return LLMError(message, status_code=exchange.status_code)
        case _:
            message = f"the connection to {base_url} broke before the answer was complete ({_quote(error)})"
            return LLMError(f"{message}; {NOT_REPEATED}", status_code=exchange.status_code)


def _quote(error: Exception) -> str:
    """Quote an error briefly: it may hold bytes of the wire."""
    quote: str = redact(" ".join(str(error).split())[:MAX_QUOTE_CHARACTERS])
    return f"{type(error).__name__}: {quote}" if quote else type(error).__name__


def _decoded(response: httpx.Response, kind: str) -> Any:  # noqa: ANN401 - whatever JSON the server sent
    if kind.startswith("audio/"):
        return base64.b64encode(response.content).decode()
    try:
        value = response.json()
        return value if is_well_formed(response.content) else well_formed(value)
    except (ValueError, RecursionError):
        return response.content.decode("utf-8", "replace")


async def _note(response: httpx.Response) -> None:
    """Run when the headers have arrived and the body has not: a body that never ends leaves its id all the same."""
    exchange: Exchange = response.request.extensions["exchange"]
    exchange.note(response.status_code, response.headers)


_clients: dict[tuple[asyncio.AbstractEventLoop, str], tuple[httpx.AsyncClient, AsyncGenerator[httpx.AsyncClient]]] = {}


async def _client(base_url: str) -> httpx.AsyncClient:
    """Return this event loop's client for `base_url`, which is closed when the loop shuts down."""
    key = asyncio.get_running_loop(), base_url
    if key not in _clients:
        make = await asyncio.to_thread(_maker)
        if key not in _clients:  # another task may have been here meanwhile
            for stale in [known for known in _clients if known[0].is_closed()]:
                del _clients[stale]
            lifetime = _lifetime(key, make)
            _clients[key] = await anext(lifetime), lifetime
    return _clients[key][0]


@cache
def _maker() -> Callable[..., httpx.AsyncClient]:
    """Return what makes a client, certificates read: work of a tenth of a second, for a thread to do."""
    from .transport import Client  # noqa: PLC0415 - what imports this module does not pay for aiohttp

    return partial(Client, verify=httpx.create_ssl_context())


async def _lifetime(
    key: tuple[asyncio.AbstractEventLoop, str], make: Callable[..., httpx.AsyncClient]
) -> AsyncGenerator[httpx.AsyncClient]:
    """Hold a client open until `loop.shutdown_asyncgens`, which `asyncio.run` awaits at its end."""
    client = make(event_hooks={"response": [_note]})
    try:
        yield client
    finally:
        _clients.pop(key, None)
        await client.aclose()
