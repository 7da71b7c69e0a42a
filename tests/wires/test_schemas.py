"""The schema of a Pydantic model in the form that strict endpoints accept."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from modules.llm_services.wires.schemas import json_schema_format


class Size(StrEnum):
    """An enum."""

    SMALL = "small"
    LARGE = "large"


class Cat(BaseModel):
    """One variant."""

    kind: Literal["cat"]


class Dog(BaseModel):
    """Another variant."""

    kind: Literal["dog"]


class Plain(BaseModel):
    """Everything that strict mode can express."""

    name: str
    size: Size = Field(default=Size.SMALL, description="how large")
    note: str | None = None
    tags: list[str] = []
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    children: list[Plain] = []


class Free(BaseModel):
    """A mapping with any keys, which strict mode cannot express."""

    counts: dict[str, int]


class Open(BaseModel):
    """A model that accepts extra fields."""

    model_config = ConfigDict(extra="allow")

    name: str


class Pair(BaseModel):
    """A tuple, which strict mode cannot express."""

    pair: tuple[int, str]


class Empty(BaseModel):
    """An object without properties."""

    anything: dict[str, Any]


def objects(schema: object) -> list[dict[str, Any]]:
    """Return every object schema inside `schema`."""
    if isinstance(schema, list):
        return [found for each in schema for found in objects(each)]
    if not isinstance(schema, dict):
        return []
    inside = [found for each in schema.values() for found in objects(each)]
    return [schema, *inside] if schema.get("type") == "object" else inside


def test_a_plain_model_is_strict() -> None:
    """Every object is closed with all properties required, nothing has a default, and references have no siblings."""
    asked = json_schema_format(Plain)
    assert (True, "Plain") == (asked["strict"], asked["name"])
    found = objects(asked["schema"])
    assert 4 == len(found), "the root of a recursive model is resolved beside its definition"
    for each in found:
        assert (False, list(each["properties"])) == (each["additionalProperties"], each["required"])
    assert "default" not in str(asked["schema"])
    assert "oneOf" not in str(asked["schema"])
    plain = next(each for each in found if "size" in each["properties"])
    assert {"anyOf": [{"$ref": "#/$defs/Size"}], "description": "how large"} == plain["properties"]["size"]


@pytest.mark.parametrize("model", [Free, Open, Pair, Empty])
def test_a_model_that_cannot_be_strict_keeps_its_schema(model: type[BaseModel]) -> None:
    """A model with free keys, extras or tuples is sent unchanged, and not strict."""
    assert {"name": model.__name__, "strict": False, "schema": model.model_json_schema()} == json_schema_format(model)


def test_a_name_is_one_that_the_wire_takes() -> None:
    """A schema's name has letters, digits, _ and -, and at most 64 of them."""

    class Page(BaseModel):
        number: int

    Page.__name__ = "Page[" + "x" * 80 + "]"
    assert ("Page_" + "x" * 80)[:64] == json_schema_format(Page)["name"]
