"""Answers 02: a draft, an example, an echo or a withdrawn object is not the answer; the answer comes last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from cases.bodies import COST, VENDORS, completion

if TYPE_CHECKING:
    from cases.caller import Caller

DRAFT, ANSWER = '{"answer": 1}', '{"answer": 2}'


class A(BaseModel):
    """The requested object."""

    answer: int


class Options(BaseModel):
    """A class that accepts any object, because every field has a default."""

    name: str | None = None
    tags: list[str] = []


REASONING = {
    "think": f"<think>try {DRAFT}</think>{ANSWER}",
    "think, in lines": f"<think>\nFirst I try\n{DRAFT}\n</think>\n\n{ANSWER}",
    "think, in capitals": f"<THINK>try {DRAFT}</THINK>{ANSWER}",
    "think, with a fenced draft": f"<think>\n```json\n{DRAFT}\n```\n</think>\n{ANSWER}",
    "think, with a cut draft": f'<think>maybe {{"answer": </think>{ANSWER}',
    "think, twice": f"<think>{DRAFT}</think>\n<think>no, not {DRAFT}</think>\n{ANSWER}",
    "only the closing tag": f"try {DRAFT}</think>{ANSWER}",
    "only the closing tag, fenced answer": f"so {DRAFT} it is\n</think>\n```json\n{ANSWER}\n```",
    "thinking": f"<thinking>try {DRAFT}</thinking>{ANSWER}",
    "reasoning": f"<reasoning>try {DRAFT}</reasoning>{ANSWER}",
    "thought": f"<thought>try {DRAFT}</thought>{ANSWER}",
    "scratchpad": f"<scratchpad>try {DRAFT}</scratchpad>{ANSWER}",
    "seed": f"<seed:think>try {DRAFT}</seed:think>{ANSWER}",
    "magistral": f"[THINK]try {DRAFT}[/THINK]{ANSWER}",
    "kimi": f"◁think▷try {DRAFT}◁/think▷{ANSWER}",
    "harmony": (
        f"<|channel|>analysis<|message|>try {DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}"
    ),
    "harmony, stripped of its marks": f"analysistry {DRAFT}assistantfinal{ANSWER}",
}
PROSE = {
    "an example": f"For example, Rome would be {DRAFT}. My answer:\n{ANSWER}",
    "an example in a fence": f"The format is:\n```json\n{DRAFT}\n```\nand the answer is:\n```json\n{ANSWER}\n```",
    "an echoed input": f"You gave me {DRAFT}. The corrected object is {ANSWER}",
    "a correction": f"{DRAFT}\n\nWait, that is wrong. Let me correct this:\n\n{ANSWER}",
    "a retracted object": f"{DRAFT} - no, scratch that: {ANSWER}",
    "a draft beside a fence": f"At first sight {DRAFT}, but on reflection:\n```json\n{ANSWER}\n```",
    "the same twice": f"{ANSWER}\n{ANSWER}",
    "said and then fenced": f"I say {ANSWER}:\n```json\n{ANSWER}\n```",
}


@pytest.mark.parametrize("text", REASONING.values(), ids=REASONING)
async def test_a_draft_in_a_reasoning_block_is_not_the_answer(caller: Caller, text: str) -> None:
    """JSON in a reasoning block is skipped, however the block is tagged."""
    outcome = await caller.structured(A, completion(text))
    assert A(answer=2) == outcome.returned
    assert ({"answer": 2}, text) == (outcome.row.response_output, outcome.row.response_content)


@pytest.mark.parametrize("text", PROSE.values(), ids=PROSE)
async def test_the_answer_stands_last(caller: Caller, text: str) -> None:
    """An example, an echo and a withdrawn object come before the answer."""
    outcome = await caller.structured(A, completion(text))
    assert A(answer=2) == outcome.returned


@pytest.mark.parametrize("vendor", ["openai", "gemini"])
@pytest.mark.parametrize("text", [REASONING["think"], REASONING["only the closing tag"], PROSE["a correction"]])
async def test_other_vendors_models_draft_too(caller: Caller, vendor: str, text: str) -> None:
    """The same is true of other vendors whose objects arrive as text."""
    by = VENDORS[vendor]
    outcome = await caller.structured(A, by.object(text), model=by.model)
    assert A(answer=2) == outcome.returned


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"<think>{DRAFT}</think>I cannot say.", id="only a draft"),
        pytest.param(f"<think>try {DRAFT}", id="a block that does not end"),
        pytest.param(f"<think>{DRAFT}</think>", id="nothing after the block"),
        pytest.param(f"Either {DRAFT} or {ANSWER}.", id="two answers and nothing to tell them apart"),
        pytest.param(f'<think>{DRAFT}</think>{{"answer": "many"}}', id="an answer that does not validate"),
    ],
)
async def test_no_answer_is_better_than_a_draft(caller: Caller, text: str) -> None:
    """If only a draft validates, or the answer is ambiguous, the call fails with its cost."""
    outcome = await caller.structured(A, completion(text))
    assert str(outcome.validation_error)
    assert (None, COST) == (outcome.row.response_output, outcome.row.cost_estimate)


@pytest.mark.parametrize(
    "text",
    [
        f"{ANSWER}\n\nFor example, {DRAFT} would be the answer for Rome.",
        f"{ANSWER}\n\n(Not to be confused with {DRAFT}.)",
        f"```json\n{ANSWER}\n```\nThe input was:\n```json\n{DRAFT}\n```",
    ],
)
async def test_an_example_after_the_answer_is_not_taken_for_it(caller: Caller, text: str) -> None:
    """A final object that is called an example is not returned: the earlier one is, or the model is asked again."""
    outcome = await caller.structured(A, completion(text))
    assert outcome.error or A(answer=2) == outcome.returned


async def test_what_cannot_be_told_is_asked_for_once_more(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ambiguous answer is requested once more, which costs less than a wrong object."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    outcome = await caller.structured(A, completion(f"Either {DRAFT} or {ANSWER}."), completion('{"answer": 3}'))
    assert (A(answer=3), 2) == (outcome.returned, len(outcome.requests))


SCHEMA = json.dumps(Options.model_json_schema())


@pytest.mark.parametrize(
    "text",
    [
        f'The schema is {SCHEMA}, so: {{"name": "Ghent"}}',
        f'{SCHEMA}\n{{"name": "Ghent"}}',
        f'```json\n{SCHEMA}\n```\n```json\n{{"name": "Ghent"}}\n```',
    ],
)
async def test_an_echoed_schema_is_not_the_answer(caller: Caller, text: str) -> None:
    """An echoed schema would fill a class of optional fields; the object after it is the answer."""
    assert "Ghent" == (await caller.structured(Options, completion(text))).returned.name


async def test_a_schema_alone_is_no_answer(caller: Caller) -> None:
    """An answer that only repeats the schema is invalid."""
    outcome = await caller.structured(Options, completion(SCHEMA))
    assert str(outcome.validation_error)


async def test_an_empty_object_is_an_answer(caller: Caller) -> None:
    """If every field has a default, an empty object is valid."""
    assert Options() == (await caller.structured(Options, completion("{}"))).returned


async def test_tags_inside_a_value_are_data(caller: Caller) -> None:
    """A string in the object may contain reasoning tags."""
    text = json.dumps({"name": f"<think>{DRAFT}</think>", "tags": ["</think>"]})
    outcome = await caller.structured(Options, completion(text))
    assert (f"<think>{DRAFT}</think>", ["</think>"]) == (outcome.returned.name, outcome.returned.tags)


async def test_a_call_for_text_gets_every_word(caller: Caller) -> None:
    """A text call returns the text unchanged, including reasoning blocks."""
    assert REASONING["think"] == (await caller.text(completion(REASONING["think"]))).response.content
