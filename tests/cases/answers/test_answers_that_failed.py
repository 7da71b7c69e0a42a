"""Answers 05: a finish reason that means failure raises an error that names it, retryable if it is transient."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from cases.bodies import (
    COST,
    GEMINI,
    INPUT_TOKENS,
    OPENAI,
    OPENROUTER,
    candidate,
    completion,
    response,
)
from modules.llm_services.exceptions import LLMError

if TYPE_CHECKING:
    from cases.caller import Caller, Outcome

PASSING = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "OTHER")
LASTING = ("TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE")
FRAGMENT = ",patch:true}],x:1})"


class Found(BaseModel):
    """A class that no fragment of an answer can fill."""

    items: list[str]


def gemini(reason: str) -> dict[str, Any]:
    """Return a Gemini answer with only its finish reason and its usage."""
    usage = {"promptTokenCount": 2595, "totalTokenCount": 2595}
    return {"candidates": [{"finishReason": reason}], "usageMetadata": usage}


def check_failure(outcome: Outcome, reason: str) -> None:
    """Assert an LLMError that names the reason and a failed row."""
    assert isinstance(outcome.failure, LLMError)
    assert reason in str(outcome.failure)
    assert reason in (outcome.row.error_message or "")


@pytest.mark.parametrize("reason", [*PASSING, *LASTING])
async def test_geminis_failures_are_errors(caller: Caller, reason: str) -> None:
    """A failed answer is not returned as an empty one, and its row has what was billed."""
    outcome = await caller.with_tools(gemini(reason), model=GEMINI)
    check_failure(outcome, reason)
    assert (2595, 2595) == (outcome.row.input_tokens, outcome.row.tokens_used)
    if reason in PASSING:
        assert outcome.failure.retryable


@pytest.mark.parametrize("reason", PASSING[:3])
@pytest.mark.parametrize("call", ["text", "with_tools", "structured"])
async def test_every_kind_of_call_fails(caller: Caller, reason: str, call: str) -> None:
    """The same is true of text and objects."""
    arguments = (Found, gemini(reason)) if call == "structured" else (gemini(reason),)
    outcome = await getattr(caller, call)(*arguments, model=GEMINI)
    check_failure(outcome, reason)


@pytest.mark.parametrize("finish_reason", ["error", "stop", "tool_calls", None])
@pytest.mark.parametrize("content", [None, "", FRAGMENT])
async def test_openrouter_says_it_natively(caller: Caller, finish_reason: str | None, content: str | None) -> None:
    """The native finish reason takes precedence over the other one; a fragment is on the row and is not returned."""
    outcome = await caller.with_tools(completion(content, finish_reason, "MALFORMED_FUNCTION_CALL"))
    check_failure(outcome, "MALFORMED_FUNCTION_CALL")
    assert outcome.failure.retryable
    assert (COST, INPUT_TOKENS) == (outcome.row.cost_estimate, outcome.row.input_tokens)
    assert (content or None) == outcome.row.response_content


@pytest.mark.parametrize("reason", ["UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "malformed_function_call"])
async def test_its_like_are_heard_too(caller: Caller, reason: str) -> None:
    """Other reasons of that family, in any case of letters, are transient failures."""
    outcome = await caller.with_tools(completion("", "stop", reason))
    check_failure(outcome, reason)
    assert outcome.failure.retryable


@pytest.mark.parametrize("call", ["text", "structured"])
async def test_a_fragment_is_no_text_and_no_object(caller: Caller, call: str) -> None:
    """An answer with a native finish reason that means failure raises an error in every kind of call."""
    body = completion(FRAGMENT, "stop", "MALFORMED_FUNCTION_CALL")
    outcome = await (caller.structured(Found, body) if call == "structured" else caller.text(body))
    check_failure(outcome, "MALFORMED_FUNCTION_CALL")


@pytest.mark.parametrize(
    ("model", "failed", "whole"),
    [
        (GEMINI, gemini("MALFORMED_FUNCTION_CALL"), candidate({"text": "Ghent"})),
        (OPENROUTER, completion(None, "error", "MALFORMED_FUNCTION_CALL"), completion("Ghent")),
        (OPENROUTER, completion("", "stop", "MALFORMED_FUNCTION_CALL"), completion("Ghent")),
    ],
)
async def test_such_an_answer_is_asked_for_again(
    caller: Caller, model: str, failed: Any, whole: Any, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """The call is retried and answered, and the first attempt is a failed row with its cost."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    outcome = await caller.with_tools(failed, whole, model=model)
    assert "Ghent" == outcome.response.content
    assert [("failed", 1), ("completed", 2)] == [(row.status, row.retry_attempt) for row in outcome.rows]
    assert outcome.rows[0].input_tokens
    assert 1 == len(slept)


@pytest.mark.parametrize("reason", ["NEWS_OF_2027", "STOP", "FINISH_REASON_UNSPECIFIED"])
async def test_an_unknown_reason_with_content_is_complete(caller: Caller, reason: str) -> None:
    """An answer with an unknown finish reason is complete if it has content."""
    outcome = await caller.text(candidate({"text": "Ghent"}, reason=reason), model=GEMINI)
    assert "Ghent" == outcome.response.content


async def test_an_unknown_reason_without_content_is_no_answer(caller: Caller) -> None:
    """An unknown finish reason without content raises an error that names it."""
    check_failure(await caller.text(gemini("NEWS_OF_2027"), model=GEMINI), "NEWS_OF_2027")


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_openais_failures_are_errors(caller: Caller, status: str) -> None:
    """A response that failed or was cancelled is not returned as empty text."""
    failed = response(status=status) | {"error": {"code": "server_error", "message": "The model failed."}}
    outcome = await caller.text(failed, model=OPENAI)
    assert "The model failed." in str(outcome.failure)


async def test_empty_text_that_ended_properly_is_an_answer(caller: Caller) -> None:
    """An empty text is returned if nothing says that it failed."""
    outcome = await caller.text(completion(None, "stop"))
    assert ("", "stop") == (outcome.response.content, outcome.response.finish_reason)
