"""Answers 03: the finish reason decides whether an answer counts, not whether it validates."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from cases.bodies import (
    CLAUDE,
    GEMINI,
    INPUT_TOKENS,
    OPENAI,
    OPENROUTER,
    OUTPUT_TOKENS,
    VENDORS,
    candidate,
    claude_message,
    claude_object,
    completion,
    function_call,
    gemini_call,
    output_call,
    output_message,
    response,
    text_block,
    tool_use,
)

if TYPE_CHECKING:
    from cases.caller import Caller, Outcome


class Found(BaseModel):
    """A class that accepts half a list as well as a whole one."""

    items: list[str] = []


HALF = '{"items": ["a"]}'
CALLS = [function_call("look")]

CUT_OBJECTS = {
    "claude, nothing yet": (CLAUDE, claude_object("{}", "max_tokens")),
    "claude, half": (CLAUDE, claude_object(HALF, "max_tokens")),
    "claude, window": (CLAUDE, claude_object(HALF, "model_context_window_exceeded")),
    "openrouter": (OPENROUTER, completion(HALF, "length")),
    "openrouter, nothing": (OPENROUTER, completion("", "length")),
    "openrouter, native MAX_TOKENS": (OPENROUTER, completion(HALF, "stop", "MAX_TOKENS")),
    "openrouter, native max_tokens": (OPENROUTER, completion(HALF, "stop", "max_tokens")),
    "openrouter, native length": (OPENROUTER, completion(HALF, "stop", "length")),
    "openrouter, native max_output_tokens": (OPENROUTER, completion(HALF, "stop", "max_output_tokens")),
    "openrouter, no finish reason but a native one": (OPENROUTER, completion(HALF, None, "MAX_TOKENS")),
    "openai": (OPENAI, response(output_message(HALF), reason="max_output_tokens")),
    "gemini": (GEMINI, candidate({"text": HALF}, reason="MAX_TOKENS")),
}
REFUSED_OBJECTS = {
    "claude, nothing": (CLAUDE, claude_object("{}", "refusal")),
    "claude, half": (CLAUDE, claude_object(HALF, "refusal")),
    "openrouter": (OPENROUTER, completion(HALF, "content_filter")),
    "openrouter, native refusal": (OPENROUTER, completion(HALF, "stop", "refusal")),
    "openrouter, native SAFETY": (OPENROUTER, completion(HALF, "stop", "SAFETY")),
    "openrouter, native PROHIBITED_CONTENT": (OPENROUTER, completion(HALF, "stop", "PROHIBITED_CONTENT")),
    "openrouter, the words of a refusal": (OPENROUTER, completion(HALF, refusal="I can't help with that.")),
    "openai, content filter": (OPENAI, response(output_message(HALF), reason="content_filter")),
    "gemini, SAFETY": (GEMINI, candidate({"text": HALF}, reason="SAFETY")),
    "gemini, RECITATION": (GEMINI, candidate({"text": HALF}, reason="RECITATION")),
    "gemini, PROHIBITED_CONTENT": (GEMINI, candidate({"text": HALF}, reason="PROHIBITED_CONTENT")),
}
CUT_CALLS = {
    "claude, nothing yet": (CLAUDE, claude_message(tool_use("look", {}), stop_reason="max_tokens")),
    "claude, half": (CLAUDE, claude_message(tool_use("look", {"city": "Gh"}), stop_reason="max_tokens")),
    "claude, window": (CLAUDE, claude_message(tool_use("look", {}), stop_reason="model_context_window_exceeded")),
    "claude, text before": (
        CLAUDE,
        claude_message(text_block("I look."), tool_use("look", {}), stop_reason="max_tokens"),
    ),
    "openrouter": (OPENROUTER, completion(None, "length", tool_calls=CALLS)),
    "openrouter, native": (OPENROUTER, completion(None, "tool_calls", "MAX_TOKENS", tool_calls=CALLS)),
    "openai": (OPENAI, response(output_call("look"), reason="max_output_tokens")),
    "gemini": (GEMINI, candidate(gemini_call("look", {}), reason="MAX_TOKENS")),
}
REFUSED_CALLS = {
    "claude": (CLAUDE, claude_message(tool_use("look", {}), stop_reason="refusal")),
    "openrouter": (OPENROUTER, completion(None, "content_filter", tool_calls=CALLS)),
    "openrouter, native": (OPENROUTER, completion(None, "tool_calls", "refusal", tool_calls=CALLS)),
    "openai": (OPENAI, response(output_call("look"), reason="content_filter")),
    "gemini": (GEMINI, candidate(gemini_call("look", {}), reason="SAFETY")),
}


def table(cases: dict[str, Any]) -> list[Any]:
    """Return the rows of a table of cases, with their names."""
    return [pytest.param(*case, id=name) for name, case in cases.items()]


def check_failure(outcome: Outcome, words: str) -> None:
    """Assert an LLMValidationError that contains `words`, and a failed row with what was billed and no output."""
    assert words in str(outcome.validation_error)
    row = outcome.row
    assert (INPUT_TOKENS, OUTPUT_TOKENS, None) == (row.input_tokens, row.output_tokens, row.response_output)
    assert row.response_raw


@pytest.mark.parametrize(("model", "body"), table(CUT_OBJECTS))
async def test_a_cut_object_is_none(caller: Caller, model: str, body: Any) -> None:
    """An object from a truncated answer raises an LLMValidationError that says "truncated" and what to raise."""
    outcome = await caller.structured(Found, body, model=model, max_output_tokens=100)
    check_failure(outcome, "truncated")
    assert "max_output_tokens" in str(outcome.failure)


@pytest.mark.parametrize(("model", "body"), table(REFUSED_OBJECTS))
async def test_a_refused_object_is_none(caller: Caller, model: str, body: Any) -> None:
    """An object from a refused answer raises an LLMValidationError that says "refused"."""
    check_failure(await caller.structured(Found, body, model=model), "refused")


@pytest.mark.parametrize(("model", "body"), table(CUT_CALLS))
async def test_a_cut_tool_call_is_none(caller: Caller, model: str, body: Any) -> None:
    """A tool call in a truncated answer is not returned, whatever its arguments are."""
    outcome = await caller.with_tools(body, model=model, max_output_tokens=100)
    check_failure(outcome, "truncated")
    assert "max_output_tokens" in str(outcome.failure)


@pytest.mark.parametrize(("model", "body"), table(REFUSED_CALLS))
async def test_a_refused_tool_call_is_none(caller: Caller, model: str, body: Any) -> None:
    """A tool call in a refused answer is not returned."""
    check_failure(await caller.with_tools(body, model=model), "refused")


@pytest.mark.parametrize(
    ("model", "body"), table({name: CUT_OBJECTS[name] for name in ("claude, half", "openrouter", "openai", "gemini")})
)
async def test_a_cut_answer_is_not_paid_for_twice(
    caller: Caller, model: str, body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A truncated answer is not retried, because the same limit would truncate it again."""
    monkeypatch.setenv("MAX_RETRIES", "2")
    outcome = await caller.structured(Found, body, model=model, max_output_tokens=100)
    assert (1, False) == (len(outcome.requests), outcome.validation_error.retryable)


CUT_TEXTS = {
    "openrouter": completion("Gh", "length"),
    "openai": response(output_message("Gh"), reason="max_output_tokens"),
    "claude": claude_message(text_block("Gh"), stop_reason="max_tokens"),
    "gemini": candidate({"text": "Gh"}, reason="MAX_TOKENS"),
}


@pytest.mark.parametrize("name", CUT_TEXTS)
async def test_cut_text_is_an_answer(caller: Caller, name: str) -> None:
    """Truncated text is returned unchanged with its finish reason, also by a call with tools."""
    model = VENDORS[name].model
    for outcome in await caller.text(CUT_TEXTS[name], model=model), await caller.with_tools(model=model):
        assert ("Gh", "length") == (outcome.response.content, outcome.response.finish_reason)
        assert "completed" == outcome.row.status


@pytest.mark.parametrize("reason", ["stop", None])
@pytest.mark.parametrize(
    ("native", "ended"), [("MAX_TOKENS", "length"), ("length", "length"), ("SAFETY", "content_filter"), ("STOP", None)]
)
async def test_a_text_that_ended_natively_says_so(
    caller: Caller, reason: str | None, native: str, ended: str | None
) -> None:
    """If only the native reason shows that a text was truncated or filtered, it is the caller's finish reason."""
    outcome = await caller.text(completion("Gh", reason, native))
    assert ("Gh", ended or reason) == (outcome.response.content, outcome.response.finish_reason)


async def test_two_answers_that_differ_are_none(caller: Caller) -> None:
    """If Claude calls the tool for the object twice, neither object is taken for the answer unless they are equal."""
    model, whole = "claude-opus-4-1", {"items": ["a"]}
    twice = claude_message(tool_use("answer", whole), tool_use("answer", {"items": ["b"]}), stop_reason="tool_use")
    assert "several that differ" in str((await caller.structured(Found, twice, model=model)).validation_error)
    same = claude_message(tool_use("answer", whole), tool_use("answer", whole), stop_reason="tool_use")
    assert Found(items=["a"]) == (await caller.structured(Found, same, model=model)).returned


async def test_every_vendors_whole_object_is_returned(caller: Caller) -> None:
    """An object from a complete answer is returned."""
    for vendor in VENDORS.values():
        outcome = await caller.structured(Found, vendor.object(HALF), model=vendor.model)
        assert Found(items=["a"]) == outcome.returned
