"""Recorded answers of OpenRouter: what the caller gets, and the whole row."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from cassettes.recording.scenarios import City, Scenario
from modules.llm_services import (
    LLMAuthenticationError,
    LLMProviderError,
    LLMRateLimitError,
    LLMServicesProvider,
    LLMValidationError,
)

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion
    from vcr.cassette import Cassette

pytestmark = pytest.mark.vcr

Body = dict[str, Any]
Row = Callable[[UUID | None], dict[str, Any]]


def text(recorded: Body) -> str:
    """Return the text that the provider sent."""
    content: str = recorded["choices"][0]["message"]["content"]
    return content


async def test_plain_completion(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, snapshot: SnapshotAssertion
) -> None:
    """A completion is returned with its text, tokens, cost, finish reason, generation id and time."""
    response, request_id = await scenario.ask(llm)
    usage = recorded["usage"]
    assert text(recorded) == response.content != ""
    assert "stop" == recorded["choices"][0]["finish_reason"] == response.finish_reason
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (response.input_tokens, response.output_tokens)
    assert usage["total_tokens"] == response.tokens_used
    assert usage["cost"] == response.cost_estimate
    assert recorded["id"] == response.provider_response_id
    assert datetime.fromtimestamp(recorded["created"], UTC) == response.response_created_at
    assert ("openrouter", scenario.model) == (response.provider, response.model)
    assert snapshot == row(request_id)


async def test_streamed(
    scenario: Scenario, llm: LLMServicesProvider, vcr: Cassette, row: Row, snapshot: SnapshotAssertion
) -> None:
    """A stream is replayed event by event: text in pieces, and the figures in its last event."""
    pieces: list[str] = []
    response, request_id = await scenario.ask(llm, on_text=pieces.append)
    events = vcr.responses[0]["body"]["string"].decode().split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events if event.startswith("data: {")]
    contents = [chunk["choices"][0]["delta"].get("content") for chunk in chunks]
    assert list(filter(None, contents)) == pieces
    assert len(pieces) > 1
    assert "".join(pieces) == response.content
    assert chunks[-1]["usage"]["cost"] == response.cost_estimate
    assert snapshot == row(request_id)


async def test_prompt_cache_hit(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, snapshot: SnapshotAssertion
) -> None:
    """Tokens read from a prompt cache are counted as part of the input, and mark the call as cached."""
    response, request_id = await scenario.ask(llm)
    counts = recorded["usage"]["prompt_tokens_details"]
    assert counts["cached_tokens"] == response.cached_input_tokens
    assert (counts.get("cache_write_tokens") or 0) == (response.cache_creation_tokens or 0)
    assert 0 < (response.cached_input_tokens or 0) <= (response.input_tokens or 0)
    assert recorded["usage"]["cost"] == response.cost_estimate
    assert response.cached
    assert snapshot == row(request_id)


async def test_byok(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, snapshot: SnapshotAssertion
) -> None:
    """With the account's own provider key, the cost is OpenRouter's fee plus the upstream cost."""
    response, request_id = await scenario.ask(llm)
    usage = recorded["usage"]
    upstream = usage["cost_details"]["upstream_inference_cost"]
    assert usage["is_byok"] is True
    assert 0 < upstream
    assert pytest.approx(usage["cost"] + upstream) == response.cost_estimate
    assert snapshot == row(request_id)


async def test_structured(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, snapshot: SnapshotAssertion
) -> None:
    """Valid JSON is returned as the requested object with its usage, and is on the row, parsed."""
    city, request_id, usage = await scenario.ask_for_city(llm)
    assert City.model_validate_json(text(recorded)) == city
    assert recorded["usage"]["cost"] == usage["cost_estimate"]
    assert recorded["usage"]["total_tokens"] == usage["tokens_used"] == usage["usage"]["total_tokens"]
    assert city.model_dump() == row(request_id)["response_output"]
    assert snapshot == row(request_id)


async def test_structured_in_prose(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, snapshot: SnapshotAssertion
) -> None:
    """JSON between two sentences is found, and the row keeps the sentences."""
    city, request_id, _usage = await scenario.ask_for_city(llm)
    content = text(recorded)
    start, end = content.index("{"), content.rindex("}") + 1
    assert start > 0
    assert end < len(content)
    assert City.model_validate_json(content[start:end]) == city
    assert content == row(request_id)["response_content"]
    assert snapshot == row(request_id)


async def test_invalid_key(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, snapshot: SnapshotAssertion
) -> None:
    """A refused key is an LLMAuthenticationError that names the variable to check, and is not retryable."""
    with pytest.raises(LLMAuthenticationError, match="OPENROUTER_API_KEY") as caught:
        await scenario.ask(llm)
    assert (401, False) == (caught.value.status_code, caught.value.retryable)
    assert recorded["error"]["message"] in str(caught.value)
    assert snapshot == row(caught.value.request_id)


async def test_rate_limited(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, vcr: Cassette, snapshot: SnapshotAssertion
) -> None:
    """A 429 is an LLMRateLimitError with the server's Retry-After and the upstream's message."""
    with pytest.raises(LLMRateLimitError) as caught:
        await scenario.ask(llm)
    assert (429, True) == (caught.value.status_code, caught.value.retryable)
    assert float(vcr.responses[0]["headers"]["retry-after"][0]) == caught.value.retry_after
    assert recorded["error"]["metadata"]["raw"] in str(caught.value)
    assert snapshot == row(caught.value.request_id)


async def test_rate_limited_without_hint(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, vcr: Cassette, snapshot: SnapshotAssertion
) -> None:
    """A 429 without a Retry-After is retryable, and has no wait."""
    with pytest.raises(LLMRateLimitError) as caught:
        await scenario.ask(llm)
    assert (429, True) == (caught.value.status_code, caught.value.retryable)
    assert "retry-after" not in vcr.responses[0]["headers"]
    assert caught.value.retry_after is None
    assert recorded["error"]["metadata"]["raw"] in str(caught.value)
    assert snapshot == row(caught.value.request_id)


async def test_free_model_limit(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, snapshot: SnapshotAssertion
) -> None:
    """A free model's refusal is an LLMRateLimitError with the server's message; only a daily cap is not retried."""
    with pytest.raises(LLMRateLimitError) as caught:
        await scenario.ask(llm)
    error = recorded["error"]
    message = ((error.get("metadata") or {}).get("raw") or error["message"]).strip()
    assert message in str(caught.value)
    assert (429, "per-day" not in message) == (caught.value.status_code, caught.value.retryable)
    assert snapshot == row(caught.value.request_id)


async def test_no_endpoint(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, vcr: Cassette, snapshot: SnapshotAssertion
) -> None:
    """A 404 is an LLMValidationError that names the model; OpenRouter's own name was sent whole."""
    with pytest.raises(LLMValidationError, match=scenario.model) as caught:
        await scenario.ask(llm)
    assert (404, False) == (caught.value.status_code, caught.value.retryable)
    assert scenario.model.encode() in vcr.requests[0].body
    assert recorded["error"]["message"] in str(caught.value)
    assert snapshot == row(caught.value.request_id)


async def test_unknown_model(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, snapshot: SnapshotAssertion
) -> None:
    """An unknown model is an LLMValidationError that names it, and is not retryable."""
    with pytest.raises(LLMValidationError, match=scenario.model) as caught:
        await scenario.ask(llm)
    assert (400, False) == (caught.value.status_code, caught.value.retryable)
    assert recorded["error"]["message"] in str(caught.value)
    assert snapshot == row(caught.value.request_id)


async def test_error_in_200(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, vcr: Cassette, snapshot: SnapshotAssertion
) -> None:
    """An error inside a 200 is the error of its own code, not an answer."""
    with pytest.raises(LLMProviderError) as caught:
        await scenario.ask(llm)
    assert 200 == vcr.responses[0]["status"]["code"]
    assert recorded["error"]["code"] == caught.value.status_code
    assert caught.value.retryable
    assert recorded["error"]["metadata"]["raw"] in str(caught.value)
    assert snapshot == row(caught.value.request_id)


async def test_truncated(
    scenario: Scenario, llm: LLMServicesProvider, recorded: Body, row: Row, snapshot: SnapshotAssertion
) -> None:
    """An answer truncated at max_output_tokens is returned, and its finish reason says so."""
    response, request_id = await scenario.ask(llm)
    assert "length" == recorded["choices"][0]["finish_reason"] == response.finish_reason
    assert text(recorded) == response.content != ""
    assert 0 < (response.output_tokens or 0) <= (scenario.max_output_tokens or 0)
    assert snapshot == row(request_id)
