"""Structured answers: find and validate the object in an answer's text, or describe its errors in a second request.

The caller's class runs here; whatever it raises becomes an LLMValidationError.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, from_json

from ..exceptions import LLMValidationError
from ..types import LLMMessage, MessageRole
from ..wires.conversation import plain_text
from ..wires.lenient import mapping, well_formed
from ..wires.repair import bracketed
from ..wires.schemas import response_type
from .candidates import Candidate, candidates, chosen
from .windows import problems_inside, problems_of, windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..exceptions import LLMError
    from ..wires.schemas import ResponseType
    from ..wires.wire import Answer, LLMCall
    from .windows import Location, Problem

# The vendors' own finish reasons, which routers pass on as native ones.
_TRUNCATED_NAMES: Final = (
    "length max_tokens max_output_tokens max_completion_tokens max_length model_length token_limit incomplete "
    "model_context_window_exceeded"
)
TRUNCATED: Final = frozenset(_TRUNCATED_NAMES.split())
_REFUSED_NAMES: Final = (
    "content_filter content_filtered refusal safety recitation blocklist prohibited_content spii language blocked "
    "guardrail_intervened model_armor image_safety image_recitation image_prohibited_content error_toxic"
)
REFUSED: Final = frozenset(_REFUSED_NAMES.split())
MAX_PROBLEMS: Final = 5
MAX_PROBLEM_CHARACTERS: Final = 300
# A longer answer is validated in windows, in a thread. In a shorter one, 4,000 wrong elements take 5 ms.
LARGE_ANSWER_CHARACTERS: Final = 8_000
AMBIGUOUS: Final = "it holds several that differ, and does not say which one is meant: give one alone"


@dataclass(frozen=True)
class ParsedObject:
    """An instance of the caller's type, and the JSON that it was validated from."""

    value: Any
    document: Any


def is_quick(answer: Answer) -> bool:
    """Return True if an answer is short and plain JSON, so that its validation does not block the event loop."""
    if len(answer.content) > LARGE_ANSWER_CHARACTERS:
        return False
    try:
        from_json(answer.content)
    except ValueError:
        return False
    return True


def check_ending(answer: Answer, wanted: str) -> None:
    """Raise LLMValidationError if an answer is truncated or refused; even if it validates, it is not the object."""
    ending = _ending(answer)
    if ending in TRUNCATED:
        tokens, reasoning = answer.usage.output_tokens, answer.usage.reasoning_tokens or 0
        raise _error(
            f"the answer was truncated before {wanted} was complete ({tokens} output tokens, {reasoning} of them "
            "reasoning): raise max_output_tokens"
        )
    if ending in REFUSED:
        raise _error(f"the model refused to answer with {wanted}: {answer.refusal or 'content filter'}")


def _ending(answer: Answer) -> str | None:
    """Return why an answer is truncated or refused, by our or the vendor's finish reason; None if it is complete."""
    native = answer.details.get("native_finish_reason")
    reasons = [str(reason).lower().replace("-", "_") for reason in (answer.finish_reason, native) if reason]
    if answer.refusal:
        reasons.append("refusal")
    return next((reason for reason in reasons if reason in TRUNCATED | REFUSED), None)


def parse(answer: Answer, response_model: Any, messages: Sequence[LLMMessage] = ()) -> ParsedObject:  # noqa: ANN401 - a type
    """Return the object in an answer's text, which may have fences, prose, bad JSON, or children encoded as strings.

    `messages` are the messages of the request. Raises LLMValidationError; it reports a truncated, refused or empty
    answer rather than the errors in its JSON.
    """
    wanted = response_type(response_model)
    check_ending(answer, f"a {wanted.name}")
    if not answer.content.strip():
        reasoning = answer.usage.reasoning_tokens
        only = f", after {reasoning} tokens of reasoning" if reasoning else ""
        raise _error(f"the answer is empty instead of a {wanted.name}{only}")
    try:
        return _search(answer, wanted, messages)
    except ValidationError as error:
        raise LLMValidationError(f"the answer is not a valid {wanted.name}: {_explanation(error)}") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {_text_of(error)}"
        raise LLMValidationError(f"the answer is not a valid {wanted.name}, which raised {reason}") from error


def _search(answer: Answer, wanted: ResponseType, messages: Sequence[LLMMessage]) -> ParsedObject:
    """Return the object of the candidate that is the answer; raise the validation error if none validates."""
    found = candidates(answer.content, is_complete=answer.finish_reason == "stop")
    valid: list[Candidate] = []
    parsed: list[ParsedObject] = []
    errors: list[Exception] = []
    for candidate in found:
        try:
            parsed.append(_fit(candidate, wanted))
            valid.append(replace(candidate, document=parsed[-1].document))
        except Exception as error:  # noqa: BLE001 - what the caller's class raised is raised below
            errors.append(error)
    if valid:
        answering = chosen(valid, lambda: _given(messages))
        if answering is None:
            raise _invalid(wanted.name, [((), AMBIGUOUS)])
        return next(value for candidate, value in zip(valid, parsed, strict=True) if candidate is answering)
    if len(found) == 1 and isinstance(found[0].document, str):
        return _search(replace(answer, content=found[0].document), wanted, messages)  # JSON inside a JSON string
    if errors:
        raise next((error for error in reversed(errors) if not _is_another_kind(error)), errors[-1])
    raise _invalid(wanted.name, [((), "Invalid JSON: there is no whole JSON value in it")])


def _given(messages: Sequence[LLMMessage]) -> list[Any]:
    """Return the JSON values in the model's input, which it may have repeated."""
    texts = (plain_text(message.content) for message in messages)
    return [stretch.value for text in texts for stretch in bracketed(text) if stretch.value is not None]


def _is_another_kind(error: Exception) -> bool:
    """Return True if a value failed as a whole, for example `[1]` instead of an object."""
    return isinstance(error, ValidationError) and error.error_count() == 1 and not problems_of(error)[0][0]


def _fit(candidate: Candidate, wanted: ResponseType) -> ParsedObject:
    """Return the object of a candidate, without its wrapper if it has one."""
    inner = wanted.unwrapped(candidate.document)
    if inner is candidate.document:
        return _validated(inner, candidate.text, wanted)
    try:
        return _validated(inner, json.dumps(inner), wanted)
    except ValidationError:
        with suppress(ValidationError):
            return _validated(candidate.document, candidate.text, wanted)
        raise


def _validated(document: Any, text: str, wanted: ResponseType) -> ParsedObject:  # noqa: ANN401 - JSON
    """Validate a document, given also as `text`; children that are JSON in strings are decoded if necessary."""
    holder = {"": document}
    if len(text) > LARGE_ANSWER_CHARACTERS and _decode_in_windows(holder, wanted):
        text = json.dumps(holder[""])
    try:
        value = wanted.validate_json(text)
    except ValidationError as error:
        if not _decode_children(holder, problems_of(error)):
            raise
        value = wanted.validate_json(json.dumps(holder[""]))
    if _is_no_answer(value, holder[""], wanted):
        raise _invalid(wanted.name, [((), "it holds none of the fields")])
    return ParsedObject(value, well_formed(holder[""]))


def _decode_in_windows(holder: dict[str, Any], wanted: ResponseType) -> bool:
    """Validate the document piece by piece; return True if children had to be decoded."""
    is_changed = False
    for start in windows(holder[""]):
        while problems := problems_inside(wanted.validate_json, holder[""], start):
            if not _decode_children(holder, problems):
                raise _invalid(wanted.name, problems)
            is_changed = True
    return is_changed


def _decode_children(holder: dict[str, Any], problems: list[Problem]) -> bool:
    """Decode the invalid strings in the document that contain JSON; return True if there were any."""
    decoded = [_decode_child(holder, location) for location, _message in problems]  # all, not only the first
    return any(decoded)


def _decode_child(holder: Any, path: Location) -> bool:  # noqa: ANN401 - JSON
    """Decode the string at `path`, which may have more steps than the document; return True if there was one."""
    key: Any = ""
    for step in path:
        inside = holder[key]
        if step in inside if isinstance(inside, dict) else isinstance(inside, list) and isinstance(step, int):
            holder, key = inside, step
    if not isinstance(holder[key], str) or holder[key].lstrip()[:1] not in {"{", "["}:
        return False
    try:
        holder[key] = json.loads(holder[key])
    except (ValueError, RecursionError):
        return False
    return True


def _is_no_answer(value: Any, document: Any, wanted: ResponseType) -> bool:  # noqa: ANN401 - any value, any JSON
    """Return True for an object that validates without content: none of its keys is a field, or it is a JSON Schema."""
    if not document or not isinstance(document, dict):
        return False
    inner = value.root if isinstance(value, RootModel) else value
    fields = set(mapping(wanted.schema.get("properties"))) if wanted.wrapper is None else set()
    given = set(document)
    if isinstance(inner, BaseModel):
        fields, given = set(type(inner).model_fields), set(inner.model_fields_set)
    is_schema = isinstance(document.get("properties"), dict) and "properties" not in fields
    return bool(fields) and (is_schema or given.isdisjoint(fields))


def _error(message: str) -> LLMValidationError:
    """Return the error for an answer that was not validated; like the others it is raised from a ValidationError."""
    error = LLMValidationError(message)
    error.__cause__ = _invalid("answer", [((), message)])
    return error


def _invalid(title: str, problems: list[Problem]) -> ValidationError:
    """Return a ValidationError made by this module."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("unusable_answer", "{problem}", {"problem": message}), loc=location, input=None
        )
        for location, message in problems
    ]
    return ValidationError.from_exception_data(title, details)


def _explanation(error: ValidationError) -> str:
    """Return the first few validation errors, shortened."""
    try:
        problems = problems_of(error)[:MAX_PROBLEMS]
    except Exception as raised:  # noqa: BLE001 - the message of a caller's exception is the caller's code
        return type(raised).__name__
    return "; ".join(
        f"{_excerpt('.'.join(map(str, location)) or 'answer')}: {_excerpt(message)}" for location, message in problems
    )


def _excerpt(message: str) -> str:
    return message if len(message) <= MAX_PROBLEM_CHARACTERS else message[:MAX_PROBLEM_CHARACTERS] + "…"


def _text_of(error: Exception) -> str:
    try:
        return _excerpt(str(error))
    except Exception:  # noqa: BLE001 - as above
        return "no message"


def corrected(call: LLMCall, answer: Answer, error: LLMError) -> LLMCall | None:
    """Return the call that sends the model its answer and the errors; None if that cannot help."""
    is_wrong_object = call.response_model is not None and isinstance(error, LLMValidationError) and error.__cause__
    if not is_wrong_object or _cannot_be_better(answer):
        return None
    request = f"That is not what was asked for: {error}. Answer again, with the corrected JSON object and nothing else."
    answered = LLMMessage(role=MessageRole.ASSISTANT, content=answer.content)
    return replace(call, messages=[*call.messages, answered, LLMMessage(role=MessageRole.USER, content=request)])


def _cannot_be_better(answer: Answer) -> bool:
    """Return True if an answer is truncated, refused or empty, because a second request would end the same way."""
    return _ending(answer) is not None or not answer.content.strip()
