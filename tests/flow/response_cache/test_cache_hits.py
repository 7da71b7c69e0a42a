"""What the response cache answers, what it does not, and the row of a hit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from sqlalchemy.orm import Session

from flow.response_cache.conftest import completion
from modules.llm_services.exceptions import LLMError, LLMValidationError
from modules.llm_services.public import LLMMessage, ToolDefinition, llm_services_provider
from support.calls import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from flow.response_cache.conftest import Asked
    from modules.llm_services.public import LLMServicesProvider

QUESTION = [LLMMessage(role="user", content="What is the capital of France?")]
MODEL = "openrouter/author/model"
WEATHER = ToolDefinition(name="weather", description="The weather.", parameters={"type": "object"})


class City(BaseModel):
    """The requested object."""

    name: str


class Town(BaseModel):
    """Another model with the same name and the same field."""

    name: str
    people: int = 0


@pytest.fixture
def llm(engine: Engine) -> Iterator[LLMServicesProvider]:
    """Return the service on each database in turn."""
    with Session(engine) as session:
        yield llm_services_provider(session)


@pytest.mark.usefixtures("place")
async def test_an_answer_with_a_key_in_it_is_not_stored(llm: LLMServicesProvider, asked: Asked) -> None:
    """An answer that quotes a configured key is returned, and not kept."""
    asked.answers[:] = [completion("Your key is sk-or-caching.")]
    for _ in range(2):
        await llm.generate_response(QUESTION, model=MODEL)
    assert 2 == len(asked.payloads)


@pytest.mark.usefixtures("place")
async def test_the_same_question_is_sent_once(
    llm: LLMServicesProvider, engine: Engine, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    """A hit returns the same answer without a request; its row names the original row and has cost 0."""
    first, original = await llm.generate_response(QUESTION, model=MODEL, user_id=1)
    second, request_id = await llm.generate_response(QUESTION, model=MODEL, user_id=2)
    assert 1 == len(asked.payloads)
    assert (first.content, first.finish_reason) == (second.content, second.finish_reason)
    assert (True, 0.0, 0, 0, 0) == (
        second.cached,
        second.cost_estimate,
        second.input_tokens,
        second.output_tokens,
        second.tokens_used,
    )
    assert "" == caplog.text
    hit = next(row for row in rows(engine) if row.id == request_id)
    assert ("completed", 2, True, 0.0, 0, "Paris.", asked.payloads[0], None) == (
        hit.status,
        hit.user_id,
        hit.cached,
        hit.cost_estimate,
        hit.tokens_used,
        hit.response_content,
        hit.request_payload,
        hit.provider_response_id,
    )
    assert hit.response_raw is not None
    assert (str(original), "cached", completion("Paris.")) == (
        hit.response_raw["cached_request_id"],
        hit.response_raw["cost_source"],
        hit.response_raw["body"],
    )


@pytest.mark.usefixtures("directory")
async def test_it_is_off_unless_asked_for(
    llm: LLMServicesProvider, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without LLM_CACHE_ENABLED, only a call with use_cache=True uses the cache."""
    monkeypatch.delenv("LLM_CACHE_ENABLED")
    for _ in range(2):
        await llm.generate_response(QUESTION, model=MODEL)
    assert 2 == len(asked.payloads)
    for _ in range(2):
        await llm.generate_response(QUESTION, model=MODEL, use_cache=True)
    assert 3 == len(asked.payloads)
    assert "use_cache" not in asked.payloads[-1]


@pytest.mark.usefixtures("directory")
async def test_a_call_may_do_without(llm: LLMServicesProvider, asked: Asked) -> None:
    """use_cache=False neither reads nor writes the cache."""
    for use_cache in (False, None, False, None):
        await llm.generate_response(QUESTION, model=MODEL, use_cache=use_cache)
    assert 3 == len(asked.payloads)


async def test_use_cache_is_yes_or_no(llm: LLMServicesProvider, asked: Asked) -> None:
    """Any value but True and False raises a ValueError that names the option, and nothing is sent."""
    with pytest.raises(ValueError, match="option use_cache"):
        await llm.generate_response(QUESTION, model=MODEL, use_cache="yes")
    assert [] == asked.payloads


@pytest.mark.parametrize(
    "other",
    [
        {"model": "openrouter/author/other"},
        {"model": f"{MODEL}:nitro"},
        {"messages": [*QUESTION, LLMMessage(role="user", content="And of Spain?")]},
        {"messages": [LLMMessage(role="system", content=QUESTION[0].content)]},
        {"temperature": 0.1},
        {"max_output_tokens": 5},
        {"seed": 1},
        {"reasoning": {"effort": "low"}},
    ],
    ids=str,
)
@pytest.mark.usefixtures("directory")
async def test_another_question_is_another_entry(llm: LLMServicesProvider, asked: Asked, other: dict[str, Any]) -> None:
    """Everything that changes the request changes the key."""
    plain: dict[str, Any] = {"messages": QUESTION, "model": MODEL}
    await llm.generate_response(**plain)
    await llm.generate_response(**plain | other)
    assert 2 == len(asked.payloads)


@pytest.mark.usefixtures("directory")
async def test_another_server_is_another_entry(session: Session, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer from one base URL is not used for another one, which has no server in this test."""
    await llm_services_provider(session).generate_response(QUESTION, model=MODEL)
    monkeypatch.setenv("OPENROUTER_BASE_URL", "http://127.0.0.1:1/api/v1")
    monkeypatch.setenv("MAX_RETRIES", "0")
    with pytest.raises(LLMError, match="nothing was sent"):
        await llm_services_provider(session).generate_response(QUESTION, model=MODEL)
    assert 1 == len(asked.payloads)


@pytest.mark.usefixtures("directory")
async def test_another_schema_is_another_entry(llm: LLMServicesProvider, asked: Asked) -> None:
    """A structured answer is stored for its schema only, and is validated again on a hit."""
    asked.answers = [completion('{"name": "Paris"}')]
    for model, sent in ((City, 1), (City, 1), (Town, 2)):
        found, _request_id, usage = await llm.generate_structured_response(QUESTION, model, model=MODEL)
        assert (model(name="Paris"), sent) == (found, len(asked.payloads))
    assert 15 == usage["tokens_used"]
    _found, _request_id, usage = await llm.generate_structured_response(QUESTION, City, model=MODEL)
    assert (0, 0.0, True) == (usage["tokens_used"], usage["cost_estimate"], usage["cached"])


@pytest.mark.usefixtures("directory")
async def test_tool_calls_come_back(llm: LLMServicesProvider, asked: Asked) -> None:
    """An answer with a tool call is cached, and the conversation continues from a hit as from the original."""
    call = {"id": "call_7", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    asked.answers = [completion(None, "tool_calls", tool_calls=[call]), completion("Rain.")]
    for _ in range(2):
        _response, calls, _request_id = await llm.generate_response_with_tools(QUESTION, [WEATHER], model=MODEL)
        assert calls is not None
        assert ("call_7", {"city": "Paris"}) == (calls[0].id, calls[0].arguments)
    again = [*QUESTION, LLMMessage(role="tool", name="weather", content='"rain"')]
    response, _calls, _request_id = await llm.generate_response_with_tools(again, [WEATHER], model=MODEL)
    assert ("Rain.", 2, "call_7") == (
        response.content,
        len(asked.payloads),
        asked.payloads[-1]["messages"][-1]["tool_call_id"],
    )


@pytest.mark.parametrize(
    "answer",
    [
        completion("Par", "length"),
        completion("", "content_filter"),
        completion("", "stop"),
        completion(None, "stop"),
    ],
    ids=["cut", "refused", "empty", "null"],
)
@pytest.mark.usefixtures("directory")
async def test_only_a_whole_answer_is_kept(llm: LLMServicesProvider, asked: Asked, answer: dict[str, Any]) -> None:
    """A truncated, refused or empty answer is not cached, so the next call is sent."""
    asked.answers = [answer, completion("Paris.")]
    contents = [(await llm.generate_response(QUESTION, model=MODEL))[0].content for _ in range(3)]
    assert [answer["choices"][0]["message"]["content"] or "", "Paris.", "Paris."] == contents
    assert 2 == len(asked.payloads)


@pytest.mark.usefixtures("directory")
async def test_a_retry_is_not_answered_with_the_same_bad_text(
    llm: LLMServicesProvider, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer that retries after LLMValidationError gets a new answer."""
    monkeypatch.setenv("MAX_RETRIES", "0")
    asked.answers = [completion('{"town": "Paris"}'), completion('{"name": "Paris"}')]
    with pytest.raises(LLMValidationError):
        await llm.generate_structured_response(QUESTION, City, model=MODEL)
    found, *_ = await llm.generate_structured_response(QUESTION, City, model=MODEL)
    assert (City(name="Paris"), 2) == (found, len(asked.payloads))


@pytest.mark.usefixtures("directory")
async def test_a_corrected_answer_is_kept_under_the_question(
    llm: LLMServicesProvider, engine: Engine, asked: Asked
) -> None:
    """A corrected answer is cached under the original request."""
    asked.answers = [completion('{"town": "Paris"}'), completion('{"name": "Paris"}')]
    for _ in range(2):
        await llm.generate_structured_response(QUESTION, City, model=MODEL)
    assert (2, ["failed", "completed", "completed"]) == (len(asked.payloads), [row.status for row in rows(engine)])
