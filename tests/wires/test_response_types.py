"""The types of a structured answer, their requests on each wire, and what strict endpoints accept."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, HttpUrl, RootModel, SecretStr
from typing_extensions import TypedDict

from modules.llm_services.flow.structured import parse
from modules.llm_services.types import LLMMessage, MessageRole
from modules.llm_services.wires.generate_content import GenerateContentWire
from modules.llm_services.wires.messages import MessagesWire
from modules.llm_services.wires.schemas import instruction, json_schema_format, wire_schema
from modules.llm_services.wires.wire import Answer, LLMCall
from support.rendering import rendered


class Cat(BaseModel):
    """One variant."""

    kind: Literal["cat"]


class Dog(BaseModel):
    """Another variant."""

    kind: Literal["dog"]


@dataclass
class Point:
    """A dataclass."""

    x: int


class Named(TypedDict):
    """A TypedDict."""

    name: str


class Node(BaseModel):
    """A tree."""

    name: str
    children: list[Node] = []


DOG = {"kind": "dog"}


@pytest.mark.parametrize(
    ("response_model", "wrapper", "document"),
    [
        (list[Dog], "items", [DOG]),
        (RootModel[list[int]], "items", [1, 2]),
        (list[Node], "items", [{"name": "a", "children": []}]),
        (tuple[int, str], "items", [1, "a"]),
        (Cat | Dog, "value", DOG),
        (RootModel[Cat | Dog], "value", DOG),
        (Dog | None, "value", None),
        (int, "value", 3),
        (Literal["a", "b"], "value", "a"),
    ],
)
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_a_root_that_is_no_object_is_wrapped_and_unwrapped(
    response_model: Any,  # noqa: ANN401 - a type
    wrapper: str,
    document: Any,  # noqa: ANN401 - JSON
    is_wrapped: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The request is for an object around the value; the answer may have the object or only the value."""
    schema = wire_schema(response_model)
    assert ("object", [wrapper], [wrapper]) == (schema["type"], list(schema["properties"]), schema["required"])
    assert json.dumps(schema) in instruction(response_model)
    content = json.dumps({wrapper: document} if is_wrapped else document)
    assert document == parse(Answer(content=content, finish_reason="stop"), response_model).document


def test_a_root_that_is_an_object_is_not_wrapped() -> None:
    """A dataclass, a TypedDict and a mapping are objects already."""
    assert Point(1) == parse(Answer(content='{"x": 1}'), Point).value
    assert {"name": "a"} == parse(Answer(content='{"name": "a"}'), Named).value
    assert {"a": 1} == parse(Answer(content='{"a": 1}'), dict[str, int]).value


def test_every_wire_asks_for_an_object() -> None:
    """Claude's tool and Gemini's schema have an object as their root, even for a recursive model."""
    messages = [LLMMessage(role=MessageRole.USER, content="hi")]
    for response_model in (list[Dog], Node):
        call = LLMCall(messages, model="m", temperature=1.0, response_model=response_model)
        tool = rendered(MessagesWire(), replace(call, model="claude-opus-4-1"))["tools"][0]["input_schema"]
        gemini = rendered(GenerateContentWire(), call)["generationConfig"]["responseJsonSchema"]
        for schema in (tool, gemini):
            assert ("object", True, False) == (schema["type"], "properties" in schema, "$ref" in schema)


class Formatted(BaseModel):
    """Formats and patterns, some of which strict endpoints refuse."""

    url: HttpUrl
    path: Path
    secret: SecretStr
    raw: bytes
    short: Annotated[str, Field(max_length=3)]
    date: Annotated[str, Field(json_schema_extra={"format": "date"})]
    ahead: Annotated[str, Field(json_schema_extra={"pattern": "^(?!x)"})]
    plain: Annotated[str, Field(json_schema_extra={"pattern": "^(?:a|b)$"})]
    amount: Decimal


def test_what_strict_endpoints_refuse_is_left_to_pydantic() -> None:
    """Formats off OpenAI's list, look-around, lengths and writeOnly are removed, and the schema is strict."""
    wanted = json_schema_format(Formatted)
    properties = wanted["schema"]["properties"]
    assert wanted["strict"] is True
    assert [{"type"}] * 5 == [set(properties[name]) - {"title"} for name in ("url", "path", "secret", "raw", "short")]
    assert ("date", "^(?:a|b)$") == (properties["date"]["format"], properties["plain"]["pattern"])
    assert "pattern" not in properties["ahead"]
    assert "(?!" not in str(wanted["schema"])


class Anything(BaseModel):
    """A value of any type."""

    value: Any


class AnyList(BaseModel):
    """A list of values of any type."""

    values: list  # type: ignore[type-arg]


class Mixed(BaseModel):
    """An enum of several types, for which Pydantic writes no type."""

    value: Literal["a", 1]


def test_an_enumeration_gets_the_types_of_its_members() -> None:
    """An enum without a type gets its members' types, so that it can be strict."""
    schema = json_schema_format(Mixed)
    assert schema["strict"]
    assert ["string", "integer"] == schema["schema"]["properties"]["value"]["type"]


@pytest.mark.parametrize("response_model", [Anything, AnyList])
def test_what_has_no_type_is_not_strict(response_model: type[BaseModel]) -> None:
    """A schema with an untyped property is not strict, and is left unchanged."""
    assert {
        "name": response_model.__name__,
        "strict": False,
        "schema": response_model.model_json_schema(),
    } == json_schema_format(response_model)


def test_a_recursive_root_is_resolved() -> None:
    """The root of a recursive model is an object beside its definition, which its children refer to."""
    wanted = json_schema_format(Node)
    assert (True, "object") == (wanted["strict"], wanted["schema"]["type"])
    assert "$ref" not in wanted["schema"]
    assert {"$ref": "#/$defs/Node"} == wanted["schema"]["properties"]["children"]["items"]
    assert "object" == wanted["schema"]["$defs"]["Node"]["type"]
