"""Complaints 12, 13, 37 to 39, 41 to 45: waits, records, hanging calls, leaks."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from complaints.asking import KEY, MESSAGES, MODEL, Reply, completion, error, provider, rows, story
from modules.llm_services.exceptions import LLMRateLimitError, LLMTimeoutError
from modules.llm_services.flow import http
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine


@pytest.mark.parametrize(
    ("hint", "headers", "unit", "wait"),
    [
        (3_700, {"retry_after": "3800"}, 1000, 3_700),
        (None, {"retry_after": "3800"}, 1000, 3_800),
        (None, {"retry_after_ms": "3600000", "retry_after": "3800"}, 1000, 3_600),
        (None, {}, 1000, 3_900),
        (None, {}, 1, 3_900),
    ],
)
async def test_the_wait_is_the_servers(
    session: Session, hint: int | None, headers: dict[str, str], unit: int, wait: int
) -> None:
    """12. everruns/everruns#2280: body, then header, then reset, in s or ms; too long a wait fails at once."""
    limits = {"X-RateLimit-Reset": str(round((time.time() + 3_900) * unit))}
    body = error(429, availability={"retry_after": hint}, metadata={"headers": limits})
    told = await story(session, Reply(body, 429, headers), retries=3)
    assert (1, wait) == (len(told.sent), round(told.failed.retry_after or 0, -2))


async def test_a_daily_cap_is_not_a_blip(session: Session) -> None:
    """12. dirge-code/dirge#719: a daily cap is not retried, and the error says when it ends."""
    told = await story(session, Reply(error(429, "Rate limit exceeded: free-models-per-day"), 429), retries=3)
    assert (1, False) == (len(told.sent), told.failed.retryable)
    assert 0 < (told.failed.retry_after or 0) <= 86_400


async def test_a_429_is_tried_again(session: Session) -> None:
    """13. InsForge/InsForge#1311: a rate limit is retried after its wait."""
    told = await story(session, Reply(error(429), 429, {"retry_after": "0"}), completion())
    assert ("Ghent", "LLMRateLimitError") == (told.text, told.rows[0].error_type)


async def test_every_attempt_has_a_row_that_says_why(session: Session) -> None:
    """37. BerriAI/litellm#16752, odysseus-dev/odysseus#868: each attempt is a row with its reason."""
    busy = error(503, metadata={"provider_name": "Some Cloud", "raw": "no capacity"})
    first, second = (await story(session, Reply(busy, 503), completion())).rows
    assert "Some Cloud: no capacity" in (first.error_message or "")
    assert ({"first_attempt": str(first.id)}, 2) == (second.additional_params, second.retry_attempt)


async def test_one_provider_id_twice_is_two_rows(session: Session) -> None:
    """38. BerriAI/litellm#13280: rows have their own ids, so an id that a provider repeats loses no cost."""
    await story(session, completion())
    told = await story(session, completion())
    assert ["gen-1", "gen-1"] == [row.provider_response_id for row in told.rows]
    assert 2 == len({row.id for row in told.rows})


async def test_a_cancelled_call_is_recorded(session: Session) -> None:
    """39. BerriAI/litellm#35958: the row exists before the request is sent, and says that the caller cancelled."""

    async def cancel(_: Visit) -> None:
        assert ["pending"] == [row.status for row in rows(session)]
        call.cancel()
        await asyncio.Event().wait()

    async with serving(cancel) as server:
        call = asyncio.ensure_future(provider(session, server.base_url).generate_response(MESSAGES, model=MODEL))
        with pytest.raises(asyncio.CancelledError):
            await call
    session.expire_all()
    assert [("failed", "CancelledError", None)] == [
        (row.status, row.error_type, row.cost_estimate) for row in rows(session)
    ]


def silent(visit: Visit) -> Any:  # noqa: ANN401 - an Awaitable, as `serving` takes it
    """Send nothing, endlessly."""
    del visit
    return asyncio.Event().wait()


async def padding(visit: Visit) -> None:
    """Keep the connection open with whitespace, endlessly."""
    visit.writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        visit.writer.write(b"b\r\n\n         \n\r\n")
        await visit.writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("answer", [silent, padding])
async def test_no_call_hangs_and_none_is_sent_twice(session: Session, answer: Callable[[Visit], Any]) -> None:
    """41. OpenRouterTeam/python-sdk#72, langchain-ai/langchain#35745: one deadline for all; 42.: no hidden retry."""
    async with serving(answer) as server:
        with pytest.raises(LLMTimeoutError) as caught:
            await provider(session, server.base_url, retries=3, timeout=0.2).generate_response(MESSAGES, model=MODEL)
    assert (1, False) == (len(server.visits), caught.value.retryable)
    assert [(caught.value.request_id, None)] == [(row.id, row.cost_estimate) for row in rows(session)]


async def test_every_timeout_is_set() -> None:
    """41. cognizant-ai-lab/neuro-san#1220: the client has no timeout of None either."""
    client = await http._client("http://127.0.0.1:1")
    assert None not in client.timeout.as_dict().values()


def test_a_loop_has_one_client_and_closes_it(session: Session) -> None:
    """43. BerriAI/litellm#13251: providers of one event loop share a client, which is closed with the loop."""

    async def calls() -> list[Any]:
        async with serving(lambda visit: visit.answer(completion())) as server:
            for _ in range(3):
                await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL)
            return [client for (_, url), (client, _) in http._clients.items() if url == server.base_url]

    (client,) = asyncio.run(calls())
    assert client.is_closed


async def test_a_key_is_nowhere(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    """44. canonical/ubuntu.com#16555, teng-lin/notebooklm-py#1258: an echoed key is in no row, log or error."""
    caplog.set_level(logging.DEBUG)
    told = await story(session, Reply(error(401, f"bad key {KEY}", metadata={"raw": f"Bearer {KEY}"}), 401))
    assert isinstance(told.failed.request_id, type(told.rows[0].id))
    kept = [getattr(told.rows[0], column.name) for column in told.rows[0].__table__.columns]
    assert KEY not in repr((str(told.failed), kept, caplog.text))


@pytest.mark.parametrize("call", ["text", "structured"])
async def test_nul_is_storable(engine: Engine, call: str) -> None:
    """45. maximhq/bifrost's log store: NUL in an answer, an id or an error loses no row, on either database."""
    with Session(engine) as session:
        body = completion('{"name": "Gh\\u0000ent"}', reasoning="\x00") | {
            "id": "gen\x00",
            "system_fingerprint": "\x00",
        }
        told = await story(session, body, call=call)
        assert "\x00" not in repr(told.rows[0].response_raw)
        assert ("completed", "gen\ufffd") == (told.rows[0].status, told.rows[0].provider_response_id)


async def test_a_limit_that_is_lifted_soon_is_an_error_of_its_own_class(session: Session) -> None:
    """13. InsForge/InsForge#1311: when the retries are used up, it is still an LLMRateLimitError."""
    told = await story(session, Reply(error(429), 429, {"retry_after": "0"}))
    assert (LLMRateLimitError, 2) == (type(told.failed), len(told.sent))
