"""Requests 05: lists, unions and dataclasses at the root are wrapped and unwrapped, or refused before sending."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Optional, TypedDict

import pytest
from pydantic import BaseModel, RootModel, TypeAdapter

from cases.bodies import (
    CLAUDE,
    GEMINI,
    OPENAI,
    OPENROUTER,
    candidate,
    claude_object,
    completion,
    output_message,
    response,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cases.caller import Caller, Outcome
    from cases.scripted_server import Request


class Cat(BaseModel):
    """One of two animals."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """The other."""

    kind: Literal["dog"]
    tricks: list[str]


class Tree(BaseModel):
    """A class with a reference at the root of its schema."""

    name: str
    children: list[Tree] = []


@dataclass
class Point:
    """A standard dataclass."""

    x: int
    y: int = 0


class Movie(TypedDict):
    """A TypedDict."""

    title: str


class Numbers(RootModel[list[int]]):
    """A named list."""


class Animal(RootModel[Cat | Dog]):
    """A named union."""


class Ages(RootModel[dict[str, int]]):
    """A model with a dict as its root: an object with any properties."""


CAT: Final = {"kind": "cat", "lives": 9}
ROOTS: Final = {
    "RootModel of a list": (Numbers, [1, 2]),
    "RootModel of an empty list": (Numbers, []),
    "RootModel of a union": (Animal, CAT),
    "RootModel of a dict": (Ages, {"Ann": 40}),
    "RootModel of a text": (RootModel[str], "Ghent"),
    "RootModel of trees": (RootModel[list[Tree]], [{"name": "a", "children": []}]),
    "list": (list[Cat], [CAT]),
    "list of numbers": (list[int], [1, 2]),
    "union": (Cat | Dog, CAT),
    "union with None": (Optional[Cat], CAT),  # noqa: UP045 - the older spelling is another type
    "dict": (dict[str, int], {"Ann": 40}),
    "dataclass": (Point, {"x": 1, "y": 2}),
    "TypedDict": (Movie, {"title": "Alien"}),
    "recursive": (Tree, {"name": "a", "children": []}),
}
NAMES: Final = ("list", "Cat", "Dog", "dict", "Point", "Movie", "Optional", "Union", "response_model")


def schema_sent(request: Request) -> dict[str, Any]:
    """Return the JSON Schema in a request: in its own field, in a tool, or in the prompt."""
    body = request.body
    if "response_format" in body and "json_schema" in body["response_format"]:
        schema: dict[str, Any] = body["response_format"]["json_schema"]["schema"]
    elif "tools" in body:
        schema = body["tools"][0]["input_schema"]
    elif "output_config" in body:
        schema = body["output_config"]["format"]["schema"]
    elif "generationConfig" in body:
        schema = body["generationConfig"]["responseJsonSchema"]
    elif "text" in body:
        schema = body["text"]["format"]["schema"]
    else:
        schema = next(found for text in _texts(body["messages"]) for found in _schemas(text))
    return schema


def _schemas(words: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON Schemas in a text."""
    for position in (at for at, character in enumerate(words) if character == "{"):
        with suppress(ValueError):
            found, _end = json.JSONDecoder().raw_decode(words, position)
            if found.keys() & {"type", "properties", "anyOf", "oneOf", "$ref"}:
                yield found


def _texts(messages: list[dict[str, Any]]) -> list[str]:
    contents = [message["content"] for message in messages]
    parts = [content if isinstance(content, list) else [{"text": content}] for content in contents]
    return [part["text"] for content in parts for part in content]


def fitted(value: Any, schema: dict[str, Any], response_model: Any) -> str:
    """Return an answer with `value` in the requested form, wrapped if the schema's root wraps it."""
    properties = schema.get("properties", {})
    own = TypeAdapter(response_model).json_schema()
    if len(properties) == 1 and properties.keys() != own.get("properties", {}).keys():
        return json.dumps({next(iter(properties)): value})
    return json.dumps(value)


def faults(schema: dict[str, Any]) -> list[str]:
    """Return what endpoints would refuse about a root."""
    found = [] if schema.get("type") == "object" else [f"type {schema.get('type')}"]
    return found + sorted(schema.keys() & {"anyOf", "oneOf", "allOf", "$ref"})


WIRES: Final = {
    "openrouter, JSON mode": (OPENROUTER, {}, lambda text, _request: completion(text)),
    "openrouter, json_schema": (
        OPENROUTER,
        {"structured_output": "json_schema"},
        lambda text, _request: completion(text),
    ),
    "openai": (OPENAI, {}, lambda text, _request: response(output_message(text))),
    "claude": (CLAUDE, {}, lambda text, request: claude_object(text)(request)),
    "gemini": (GEMINI, {}, lambda text, _request: candidate({"text": text})),
}


def table(cases: dict[str, Any]) -> list[Any]:
    """Return the rows of a table of cases, with their names."""
    return [pytest.param(*case, id=name) for name, case in cases.items()]


@pytest.mark.parametrize(("response_model", "value"), table(ROOTS))
@pytest.mark.parametrize(("model", "options", "answer"), table(WIRES))
async def test_a_root_is_wrapped_or_refused(
    caller: Caller, response_model: Any, value: Any, model: str, options: dict[str, Any], answer: Any
) -> None:
    """The request is for an object and the caller gets the value, or a TypeError names the type and nothing is sent."""

    def reply(request: Request) -> Any:
        return answer(fitted(value, schema_sent(request), response_model), request)

    try:
        outcome = await caller.structured(response_model, reply, model=model, **options)
    except (TypeError, ValueError) as error:
        caller.check_refused(error, *NAMES)
    else:
        if model != GEMINI:  # it accepts any type at the root
            assert [] == faults(schema_sent(caller.server.requests[0]))
        assert TypeAdapter(response_model).validate_python(value) == outcome.returned


BARE: Final = {
    "a bare list": (Numbers, "[1, 2]", [1, 2]),
    "items": (Numbers, '{"items": [1, 2]}', [1, 2]),
    "another name": (Numbers, '{"numbers": [1, 2]}', [1, 2]),
    "a fenced list": (Numbers, "```json\n[1, 2]\n```", [1, 2]),
    "a bare union": (Animal, json.dumps(CAT), CAT),
    "a bare dict": (Ages, '{"Ann": 40}', {"Ann": 40}),
}


@pytest.mark.parametrize(("response_model", "text", "value"), table(BARE))
async def test_an_answer_may_wrap_or_not(
    caller: Caller, response_model: Any, text: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer may have the list itself, or wrap it under another name, without a second request."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    outcome: Outcome = await caller.structured(response_model, completion(text))
    assert 1 == len(outcome.requests)
    assert response_model.model_validate(value) == outcome.returned


@pytest.mark.parametrize("response_model", [Numbers, Animal])
async def test_no_words_contradict_the_schema(caller: Caller, response_model: Any) -> None:
    """The instruction to answer with one JSON object has the schema of an object."""

    def reply(request: Request) -> Any:
        value = [1] if response_model is Numbers else CAT
        return completion(fitted(value, schema_sent(request), response_model))

    outcome = await caller.structured(response_model, reply)
    assert "object" == schema_sent(outcome.requests[0])["type"]
    assert {"type": "json_object"} == outcome.payload["response_format"]


@pytest.mark.parametrize("response_model", [5, "Cat", None, [Cat], {"type": "object"}, Cat(kind="cat", lives=9)])
async def test_what_is_no_class_is_refused(caller: Caller, response_model: Any) -> None:
    """A value that is not a type raises a TypeError or ValueError that names the argument."""
    with pytest.raises((TypeError, ValueError), match="response_model"):
        await caller.structured(response_model, completion("{}"))
    assert ([], []) == (caller.server.requests, list(caller.rows()))
