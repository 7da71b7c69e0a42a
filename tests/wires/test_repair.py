"""Malformed JSON is repaired in the same way for objects and tool calls, without inventing anything."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from modules.llm_services.exceptions import LLMValidationError
from modules.llm_services.flow.structured import parse
from modules.llm_services.wires.lenient import arguments
from modules.llm_services.wires.wire import Answer

PARIS = {"city": "Paris", "days": 2}
TEXT = '{"city": "Paris", "days": 2}'

MENDED = [
    '"{\\"city\\": \\"Paris\\", \\"days\\": 2}"',
    '"{\\"city\\": \\"Paris\\", \\"days\\": 2,}"',
    '{\\"city\\": \\"Paris\\", \\"days\\": 2}',
    f"{TEXT}{TEXT}",
    f"{{}}{TEXT}",
    f"{TEXT}}}",
    f"{{{TEXT}}}",
    '{"city": "Paris", "days": 2,}',
    '{"city": "Paris",, "days": 2}',
    '{"city": "Paris" "days": 2}',
    '{"city": "Paris"; "days": 2}',
    '{"city": "Paris", "days": +2}',
    '{"city": "Paris, "days": 2}',
    '{"city: "Paris", "days": 2}',
    "{'city': 'Paris', 'days': 2}",
    '{city: "Paris", days: 2}',
    "{\u201ccity\u201d: \u201cParis\u201d, \u201cdays\u201d: 2}",
    '{"city": "Paris", // where\n "days": 2 /* how long */}',
    f"```json\n{TEXT}\n```",
    f"```\n{TEXT}\n```",
    f"{TEXT}</tool_call>",
]
NOT_MENDED = [
    '{"city": "Par',
    '{"city": "Paris", "days": 2',
    '{"city": , "days": 2}',
    '{"city": "Paris", "days": undefined}',
    '{"city": """Paris""", "days": 2}',
    '{"city": "Pa" + "ris", "days": 2}',
    '{"city": `Paris`, "days": 2}',
    f'{TEXT}{{"city": "Rome", "days": 2}}',
    "{" * 10_000,
    "Paris, for two days",
    "{Paris, for two days}",
    "[Paris]",
]


class Trip(BaseModel):
    """The requested object."""

    city: str
    days: int


class Stops(BaseModel):
    """A model that accepts half a list."""

    stops: list[str] = []


@pytest.mark.parametrize("text", MENDED)
def test_objects_and_arguments_are_mended_alike(text: str) -> None:
    """JSON that can be repaired with certainty is repaired, in an answer and in a tool's arguments."""
    assert PARIS == arguments(text)
    assert PARIS == parse(Answer(content=text, finish_reason="stop"), Trip).document


@pytest.mark.parametrize("text", NOT_MENDED)
def test_nothing_is_made_up(text: str) -> None:
    """If something is missing or uncertain, or is not JSON, there is no object."""
    assert None is arguments(text)
    with pytest.raises(LLMValidationError):
        parse(Answer(content=text), Trip)


@pytest.mark.parametrize("text", [f"I would call it with {TEXT}", f"{TEXT} or so"])
def test_arguments_in_prose_are_none(text: str) -> None:
    """An object in prose is not used as a tool's arguments."""
    assert None is arguments(text)


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ('{"city": "say \\"hi\\"", "text": "and "so" on"}', {"city": 'say "hi"', "text": 'and "so" on'}),
        ('{"text": "two\nlines"}', {"text": "two\nlines"}),
        ('{"list": ["a", "b"}', {"list": ["a", "b"]}),
        ('{"text": "\\ud83d"}', {"text": "\ufffd"}),
    ],
)
def test_strings_and_lists_are_mended(text: str, mended: dict[str, Any]) -> None:
    """Quotes and line breaks in strings, a missing bracket and half of a surrogate pair are repaired."""
    assert mended == arguments(text)


@pytest.mark.parametrize("text", ['{"stops": ["a", "b', '{"stops": ["a", "b", ...]}'])
def test_half_a_list_is_not_mended(text: str) -> None:
    """A list that ends inside an element, or is abridged, is not complete, even if the finish reason says so."""
    with pytest.raises(LLMValidationError):
        parse(Answer(content=text, finish_reason="stop"), Stops)


@pytest.mark.parametrize("text", ['{"stops": ["a", "b"]', '{"stops": ["a", "b"'])
def test_missing_brackets_alone_are_added(text: str) -> None:
    """Missing closing brackets are added if the finish reason says that the answer is complete."""
    assert ["a", "b"] == parse(Answer(content=text, finish_reason="stop"), Stops).value.stops
    with pytest.raises(LLMValidationError):
        parse(Answer(content=text), Stops)
