"""Make small values that fit a JSON schema, and values that do not."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Maker: TypeAlias = "Callable[[dict[str, Any], Place], Any]"

DEPTH_LIMIT = 2
LONGEST = 100_000
HALF = Fraction(1, 2)
FORMATS = {
    "date": "2026-08-14",
    "date-time": "2026-08-14T04:12:36Z",
    "time": "04:12:36Z",
    "duration": "PT1S",
    "uuid": "0e65a72b-7b4d-4585-b08a-ab5d7be13a78",
    "email": "stand-in@example.com",
    "uri": "https://example.com/stand-in",
    "ipv4": "192.0.2.1",
}


class BadSchemaError(Exception):
    """The given schema is not a schema."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a value in a document: the whole schema, the property's name, and the depth of nesting."""

    root: Any
    name: str = "answer"
    depth: int = 0

    def inside(self, name: str) -> Place:
        """Return the place of a property one level deeper."""
        return replace(self, name=name, depth=self.depth + 1)

    @property
    def deep(self) -> bool:
        """Return True if nesting is so deep that optional parts are left out."""
        return self.depth >= DEPTH_LIMIT


def instance(schema: Any) -> Any:
    """Return a small value that fits the schema; `pattern` and `not` are not supported.

    Raises BadSchemaError for an invalid schema, and RecursionError for one that only an infinite value would fit.
    """
    try:
        return _value(schema, Place(root=schema))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise BadSchemaError from error


def misfit(schema: Any) -> Any:
    """Return a value with the schema's own keys, with values of types that the schema does not allow."""
    fitting = instance(schema)
    if isinstance(fitting, dict) and fitting:
        return {key: _other_type(value) for key, value in fitting.items()}
    return _other_type(fitting)


def _other_type(value: Any) -> Any:
    return "this is no object" if isinstance(value, dict) else {"stand_in": "this is no such value"}


def _value(schema: Any, place: Place) -> Any:
    schema = _resolved(schema, place)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return _value(_branch(schema[word], place), place)
    make: Maker = _MAKERS.get(_type(schema, place), _string)
    return make(schema, place)


def _resolved(schema: Any, place: Place) -> dict[str, Any]:
    """Return the schema with its $ref followed and its allOf merged; a missing schema allows anything."""
    if not isinstance(schema, dict):
        return {}
    if "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_resolved(_pointed(place.root, str(schema["$ref"])), place), **rest}
    merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema.get("allOf") or ():
        other = _resolved(part, place)
        properties = {**other.get("properties", {}), **merged.get("properties", {})}
        required = [*other.get("required", []), *merged.get("required", [])]
        merged = {**other, **merged, "required": required}
        if properties:
            merged["properties"] = properties
    return merged


def _pointed(root: Any, reference: str) -> Any:
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            root = root.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(root, dict) else None
    return root


def _branch(branches: list[Any], place: Place) -> Any:
    """Return the first branch; if nested deeply, the null branch, with which a recursive schema can end."""
    nulls = [each for each in branches if isinstance(each, dict) and each.get("type") == "null"]
    return nulls[0] if place.deep and nulls else branches[0]


def _type(schema: dict[str, Any], place: Place) -> str:
    named = schema.get("type")
    if isinstance(named, list):
        return "null" if place.deep and "null" in named else str(named[0])
    if named is None:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(named)


def _object(schema: dict[str, Any], place: Place) -> dict[str, Any]:
    required = schema.get("required") or ()
    properties = schema.get("properties") or {}
    return {
        name: _value(each, place.inside(name))
        for name, each in properties.items()
        if name in required or not place.deep
    }


def _array(schema: dict[str, Any], place: Place) -> list[Any]:
    fixed = schema.get("prefixItems") or []
    least = max(_least(schema, "minItems"), 0 if place.deep else 1)
    if schema.get("items") is False or (fixed and "items" not in schema):
        least = len(fixed)
    length = min(max(least, len(fixed)), int(schema.get("maxItems", LONGEST)))
    items = [*fixed, *[schema.get("items")] * length][:length]
    return [_value(each, place.inside(f"{place.name} {number}")) for number, each in enumerate(items, start=1)]


def _string(schema: dict[str, Any], place: Place) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    text = f"{place.name}, says the stand-in"
    return text.ljust(_least(schema, "minLength"), ".")[: schema.get("maxLength")]


def _least(schema: dict[str, Any], word: str) -> int:
    """Return the least number of items or characters; raise ValueError for an absurd number."""
    least = int(schema.get(word) or 0)
    if least > LONGEST:
        raise ValueError(word)
    return least


def _integer(schema: dict[str, Any], _place: Place) -> int:
    return int(_multiple(schema, Fraction(_fraction(schema, "multipleOf", Fraction(1)).numerator)))


def _number(schema: dict[str, Any], _place: Place) -> float:
    if "multipleOf" in schema:
        return float(_multiple(schema, _fraction(schema, "multipleOf", Fraction(1))))
    low = _tightest(schema, ("minimum", "exclusiveMinimum"), max)
    high = _tightest(schema, ("maximum", "exclusiveMaximum"), min)
    if low is not None and high is not None:
        return float((low + high) / 2)
    if low is not None:
        return float(low + HALF)
    return float(HALF if high is None else min(HALF, high - HALF))


def _tightest(
    schema: dict[str, Any], words: tuple[str, str], tighter: Callable[[list[Fraction]], Fraction]
) -> Fraction | None:
    bounds = [_fraction(schema, word) for word in words if word in schema]
    return tighter(bounds) if bounds else None


def _multiple(schema: dict[str, Any], step: Fraction) -> Fraction:
    """Return the first multiple of `step` from 1 upwards, adjusted to the bounds."""
    count = math.ceil(1 / step)
    for word, rounded, tighter in _BOUNDS:
        if word in schema:
            count = tighter(count, rounded(_fraction(schema, word) / step))
    return count * step


def _fraction(schema: dict[str, Any], word: str, otherwise: Fraction | None = None) -> Fraction:
    """Return a number of the schema exactly as it is written; raise ValueError if it is not a number."""
    return Fraction(str(schema.get(word, otherwise)))


_BOUNDS: tuple[tuple[str, Callable[[Fraction], int], Callable[[int, int], int]], ...] = (
    ("minimum", math.ceil, max),
    ("exclusiveMinimum", lambda bound: math.floor(bound) + 1, max),
    ("maximum", math.floor, min),
    ("exclusiveMaximum", lambda bound: math.ceil(bound) - 1, min),
)
_MAKERS: dict[str, Maker] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": lambda _schema, _place: True,
    "null": lambda _schema, _place: None,
}
