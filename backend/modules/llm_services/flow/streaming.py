"""Streamed answers: read the events, pass the text to the caller, and keep what arrived, even if the stream breaks."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

import httpx

from .. import threads
from ..sanitize import excerpt
from ..wires.assembly import split_character, whole_characters
from ..wires.lenient import decode, is_well_formed, mapping, shallow, text, well_formed
from . import columns, http
from .bodies import SilentStreamError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping

    from ..config import LLMConfig
    from ..wires.assembly import Assembly
    from .attempt import Attempt

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
END: Final = b"[DONE]"
# How long to read on after the last event, until the body ends and its connection can be used again.
END_OF_BODY_SECONDS: Final = 1.0
CUT: Final = "the stream ended before the answer did"


class EventReader:
    """Read server-sent events from bytes: https://html.spec.whatwg.org/multipage/server-sent-events.html.

    Only the data of an event is returned; comments, event names and ids are skipped.
    """

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._is_first_line = True
        self._is_after_return = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the data of the events that end in `chunk`, which may begin and end anywhere."""
        if self._is_after_return and chunk.startswith(b"\n"):  # the second half of \r\n
            self._is_after_return, chunk = False, chunk[1:]
        if not chunk:
            return
        self._is_after_return = chunk.endswith(b"\r")
        for line in chunk.splitlines(keepends=True):  # bytes split at \n, \r and \r\n only
            if not line.endswith((b"\n", b"\r")):
                self._line.append(line)
                continue
            yield from self._take(line.rstrip(b"\r\n"))

    def end(self) -> Iterator[bytes]:
        """Yield the last event of a body that ends without an empty line."""
        yield from self._take(b"")
        yield from self._take(b"")

    def _take(self, line: bytes) -> Iterator[bytes]:
        """Process one line, given without its line break."""
        if self._line:
            line = b"".join([*self._line, line])
            self._line.clear()
        if self._is_first_line:
            self._is_first_line, line = False, line.removeprefix(BYTE_ORDER_MARK)
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif not line and self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            self._data.clear()
            yield data


class AmazonEventReader:
    """Read the binary events of Bedrock: https://smithy.io/2.0/aws/amazon-eventstream.html."""

    def __init__(self) -> None:
        from botocore.eventstream import EventStreamBuffer  # noqa: PLC0415 - only who calls Bedrock needs botocore

        self._buffer = EventStreamBuffer()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the JSON of the events that end in `chunk`; exceptions become error events as Anthropic sends them."""
        from botocore.eventstream import ParserError  # noqa: PLC0415 - as above

        try:
            self._buffer.add_data(chunk)
            for message in self._buffer:
                yield _amazon_event(message.headers, message.payload)
        except (ParserError, ValueError) as error:
            raise httpx.RemoteProtocolError(str(error)) from error

    def end(self) -> Iterator[bytes]:
        """Yield nothing: every event states its own length."""
        return iter(())


def _amazon_event(headers: Mapping[str, Any], payload: bytes) -> bytes:
    body = mapping(json.loads(payload or b"{}"))
    if headers.get(":message-type") == "event":
        return base64.b64decode(text(body.get("bytes")) or "")
    kind = headers.get(":exception-type") or headers.get(":error-code")
    message = text(body.get("message")) or headers.get(":error-message")
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


class CallbackError(BaseException):
    """Carries an exception of the caller's `on_text` past the code that handles connection errors."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


async def post(attempt: Attempt, timeout: float, config: LLMConfig) -> None:  # noqa: ASYNC109 - as `http.post`
    """Send an attempt with a streamed response, and put the response into its exchange.

    Raises what `http.post` raises, and any exception of `on_text` unchanged; the exchange has what arrived until then.
    """
    stream = _Stream(attempt, config.stream_idle_timeout)
    attempt.exchange.receive = stream.receive
    sending = http.post(
        attempt.endpoint, attempt.payload, attempt.body, timeout, attempt.exchange, config.max_response_bytes
    )
    try:
        await _keep(stream, attempt, sending)
    finally:
        attempt.exchange.receive = None


async def read_unlabelled(attempt: Attempt, config: LLMConfig) -> None:
    """Read a body that is a stream with another label, or was not requested as one; raise what `on_text` raises.

    If it were taken for no answer, the request would be repeated and billed again.
    """
    if attempt.wire.assembly:
        stream = _Stream(attempt, config.stream_idle_timeout)
        await _keep(stream, attempt, stream.receive(_one_piece(attempt.exchange.body)))


async def _one_piece(body: str) -> AsyncGenerator[bytes]:
    yield body.encode()


async def _keep(stream: _Stream, attempt: Attempt, receiving: Awaitable[bool | None]) -> None:
    """Put into the exchange what arrives while `receiving` is awaited."""
    own_error: Exception | None = None
    try:
        attempt.is_large = bool(await receiving)
        await stream.keep()
    except CallbackError as raised:
        own_error = raised.error
        await _keep_failed(stream, attempt, own_error)
    except BaseException as error:
        await _keep_failed(stream, attempt, error)
        raise
    if own_error:
        raise own_error


async def hand_out(attempt: Attempt, piece: str) -> None:
    """Call the caller's `on_text` with `piece`, unless one of them is missing; raise what it raises."""
    if piece and attempt.call.on_text:
        attempt.is_handed_out = True
        try:
            returned = attempt.call.on_text(piece)
            if isawaitable(returned):
                await returned
        except Exception as error:
            attempt.callback_error = error
            raise


class _Stream:
    """The stream of one attempt."""

    def __init__(self, attempt: Attempt, idle_seconds: float) -> None:
        assert attempt.wire.assembly  # noqa: S101 - a call of a wire that has none is refused before
        self._attempt = attempt
        self._assembly: Assembly = attempt.wire.assembly()
        self._idle_seconds = idle_seconds
        self._size = 0
        self._is_odd = False
        self._half = ""
        self._before_events: list[bytes] = []

    async def receive(self, pieces: AsyncGenerator[bytes]) -> None:
        """Read the events of a body as they arrive; raise SilentStreamError if a begun answer stops arriving."""
        exchange = self._attempt.exchange
        is_amazon = "amazon" in exchange.headers.get("content-type", "")
        reader = AmazonEventReader() if is_amazon else EventReader()
        exchange.is_stream, exchange.incomplete = True, CUT
        try:
            async with asyncio.timeout(None) as silence:
                async for piece in pieces:
                    silence.reschedule(None)
                    self._size += len(piece)
                    await self._take_all(reader.feed(piece), piece)
                    if self._assembly.is_over:
                        break
                    if self._assembly.has_begun:
                        silence.reschedule(asyncio.get_running_loop().time() + self._idle_seconds)
                await self._take_all(reader.end(), b"")
                if self._half:
                    await self._hand_out("")
        except TimeoutError as error:
            if not silence.expired():
                raise
            raise SilentStreamError(f"{self._idle_seconds:g} s") from error
        if self._assembly.is_over:
            with suppress(TimeoutError, httpx.HTTPError):
                async with asyncio.timeout(END_OF_BODY_SECONDS):
                    async for _ in pieces:
                        pass

    async def _take_all(self, events: Iterator[bytes], piece: bytes) -> None:
        if not self._assembly.events:
            self._before_events.append(piece)
        for data in events:
            if self._assembly.is_over:
                return
            await self._take(data)

    async def _take(self, data: bytes) -> None:
        """Add one event to the answer, and hand out its text."""
        if not data or data.isspace():
            return
        if data.strip() == END:
            self._assembly.end()
            return
        try:
            event, is_odd = (
                _decoded(data) if len(data) < http.LARGE_BYTES else await threads.run(partial(_decoded, data))
            )
        except (ValueError, RecursionError):
            self._attempt.exchange.incomplete = f"the stream has an event that is not JSON: {_excerpt(data)}"
            return
        self._is_odd = self._is_odd or is_odd
        piece = self._assembly.take(event)
        if self._assembly.has_begun and self._attempt.first_piece_ms is None:
            self._attempt.first_piece_ms = self._attempt.elapsed_ms
        if piece and self._attempt.call.on_text:
            await self._hand_out(piece)

    async def _hand_out(self, piece: str) -> None:
        """Hand out a piece of text; half of a surrogate pair at its end waits for the other half."""
        piece, self._half = split_character(self._half + piece) if piece else (self._half, "")
        try:
            await hand_out(self._attempt, whole_characters(piece))
        except Exception as error:
            raise CallbackError(error) from error

    async def keep(self) -> None:
        """Put what has arrived into the exchange as a body; a large body is assembled in a thread."""
        exchange = self._attempt.exchange
        if not exchange.is_stream:
            return
        self._attempt.is_large = self._size >= http.LARGE_BYTES
        exchange.body = await threads.run(self._body) if self._attempt.is_large else self._body()
        if self._assembly.is_complete and exchange.incomplete == CUT:
            exchange.incomplete = None

    def _body(self) -> Any:  # noqa: ANN401 - JSON
        if not self._assembly.events:  # for example an error page that is labelled as a stream
            with suppress(ValueError, RecursionError):
                return well_formed(json.loads(b"".join(self._before_events)))
        body = self._assembly.body()
        return well_formed(shallow(body)) if self._is_odd else body


async def _keep_failed(stream: _Stream, attempt: Attempt, error: BaseException) -> None:
    """Keep what arrived of a failed attempt; if its columns may be large, they are made here."""
    if attempt.exchange.is_stream:
        await stream.keep()
        attempt.exchange.incomplete = attempt.exchange.incomplete or CUT
        await columns.prepare(attempt, error, partial(columns.failed, attempt, error))


def _decoded(data: bytes) -> tuple[Any, bool]:
    """Return an event, and whether the assembled body has to be passed through `well_formed`.

    Raises ValueError for data that is not JSON, and RecursionError for JSON that nests too deeply.
    """
    return decode(data.decode("utf-8", "replace")), not is_well_formed(data)


def _excerpt(data: bytes) -> str:
    return excerpt(data[:1000].decode("utf-8", "replace"))
