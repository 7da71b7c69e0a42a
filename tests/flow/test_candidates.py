"""Which JSON in a text is the answer: reasoning, drafts, quotations and withdrawn values are not."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from modules.llm_services.exceptions import LLMValidationError
from modules.llm_services.flow.structured import corrected, parse
from modules.llm_services.types import LLMMessage, MessageRole
from modules.llm_services.wires.wire import Answer, LLMCall

DRAFT, ANSWER = '{"answer": 1}', '{"answer": 2}'


class Number(BaseModel):
    """The requested object."""

    answer: int


class Optional(BaseModel):
    """A model without required fields."""

    title: str = "none"
    items: list[str] = []


def parsed(text: str, *messages: LLMMessage) -> int:
    """Return the number in the answer of a text."""
    value: Number = parse(Answer(content=text, finish_reason="stop"), Number, messages).value
    return value.answer


@pytest.mark.parametrize(
    "text",
    [
        f"<think>try {DRAFT}</think>{ANSWER}",
        f"<thinking>\n{DRAFT}\n</thinking>\n{ANSWER}",
        f"<Reasoning>{DRAFT}</Reasoning> {ANSWER}",
        f'<thinking mode="deep">{DRAFT}</thinking>{ANSWER}',
        f"<antThinking>{DRAFT}</antThinking>{ANSWER}",
        f"<seed:think>{DRAFT}</seed:think>{ANSWER}",
        f"<chain_of_thought>{DRAFT}</chain_of_thought>{ANSWER}",
        f"<scratchpad>{DRAFT}</scratchpad>{ANSWER}",
        f"[THINK]{DRAFT}[/THINK]{ANSWER}",
        f"◁think▷{DRAFT}◁/think▷{ANSWER}",
        f"<|START_THINKING|>{DRAFT}<|END_THINKING|>{ANSWER}",
        f"<|begin_of_thought|>{DRAFT}<|end_of_thought|>{ANSWER}",
        f"<|channel|>analysis<|message|>try {DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}",
        f"<|channel|>analysis {DRAFT}<|end|><|channel|>final <|constrain|>json<|message|>{ANSWER}<|return|>",
        f"analysisWe try {DRAFT}assistantfinal{ANSWER}",
        f"try {DRAFT}</think>\n\n{ANSWER}",
        f"try {DRAFT}\n</thinking>\n```json\n{ANSWER}\n```",
        f'<think>a brace {{ "answer": 1 </think>{ANSWER}',
        f"{ANSWER}<think>was that {DRAFT}?</think>",
    ],
)
def test_reasoning_is_no_answer(text: str) -> None:
    """JSON inside a reasoning block, however it is tagged, is ignored."""
    assert 2 == parsed(text)


def test_a_tag_inside_of_the_answer_is_data() -> None:
    """A reasoning tag in a string of the object does not hide the object."""
    answer = parse(Answer(content='Here: {"title": "</think> <think>", "items": []} and more'), Optional)
    assert {"title": "</think> <think>", "items": []} == answer.document


@pytest.mark.parametrize(
    "text",
    [
        f"For example {DRAFT}. The answer is {ANSWER}",
        f"Input: {DRAFT}\nOutput: {ANSWER}",
        f"Draft:\n{DRAFT}\n\nFinal:\n{ANSWER}",
        f"{DRAFT} Wait, that is wrong. {ANSWER}",
        f"```json\n{DRAFT}\n```\nCorrected:\n```json\n{ANSWER}\n```",
        f"I weighed {DRAFT} for long.\n\n{ANSWER}",
        f"{ANSWER} (and not {DRAFT})",
        f"{ANSWER}, so {ANSWER}",
        f'Of the form {{"type": "object", "properties": {{"answer": {{}}}}}}: {ANSWER}',
    ],
)
def test_the_answer_is_told_from_what_stands_before_it(text: str) -> None:
    """An example, an input, a draft and a withdrawn value are not the answer."""
    assert 2 == parsed(text)


def test_what_the_model_was_given_is_an_echo() -> None:
    """A value that occurs in the messages is not the answer if there is another value."""
    given = LLMMessage(role=MessageRole.USER, content=f"Improve on {DRAFT}")
    assert 2 == parsed(f"{DRAFT} becomes {ANSWER} now", given)


@pytest.mark.parametrize(
    "text",
    [
        f"{DRAFT}\n{ANSWER}",
        f"{DRAFT}{ANSWER}",
        f"Either {DRAFT} or {ANSWER}",
        f"Option A: {DRAFT}, option B: {ANSWER}",
        f"Answer one: {DRAFT}. Answer two: {ANSWER}",
        f"{DRAFT} Wait, that is wrong.",
    ],
)
def test_a_guess_is_not_made(text: str) -> None:
    """If several values differ and nothing distinguishes them, the answer is invalid, and the model is asked again."""
    answer = Answer(content=text, finish_reason="stop")
    with pytest.raises(LLMValidationError, match="several that differ") as caught:
        parse(answer, Number)
    call = LLMCall([LLMMessage(role=MessageRole.USER, content="How many?")], response_model=Number)
    assert corrected(call, answer, caught.value) is not None


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(Optional.model_json_schema()),
        '{"type": "object", "properties": {"title": {"type": "string"}}}',
        'The schema {"properties": {}} is clear.',
        '{"something": "else"}',
    ],
)
def test_an_echoed_schema_is_no_object_of_defaults(text: str) -> None:
    """An object without any of the fields does not become a model of defaults."""
    with pytest.raises(LLMValidationError, match="it holds none of the fields"):
        parse(Answer(content=text), Optional)


def test_an_empty_object_is_one_of_defaults() -> None:
    """An empty object is accepted if no field is required, but a filled one is preferred."""
    assert "none" == parse(Answer(content="{}"), Optional).value.title
    assert "a" == parse(Answer(content='{}{"title": "a"}'), Optional).value.title


@pytest.mark.parametrize("text", ["<think>{}</think>", "<think>{}", "The answer is 2.", "{the answer}", "[see above]"])
def test_prose_is_no_object(text: str) -> None:
    """Prose, with or without brackets, and reasoning alone are not an object, even if no field is required."""
    with pytest.raises(LLMValidationError, match="there is no whole JSON value in it"):
        parse(Answer(content=text, finish_reason="stop"), Optional)
