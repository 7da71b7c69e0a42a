"""Answers 08: a refusal can be told from an answer, and its words are handed out."""

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
    """Return the rows of a table of cases, named."""
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
    """The words of a refusal are on the response and on the row, outside of the raw body too; nothing is called."""
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
    """Vendors that refuse without words are told apart by the finish reason."""
    answered = (await caller.text(body, model=model)).response
    assert ("", "content_filter") == (answered.content, answered.finish_reason)


async def test_a_structured_call_says_what_was_refused(caller: Caller) -> None:
    """The words of a refusal are in the error of a structured call."""

    class City(BaseModel):
        name: str

    for model, body in REFUSALS.values():
        outcome = await caller.structured(City, body, model=model)
        assert "refused" in str(outcome.validation_error)
        assert WORDS in str(outcome.validation_error)
