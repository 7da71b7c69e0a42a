"""Broken streams, failing callbacks and limits: the exception, and the row."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from modules.llm_services.exceptions import LLMError, LLMProviderError, LLMTimeoutError
from modules.llm_services.flow import http, streaming
from modules.llm_services.ledger.maintenance import generations, unpriced
from support.attempts import MESSAGES, MODEL, provider, rows
from support.server import Visit, serving
from support.streams import USAGE, chunk, event, of_text, send, sends

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), TimeoutError(), LLMError("mine", retryable=True)])
async def test_what_the_callback_raises_comes_out(session: Session, error: Exception) -> None:
    """An exception of `on_text` is raised unchanged; the row is failed, names it, and has the text so far."""

    def refuse(piece: str) -> None:
        if piece == "b":
            raise error

    async with serving(sends(of_text("a", "b", "c"))) as server:
        with pytest.raises(type(error)) as caught:
            await provider(session, server.base_url, retries=3).generate_response(MESSAGES, model=MODEL, on_text=refuse)
    [row] = rows(session)
    assert caught.value is error
    assert None is getattr(error, "request_id", None)
    assert ("failed", type(error).__name__, "ab", None, "gen-1") == (
        row.status,
        row.error_type,
        row.response_content,
        row.cost_estimate,
        row.provider_response_id,
    )
    assert f"on_text raised {type(error).__name__}: {error}" == row.error_message


async def test_a_callback_that_raises_ends_the_request(session: Session) -> None:
    """The connection is closed at once, even if the server continues."""
    hung_up = asyncio.Event()

    async def go_on(visit: Visit) -> None:
        send(visit, event(chunk(content="a")))
        try:
            while True:
                visit.writer.write(event(chunk(content="b")))
                await visit.writer.drain()
        except ConnectionError:
            hung_up.set()

    def refuse(_: str) -> None:
        raise ZeroDivisionError

    async with serving(go_on) as server:
        with pytest.raises(ZeroDivisionError):
            await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL, on_text=refuse)
        await hung_up.wait()


@pytest.mark.usefixtures("_no_backoff")
async def test_an_error_before_the_first_piece_is_retried(session: Session) -> None:
    """A stream that begins with a transient error is retried, and the text arrives once."""
    failed = event({"error": {"code": 502, "message": "Provider returned error"}, "choices": []})
    streams = [failed, of_text("Paris")]
    pieces: list[str] = []
    async with serving(lambda visit: send(visit, streams.pop(0))) as server:
        await provider(session, server.base_url, retries=1).generate_response(
            MESSAGES, model=MODEL, on_text=pieces.append
        )
    assert ["Paris"] == pieces
    assert [("failed", None), ("completed", "Paris")] == [(row.status, row.response_content) for row in rows(session)]


@pytest.mark.usefixtures("_no_backoff")
async def test_an_error_after_the_first_piece_is_final(session: Session) -> None:
    """Once the caller has got text, nothing is repeated; the row has what was billed by then."""
    failed = {"error": {"code": 502, "message": "Provider returned error"}, "usage": USAGE}
    stream = event(chunk(content="Pa")) + event(chunk("error") | failed)
    pieces: list[str] = []
    async with serving(sends(stream)) as server:
        with pytest.raises(LLMProviderError, match="Provider returned error") as caught:
            await provider(session, server.base_url, retries=3).generate_response(
                MESSAGES, model=MODEL, on_text=pieces.append
            )
    [row] = rows(session)
    assert (["Pa"], "Pa", 9, 0.25) == (pieces, row.response_content, row.tokens_used, row.cost_estimate)
    assert caught.value.response is not None
    assert "Pa" == caught.value.response.content


async def test_an_error_page_under_the_label_of_a_stream_is_read(session: Session) -> None:
    """A JSON body instead of the announced events is parsed as the error that it contains."""

    def refuse(visit: Visit) -> None:
        head = "HTTP/1.1 402 Payment Required\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        visit.writer.write(head.encode() + b'{"error": {"code": 402, "message": "Insufficient credits"}}')

    async with serving(refuse) as server:
        with pytest.raises(LLMProviderError, match="Insufficient credits"):
            await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL, stream=True)


async def test_silence_between_pieces_has_a_limit_of_its_own(session: Session) -> None:
    """A stream that stops in the middle fails long before the deadline; comments do not count as silence."""
    config_limit = 0.2

    async def stop(visit: Visit) -> None:
        send(visit, event(chunk(content="Pa")))
        for _ in range(4):
            await asyncio.sleep(config_limit / 2)
            visit.writer.write(b": still here\n\n")
            await visit.writer.drain()
        visit.writer.write(event(chunk(content="r")))
        await asyncio.Event().wait()

    async with serving(stop) as server:
        impatient = provider(session, server.base_url, request_timeout=60)
        impatient.config = impatient.config.model_copy(update={"stream_idle_timeout": config_limit})
        with pytest.raises(LLMTimeoutError, match=r"silent for 0\.2 s \(STREAM_IDLE_TIMEOUT\)"):
            await impatient.generate_response(MESSAGES, model=MODEL, stream=True)
    [row] = rows(session)
    assert ("failed", "Par", None) == (row.status, row.response_content, row.cost_estimate)


async def test_a_callback_that_takes_its_time_is_no_silence(session: Session) -> None:
    """The idle limit measures the server, not the callback."""

    async def dawdle(_: str) -> None:
        await asyncio.sleep(0.2)

    async with serving(sends(of_text("a", "b"))) as server:
        impatient = provider(session, server.base_url, request_timeout=60)
        impatient.config = impatient.config.model_copy(update={"stream_idle_timeout": 0.05})
        response, _ = await impatient.generate_response(MESSAGES, model=MODEL, on_text=dawdle)
    assert "ab" == response.content


async def test_the_deadline_holds_however_steadily_it_drips(session: Session) -> None:
    """REQUEST_TIMEOUT limits the whole answer: an endless stream ends there, with the text so far."""

    async def drip(visit: Visit) -> None:
        send(visit)
        while True:
            visit.writer.write(event(chunk(content="a")))
            await visit.writer.drain()
            await asyncio.sleep(0.01)

    async with serving(drip) as server:
        with pytest.raises(LLMTimeoutError, match="no whole answer"):
            await provider(session, server.base_url, request_timeout=0.5).generate_response(
                MESSAGES, model=MODEL, stream=True
            )
    [row] = rows(session)
    assert set("a") == set(row.response_content or "")


async def test_an_answer_is_read_up_to_the_limit(session: Session) -> None:
    """A stream that exceeds LLM_MAX_RESPONSE_MB ends there, with the text so far."""
    async with serving(sends(of_text(*(["a" * 1000] * 100)))) as server:
        small = provider(session, server.base_url)
        small.config = small.config.model_copy(update={"max_response_mb": 0.05})
        with pytest.raises(LLMError, match="LLM_MAX_RESPONSE_MB"):
            await small.generate_response(MESSAGES, model=MODEL, stream=True)
    [row] = rows(session)
    assert 10_000 < len(row.response_content or "") < 50_000


async def test_the_cost_of_a_broken_stream_can_be_found_later(session: Session) -> None:
    """The row of a broken stream has a generation id and no cost, so reconcile_costs.py looks it up."""
    async with serving(sends(event(chunk(content="Pa")))) as server:
        with pytest.raises(LLMError, match="the stream ended before the answer did"):
            await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL, stream=True)
    assert ["gen-1"] == [row.provider_response_id for row in generations(session, unpriced())]


async def test_a_server_that_hangs_after_the_last_event_has_answered(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`[DONE]` ends the answer, even if the server never ends the body."""
    monkeypatch.setattr(streaming, "END_OF_BODY_SECONDS", 0.05)

    async def hang(visit: Visit) -> None:
        send(visit, of_text("Paris"))
        await asyncio.Event().wait()

    async with serving(hang) as server:
        response, _ = await provider(session, server.base_url, request_timeout=60).generate_response(
            MESSAGES, model=MODEL, stream=True
        )
    assert ("Paris", 0.25) == (response.content, response.cost_estimate)


@pytest.mark.parametrize("broken", [b'data: {"choices": [\n\n', b"data: " + b"[" * 100_000 + b"\n\n"])
async def test_an_event_that_is_no_json_spoils_the_answer(session: Session, broken: bytes) -> None:
    """If an event cannot be parsed, the call fails, with the rest of the answer on the row."""
    stream = event(chunk(content="a")) + broken + of_text("b")
    async with serving(sends(stream)) as server:
        with pytest.raises(LLMError, match="an event that is not JSON") as caught:
            await provider(session, server.base_url, retries=3).generate_response(MESSAGES, model=MODEL, stream=True)
    [row] = rows(session)
    assert not caught.value.retryable
    assert "ab" == row.response_content


async def test_a_large_stream_that_is_cancelled_keeps_its_text(session: Session) -> None:
    """What arrived of a large answer is on the row, even if the caller was cancelled."""
    arrived = asyncio.Event()

    async def stop(visit: Visit) -> None:
        send(visit, event(chunk(content="a" * 2 * http.LARGE_BYTES)))
        await asyncio.Event().wait()

    def note(_: str) -> None:
        arrived.set()

    async with serving(stop) as server:
        call = asyncio.ensure_future(
            provider(session, server.base_url).generate_response(MESSAGES, model=MODEL, on_text=note)
        )
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    [row] = rows(session)
    assert ("failed", "CancelledError", 500_000) == (row.status, row.error_type, len(row.response_content or ""))
