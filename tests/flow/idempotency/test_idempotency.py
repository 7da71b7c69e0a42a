"""A call with a key that was answered within a day returns that answer and row id, and nothing is sent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from sqlalchemy import update
from sqlalchemy.orm import Session

from modules.llm_services import LLMError, LLMMessage, LLMTimeoutError
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import ToolDefinition, llm_services_provider
from stand_in.vendors import environment
from support.calls import COMPLETION, Held, ask, only_row, rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from sqlalchemy import Engine

    from flow.conftest import OpenRouter
    from modules.llm_services.public import LLMServicesProvider
    from support.server import Visit

MODEL = "openrouter/author/model"
SAID = [LLMMessage(role="user", content="Which city?")]
LOOK = ToolDefinition(name="look", description="look", parameters={"type": "object"})


class City(BaseModel):
    """The object of a structured call."""

    name: str


KINDS: dict[str, Callable[[LLMServicesProvider], Awaitable[tuple[Any, ...]]]] = {
    "text": lambda llm: llm.generate_response(SAID, model=MODEL, idempotency_key="job"),
    "object": lambda llm: llm.generate_structured_response(SAID, City, model=MODEL, idempotency_key="job"),
    "tools": lambda llm: llm.generate_response_with_tools(SAID, [LOOK], model=MODEL, idempotency_key="job"),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_key_has_the_same_answer(engine: Engine, openrouter: OpenRouter, kind: str) -> None:
    """The second call returns the result of the first, figures, object and tool calls included, from the same row."""
    with Session(engine) as session:
        first = await KINDS[kind](llm_services_provider(session))
        second = await KINDS[kind](llm_services_provider(session))
    assert first == second
    assert (1, 1) == (openrouter.requests, len(rows(engine)))


async def test_another_key_or_user_is_another_job(engine: Engine, openrouter: OpenRouter) -> None:
    """A key belongs to one user; no other user gets the answer."""
    with Session(engine) as session:
        ids = {
            await ask(session, idempotency_key="job", user_id=1),
            await ask(session, idempotency_key="job", user_id=2),
            await ask(session, idempotency_key="job"),
            await ask(session, idempotency_key="other job"),
        }
    assert (4, 4) == (len(ids), openrouter.requests)


@pytest.mark.parametrize(
    "other",
    [
        {"question": "Which town?"},
        {"model": "openrouter/author/other"},
    ],
)
@pytest.mark.parametrize("is_over", [True, False])
async def test_the_same_key_with_another_question_is_an_error(
    engine: Engine, openrouter: OpenRouter, other: dict[str, str], *, is_over: bool
) -> None:
    """A key that was used for other messages or another model is a ValueError, even while that call is in flight."""
    held = Held()
    openrouter.replies[:] = [held]
    with Session(engine) as session:
        first = asyncio.ensure_future(ask(session, idempotency_key="job"))
        await held.arrived.wait()
        if is_over:
            held.let_go.set()
            await first
        with pytest.raises(ValueError, match="idempotency_key 'job' was used for another call"):
            await ask(session, idempotency_key="job", **other)
        held.let_go.set()
        await first
    assert 1 == openrouter.requests


@pytest.mark.parametrize("kind", ["object", "tools"])
async def test_the_same_key_for_another_kind_of_call_is_an_error(
    engine: Engine, openrouter: OpenRouter, kind: str
) -> None:
    """A key of a text call cannot be used for an object or tools, even with the same messages."""
    with Session(engine) as session:
        await KINDS["text"](llm_services_provider(session))
        with pytest.raises(ValueError, match="was used for another call"):
            await KINDS[kind](llm_services_provider(session))
    assert 1 == openrouter.requests


async def test_calls_at_once_share_one_request(engine: Engine, openrouter: OpenRouter) -> None:
    """In one process, calls with the same key wait for the first one, and return its answer."""
    held = Held()
    openrouter.replies[:] = [held]
    with Session(engine) as session:
        calls = [asyncio.ensure_future(ask(session, idempotency_key="job")) for _ in range(20)]
        await held.arrived.wait()
        held.let_go.set()
        ids = set(await asyncio.gather(*calls))
    assert (1, 1, {only_row(engine).id}) == (len(ids), openrouter.requests, ids)


def refused(visit: Visit) -> None:
    """Answer that the account cannot pay."""
    visit.answer({"error": {"code": 402, "message": "no credits"}}, 402)


async def test_callers_share_a_failure_and_the_next_one_tries_again(engine: Engine, openrouter: OpenRouter) -> None:
    """Waiting callers get the same error; a later call is sent, with its own row."""
    held = Held()

    async def refuse(visit: Visit) -> None:
        held.arrived.set()
        await held.let_go.wait()
        refused(visit)

    openrouter.replies[:] = [refuse]
    with Session(engine) as session:
        calls = [asyncio.ensure_future(ask(session, idempotency_key="job")) for _ in range(3)]
        await held.arrived.wait()
        held.let_go.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [LLMError] * 3 == [LLMError if isinstance(outcome, LLMError) else outcome for outcome in outcomes]
        answered = await ask(session, idempotency_key="job")
        assert answered == await ask(session, idempotency_key="job")
    assert ["failed", "completed"] == [row.status for row in rows(engine)]
    assert 2 == openrouter.requests


async def test_a_cancelled_caller_leaves_the_call_to_the_next(engine: Engine, openrouter: OpenRouter) -> None:
    """If the first caller is cancelled, a waiting one makes the call."""
    held = Held()
    openrouter.replies[:] = [held]
    with Session(engine) as session:
        first = asyncio.ensure_future(ask(session, idempotency_key="job"))
        await held.arrived.wait()
        second = asyncio.ensure_future(ask(session, idempotency_key="job"))
        await asyncio.sleep(0)
        first.cancel()
        answered = await second
        with pytest.raises(asyncio.CancelledError):
            await first
        held.let_go.set()
    assert ["failed", "completed"] == [row.status for row in rows(engine)]
    assert answered == rows(engine)[-1].id


async def test_a_callers_own_exception_is_its_own(sqlite_engine: Engine, openrouter: OpenRouter) -> None:
    """A waiting caller does not get the exception of the first caller's `on_text`; its own call is sent."""
    held = Held()
    openrouter.replies[:] = [held]

    def fail(_piece: str) -> None:
        raise ZeroDivisionError

    with Session(sqlite_engine) as session:
        first = asyncio.ensure_future(ask(session, idempotency_key="job", on_text=fail))
        await held.arrived.wait()
        second = asyncio.ensure_future(ask(session, idempotency_key="job"))
        await asyncio.sleep(0)
        held.let_go.set()
        with pytest.raises(ZeroDivisionError):
            await first
        await second
    assert (2, "completed") == (openrouter.requests, rows(sqlite_engine)[-1].status)


async def test_a_waiting_caller_gives_up_in_its_own_time(engine: Engine, openrouter: OpenRouter) -> None:
    """A waiting call waits no longer than its own timeout, and its error says what it waited for."""
    held = Held()
    openrouter.replies[:] = [held]
    with Session(engine) as session:
        first = asyncio.ensure_future(ask(session, idempotency_key="job"))
        await held.arrived.wait()
        with pytest.raises(LLMTimeoutError, match="the other call with idempotency_key 'job' has not ended within"):
            await ask(session, idempotency_key="job", timeout=0.01)
        held.let_go.set()
        await first
    assert 1 == openrouter.requests


async def test_retries_are_rows_of_the_same_key(
    engine: Engine, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that was answered at its tenth attempt is found by its key, despite the failed attempts."""
    monkeypatch.setenv("MAX_RETRIES", "9")
    monkeypatch.setattr("modules.llm_services.flow.loop.BACKOFF_SECONDS", 0.0)
    openrouter.replies[:] = [lambda visit: visit.answer({"error": {"code": 503, "message": "busy"}}, 503)] * 9
    with Session(engine) as session:
        answered = await ask(session, idempotency_key="job")
        assert answered == await ask(session, idempotency_key="job")
    assert (10, 10) == (openrouter.requests, len(rows(engine)))


def age(engine: Engine, request_id: UUID, **columns: object) -> None:
    """Change a row's time directly in the database."""
    with Session(engine) as session:
        session.execute(update(LLMRequestModel).where(LLMRequestModel.id == request_id).values(**columns))
        session.commit()


@pytest.mark.parametrize(("minutes", "requests"), [(24 * 60 - 1, 1), (24 * 60 + 1, 2)], ids=["23:59", "24:01"])
async def test_a_key_is_good_for_a_day(engine: Engine, openrouter: OpenRouter, minutes: int, requests: int) -> None:
    """A key is valid for 24 hours from the start of the answered attempt; after that, it counts as new."""
    with Session(engine) as session:
        first = await ask(session, idempotency_key="job")
        begun = datetime.now(UTC) - timedelta(minutes=minutes)
        age(engine, first, created_at=begun)
        second = await ask(session, idempotency_key="job")
    assert (requests, requests == 1) == (openrouter.requests, first == second)


async def test_a_dead_process_does_not_keep_its_key(engine: Engine, openrouter: OpenRouter) -> None:
    """A row that has been pending for longer than any call can take is not waited for."""
    with Session(engine) as session:
        first = await ask(session, idempotency_key="job")
        begun = datetime.now(UTC) - timedelta(minutes=20)
        age(engine, first, status="pending", created_at=begun)
        assert first != await ask(session, idempotency_key="job")
    assert 2 == openrouter.requests


@pytest.mark.parametrize("store_content", [None, False])
async def test_what_is_not_stored_is_not_returned(
    engine: Engine, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch, *, store_content: bool | None
) -> None:
    """For a row without content, an error says so and names the row, and nothing is sent twice."""
    if store_content is None:
        monkeypatch.setenv("LLM_STORE", "figures")
    with Session(engine) as session:
        first = await ask(session, idempotency_key="job", store_content=store_content)
        with pytest.raises(LLMError, match=f"idempotency_key 'job' was answered by row {first}, but the content") as no:
            await ask(session, idempotency_key="job", store_content=store_content)
    assert (first, 1) == (no.value.request_id, openrouter.requests)


@pytest.mark.parametrize("key", ["", " ", "k" * 256, "lone \ud800"], ids=repr)
async def test_a_key_that_is_none_is_an_error(sqlite_engine: Engine, openrouter: OpenRouter, key: str) -> None:
    """A key that is empty, longer than 255 characters or not text raises a ValueError that names the option."""
    with Session(sqlite_engine) as session, pytest.raises(ValueError, match="option idempotency_key: "):
        await ask(session, idempotency_key=key)
    assert 0 == openrouter.requests


@pytest.mark.parametrize("key", ["k" * 255, "order/42 \u00e9\u4e2d", "nul \x00"], ids=repr)
async def test_any_text_is_a_key(engine: Engine, openrouter: OpenRouter, key: str) -> None:
    """A key may be any text, even one that a database would refuse."""
    with Session(engine) as session:
        assert await ask(session, idempotency_key=key) == await ask(session, idempotency_key=key)
    assert 1 == openrouter.requests


async def test_a_key_is_not_sent(sqlite_engine: Engine, openrouter: OpenRouter) -> None:
    """The vendor does not see the key; the row has it."""
    with Session(sqlite_engine) as session:
        await ask(session, idempotency_key="job")
    (visit,) = openrouter.served.visits
    assert "idempotency" not in str(visit.payload) + visit.head
    row = only_row(sqlite_engine)
    assert ("job", 5) == ((row.additional_params or {})["idempotency_key"], row.id.version)


async def test_the_text_of_a_stored_answer_is_handed_out(sqlite_engine: Engine, openrouter: OpenRouter) -> None:
    """`on_text` gets the text of a stored answer at once."""
    pieces: list[str] = []
    with Session(sqlite_engine) as session:
        await ask(session, idempotency_key="job")
        await ask(session, idempotency_key="job", on_text=pieces.append)
    assert (["Paris"], 1) == (pieces, openrouter.requests)


async def test_a_streamed_answer_is_returned_too(
    sqlite_engine: Engine, base_url: str, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A streamed answer is stored whole, and returned like any other."""
    monkeypatch.setenv("OPENROUTER_BASE_URL", base_url)
    with Session(sqlite_engine) as session:
        llm = llm_services_provider(session)
        calls = [
            await llm.generate_response(SAID, model=COMPLETION, idempotency_key="job", stream=stream)
            for stream in (True, None, True)
        ]
    assert calls[0] == calls[1] == calls[2]
    assert (1, 0) == (len(rows(sqlite_engine)), openrouter.requests)


@pytest.mark.usefixtures("openrouter")
async def test_images_and_speech_are_returned_too(
    sqlite_engine: Engine, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image or speech is made once for a key; later calls return the same bytes, type and cost."""
    for name, value in environment(base_url).items():
        monkeypatch.setenv(name, value)
    with Session(sqlite_engine) as session:
        llm = llm_services_provider(session)
        images = [await llm.generate_image("a city", idempotency_key="picture") for _ in range(2)]
        sounds = [await llm.generate_audio("a city", "alloy", model="tts-1", idempotency_key="sound") for _ in range(2)]
    assert (images[0], sounds[0]) == (images[1], sounds[1])
    assert 2 == len(rows(sqlite_engine))
