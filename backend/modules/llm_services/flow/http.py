"""Send one request: a shared client, one deadline, and errors that distinguish whether the request was sent."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import httpx
from pydantic_core import from_json

from .. import packages, threads
from ..exceptions import LLMError, LLMTimeoutError
from ..pieces import PIECE_LENGTH
from ..sanitize import redact
from ..secret import hide_headers, mask_all, mask_record, without_frames
from ..types import DEEPEST_JSON
from ..wires.lenient import decode, is_well_formed, shallow, well_formed
from . import network
from .bodies import BodyTooLargeError, SilentStreamError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping

    from ..sanitize import JSONText
    from ..wires.wire import Exchange
    from .transport import Client

CONNECT_TIMEOUT_SECONDS: Final = 10.0
LARGE_BYTES: Final = 250_000  # a larger body is decoded in a thread; decoding this one takes about a millisecond
MAX_QUOTE_CHARACTERS: Final = 200
LONGEST_ODDITY_BYTES: Final = 300  # the digits of the longest number that `is_well_formed` looks for

UNLABELLED_AUDIO: Final = "application/octet-stream"
TEXT_LABELS: Final = ("text/", "application/json", "application/problem+json", "application/xml")

NOT_REPEATED: Final = "the request was sent and may have been billed, so it is not repeated"


@dataclass(frozen=True)
class Endpoint:
    """The address that a provider's requests go to, and the headers that authenticate them.

    `headers` are Secrets, and the keys in them are masked from now on. `sign` returns further headers for a URL and a
    body; it may read files or use the network. `imports` names the modules that `sign` needs.
    """

    base_url: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    sign: Callable[[str, bytes], Mapping[str, str]] | None = field(default=None, repr=False)
    imports: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Hide the values of the headers."""
        object.__setattr__(self, "headers", hide_headers(self.headers))


async def prepare(endpoint: Endpoint, timeout: float) -> None:  # noqa: ASYNC109 - as of `post`
    """Do what `post` needs before its deadline starts: on first use, import aiohttp and read the certificates.

    Raises LLMError, which names the variable, for wrong network settings, and RuntimeError for a missing package.
    """
    if not endpoint.imports and (asyncio.get_running_loop(), endpoint.base_url) in _clients:
        return
    seconds = max(timeout, CONNECT_TIMEOUT_SECONDS)
    try:
        async with asyncio.timeout(seconds):
            if endpoint.imports:
                await threads.run(partial(packages.load, *endpoint.imports))
                for name in endpoint.imports:
                    logging.getLogger(name).addFilter(mask_record)  # botocore.auth logs what it signs at DEBUG
            await _client(endpoint.base_url)
    except TimeoutError as error:
        message = f"no client for {endpoint.base_url} within {seconds:g} s; nothing was sent"
        raise LLMTimeoutError(message, retryable=True) from error


async def post(
    endpoint: Endpoint,
    payload: dict[str, Any],
    body: JSONText,
    timeout: float,  # noqa: ASYNC109 - the deadline is this function's subject
    exchange: Exchange,
    max_bytes: int,
) -> bool:
    """Send `body`, the encoded `payload`, and put the response into `exchange`; return True if the response is large.

    `timeout` is the deadline in seconds for the whole exchange, however slowly bytes arrive; `max_bytes` limits the
    decompressed body. Raises LLMTimeoutError at the deadline, and LLMError at the limit or if the connection fails.
    """
    client = await _client(endpoint.base_url)
    url = endpoint.base_url + endpoint.path
    connect_seconds = min(timeout, CONNECT_TIMEOUT_SECONDS)
    try:
        async with asyncio.timeout(timeout):
            headers = dict(endpoint.headers) | await _signature(endpoint, url, body)
            exchange.is_sent = True  # unless the transport finds out that it was not
            response = await client.post(
                url,
                json=payload,
                headers=headers,
                timeout=httpx.Timeout(timeout, connect=connect_seconds, pool=connect_seconds),
                extensions={"exchange": exchange, "body": body, "max_bytes": max_bytes},
            )
            return await _read(response, exchange)
    except asyncio.CancelledError as error:
        without_frames(error)
        raise
    except (httpx.RequestError, httpx.InvalidURL, TimeoutError) as error:
        if isinstance(error, BodyTooLargeError):
            exchange.body = error.beginning
        raise _failure(error, endpoint.base_url + client.route, timeout, exchange) from without_frames(error)


async def _read(response: httpx.Response, exchange: Exchange) -> bool:
    """Put a decoded response into `exchange`, decoded in a thread if it is large; return True if it is large."""
    if exchange.status_code is None:  # set by a response hook too; a patched `post` runs no hooks
        exchange.note(response.status_code, response.headers)
    exchange.headers = mask_all(exchange.headers)
    if exchange.is_stream:
        return False
    kind = exchange.headers.get("content-type", "").lower()
    is_mislabelled = exchange.is_audio and exchange.is_success and _is_mislabelled(response.content, kind)
    if is_mislabelled:
        exchange.headers["content-type"] = UNLABELLED_AUDIO
    decode = partial(_decoded, response, kind, is_audio=is_mislabelled)
    is_large = _size(response.content) >= LARGE_BYTES
    exchange.body = await threads.run(decode) if is_large else decode()
    return is_large


async def _signature(endpoint: Endpoint, url: str, body: JSONText) -> dict[str, str]:
    if endpoint.sign is None:
        return {}
    return hide_headers(await threads.run(partial(endpoint.sign, url, body.encode())))


# What a patched client may raise in addition to the transport's errors.
NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.InvalidURL,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


def _failure(error: Exception, address: str, timeout: float, exchange: Exchange) -> LLMError:
    """Return the error for a request without an answer; it is retryable only if the request was not sent."""
    is_sent = exchange.is_sent and not isinstance(error, NEVER_SENT)
    match error:
        case TimeoutError() | httpx.TimeoutException() if not is_sent:
            seconds = timeout if isinstance(error, TimeoutError) else min(timeout, CONNECT_TIMEOUT_SECONDS)
            return LLMTimeoutError(f"no connection to {address} within {seconds:g} s; nothing was sent", retryable=True)
        case _ if not is_sent:
            return LLMError(f"no connection to {address} ({_quote(error)}); nothing was sent", retryable=True)
        case SilentStreamError():
            message = f"the stream of {address} was silent for {error} (STREAM_IDLE_TIMEOUT); {NOT_REPEATED}"
            return LLMTimeoutError(message, status_code=exchange.status_code)
        case TimeoutError() | httpx.TimeoutException():
            whole = "whole " if exchange.is_stream else ""
            message = f"no {whole}answer from {address} within {timeout:g} s (REQUEST_TIMEOUT); {NOT_REPEATED}"
            return LLMTimeoutError(message, status_code=exchange.status_code)
        case BodyTooLargeError():
            message = f"the answer of {address} is larger than LLM_MAX_RESPONSE_MB allows; {NOT_REPEATED}"
            return LLMError(message, status_code=exchange.status_code)
        case httpx.DecodingError():
            message = f"the answer of {address} does not match its Content-Encoding ({_quote(error)}); {NOT_REPEATED}"
            return LLMError(message, status_code=exchange.status_code)
        case _:
            message = f"the connection to {address} broke before the answer was complete ({_quote(error)})"
            return LLMError(f"{message}; {NOT_REPEATED}", status_code=exchange.status_code)


def _quote(error: Exception) -> str:
    """Quote an error briefly, because it may contain bytes of the response."""
    quote: str = redact(" ".join(str(error).split()))[:MAX_QUOTE_CHARACTERS]
    return f"{type(error).__name__}: {quote}" if quote else type(error).__name__


def _is_mislabelled(content: bytes, kind: str) -> bool:
    """Return True for audio with another label: it has zero bytes, or neither it nor its label is that of text.

    A request that is repeated because of the label is billed again.
    """
    is_text = kind.startswith(TEXT_LABELS) or content.lstrip()[:1] in {b"", b"{", b"[", b"<"}
    return not kind.startswith("audio/") and (b"\0" in content or not is_text)


def _decoded(response: httpx.Response, kind: str, *, is_audio: bool = False) -> Any:  # noqa: ANN401 - any JSON
    if is_audio or kind.startswith(("audio/", "image/")):
        return base64.b64encode(response.content).decode()
    try:
        value = _json(response)
        return value if _is_well_formed(response.content) else well_formed(shallow(value))
    except (ValueError, RecursionError):
        return _text(response.content, kind)


def _json(response: httpx.Response) -> Any:  # noqa: ANN401 - as above
    """Decode a JSON body; Pydantic decodes a large one, because it blocks other threads a tenth as long for base64.

    `json` decodes what Pydantic refuses, such as a lone surrogate or more than a hundred levels.
    """
    if _size(response.content) >= LARGE_BYTES:
        with suppress(ValueError):
            return from_json(response.content)
    try:
        return response.json()
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer of thousands of digits
        return decode(response.content)


def _text(content: bytes, kind: str) -> str:
    """Return a body that is not JSON as text; in base64 if it is labelled as bytes and is not text.

    Some servers label audio as bytes (livekit/agents#6930); as text, paid audio would be lost.
    """
    text = content.decode("utf-8", "replace")
    is_binary = "octet-stream" in kind.lower() and ("\0" in text or "\ufffd" in text)
    return base64.b64encode(content).decode() if is_binary else text


def _size(content: object) -> int:
    """Return the size of the body in bytes; 0 if a patched `post` returned none."""
    return len(content) if isinstance(content, bytes) else 0


def _is_well_formed(content: object) -> bool:
    """Run `is_well_formed` on overlapping pieces of a body that may be large."""
    if not isinstance(content, bytes) or len(content) <= PIECE_LENGTH:
        return is_well_formed(content)
    if content.count(b"{") + content.count(b"[") > DEEPEST_JSON:
        return False
    starts = range(0, len(content), PIECE_LENGTH)
    return all(is_well_formed(content[start : start + PIECE_LENGTH + LONGEST_ODDITY_BYTES]) for start in starts)


async def _note(response: httpx.Response) -> None:
    """Keep the headers as soon as they arrive, so that the id is known even if the body never ends."""
    exchange: Exchange = response.request.extensions["exchange"]
    exchange.note(response.status_code, response.headers)


_clients: dict[tuple[asyncio.AbstractEventLoop, str], tuple[Client, AsyncGenerator[Client]]] = {}


async def _client(base_url: str) -> Client:
    """Return this event loop's client for `base_url`; it is closed with the loop."""
    loop = asyncio.get_running_loop()
    key = loop, base_url
    if key not in _clients:
        make = await threads.run(partial(_maker, base_url))
        if key not in _clients:  # another task may have made one in the meantime
            if not any(its_loop is loop for its_loop, _ in list(_clients)):
                _close_clients_with(loop)
            lifetime = _lifetime(key, make)
            _clients[key] = await anext(lifetime), lifetime
    return _clients[key][0]


def _maker(base_url: str) -> Callable[..., Client]:
    """Return a function that makes a client; certificates are read in a thread, as that takes a tenth of a second."""
    certificates, proxy = network.certificates(), network.proxy_for(base_url)
    packages.load(f"{__package__}.transport")  # imported late, because importing aiohttp opens SSLKEYLOGFILE
    from .transport import Client  # noqa: PLC0415 - what imports this module does not pay for aiohttp

    return partial(Client, certificates, proxy)


async def _lifetime(key: tuple[asyncio.AbstractEventLoop, str], make: Callable[..., Client]) -> AsyncGenerator[Client]:
    """Keep a client open until `loop.shutdown_asyncgens`, which `asyncio.run` awaits at its end."""
    client = make(event_hooks={"response": [_note]})
    try:
        yield client
    finally:
        _clients.pop(key, None)
        await client.aclose()


def _close_clients_with(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop's clients in `loop.close`, for loops that end without `shutdown_asyncgens`.

    Celery's tasks create, run and close a loop by hand (BerriAI/litellm#13251). A loop has no hook for its end, so its
    `close` is wrapped.
    """
    close = loop.close

    def close_clients_first() -> None:
        if any(its_loop is loop for its_loop, _ in list(_clients)):
            closing = _close_clients(loop)
            try:
                _run_to_its_end(loop, closing)
            except RuntimeError:  # the loop is running
                closing.close()
        close()

    with suppress(AttributeError):  # a loop that does not allow attributes
        loop.close = close_clients_first  # type: ignore[method-assign]


def _run_to_its_end(loop: asyncio.AbstractEventLoop, work: Coroutine[None, None, None]) -> None:
    """Run `work` in a loop that is not running; in another thread, if this one runs another loop."""
    if asyncio._get_running_loop() is None:  # noqa: SLF001 - `get_running_loop` raises
        loop.run_until_complete(work)
    else:
        threads.begin(partial(loop.run_until_complete, work)).result()


async def _close_clients(loop: asyncio.AbstractEventLoop) -> None:
    for (its_loop, _), (_, lifetime) in list(_clients.items()):
        if its_loop is loop:
            await lifetime.aclose()
