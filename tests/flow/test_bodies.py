"""How much of a response is read: up to a limit, counted after decompression, whatever the server sends."""

from __future__ import annotations

import gzip
import json
import resource
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from flow.paid import completion
from modules.llm_services.exceptions import LLMError, LLMTimeoutError
from modules.llm_services.flow import bodies
from support.attempts import MESSAGES, MODEL, provider, rows
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sqlalchemy.orm import Session

MEGABYTE: Final = 1_000_000


@cache
def bomb(megabytes: int) -> bytes:
    """Return a megabyte of zeros, repeated, as gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join(packer.compress(b"0" * MEGABYTE) for _ in range(megabytes)) + packer.flush()


def raw(data: bytes, *headers: str) -> Callable[[Visit], None]:
    """Return a handler that sends bytes and closes the connection."""

    def answer(visit: Visit) -> None:
        head = "\r\n".join(
            ["HTTP/1.1 200 OK", "content-type: application/json", "x-generation-id: gen-1-big", *headers]
        )
        visit.writer.write(head.encode() + b"\r\n\r\n" + data)

    return answer


def packed(visit: Visit) -> None:
    """Answer with 80 MB as gzip."""
    raw(bomb(80), "content-encoding: gzip")(visit)


def packed_twice(visit: Visit) -> None:
    """Answer with 80 MB as gzip of gzip."""
    raw(gzip.compress(bomb(80)), "content-encoding: gzip, gzip")(visit)


async def endless(visit: Visit) -> None:
    """Answer with text that has no length and never ends."""
    visit.writer.write(b"HTTP/1.1 200 OK\r\nx-generation-id: gen-1-big\r\n\r\n")
    while True:
        visit.writer.write(b"0" * 2**16)
        await visit.writer.drain()


ENDLESS: Final[dict[str, Callable[[Visit], Any]]] = {
    "gzip": packed,
    "gzip in gzip": packed_twice,
    "plain, with a length": raw(b"0" * 70 * MEGABYTE, "content-length: 70000000"),
    "plain, without end": endless,
}


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=ENDLESS)
async def test_a_body_beyond_the_limit_is_an_error(session: Session, answer: Callable[[Visit], Any]) -> None:
    """Beyond 64 MB decompressed, reading stops: an LLMError, and a row with what was read."""
    async with serving(answer) as server:
        with pytest.raises(LLMError, match="larger than LLM_MAX_RESPONSE_MB") as caught:
            await provider(session, server.base_url, retries=3).generate_response(MESSAGES, model=MODEL)
    (row,) = rows(session)
    assert (200, False, row.id) == (caught.value.status_code, caught.value.retryable, caught.value.request_id)
    assert ("failed", "gen-1-big", None) == (row.status, row.provider_response_id, row.cost_estimate)
    assert row.response_raw is not None
    assert "0" * bodies.BEGINNING_BYTES == row.response_raw["body"]


async def test_memory_does_not_grow_with_what_is_sent(session: Session) -> None:
    """A gigabyte in a megabyte of gzip takes no more memory than the limit."""
    async with serving(raw(bomb(1000), "content-encoding: gzip")) as server:
        called = provider(session, server.base_url, max_response_mb=1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(LLMError, match="larger"):
            await called.generate_response(MESSAGES, model=MODEL)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 30_000  # kilobytes


async def test_the_limit_is_a_setting(session: Session) -> None:
    """An answer of a megabyte passes a limit of two megabytes, but not one of half a megabyte."""

    def answer(visit: Visit) -> None:
        visit.answer(completion("0" * MEGABYTE))

    async with serving(answer) as server:
        large = provider(session, server.base_url, retries=3, max_response_mb=2)
        response, _request_id = await large.generate_response(MESSAGES, model=MODEL)
        assert MEGABYTE == len(response.content)
        with pytest.raises(LLMError, match="larger"):
            await provider(session, server.base_url, retries=3, max_response_mb=0.5).generate_response(
                MESSAGES, model=MODEL
            )


async def test_inflating_ends_with_the_deadline(session: Session) -> None:
    """Decompression that takes too long ends in an LLMTimeoutError at REQUEST_TIMEOUT."""
    packed = raw(bomb(1000) * 40, "content-encoding: gzip")
    async with serving(packed) as server:
        called = provider(session, server.base_url, retries=3, request_timeout=0.3, max_response_mb=100_000)
        with pytest.raises(LLMTimeoutError, match=r"within 0\.3 s"):
            await called.generate_response(MESSAGES, model=MODEL)


@pytest.mark.parametrize(
    "encoding", ["gzip", "deflate", "deflate without a header", "gzip, deflate", "x-gzip", "unheard-of"]
)
async def test_an_encoded_body_is_read(session: Session, encoding: str) -> None:
    """Every supported content encoding is decoded; an unknown one is ignored."""
    data = json.dumps(completion("hi")).encode()
    bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    encoded = {
        "gzip": gzip.compress(data),
        "deflate": zlib.compress(data),
        "deflate without a header": bare.compress(data) + bare.flush(),
        "gzip, deflate": zlib.compress(gzip.compress(data)),
        "x-gzip": gzip.compress(data),
        "unheard-of": data,
    }[encoding]
    name = encoding.removesuffix(" without a header")
    async with serving(raw(encoded, f"content-encoding: {name}", f"content-length: {len(encoded)}")) as server:
        response, _request_id = await provider(session, server.base_url, retries=3).generate_response(
            MESSAGES, model=MODEL
        )
    assert "hi" == response.content
    assert f"accept-encoding: {bodies.accepted_encodings()}" in server.visits[0].head.lower()


async def test_what_was_only_accepted_is_not_requested_again(session: Session) -> None:
    """A 202 without an answer is an error that is not retried, because the work may still be done and billed."""
    async with serving(lambda visit: visit.answer({"id": "job-1"}, 202)) as server:
        with pytest.raises(LLMError, match="without an answer") as caught:
            await provider(session, server.base_url, retries=3).generate_response(MESSAGES, model=MODEL)
    assert (1, False) == (len(server.visits), caught.value.retryable)


async def test_a_body_that_is_not_encoded_as_it_says(session: Session) -> None:
    """A body that does not match its Content-Encoding raises an LLMError that says so."""
    async with serving(raw(b"{}", "content-encoding: gzip", "content-length: 2")) as server:
        with pytest.raises(LLMError, match="does not match its Content-Encoding"):
            await provider(session, server.base_url, retries=3).generate_response(MESSAGES, model=MODEL)


@pytest.mark.parametrize(("package", "name"), [("brotli", "br"), ("backports.zstd", "zstd")])
async def test_other_encodings_are_read_where_their_package_is_installed(package: str, name: str) -> None:
    """Brotli and Zstandard, if installed, stop at the limit like gzip."""
    module = pytest.importorskip(package)

    async def chunks() -> AsyncIterator[bytes]:
        yield module.compress(b"0" * 100 * MEGABYTE)

    with pytest.raises(bodies.BodyTooLargeError):
        await bodies.read(chunks(), name, MEGABYTE)
    assert 100 * MEGABYTE == sum(map(len, await bodies.read(chunks(), name, 100 * MEGABYTE)))


def test_an_error_about_a_body_is_one_of_httpx() -> None:
    """An error in a body can be caught as one of httpx's errors."""
    assert issubclass(bodies.BodyTooLargeError, httpx.RequestError)
