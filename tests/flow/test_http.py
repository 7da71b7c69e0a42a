"""The error and the row when the connection fails rather than the model."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from modules.llm_services.exceptions import LLMError, LLMTimeoutError
from support.attempts import MESSAGES, MODEL, provider, rows
from support.server import Visit, serving

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


async def test_a_refused_connection_was_never_sent(session: Session) -> None:
    """If nothing listens, an LLMError says that nothing was sent; it is retried, with a row for each attempt."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}/api/v1"
        with pytest.raises(LLMError, match="nothing was sent") as caught:
            await provider(session, base_url, retries=1).generate_response(MESSAGES, model=MODEL)
    assert caught.value.retryable
    assert [("failed", 1), ("failed", 2)] == [(row.status, row.retry_attempt) for row in rows(session)]
    assert rows(session)[1].id == caught.value.request_id


async def test_a_connection_that_breaks_after_sending_is_not_repeated(session: Session) -> None:
    """A connection closed before the answer may have been billed: an LLMError, one attempt, cost unknown."""
    async with serving(lambda _: None) as server:
        with pytest.raises(LLMError, match="may have been billed") as caught:
            await provider(session, server.base_url, retries=3).generate_response(MESSAGES, model=MODEL)
    assert not caught.value.retryable
    assert 1 == len(server.visits)
    assert [None] == [row.cost_estimate for row in rows(session)]


async def test_a_body_that_is_cut_keeps_its_generation_id(session: Session) -> None:
    """Half a body raises an LLMError, and the row has the status and the generation id from the headers."""

    def cut(visit: Visit) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nx-generation-id: gen-1-cut\r\n\r\n"
        visit.writer.write(head.encode() + b'{"id": ')

    async with serving(cut) as server:
        with pytest.raises(LLMError, match="may have been billed") as caught:
            await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL)
    (row,) = rows(session)
    assert 200 == caught.value.status_code
    assert "gen-1-cut" == row.provider_response_id
    assert row.response_raw is not None
    assert ("gen-1-cut", 200) == (row.response_raw["generation_id"], row.response_raw["status_code"])


async def test_padding_without_end_meets_the_deadline(session: Session) -> None:
    """Endless keep-alive padding raises an LLMTimeoutError at REQUEST_TIMEOUT that names the generation."""

    async def drip(visit: Visit) -> None:
        visit.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-generation-id: gen-1-slow\r\n\r\n")
        while True:
            visit.writer.write(b"b\r\n\n         \n\r\n")
            await visit.writer.drain()
            await asyncio.sleep(0.05)

    async with serving(drip) as server:
        with pytest.raises(LLMTimeoutError, match=r"within 1 s \(REQUEST_TIMEOUT\)") as caught:
            await provider(session, server.base_url, request_timeout=1, retries=3).generate_response(
                MESSAGES, model=MODEL
            )
    (row,) = rows(session)
    assert ("LLMTimeoutError", None, "gen-1-slow") == (row.error_type, row.cost_estimate, row.provider_response_id)
    assert 1000 <= (row.execution_time_ms or 0)
    assert not caught.value.retryable


async def test_a_redirect_is_not_followed(session: Session) -> None:
    """A redirect raises an error, and the key is not sent to its target."""
    async with serving(lambda visit: visit.answer({}, 200)) as elsewhere:

        def away(visit: Visit) -> None:
            visit.answer("", 307, location=f"{elsewhere.base_url}/chat/completions")

        async with serving(away) as server:
            with pytest.raises(LLMError) as caught:
                await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL)
    assert 307 == caught.value.status_code
    assert [] == elsewhere.visits


async def test_cookies_are_not_carried_from_call_to_call(session: Session) -> None:
    """A cookie that one answer sets is not sent with later requests."""
    completion = {"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
    async with serving(lambda visit: visit.answer(completion, set_cookie="__cf_bm=crumb; Path=/")) as server:
        asked = provider(session, server.base_url)
        for _ in range(2):
            await asked.generate_response(MESSAGES, model=MODEL)
    assert 2 == len(server.visits)
    assert not any("crumb" in visit.head for visit in server.visits)


async def test_the_application_is_named_where_it_is_configured(session: Session) -> None:
    """OPENROUTER_APP_URL and OPENROUTER_APP_TITLE are sent as HTTP-Referer and X-Title."""
    completion = {"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
    async with serving(lambda visit: visit.answer(completion)) as server:
        asked = provider(session, server.base_url)
        named = {"openrouter_app_url": "https://example.org", "openrouter_app_title": "Example"}
        asked.config = asked.config.model_copy(update=named)
        await asked.generate_response(MESSAGES, model=MODEL)
    head = server.visits[0].head.lower()
    assert "http-referer: https://example.org" in head
    assert "x-title: example" in head


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"ID3\xff\xfb\x90", "SUQz//uQ"),
        (b"\0\0\0\0", "AAAAAA=="),
        ("née".encode(), "née"),
        (b"<html>", "<html>"),
        (b'{"id": 1}', {"id": 1}),
    ],
)
@pytest.mark.parametrize("label", ["application/octet-stream", "Binary/Octet-Stream"])
async def test_mere_bytes_are_kept(session: Session, content: bytes, kept: object, label: str) -> None:
    """A body labelled as bytes is decoded if it is JSON or text, and otherwise kept in base64."""

    def answer(visit: Visit) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\ncontent-type: {label}\r\n\r\n"
        visit.writer.write(head.encode() + content)

    async with serving(answer) as server:
        with pytest.raises(LLMError):
            await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL)
    (row,) = rows(session)
    assert row.response_raw is not None
    assert kept == row.response_raw["body"]
