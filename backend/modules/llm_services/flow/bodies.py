"""Read and decompress response bodies, up to a limit that counts decompressed bytes.

So a server can neither fill the memory nor block the event loop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Sequence

# A kilobyte of gzip can expand to a megabyte, one of Brotli or Zstandard to a gigabyte, so bodies are inflated in
# pieces.
PIECE_BYTES: Final = 2**16
BEGINNING_BYTES: Final = 10_000
ZLIB_METHOD: Final = 8  # the low half of a zlib header's first byte; any other value means raw deflate


class BodyTooLargeError(httpx.DecodingError):
    """A body is larger than the limit; `beginning` is the start of the body as text."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__("the body is too large")
        self.beginning = beginning.decode("utf-8", "replace")


def accepted_encodings() -> str:
    """Return the value of Accept-Encoding: the encodings that `read` decompresses, as far as installed."""
    from aiohttp import compression_utils  # noqa: PLC0415 - importing aiohttp has an effect, as http.py says

    extras = {"br": compression_utils.HAS_BROTLI, "zstd": compression_utils.HAS_ZSTD}
    return ", ".join(["gzip", "deflate", *(name for name, is_installed in extras.items() if is_installed)])


class SilentStreamError(httpx.ReadTimeout):
    """No event has arrived on a stream for too long."""


async def read(chunks: AsyncIterable[bytes], content_encoding: str, max_bytes: int) -> list[bytes]:
    """Return a decompressed body; raise the same errors as `inflated`."""
    return [piece async for piece in inflated(chunks, content_encoding, max_bytes)]


async def inflated(chunks: AsyncIterable[bytes], content_encoding: str, max_bytes: int) -> AsyncGenerator[bytes]:
    """Yield a body in decompressed pieces as it arrives; a body with an unknown encoding is left as it is.

    Raises BodyTooLargeError beyond `max_bytes`, and httpx.DecodingError if the body does not match its encoding.
    """
    names = content_encoding.lower().split(",") if content_encoding else []
    encodings = [name.strip().removeprefix("x-") for name in names]  # x-gzip is an old name of gzip
    decoders = [_Decoder(name) for name in reversed(encodings) if name in accepted_encodings().split(", ")]
    beginning = b""
    size = 0
    async for chunk in chunks:
        for piece in _inflated(chunk, decoders):
            size += len(piece)
            if len(beginning) < BEGINNING_BYTES:
                beginning += piece[: BEGINNING_BYTES - len(beginning)]
            if size > max_bytes:
                yield piece[: max_bytes - size]  # a stream keeps its text up to the limit
                raise BodyTooLargeError(beginning)
            yield piece
            if decoders:
                await asyncio.sleep(0)  # lets other calls run, and lets the deadline apply


def _inflated(chunk: bytes, decoders: Sequence[_Decoder]) -> Iterator[bytes]:
    if not decoders:
        yield chunk
        return
    for piece in decoders[0].decode(chunk):
        yield from _inflated(piece, decoders[1:])


class _Decoder:
    """A content encoding, decoded with aiohttp's decompressors, which can stop at a length."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._decompressor: Any = None

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the decompressed pieces of a chunk."""
        if not chunk:
            return
        try:
            if self._decompressor is None:
                self._decompressor = _decompressor(self._encoding, chunk)
            while True:
                piece = self._decompressor.decompress_sync(chunk, PIECE_BYTES)
                if piece:
                    yield piece
                if not self._decompressor.data_available:
                    return
                chunk = b""
        except Exception as error:
            raise httpx.DecodingError(f"{self._encoding}: {error}") from error


def _decompressor(encoding: str, chunk: bytes) -> Any:  # noqa: ANN401 - one of three classes of aiohttp's
    from aiohttp import compression_utils  # noqa: PLC0415 - as above

    match encoding:
        case "br":
            return compression_utils.BrotliDecompressor()
        case "zstd":
            return compression_utils.ZSTDDecompressor()
        case _:
            is_bare = encoding == "deflate" and chunk[0] & 0xF != ZLIB_METHOD
            return compression_utils.ZLibDecompressor(encoding, suppress_deflate_header=is_bare)
