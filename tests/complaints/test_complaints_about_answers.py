"""Complaints 1 to 8, 11, 14, 25, 27, 28, 34: what other clients do with odd answers, and what this one does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from complaints.asking import Reply, completion, error, story
from modules.llm_services.exceptions import LLMError, LLMProviderError, LLMRateLimitError, LLMValidationError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

NULLS = {"id": None, "choices": None, "usage": None}


async def test_an_error_in_a_200_is_classified_inside_the_retry_loop(session: Session) -> None:
    """1. SWE-agent/mini-swe-agent#902: a 502 without choices in a 200 is retried, and causes no KeyError."""
    told = await story(session, error(502), completion())
    assert "Ghent" == told.text
    assert [("failed", "LLMProviderError"), ("completed", None)] == [(row.status, row.error_type) for row in told.rows]


async def test_nulls_beside_an_error_are_that_error(session: Session) -> None:
    """2. UKGovernmentBEIS/inspect_ai#1534: null choices with a 429 are a rate limit, with its wait."""
    told = await story(session, Reply(NULLS | error(429), 200, {"retry_after": "0"}))
    assert (LLMRateLimitError, 429, 2) == (type(told.failed), told.failed.status_code, len(told.sent))


async def test_null_choices_pass(session: Session) -> None:
    """3. pydantic/pydantic-ai#6900: null choices without an error are retried, and the row says why."""
    told = await story(session, NULLS, completion())
    assert "Ghent" == told.text
    assert "without an answer in it" in (told.rows[0].error_message or "")


async def test_missing_fields_are_no_failure(session: Session) -> None:
    """4. OpenRouterTeam/python-sdk#44: a completion only needs its message; no other field is required."""
    assert "Ghent" == (await story(session, {"choices": [{"message": {"content": "Ghent"}}]})).text


async def test_the_upstreams_words_reach_the_caller(session: Session) -> None:
    """4. pydantic/pydantic-ai#2323: a body that is not a completion is quoted, without validation errors."""
    told = await story(session, error(400, metadata={"provider_name": "Some Cloud", "raw": "too many stops"}))
    assert "too many stops" in str(told.failed)


@pytest.mark.parametrize("nested", [True, False])
async def test_a_completion_inside_provider_is_no_answer(session: Session, *, nested: bool) -> None:
    """5. pydantic/pydantic-ai#3994: a completion nested in `provider` is retried; `provider` may have any type."""
    first = NULLS | {"provider": completion()} if nested else completion() | {"provider": {"name": "x"}}
    told = await story(session, first, completion())
    assert ("Ghent", 1 + nested) == (told.text, len(told.rows))


async def test_a_native_finish_reason_may_be_null(session: Session) -> None:
    """5. pydantic/pydantic-ai#3581: null for native_finish_reason, and for finish_reason, is an answer."""
    body = completion(finish_reason=None)
    body["choices"][0]["native_finish_reason"] = None
    assert "Ghent" == (await story(session, body)).text


async def test_a_response_field_takes_any_word(session: Session) -> None:
    """6. pydantic/pydantic-ai#4895: service_tier "standard", or an unknown finish reason, does not fail a call."""
    told = await story(session, completion(finish_reason="brand_new") | {"service_tier": "standard"})
    assert ("Ghent", "standard", "brand_new") == (told.text, told.raw["service_tier"], told.value[0].finish_reason)


async def test_a_finish_reason_of_error_is_an_error(session: Session) -> None:
    """7. pydantic/pydantic-ai#2844: `finish_reason: error` fails although there is text, which stays on the row."""
    told = await story(session, completion("Ghe", "error"))
    assert isinstance(told.failed, LLMProviderError)
    assert ("Ghe", 0.25) == (told.rows[0].response_content, told.rows[0].cost_estimate)


IN_A_CHOICE: dict[str, Any] = {"finish_reason": "error", "message": {"content": "Ghe"}, **error(502)}


@pytest.mark.parametrize(
    "body", [completion("Ghe") | error(502), {"choices": []} | error(502), {"choices": [IN_A_CHOICE]}]
)
async def test_an_error_has_three_places(session: Session, body: dict[str, Any]) -> None:
    """8. diegosouzapw/OmniRoute#8210, genkit-ai/genkit#6079: an error in any of three places is never a success."""
    told = await story(session, body)
    assert (LLMProviderError, 502, 2) == (type(told.failed), told.failed.status_code, len(told.sent))


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("body", ["<!DOCTYPE html><p>Bad gateway</p>", "."])
async def test_what_is_no_json_is_quoted_and_tried_again(session: Session, status: int, body: str) -> None:
    """11. musistudio/claude-code-router#1159, Aider-AI/aider#3219: HTML or a bare dot is a retryable error."""
    told = await story(session, Reply(body, status))
    assert (status, True, 2) == (told.failed.status_code, told.failed.retryable, len(told.sent))
    assert body in str(told.failed)
    assert [body, body] == [(row.response_raw or {})["body"] for row in told.rows]


async def test_a_rate_limit_in_a_200_is_tried_again(session: Session) -> None:
    """14. Aider-AI/aider#3550: a 429 inside a 200 is retried."""
    assert "Ghent" == (await story(session, error(429), completion())).text


@pytest.mark.parametrize("content", ["", None])
async def test_reasoning_alone_is_an_empty_answer(session: Session, content: str | None) -> None:
    """25. thedotmack/claude-mem#3569: reasoning alone with "stop" is "", billed, and not retried."""
    told = await story(session, completion(content, reasoning="Hm."))
    assert ("", 1, 0.25) == (told.text, len(told.sent), told.rows[0].cost_estimate)


async def test_reasoning_that_ate_the_budget_is_named(session: Session) -> None:
    """25. OpenRouterTeam/openrouter-examples#16: text is "" with its finish reason; an object is truncated."""
    usage = {"completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 64}}
    body = completion("", "length") | {"usage": usage}
    assert "length" == (await story(session, body)).value[0].finish_reason
    told = await story(session, body, call="structured")
    assert "truncated" in str(told.failed)
    assert "64 of them reasoning" in str(told.failed)


async def test_a_tool_call_without_an_id_gets_one(session: Session) -> None:
    """27. agno-agi/agno#8880, vercel/ai#18333: calls without id or index, or with the same index, stay separate."""
    calls: list[dict[str, Any]] = [{"index": 0, "function": {"name": "look", "arguments": "{}"}} for _ in range(2)]
    told = await story(session, completion("", "tool_calls", tool_calls=calls), call="tools")
    first, second = told.value[1]
    assert first.id
    assert first.id != second.id


@pytest.mark.parametrize("function", [{}, {"arguments": None}, {"arguments": ""}])
async def test_no_arguments_are_no_arguments(session: Session, function: dict[str, Any]) -> None:
    """28. pydantic/pydantic-ai#822, QwenLM/qwen-code#6249: missing, null or empty arguments are {}."""
    calls = [{"id": "call_1", "function": {"name": "look", **function}}]
    told = await story(session, completion(None, "tool_calls", tool_calls=calls), call="tools")
    assert {} == told.value[1][0].arguments


GHENT = json.dumps({"name": "Ghent", "twin": {"name": "Tallinn"}})


@pytest.mark.parametrize(
    "content",
    [
        f"```json\n{GHENT}\n```",
        f"Sure, here it is: {GHENT} Anything else?",
        f'It fits {{"type": "object", "properties": {{}}}}: {GHENT}',
        json.dumps({"name": "Ghent", "twin": '{"name": "Tallinn"}'}),
    ],
    ids=["fence", "prose", "schema echoed", "child as text"],
)
async def test_an_object_is_mended_here_before_anybody_is_asked_again(session: Session, content: str) -> None:
    """34. misospace/pr-reviewer-action#449: fences, prose, an echoed schema, children as text cost no second call."""
    told = await story(session, completion(content), call="structured")
    assert (GHENT, 1) == (json.dumps(told.value[0].model_dump(exclude_none=True)), len(told.sent))


async def test_a_trailing_comma_is_forgiven_before_a_child_is_tried(session: Session) -> None:
    """34. misospace/pr-reviewer-action#449: with a trailing comma, the object is still the outer one, not its child."""
    told = await story(session, completion(GHENT.replace("}}", "},}")), call="structured")
    assert GHENT == json.dumps(told.value[0].model_dump(exclude_none=True))


async def test_a_child_of_a_cut_object_is_not_the_answer(session: Session) -> None:
    """34. misospace/pr-reviewer-action#449: a truncated object is truncated, even if a child of it is complete."""
    told = await story(session, completion(GHENT[:-1] + ', "riv', "length"), call="structured")
    assert told.error is not None
    assert "truncated" in str(told.failed)


@pytest.mark.parametrize(
    "opening", ['{ // the city\n "name": "Ghent", "twin": ', '{name: "Ghent", twin: ', "{'name': 'Ghent', 'twin': "]
)
async def test_a_child_of_what_is_not_quite_json_is_not_the_answer(session: Session, opening: str) -> None:
    """34. misospace/pr-reviewer-action#449: comments and bare keys are repaired; the child is not the object."""
    told = await story(session, completion(opening + '{"name": "Tallinn"}}'), call="structured", retries=0)
    assert ("Ghent", "Tallinn") == (told.value[0].name, told.value[0].twin.name)


async def test_what_cannot_be_mended_is_a_typed_error(session: Session) -> None:
    """34. misospace/pr-reviewer-action#449: prose without an object, after a second request, raises its own class."""
    told = await story(session, completion("It is Ghent."), call="structured")
    assert (LLMValidationError, 2) == (type(told.failed), len(told.sent))
    assert isinstance(told.failed, LLMError)
