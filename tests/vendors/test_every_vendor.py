"""What the interface promises, tested once and held by every vendor: OpenAI, Azure, Anthropic, Bedrock, Gemini."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from modules.llm_services import (
    LLMAuthenticationError,
    LLMError,
    LLMMessage,
    LLMProviderError,
    LLMRateLimitError,
    LLMTimeoutError,
    LLMValidationError,
)
from modules.llm_services.public import ToolDefinition
from modules.llm_services.types import LLMProviderType
from vendors.conftest import QUESTION

if TYPE_CHECKING:
    from collections.abc import Hashable

    from syrupy.assertion import SnapshotAssertion

    from vendors.conftest import At


class Town(BaseModel):
    """A place."""

    name: str
    people: int


class City(BaseModel):
    """A place with places in it."""

    name: str
    twin: Town | None
    quarters: list[Town]


WEATHER = ToolDefinition(
    name="weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


async def test_text(at: At, snapshot: SnapshotAssertion) -> None:
    """An answer in text comes with tokens, a price by the table, and the whole exchange on its row."""
    response, request_id = await at.llm.generate_response(QUESTION, model=at.door.model)
    assert "the capital of France" in response.content
    assert (at.door.provider, at.door.model, "stop") == (response.provider, response.model, response.finish_reason)
    assert 0 < (response.input_tokens or 0)
    assert (response.input_tokens or 0) + (response.output_tokens or 0) == response.tokens_used
    row = at.row()
    assert (request_id, response.cost_estimate, "estimated") == (
        row["id"],
        row["cost_estimate"],
        row["response_raw"]["cost_source"],
    )
    assert 0 < row["cost_estimate"]
    assert row["response_raw"]["price_table"].startswith("genai-prices ")
    assert snapshot(exclude=_price_table) == row


def _price_table(*, prop: Hashable, path: object) -> bool:
    del path
    return prop in {"price_table", "cost_estimate", "vendor_request_id"}


async def test_structured(at: At, snapshot: SnapshotAssertion) -> None:
    """A structured answer is an object of the model, nested ones and lists included, and stands parsed on the row."""
    city, _request_id, usage = await at.llm.generate_structured_response(QUESTION, City, model=at.door.model)
    assert isinstance(city, City)
    row = at.row()
    assert city.model_dump() == row["response_output"]
    assert row["tokens_used"] == usage["tokens_used"] == usage["usage"]["total_tokens"] > 0
    assert snapshot(exclude=_price_table) == row


async def test_a_tool_call_and_its_result(at: At, snapshot: SnapshotAssertion) -> None:
    """A tool call comes decoded; its result, sent by the tool's name alone, gets the answer of the next turn."""
    _, calls, _ = await at.llm.generate_response_with_tools(QUESTION, [WEATHER], model=at.door.model)
    assert [("weather", {"city": "city, says the stand-in"})] == [(call.name, call.arguments) for call in calls or []]
    assert snapshot(exclude=_price_table) == at.row()
    result = LLMMessage(role="tool", name="weather", content='{"sky": "clear"}')
    response, calls, _ = await at.llm.generate_response_with_tools([*QUESTION, result], [WEATHER], model=at.door.model)
    assert (None, "stop") == (calls, response.finish_reason)
    assert "clear" in response.content or "sky" in str(at.rows()[1]["request_payload"])


async def test_a_tool_result_of_an_unknown_call(at: At) -> None:
    """A result whose call this process has never seen gets a call made up for it, which the wire takes."""
    result = LLMMessage(role="tool", name="weather", content="clear")
    response, _, _ = await at.llm.generate_response_with_tools([*QUESTION, result], [WEATHER], model=at.door.model)
    assert "stop" == response.finish_reason


async def test_a_cached_prompt(at: At) -> None:
    """Tokens read from the vendor's cache are counted, are part of the input, mark the row, and cost less."""
    plain, _ = await at.llm.generate_response(QUESTION, model=at.door.model)
    cached, _ = await at.scene("cached-prompt").llm.generate_response(QUESTION, model=at.door.model)
    assert plain.input_tokens == cached.input_tokens
    assert 0 < (cached.cached_input_tokens or 0) < (cached.input_tokens or 0)
    assert [False, True] == [row["cached"] for row in at.rows()] == [plain.cached, cached.cached]
    assert (cached.cost_estimate or 0) < (plain.cost_estimate or 0)


@pytest.mark.parametrize(
    ("scene", "kind"),
    [
        ("unauthorized", LLMAuthenticationError),
        ("rate-limited", LLMRateLimitError),
        ("server-error", LLMProviderError),
        ("overloaded", LLMProviderError),
        ("unknown-model", LLMValidationError),
        ("bad-request", LLMValidationError),
    ],
)
async def test_an_error(
    at: At,
    scene: str,
    kind: type[LLMError],
    snapshot: SnapshotAssertion,
) -> None:
    """An error is of the class that the interface names, says what to do, and stands on a failed row without a cost."""
    with pytest.raises(LLMError) as caught:
        await at.scene(scene).llm.generate_response(QUESTION, model=at.door.model)
    error, row = caught.value, at.row()
    may_pass = scene in {"rate-limited", "server-error", "overloaded"}
    assert (kind, may_pass, at.door.provider) == (type(error), error.retryable, error.provider)
    assert (row["id"], "failed", None, kind.__name__) == (
        error.request_id,
        row["status"],
        row["cost_estimate"],
        row["error_type"],
    )
    assert snapshot == (str(error), error.status_code, error.error_code, error.retry_after)


async def test_an_account_out_of_quota(at: At) -> None:
    """What no waiting cures is not tried again."""
    with pytest.raises(LLMError) as caught:
        await at.scene("out-of-quota", MAX_RETRIES="3").llm.generate_response(QUESTION, model=at.door.model)
    assert not caught.value.retryable
    assert 1 == len(at.rows())


@pytest.mark.parametrize("scene", ["server-error-once", "overloaded-once"])
async def test_an_error_that_passes(at: At, scene: str) -> None:
    """An error that may pass is tried again: a row for each attempt, the id that of the one that answered."""
    service = at.scene(scene, MAX_RETRIES="1").llm
    response, request_id = await service.generate_response(
        [LLMMessage(role="user", content=f"{at.door.provider} {scene}")], model=at.door.model
    )
    assert "stop" == response.finish_reason
    first, second = at.rows()
    assert ["failed", "completed"] == [first["status"], second["status"]]
    assert (request_id, str(first["id"])) == (second["id"], second["additional_params"]["first_attempt"])


async def test_a_truncated_answer(at: At) -> None:
    """Text that was cut is handed out with its finish reason; a cut object is an LLMValidationError that says so."""
    service = at.scene("truncated").llm
    response, _ = await service.generate_response(QUESTION, model=at.door.model, max_output_tokens=16)
    assert ("length", True) == (response.finish_reason, bool(response.content))
    with pytest.raises(LLMValidationError) as caught:
        await service.generate_structured_response(QUESTION, City, model=at.door.model, max_output_tokens=16)
    assert "truncated" in str(caught.value)
    assert 0 < at.rows()[1]["cost_estimate"]


async def test_a_refused_answer(at: At) -> None:
    """A refusal is an answer with its tokens; where an object was asked for it is an LLMValidationError."""
    service = at.scene("refused").llm
    await service.generate_response(QUESTION, model=at.door.model)
    with pytest.raises(LLMValidationError, match="refused"):
        await service.generate_structured_response(QUESTION, City, model=at.door.model)
    assert ["completed", "failed"] == [row["status"] for row in at.rows()]


async def test_an_empty_answer(at: At) -> None:
    """An answer without text is "", once, and not an error."""
    response, _ = await at.scene("empty").llm.generate_response(QUESTION, model=at.door.model)
    assert "" == response.content


@pytest.mark.parametrize("scene", ["not-json", "wrong-shape"])
async def test_an_answer_of_another_shape(at: At, scene: str) -> None:
    """JSON that does not fit is asked for once more, and then an LLMValidationError; both attempts keep their cost."""
    if scene == "not-json" and at.door.provider in {LLMProviderType.ANTHROPIC, LLMProviderType.BEDROCK}:
        pytest.skip("a forced tool's input is JSON")
    with pytest.raises(LLMValidationError, match="City"):
        await at.scene(scene, MAX_RETRIES="3").llm.generate_structured_response(QUESTION, City, model=at.door.model)
    assert [1, 2] == [row["retry_attempt"] for row in at.rows()]
    assert all(row["cost_estimate"] > 0 for row in at.rows())


async def test_a_page_where_an_answer_should_be(at: At) -> None:
    """A 200 that holds no answer is an LLMError that quotes it and may be tried again."""
    with pytest.raises(LLMError, match="without an answer in it: <!doctype html>") as caught:
        await at.scene("html-200").llm.generate_response(QUESTION, model=at.door.model)
    assert (LLMError, True) == (type(caught.value), caught.value.retryable)


async def test_a_cut_body(at: At) -> None:
    """An answer that breaks off may have been billed: it is not tried again."""
    with pytest.raises(LLMError, match="broke before the answer was complete"):
        await at.scene("cut-body", MAX_RETRIES="3").llm.generate_response(QUESTION, model=at.door.model)
    assert (None, "failed") == (at.row()["cost_estimate"], at.row()["status"])


async def test_silence(at: At) -> None:
    """No answer in time is an LLMTimeoutError."""
    with pytest.raises(LLMTimeoutError, match="REQUEST_TIMEOUT"):
        await at.scene("hang", REQUEST_TIMEOUT="0.3").llm.generate_response(QUESTION, model=at.door.model)


async def test_the_options_of_every_vendor(at: At) -> None:
    """Reasoning and verbosity, as consumers pass them to any provider, are taken by every wire."""
    for effort in ("minimal", "low", "medium", "high"):
        await at.llm.generate_response(
            QUESTION, model=at.door.model, reasoning={"effort": effort}, verbosity="low", text={"verbosity": "low"}
        )
    assert ["completed"] * 4 == [row["status"] for row in at.rows()]


async def test_an_impossible_option(at: At) -> None:
    """A known option of a wrong type is a ValueError that names it, before anything is sent or written."""
    with pytest.raises(ValueError, match=r"reasoning\.effort"):
        await at.llm.generate_response(QUESTION, model=at.door.model, reasoning={"effort": "immense"})
    assert [] == at.rows()


async def test_parts_of_both_spellings(at: At, snapshot: SnapshotAssertion) -> None:
    """Text and images, spelt the Responses way or the Chat Completions way, reach the wire in its own spelling."""
    pixel = "data:image/png;base64,iVBORw0KGgo="
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "https://example.com/cat.png"},
        {"type": "text", "text": "And this?"},
        {"type": "image_url", "image_url": {"url": pixel}},
    ]
    system = LLMMessage(role="system", content="Be brief.")
    messages = [system, LLMMessage(role="user", content=parts), LLMMessage(role="user", content="Well?")]
    await at.llm.generate_response(messages, model=at.door.model)
    assert snapshot == at.row()["request_payload"]


async def test_a_key_that_is_refused(at: At, base_url: str) -> None:
    """The message names the variable to check; no row and no message holds the key."""
    key = "sk-invalid-0123456789abcdef"
    at.scene("", **at.door.environment(base_url, key=key))
    with pytest.raises(LLMAuthenticationError, match="check") as caught:
        await at.llm.generate_response(QUESTION, model=at.door.model)
    assert key not in f"{caught.value!r}{at.row()}"


async def test_what_is_not_implemented(at: At) -> None:
    """No provider searches the web."""
    with pytest.raises(NotImplementedError, match="web search"):
        await at.llm.search_web(["news"])
