"""With LLM_STORE=figures, no text of prompts and answers is written to the database, but the figures are."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from sqlalchemy.orm import Session

from flow.figures_only.conftest import completion, messages, stored
from modules.llm_services import LLMError, LLMMessage
from modules.llm_services.public import ToolDefinition, llm_services_provider
from support.calls import only_row, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from flow.figures_only.conftest import OpenRouter, Reply, Texts
    from support.server import Visit

MODEL = "openrouter/author/model"


class City(BaseModel):
    """The object of a structured call."""

    name: str


def tool_call(texts: Texts) -> dict[str, Any]:
    """Return a message with a tool call that contains a text."""
    called = {"name": "look", "arguments": json.dumps({"where": texts("tool call")})}
    return {"tool_calls": [{"id": "call-2", "type": "function", "function": called}], "content": None}


def failing(texts: Texts, status: int, **fields: object) -> Reply:
    """Return a handler that answers with an error that quotes everything."""

    def reply(visit: Visit) -> None:
        quoted = json.dumps(visit.payload)
        metadata = {"raw": quoted, "provider_name": texts("upstream's name"), "reasons": [quoted]}
        error = {"code": texts("code"), "message": f"{texts('error')}: {quoted}", "metadata": metadata}
        visit.answer({"error": error, "user_id": texts("user id"), **fields}, status)

    return reply


def redirecting(texts: Texts) -> Reply:
    """Return a handler that redirects to an address with a text in it."""
    return lambda visit: visit.answer(texts("body"), 302, location=f"/elsewhere/{texts('location').replace(' ', '+')}")


def everywhere(texts: Texts) -> Reply:
    """Return a handler that answers with a text in every field."""
    message = {
        "reasoning": texts("reasoning"),
        "reasoning_details": [{"type": "reasoning.text", "text": texts("detail of reasoning")}],
        "refusal": texts("refusal"),
        "annotations": [{"type": "url_citation", "url_citation": {"title": texts("citation")}}],
        "images": [{"image_url": {"url": f"data:text/plain,{texts('image')}"}}],
    }
    names = ("id", "model", "provider", "system_fingerprint", "service_tier", "object")
    return completion(texts("answer"), message=message, **{name: texts(name) for name in names})


def choice(texts: Texts) -> Reply:
    """Return a handler that answers with an error after part of a text."""
    said = {"role": "assistant", "content": texts("beginning")}
    ended = {"message": said, "finish_reason": texts("end"), "native_finish_reason": texts("native end")}
    return completion(None, choices=[{**ended, "error": {"message": texts("error of a choice")}}])


REPLIES: dict[str, Callable[[Texts], Reply]] = {
    "answered": lambda texts: completion(texts("answer")),
    "object": lambda texts: completion(None, message={"content": json.dumps({"name": texts("object")})}),
    "tool call": lambda texts: completion(None, message=tool_call(texts)),
    "everywhere": everywhere,
    "error in a choice": choice,
    "400": lambda texts: failing(texts, 400),
    "429": lambda texts: failing(texts, 429),
    "503": lambda texts: failing(texts, 503),
    "error inside a 200": lambda texts: failing(texts, 200),
    "redirect": redirecting,
    "no JSON": lambda texts: lambda visit: visit.answer(f"<html>{texts('page')} {visit.payload}"),
    "large": lambda texts: completion(f"{texts('beginning')} {'long ' * 100_000} {texts('end')}"),
}


@pytest.fixture
def _one_retry(openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry once, without waiting."""
    assert openrouter.replies  # its fixture turns retries off
    monkeypatch.setenv("MAX_RETRIES", "1")
    monkeypatch.setattr("modules.llm_services.flow.loop.BACKOFF_SECONDS", 0.0)


async def call(session: Session, kind: str, texts: Texts, **options: object) -> None:
    """Make a call of a kind with texts everywhere; the test checks its error."""
    llm, said = llm_services_provider(session), [LLMMessage(**message) for message in messages(texts)]
    given = {
        "model": MODEL,
        "stop": [texts("stop sequence")],
        "user": texts("user"),
        "extra_body": {"note": texts("extra body")},
        texts("name of an option"): 1,
        "unknown": texts("unknown option"),
        "reasoning": {"effort": "low", "style": texts("style")},
        **options,
    }
    try:
        if kind == "text":
            await llm.generate_response(said, **given)  # type: ignore[arg-type]  # options of every kind
        elif kind == "object":
            await llm.generate_structured_response(said, City, **given)  # type: ignore[arg-type]  # as above
        else:
            schema = {"type": "object", "properties": {"where": {"description": texts("schema")}}}
            tool = ToolDefinition(name="look", description=texts("tool"), parameters=schema)
            await llm.generate_response_with_tools(said, [tool], **given)  # type: ignore[arg-type]  # as above
    except LLMError as error:
        assert texts.found_in(str(error)) or texts.found_in(str(error.response)) or "no answer" in str(error)  # noqa: PT017


@pytest.mark.usefixtures("_one_retry")
@pytest.mark.parametrize("kind", ["text", "object", "tools"])
@pytest.mark.parametrize("reply", REPLIES)
async def test_no_text_reaches_the_database(
    engine: Engine, openrouter: OpenRouter, texts: Texts, reply: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No text of a request or an answer is in a column, in SQLite's files or in the log."""
    openrouter.replies[:] = [REPLIES[reply](texts)]
    with Session(engine) as session, caplog.at_level(logging.DEBUG, "modules.llm_services"):
        await call(session, kind, texts)
    assert [] == texts.found_in(stored(engine))
    assert {"name of an option"} >= set(texts.found_in(caplog.text))  # unknown options are named
    assert {"completed", "failed"} >= {row.status for row in rows(engine)}


async def test_no_text_is_in_a_pending_row(engine: Engine, openrouter: OpenRouter, texts: Texts) -> None:
    """The row has no text while the call is in flight or when it is cancelled, either."""
    arrived, let_go = asyncio.Event(), asyncio.Event()

    async def wait(visit: Visit) -> None:
        arrived.set()
        await let_go.wait()
        visit.answer({})

    openrouter.replies[:] = [wait]
    with Session(engine) as session:
        going_on = asyncio.ensure_future(call(session, "text", texts))
        await arrived.wait()
        assert ("pending", []) == (only_row(engine).status, texts.found_in(stored(engine)))
        going_on.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going_on
        let_go.set()
    assert ("failed", []) == (only_row(engine).status, texts.found_in(stored(engine)))


async def test_the_figures_are_stored(
    engine: Engine, openrouter: OpenRouter, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row has tokens, cost, ids, names and sizes, and the call's labels."""
    monkeypatch.setenv("LLM_STORE_HASH_KEY", "0123456789abcdef")
    openrouter.replies[:] = [completion(None, message=tool_call(texts))]
    with Session(engine) as session:
        await call(session, "tools", texts, metadata={"team": "search"}, service_tier="flex", top_p=0.5, user_id=7)
    row = only_row(engine)
    assert (10, 5, 15, 0.1, 7) == (
        row.input_tokens, row.output_tokens, row.tokens_used, row.cost_estimate, row.user_id
    )  # fmt: skip
    assert ("gen-1", MODEL, "completed") == (row.provider_response_id, row.model, row.status)
    assert row.response_raw == {
        "body": None,
        "status_code": 200,
        "finish_reason": "stop",
        "generation_id": "gen-1",
        "served_model": "author/model",
        "upstream_provider": "Google AI Studio",
        "cost_source": "reported",
        "tool_calls": 1,
    }
    assert ["system", "user", "assistant", "tool", "user"] == [message["role"] for message in row.messages]
    assert {""} == {message["content"] for message in row.messages}
    params = row.additional_params
    assert params
    kept = {name: value for name, value in params.items() if not name.startswith("messages_")}
    assert kept == {
        "metadata": {"team": "search"},
        "service_tier": "flex",
        "top_p": 0.5,
        "reasoning": {"effort": "low"},
        "store_content": False,
    }
    assert params["messages_characters"] > 500
    assert 64 == len(params["messages_hash"])


async def hash_of(engine: Engine, question: str, key: str | None, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return the hash of a prompt on the row of a call."""
    (monkeypatch.setenv if key else lambda name, _: monkeypatch.delenv(name, raising=False))("LLM_STORE_HASH_KEY", key)  # type: ignore[arg-type]
    with Session(engine) as session:
        said = [LLMMessage(role="user", content=question)]
        _answer, request_id = await llm_services_provider(session).generate_response(said, model=MODEL)
        (row,) = [row for row in rows(engine) if row.id == request_id]
    return (row.additional_params or {}).get("messages_hash")


@pytest.mark.usefixtures("openrouter")
async def test_repeats_can_be_counted(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same messages have the same hash under the same key; without a key there is none, as it could be guessed."""
    one, other = "0123456789abcdef", "fedcba9876543210"
    first = await hash_of(sqlite_engine, "Which city?", one, monkeypatch)
    assert first == await hash_of(sqlite_engine, "Which city?", one, monkeypatch)
    assert first != await hash_of(sqlite_engine, "Which town?", one, monkeypatch)
    assert first != await hash_of(sqlite_engine, "Which city?", other, monkeypatch)
    assert None is await hash_of(sqlite_engine, "Which city?", None, monkeypatch)


async def test_the_caller_is_told_everything(sqlite_engine: Engine, openrouter: OpenRouter, texts: Texts) -> None:
    """The caller gets the answer and the error message as usual; the row says that it has no message."""
    openrouter.replies[:] = [completion(texts("answer")), failing(texts, 503)]
    said = [LLMMessage(role="user", content="Which city?")]
    with Session(sqlite_engine) as session:
        llm = llm_services_provider(session)
        answer, _request_id = await llm.generate_response(said, model=MODEL)
        assert ["answer"] == texts.found_in(answer.content)
        with pytest.raises(LLMError) as failed:
            await llm.generate_response(said, model=MODEL)
    assert "error" in texts.found_in(str(failed.value))
    row = rows(sqlite_engine)[-1]
    assert "LLMProviderError (503): the message is not stored, because it may quote the prompt" == row.error_message
