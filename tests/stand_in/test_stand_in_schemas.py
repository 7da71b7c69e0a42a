"""What the stand-in does with a JSON schema: values that fit it, and a refusal if it is invalid."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stand_in.exchange import Received
from stand_in.router import Router
from stand_in.schema import instance

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    import httpx

    Ask: TypeAlias = Callable[..., httpx.Response]
    Content: TypeAlias = Callable[..., str]

HELLO = {"role": "user", "content": "Hello"}
NO_SCHEMAS = [
    {"minLength": "x"},
    {"minLength": 10**12},
    {"type": "array", "minItems": 10**12},
    {"properties": [1]},
    {"anyOf": {}, "oneOf": {"a": 1}},
    {"enum": 7},
    {"format": []},
    {"type": "integer", "multipleOf": "x"},
    {"type": "number", "minimum": {}},
    {"type": "number", "multipleOf": 0},
    {"type": []},
]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"type": ["null", "string"]}, None),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"type": "integer", "exclusiveMinimum": 4}, 5),
        ({"type": "integer", "multipleOf": 0.4}, 2),
        ({"type": "integer", "multipleOf": 7, "exclusiveMinimum": 14}, 21),
        ({"type": "integer", "multipleOf": 7, "maximum": 5}, 0),
        ({"type": "integer", "multipleOf": 7, "maximum": -1}, -7),
        ({"type": "number", "multipleOf": 0.1, "maximum": 0.35}, 0.3),
        ({"type": "number", "multipleOf": 0.25, "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}, 0.25),
        ({"type": "number", "multipleOf": 2.5, "minimum": 11}, 12.5),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": 3, "maximum": 4}, 3.5),
        ({"type": "number", "exclusiveMaximum": -2}, -2.5),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"type": "array", "items": {"type": "boolean"}, "maxItems": 0}, []),
        ({"allOf": [{"$ref": "#/$defs/a~1b"}], "$defs": {"a/b": {"properties": {"x": {"const": 1}}}}}, {"x": 1}),
        (True, "answer, says the stand-in"),
    ],
)
def test_instances_of_small_schemas(schema: object, expected: object) -> None:
    """Each keyword works alone, and without any the value is a string."""
    assert expected == instance(schema)


def test_what_may_be_left_out_is_left_out_two_levels_down() -> None:
    """A schema with twenty optional references to itself gives twenty values, not an exponential number."""
    node = {"type": "object", "properties": {f"p{number}": {"$ref": "#"} for number in range(20)}}
    assert {f"p{outer}": {f"p{inner}": {} for inner in range(20)} for outer in range(20)} == instance(node)


@pytest.mark.parametrize("schema", NO_SCHEMAS, ids=json.dumps)
@pytest.mark.parametrize("place", ["response_format", "tools"])
def test_what_is_no_schema_is_a_400(ask: Ask, schema: object, place: str) -> None:
    """An invalid schema, of an answer or of a tool's parameters, is refused and the connection kept."""
    fields: dict[str, Any] = {
        "response_format": {"type": "json_schema", "json_schema": {"schema": schema}},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
    }
    response = ask("author/model", **{place: fields[place]})
    assert (400, "bad-schema") == (response.status_code, response.headers["x-stand-in"])


def test_an_odd_response_format_is_none(ask: Ask) -> None:
    """A response_format whose type is a list is answered in text."""
    assert 200 == ask("author/model", response_format={"type": ["json_object"]}).status_code


def test_an_example_is_not_taken_for_a_schema(content: Content) -> None:
    """In a system message, the first object that is a schema is used; examples are ignored."""
    schema = {"type": "object", "properties": {"city": {"const": "Paris"}}}
    system = f'Like {{"type": "place", "city": "Rome"}}, by the schema {json.dumps(schema)}.'
    messages = [{"role": "system", "content": system}, HELLO]
    assert {"city": "Paris"} == json.loads(content("stand-in/structured", messages=messages))


@pytest.mark.parametrize("name", ["structured", "structured-invalid"])
@pytest.mark.parametrize("system", ['Like {"city": "Rome"}.', 'By {"type": "array", "items": {"type": "string"}}.'])
def test_a_json_object_is_an_object(content: Content, name: str, system: str) -> None:
    """With response_format json_object, the answer is an object, whatever a system message contains."""
    messages = [{"role": "system", "content": system}, HELLO]
    text = content(f"stand-in/{name}", messages=messages, response_format={"type": "json_object"})
    assert isinstance(json.loads(text), dict)


WORDS = [
    *("type", "properties", "required", "items", "prefixItems", "anyOf", "allOf", "$ref", "enum", "const"),
    *("minimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "minLength", "maxLength", "format"),
    *("schema", "json_schema", "function", "name", "parameters", "role", "content", "text"),
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.sampled_from(["object", "array", "integer", "number", "json_schema", "text", "#", ""])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
)
FIELDS = ["messages", "tools", "tool_choice", "response_format", "max_tokens", "user", "stream"]


@settings(deadline=None)  # the speed depends on the machine
@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), JSON),
    schema=JSON,
    model=st.sampled_from(["stand-in/structured", "stand-in/tool-call", "author/model"]),
)
def test_whatever_is_asked_is_answered(fields: dict[str, Any], schema: object, model: str) -> None:
    """Any JSON in any field of a request gets an answer or a refusal, and never breaks the connection."""
    likely = {
        "messages": [HELLO],
        "response_format": {"type": "json_schema", "json_schema": {"schema": schema}},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
    }
    body = json.dumps({"model": model, **likely, **fields}).encode()
    received = Received("POST", "/api/v1/chat/completions", {"authorization": "Bearer sk-or-v1-any"}, body)
    assert Router().respond(received).status in {200, 400}
