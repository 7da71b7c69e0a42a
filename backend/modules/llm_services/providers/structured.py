"""Structured answers: asking for JSON in words, and finding the object in what comes back."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel, ValidationError

from ..exceptions import LLMValidationError
from ..types import LLMMessage, MessageRole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..types import Answer

Model = TypeVar("Model", bound=BaseModel)

FENCE: Final = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
MOST_CANDIDATES: Final = 50
MOST_PROBLEMS: Final = 5
NOT_JSON: Final = "json_invalid"


def schema_message(response_model: type[BaseModel]) -> LLMMessage:
    """Return the system message that asks for one JSON object of `response_model`'s schema."""
    schema = json.dumps(response_model.model_json_schema(), ensure_ascii=False)
    content = (
        "Answer with one JSON object and nothing else: no prose, no code fence. "
        f"It must be valid against this JSON Schema:\n{schema}"
    )
    return LLMMessage(role=MessageRole.SYSTEM, content=content)


def validated(answer: Answer, response_model: type[Model]) -> Model:
    """Return the object that the answer's text holds, inside a fence or prose too.

    Raises LLMValidationError, which says truncated, refused or empty before it blames the JSON.
    """
    errors: list[ValidationError] = []
    for candidate in _candidates(answer.content):
        try:
            return response_model.model_validate_json(candidate)
        except ValidationError as error:
            errors.append(error)
    wrong_shape = (found for found in errors if found.errors()[0]["type"] != NOT_JSON)
    cause = next(wrong_shape, errors[0])
    raise LLMValidationError(_complaint(answer, response_model, cause)) from cause


def _candidates(text: str) -> Iterator[str]:
    yield text.strip()
    yield from FENCE.findall(text)
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(MOST_CANDIDATES):
        start = min((found for bracket in "{[" if (found := text.find(bracket, position)) >= 0), default=-1)
        if start < 0:
            return
        try:
            _value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
        else:
            yield text[start:position]


def _complaint(answer: Answer, response_model: type[BaseModel], error: ValidationError) -> str:
    name = response_model.__name__
    if answer.finish_reason == "length":
        return (
            f"the answer was truncated before {name} was complete ({answer.usage.output_tokens} output tokens, "
            f"{answer.usage.reasoning_tokens or 0} of them reasoning): raise max_output_tokens"
        )
    if answer.finish_reason == "content_filter" or answer.refusal:
        return f"the model refused to answer with a {name}: {answer.refusal or 'content filter'}"
    if not answer.content.strip():
        return f"the answer is empty where a {name} was asked for"
    problems = "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'answer'}: {problem['msg']}"
        for problem in error.errors()[:MOST_PROBLEMS]
    )
    return f"the answer is not a valid {name}: {problems}"
