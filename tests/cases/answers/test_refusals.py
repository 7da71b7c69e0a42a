"""Answers 08: a refusal can be distinguished from an answer, and its text is returned."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from cases.bodies import CLAUDE, GEMINI, OPENAI, OPENROUTER, candidate, claude_message, completion, response

if TYPE_CHECKING:
    from cases.caller import Caller

WORDS = "I'm sorry, I can't help with that."


def table(cases: dict[str, Any]) -> list[Any]:
    """Return the rows of a table of cases, with their names."""
    return [pytest.param(*case, id=name) for name, case in cases.items()]


REFUSALS = {
    "openrouter": (OPENROUTER, completion(None, refusal=WORDS)),
    "openrouter, empty text": (OPENROUTER, completion("", refusal=WORDS)),
    "openrouter, content filter": (OPENROUTER, completion(None, "content_filter", refusal=WORDS)),
    "openai": (
        OPENAI,
        response({"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": WORDS}]}),
    ),
}


@pytest.mark.parametrize("call", ["text", "with_tools"])
@pytest.mark.parametrize(("model", "body"), table(REFUSALS))
async def test_a_refusal_can_be_told_from_an_answer(caller: Caller, model: str, body: Any, call: str) -> None:
    """The refusal's text is on the response and on the row, also outside the raw body; no tool is called."""
    outcome = await getattr(caller, call)(body, model=model)
    answered, row = outcome.response, outcome.row
    assert WORDS == answered.refusal
    assert WORDS in json.dumps([row.response_content, row.response_output])
    if call == "with_tools":
        assert outcome.tool_calls is None


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (CLAUDE, claude_message(stop_reason="refusal")),
        (GEMINI, candidate(reason="SAFETY")),
        (GEMINI, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}),
    ],
)
async def test_a_refusal_without_words_says_content_filter(caller: Caller, model: str, body: Any) -> None:
    """A refusal without text is recognised by its finish reason."""
    answered = (await caller.text(body, model=model)).response
    assert ("", "content_filter") == (answered.content, answered.finish_reason)


async def test_a_structured_call_says_what_was_refused(caller: Caller) -> None:
    """The error of a structured call has the refusal's text."""

    class City(BaseModel):
        name: str

    for model, body in REFUSALS.values():
        outcome = await caller.structured(City, body, model=model)
        assert "refused" in str(outcome.validation_error)
        assert WORDS in str(outcome.validation_error)
