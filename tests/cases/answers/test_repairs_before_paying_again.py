"""Malformed JSON is repaired before the model is asked again, but never if the answer was truncated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from cases.bodies import VENDORS, completion

if TYPE_CHECKING:
    from cases.caller import Caller


class City(BaseModel):
    """The requested object."""

    name: str
    population: int
    tags: list[str] = []


PARIS = City(name="Paris", population=2, tags=["a", "b"])
SHAPES = {
    "trailing comma": '{"name": "Paris", "population": 2, "tags": ["a", "b",],}',
    "missing comma": '{"name": "Paris" "population": 2, "tags": ["a", "b"]}',
    "missing comma between lines": '{\n"name": "Paris"\n"population": 2,\n"tags": ["a", "b"]\n}',
    "missing comma in a list": '{"name": "Paris", "population": 2, "tags": ["a" "b"]}',
    "doubled comma": '{"name": "Paris",, "population": 2, "tags": ["a", "b"]}',
    "single quotes": "{'name': 'Paris', 'population': 2, 'tags': ['a', 'b']}",
    "keys without quotes": '{name: "Paris", population: 2, tags: ["a", "b"]}',
    "curly quotes": "{“name”: “Paris”, “population”: 2, “tags”: [“a”, “b”]}",
    "missing quote at the end of a key": '{"name: "Paris", "population": 2, "tags": ["a", "b"]}',
    "a comment at the end of a line": '{"name": "Paris", // the capital\n"population": 2, "tags": ["a", "b"]}',
    "a comment between": '{"name": "Paris", /* the capital */ "population": 2, "tags": ["a", "b"]}',
    "a comment with a hash": '{"name": "Paris", # the capital\n"population": 2, "tags": ["a", "b"]}',
    "missing brace at the end": '{"name": "Paris", "population": 2, "tags": ["a", "b"]',
    "missing bracket and brace": '{"name": "Paris", "population": 2, "tags": ["a", "b"',
    "missing bracket": '{"name": "Paris", "tags": ["a", "b", "population": 2}',
    "one brace too many": '{"name": "Paris", "population": 2, "tags": ["a", "b"]}}',
    "a fence that does not end": '```json\n{"name": "Paris", "population": 2, "tags": ["a", "b"]}',
    "a fence and a trailing comma": '```json\n{"name": "Paris", "population": 2, "tags": ["a", "b"],}\n```',
    "JSON in a JSON string": '"{\\"name\\": \\"Paris\\", \\"population\\": 2, \\"tags\\": [\\"a\\", \\"b\\"]}"',
    "escaped quotes": '{\\"name\\": \\"Paris\\", \\"population\\": 2, \\"tags\\": [\\"a\\", \\"b\\"]}',
    "a byte order mark": '\ufeff{"name": "Paris", "population": 2, "tags": ["a", "b"]}',
    "a list as JSON in a string": '{"name": "Paris", "population": 2, "tags": "[\\"a\\", \\"b\\"]"}',
    "prose and single quotes": "Here: {'name': 'Paris', 'population': 2, 'tags': ['a', 'b']} Enjoy!",
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
async def test_a_malformed_object_is_repaired(caller: Caller, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object is returned without a second request, although one was allowed; the row keeps the original text."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    outcome = await caller.structured(City, completion(text))
    assert 1 == len(outcome.requests)
    assert PARIS == outcome.returned
    assert (PARIS.model_dump(), text) == (outcome.row.response_output, outcome.row.response_content)


class Note(BaseModel):
    """A text, and values that Python writes differently from JSON."""

    text: str = ""
    is_true: bool | None = None
    nothing: int | None = None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{'is_true': True, 'nothing': None}", Note(is_true=True)),
        ('{"is_true": False, "nothing": None}', Note(is_true=False)),
        ('{"text": "one\ntwo"}', Note(text="one\ntwo")),
        ('{"text": "one\ttwo"}', Note(text="one\ttwo")),
        ('{"text": "a \\d b"}', Note(text="a \\d b")),
        ('{"text": "say "hi" now", "is_true": true}', Note(text='say "hi" now', is_true=True)),
    ],
    ids=["Python", "Python in JSON", "a line break", "a tab", "a wrong escape", "quotes in a text"],
)
async def test_values_are_repaired_too(caller: Caller, text: str, expected: Note) -> None:
    """A value that is not valid JSON, such as Python's `True`, is parsed as the intended value."""
    assert expected == (await caller.structured(Note, completion(text))).returned


@pytest.mark.parametrize("vendor", ["openai", "gemini"])
@pytest.mark.parametrize("shape", ["missing comma", "single quotes", "keys without quotes"])
async def test_other_vendors_texts_are_repaired(caller: Caller, vendor: str, shape: str) -> None:
    """Objects of other vendors that arrive as text are repaired in the same way."""
    by = VENDORS[vendor]
    outcome = await caller.structured(City, by.object(SHAPES[shape]), model=by.model)
    assert PARIS == outcome.returned


@pytest.mark.parametrize("shape", ["missing brace at the end", "missing bracket and brace", "trailing comma"])
@pytest.mark.parametrize("ended", [("length", "length"), ("stop", "MAX_TOKENS")])
async def test_a_cut_answer_is_never_repaired(caller: Caller, shape: str, ended: tuple[str, str]) -> None:
    """A truncated list is not closed, because it would be a wrong object: the answer is truncated."""
    outcome = await caller.structured(City, completion(SHAPES[shape], *ended))
    assert "truncated" in str(outcome.validation_error)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{'name': 'Paris', 'population': 'many'}", id="repaired and of another type"),
        pytest.param('{"name" "Paris"}', id="repaired and incomplete"),
        pytest.param("Paris has two million people.", id="prose"),
        pytest.param("I would need the {name} first.", id="braces in prose"),
    ],
)
async def test_pydantic_has_the_last_word(caller: Caller, text: str) -> None:
    """A repaired object is validated like any other."""
    assert "City" in str((await caller.structured(City, completion(text))).validation_error)


async def test_a_sound_object_is_left_alone(caller: Caller) -> None:
    """Valid JSON is never repaired, whatever its texts contain."""
    text = '{"text": "// no comment, \'quotes\', {braces}, True, None,} "}'
    expected: Any = Note(text="// no comment, 'quotes', {braces}, True, None,} ")
    assert expected == (await caller.structured(Note, completion(text))).returned
