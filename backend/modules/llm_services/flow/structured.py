"""Structured answers: finding the object in an answer's text, and asking once more with what was wrong."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from ..exceptions import LLMValidationError
from ..types import LLMMessage, MessageRole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..exceptions import LLMError
    from ..wires.wire import Answer, LLMCall

Model = TypeVar("Model", bound=BaseModel)

FENCE: Final = re.compile(r"```(?:json)?[^\S\n]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
STRING_OR_TRAILING_COMMA: Final = re.compile(r'("(?:[^"\\]|\\.)*"?)|,(?=\s*[}\]])', re.DOTALL)
STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\]]', re.DOTALL)
MAX_CANDIDATES: Final = 50
MAX_PROBLEMS: Final = 5
NOT_JSON: Final = "json_invalid"


def validated(answer: Answer, response_model: type[Model]) -> Model:
    """Return the object that the answer's text holds: in a fence or prose, with trailing commas or children as strings.

    Raises LLMValidationError, which says truncated, refused or empty before it blames the JSON.
    """
    errors: list[ValidationError] = []
    for candidate in _candidates(answer.content):
        try:
            return response_model.model_validate_json(candidate)
        except ValidationError as error:
            errors.append(error)
            unquoted = _unquoted(candidate, error)
        if unquoted is not None:
            try:
                return response_model.model_validate_json(unquoted)
            except ValidationError as error:
                errors.append(error)
    wrong_shape = (found for found in errors if found.errors()[0]["type"] != NOT_JSON)
    cause = next(wrong_shape, errors[0])
    raise LLMValidationError(_problem(answer, response_model, cause)) from cause


def _candidates(text: str) -> Iterator[str]:
    """Yield what may be the object: the whole text, fences, each bracket's value; then without trailing commas."""
    whole = [text.strip(), *FENCE.findall(text)]
    yield from whole
    yield from _values(text)
    for candidate in whole:
        mended = _without_trailing_commas(candidate)
        if mended != candidate:
            yield mended
            yield from _values(mended)


def _values(text: str) -> Iterator[str]:
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(MAX_CANDIDATES):
        start = min((found for bracket in "{[" if (found := text.find(bracket, position)) >= 0), default=-1)
        if start < 0:
            return
        try:
            _value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = _end(text, start)  # skipped whole: a child of it is not what was asked for
        else:
            yield text[start:position]


def _end(text: str, start: int) -> int:
    """Return where the bracket at `start` is closed, the end of the text when it is not."""
    depth = 0
    for token in STRING_OR_BRACKET.finditer(text, start):
        depth += (token[0] in "{[") - (token[0] in "}]")
        if depth == 0:
            return token.end()
    return len(text)


def _without_trailing_commas(text: str) -> str:
    return STRING_OR_TRAILING_COMMA.sub(lambda found: found[1] or "", text)


def _unquoted(candidate: str, error: ValidationError) -> str | None:
    """Return `candidate` with the children that failed because they are JSON in a string decoded; None without any."""
    try:
        document = json.loads(candidate)
        decoded = [_decode_child(document, problem["loc"]) for problem in error.errors()]
        return json.dumps(document) if any(decoded) else None
    except (ValueError, RecursionError):
        return None


def _decode_child(document: Any, path: tuple[int | str, ...]) -> bool:  # noqa: ANN401 - JSON
    """Decode the string at `path`, whose steps may name more than the document has; return True if there was one."""
    holder: Any = {"": document}
    key: Any = ""
    for step in path:
        inside = holder[key]
        if step in inside if isinstance(inside, dict) else isinstance(inside, list) and isinstance(step, int):
            holder, key = inside, step
    if not isinstance(holder[key], str) or holder[key].lstrip()[:1] not in {"{", "["}:
        return False
    try:
        holder[key] = json.loads(holder[key])
    except ValueError:
        return False
    return True


def corrected(call: LLMCall, answer: Answer, error: LLMError) -> LLMCall | None:
    """Return the call that shows the model its answer and what was wrong with it; None where that cannot help."""
    if not isinstance(error.__cause__, ValidationError) or _cannot_be_better(answer):
        return None
    request = f"That is not what was asked for: {error}. Answer again, with the corrected JSON object and nothing else."
    answered = LLMMessage(role=MessageRole.ASSISTANT, content=answer.content)
    return replace(call, messages=[*call.messages, answered, LLMMessage(role=MessageRole.USER, content=request)])


def _cannot_be_better(answer: Answer) -> bool:
    """Return True if an answer was cut, refused or empty, so that asking again would end the same way."""
    ended_badly = answer.finish_reason in {"length", "content_filter"} or bool(answer.refusal)
    return ended_badly or not answer.content.strip()


def _problem(answer: Answer, response_model: type[BaseModel], error: ValidationError) -> str:
    name, reasoning = response_model.__name__, answer.usage.reasoning_tokens or 0
    if answer.finish_reason == "length":
        return (
            f"the answer was truncated before {name} was complete ({answer.usage.output_tokens} output tokens, "
            f"{reasoning} of them reasoning): raise max_output_tokens"
        )
    if answer.finish_reason == "content_filter" or answer.refusal:
        return f"the model refused to answer with a {name}: {answer.refusal or 'content filter'}"
    if not answer.content.strip():
        only = f", after {reasoning} tokens of reasoning" if reasoning else ""
        return f"the answer is empty where a {name} was asked for{only}"
    problems = "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'answer'}: {problem['msg']}"
        for problem in error.errors()[:MAX_PROBLEMS]
    )
    return f"the answer is not a valid {name}: {problems}"
