"""Requests 04: `strict: true` is sent only with a schema that strict endpoints accept, leaves and root included."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from uuid import UUID

import pytest
from pydantic import AnyUrl, Base64Bytes, BaseModel, Field, HttpUrl, Json, SecretStr, StringConstraints, create_model

from cases.bodies import OPENAI, VENDORS, completion

if TYPE_CHECKING:
    from cases.caller import Caller

# https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
FORMATS: Final = frozenset(["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"])
KEYWORDS: Final = frozenset(
    {
        *("$defs", "$ref", "additionalProperties", "anyOf", "const", "description", "enum", "exclusiveMaximum"),
        *("exclusiveMinimum", "format", "items", "maxItems", "maxLength", "maximum", "minItems", "minLength"),
        *("minimum", "multipleOf", "pattern", "properties", "required", "title", "type"),
    }
)
LOOK_AROUND: Final = ("(?=", "(?!", "(?<")


def faults(schema: Any, where: str = "root") -> list[str]:
    """Return what strict endpoints would refuse in a schema."""
    found = [f"{where}: {word}" for word in schema.keys() - KEYWORDS]
    if schema.get("format") and schema["format"] not in FORMATS:
        found.append(f"{where}: format {schema['format']}")
    if any(mark in schema.get("pattern", "") for mark in LOOK_AROUND):
        found.append(f"{where}: pattern {schema['pattern']}")
    if not schema.keys() & {"type", "$ref", "anyOf", "enum", "const"}:
        found.append(f"{where}: no type")
    if where == "root" and (schema.get("type") != "object" or schema.keys() & {"$ref", "anyOf"}):
        found.append("root: no object")
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            found.append(f"{where}: open")
        if sorted(properties) != sorted(schema.get("required", [])):
            found.append(f"{where}: not everything is required")
    inside = {**schema.get("properties", {}), **schema.get("$defs", {}), "items": schema.get("items")}
    inside |= {str(index): option for index, option in enumerate(schema.get("anyOf", []))}
    nested = [faults(part, f"{where}.{name}") for name, part in inside.items() if isinstance(part, dict)]
    return found + [fault for part in nested for fault in part]


class Node(BaseModel):
    """A recursive class, with a reference at the root of its schema."""

    name: str
    children: list[Node] = []


class Left(BaseModel):
    """One of two classes that refer to each other."""

    right: Right | None = None


class Right(BaseModel):
    """The other one."""

    left: Left | None = None


class Colour(Enum):
    """An enum."""

    RED = "red"
    BLUE = "blue"


class Odd(BaseModel):
    """A class with properties named like keywords."""

    format: str
    pattern: str
    default: int
    title: str


def holding(kind: Any) -> type[BaseModel]:
    """Return a class with a field of this type."""
    made: type[BaseModel] = create_model("Holder", value=(kind, ...))
    return made


STRICT: Final = {
    "HttpUrl": (holding(HttpUrl), '{"value": "https://x.example/"}'),
    "AnyUrl": (holding(AnyUrl), '{"value": "https://x.example/"}'),
    "Path": (holding(Path), '{"value": "/x"}'),
    "SecretStr": (holding(SecretStr), '{"value": "x"}'),
    "bytes": (holding(bytes), '{"value": "x"}'),
    "Base64Bytes": (holding(Base64Bytes), '{"value": "eA=="}'),
    "Decimal": (holding(Decimal), '{"value": "1.5"}'),
    "IPv4Network": (holding(IPv4Network), '{"value": "10.0.0.0/8"}'),
    "IPv4Address": (holding(IPv4Address), '{"value": "10.0.0.1"}'),
    "IPv6Address": (holding(IPv6Address), '{"value": "::1"}'),
    "datetime": (holding(datetime), '{"value": "2026-01-01T00:00:00Z"}'),
    "date": (holding(date), '{"value": "2026-01-01"}'),
    "time": (holding(time), '{"value": "12:00:00"}'),
    "timedelta": (holding(timedelta), '{"value": "PT1S"}'),
    "UUID": (holding(UUID), '{"value": "00000000-0000-0000-0000-000000000001"}'),
    "Enum": (holding(Colour), '{"value": "red"}'),
    "Literal": (holding(Literal["a", 1]), '{"value": "a"}'),
    "a list of URLs": (holding(list[HttpUrl]), '{"value": ["https://x.example/"]}'),
    "an optional path": (holding(Path | None), '{"value": null}'),
    "a URL or a number": (holding(HttpUrl | int), '{"value": 1}'),
    "a set": (holding(set[str]), '{"value": ["a"]}'),
    "lengths": (holding(Annotated[str, Field(min_length=1, max_length=3)]), '{"value": "x"}'),
    "a plain pattern": (holding(Annotated[str, Field(pattern="^[a-z]+$")]), '{"value": "x"}'),
    "JSON in a text": (holding(Json[list[int]]), '{"value": "[1]"}'),
    "examples and a default": (holding(Annotated[int, Field(examples=[1], deprecated=True)]), '{"value": 1}'),
    "a tree": (Node, '{"name": "a", "children": [{"name": "b", "children": []}]}'),
    "a tree inside": (holding(Node), '{"value": {"name": "a", "children": []}}'),
    "two that know each other": (Left, '{"right": {"left": null}}'),
    "names of keywords": (Odd, '{"format": "uri", "pattern": "(?=x)", "default": 1, "title": "x"}'),
}
NOT_STRICT: Final = {
    "Any": (holding(Any), '{"value": 1}'),
    "object": (holding(object), '{"value": 1}'),
    "a list of Any": (holding(list[Any]), '{"value": [1]}'),
    "a bare list": (holding(list), '{"value": [1]}'),
    "a dict": (holding(dict[str, int]), '{"value": {"a": 1}}'),
    "a tuple": (holding(tuple[int, str]), '{"value": [1, "a"]}'),
    "an optional Any": (holding(list[Any] | None), '{"value": null}'),
}


def table(cases: dict[str, Any]) -> list[Any]:
    """Return the rows of a table of cases, with their names."""
    return [pytest.param(*case, id=name) for name, case in cases.items()]


async def sent_format(caller: Caller, response_model: Any, text: str) -> dict[str, Any]:
    """Return the `json_schema` of a call to OpenRouter; the answer is validated with the class."""
    outcome = await caller.structured(response_model, completion(text), structured_output="json_schema")
    assert response_model.model_validate_json(text) == outcome.returned
    sent: dict[str, Any] = outcome.payload["response_format"]["json_schema"]
    return sent


@pytest.mark.parametrize(("response_model", "text"), table(STRICT))
async def test_what_is_said_to_be_strict_is(caller: Caller, response_model: Any, text: str) -> None:
    """Keywords that strict endpoints refuse are removed, and Pydantic checks them afterwards."""
    sent = await sent_format(caller, response_model, text)
    assert (True, []) == (sent["strict"], faults(sent["schema"]))


@pytest.mark.parametrize(("response_model", "text"), table(NOT_STRICT))
async def test_what_cannot_be_strict_does_not_say_so(caller: Caller, response_model: Any, text: str) -> None:
    """A schema with untyped or free properties is not strict; its root is still an object."""
    sent = await sent_format(caller, response_model, text)
    assert sent["strict"] is False
    assert "object" == sent["schema"]["type"]


@pytest.mark.parametrize(("response_model", "text"), table(STRICT))
async def test_openai_gets_the_same(caller: Caller, response_model: Any, text: str) -> None:
    """The same is true of OpenAI's own endpoint, which is the strictest."""
    outcome = await caller.structured(response_model, VENDORS["openai"].object(text), model=OPENAI)
    sent = outcome.payload["text"]["format"]
    assert (True, []) == (sent["strict"], faults(sent["schema"]))
    assert response_model.model_validate_json(text) == outcome.returned


@pytest.mark.parametrize("pattern", [r"^(?!x).*$", r"^(?=.*\d).+$", r"(?<=a)b"])
async def test_look_around_is_dropped(caller: Caller, pattern: str) -> None:
    """A pattern with look-around is left to Pydantic."""
    kind = Annotated[str, StringConstraints(pattern=pattern)]
    made = create_model("Holder", value=(kind, ...), __config__={"regex_engine": "python-re"})
    outcome = await caller.structured(made, completion('{"value": "ab1"}'), structured_output="json_schema")
    sent = outcome.payload["response_format"]["json_schema"]
    assert (True, []) == (sent["strict"], faults(sent["schema"]))


async def test_a_trees_definitions_stay_beside_the_root(caller: Caller) -> None:
    """The root's definition is inlined, and the children still refer to it."""
    sent = await sent_format(caller, Node, '{"name": "a", "children": []}')
    assert {"name", "children"} == set(sent["schema"]["properties"])
    assert "Node" in sent["schema"]["$defs"]


async def test_pydantic_checks_what_was_dropped(caller: Caller) -> None:
    """A text that is not a URL is an error, although the format was not sent."""
    made = holding(HttpUrl)
    outcome = await caller.structured(made, completion('{"value": "no"}'), structured_output="json_schema")
    assert "value" in str(outcome.validation_error)
