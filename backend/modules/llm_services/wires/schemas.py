"""The JSON Schema of a structured answer in the form that each API accepts, and the instruction for the prompt.

The request is always for an object. Lists, unions and numbers are wrapped in one, and `ResponseType` unwraps them.

Strict endpoints (https://platform.openai.com/docs/guides/structured-outputs) require closed objects, with all
properties required and all values typed. A schema that cannot have this form stays unchanged, with `strict` false.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, TypeAdapter

from .lenient import items, mapping

if TYPE_CHECKING:
    from collections.abc import Callable

# Keywords that strict mode cannot express.
INEXPRESSIBLE: Final = frozenset({"allOf", "not", "if", "patternProperties", "prefixItems", "propertyNames"})
# The keywords of strict mode (the page above, "Supported schemas"); Pydantic checks the others on the answer.
_STRICT_KEYWORD_NAMES: Final = (
    "$defs $ref type title description enum const anyOf oneOf properties required additionalProperties items "
    "minItems maxItems minimum maximum exclusiveMinimum exclusiveMaximum multipleOf pattern format"
)
STRICT_KEYWORDS: Final = frozenset(_STRICT_KEYWORD_NAMES.split())
_STRICT_FORMAT_NAMES: Final = "date-time time date duration email hostname ipv4 ipv6 uuid"
STRICT_FORMATS: Final = frozenset(_STRICT_FORMAT_NAMES.split())
# Look-around, inline flags, named groups and back references; Pydantic before 2.12 has a look-ahead for Decimal.
UNSUPPORTED_PATTERN: Final = re.compile(r"\(\?(?!:)|\\[1-9]")
# A node with one of these keywords has a type.
TYPE_KEYWORDS: Final = frozenset({"type", "$ref", "anyOf", "oneOf"})
JSON_TYPES: Final[dict[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
LIST_WRAPPER: Final = "items"
MAX_NAME_CHARACTERS: Final = 64
# The keywords that generateContent accepts; it refuses others. https://ai.google.dev/gemini-api/docs/structured-output
_KEYWORD_NAMES: Final = (
    "$defs $ref type format title description enum items prefixItems minItems maxItems minimum maximum anyOf oneOf "
    "properties additionalProperties required propertyOrdering"
)
GENERATE_CONTENT_KEYWORDS: Final = frozenset(_KEYWORD_NAMES.split())
# Bounds that Claude's structured outputs refuse.
BOUNDS: Final = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "pattern"}
)
OLDER_DEFINITIONS: Final = "definitions"  # the name of `$defs` in older drafts, which many tools' schemas have
DEFINITION: Final = re.compile(r"#/(?:\$defs|definitions)/([^/]+)")
MODULE_PATH: Final = re.compile(r"\b(?:\w+\.|<locals>\.)+(?=\w)")


@dataclass(frozen=True)
class ResponseType:
    """The type of a structured answer; its `schema` is always that of an object.

    `wrapper` is the property with the value if the type itself is not an object, otherwise None.
    """

    name: str
    schema: dict[str, Any]
    wrapper: str | None
    validate_json: Callable[[str], Any]

    def unwrapped(self, document: Any) -> Any:  # noqa: ANN401 - JSON
        """Return the value in the wrapper, or `document` itself if it has none."""
        if self.wrapper is None or not isinstance(document, dict) or len(document) != 1:
            return document
        ((name, value),) = document.items()
        is_list = self.wrapper == LIST_WRAPPER and isinstance(value, list)  # whatever name the model gives the property
        return value if name == self.wrapper or is_list else document


def response_type(response_model: Any) -> ResponseType:  # noqa: ANN401 - whatever a caller gives
    """Return the type of a structured answer: a Pydantic model, or a type that TypeAdapter accepts.

    Raises TypeError, with the accepted types, for anything else.
    """
    try:
        schema, validate_json = _schema_and_validator(response_model)
        wrapped, wrapper = _wrapped(schema)
    except Exception as error:
        raise TypeError(
            "response_model must be a Pydantic model, a dataclass, a TypedDict, or a type that pydantic.TypeAdapter "
            f"writes a JSON Schema for, such as list[Item] or Cat | Dog; not {response_model!r:.200} ({error!s:.200})"
        ) from error
    return ResponseType(type_name(response_model), wrapped, wrapper, validate_json)


def _schema_and_validator(response_model: Any) -> tuple[dict[str, Any], Callable[[str], Any]]:  # noqa: ANN401 - as above
    if response_model is None or isinstance(response_model, str) or inspect.isroutine(response_model):
        raise ValueError("it is not a type")
    if isinstance(response_model, type) and issubclass(response_model, BaseModel):
        return response_model.model_json_schema(), response_model.model_validate_json
    adapter: TypeAdapter[Any] = TypeAdapter(response_model)
    return adapter.json_schema(), adapter.validate_json


def type_name(response_model: Any) -> str:  # noqa: ANN401 - a type, of which not all are classes
    """Return a type's name as it is written in code, without modules."""
    is_class = isinstance(response_model, type) and not getattr(response_model, "__args__", None)
    return response_model.__name__ if is_class else MODULE_PATH.sub("", str(response_model))


def _wrapped(schema: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return a schema with an object as its root, and the name of the wrapper property, if the value was wrapped.

    The root of a recursive model is a reference, which is resolved.
    """
    name = DEFINITION.fullmatch(str(schema.get("$ref")))
    root = {**mapping(schema.get("$defs")).get(name[1], {}), **schema} if name else dict(schema)
    if root.get("type") == "object" or "properties" in root:
        return {keyword: value for keyword, value in root.items() if not name or keyword != "$ref"}, None
    wrapper = LIST_WRAPPER if root.get("type") == "array" else "value"
    value = {keyword: value for keyword, value in schema.items() if keyword != "$defs"}
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    return {**definitions, "type": "object", "properties": {wrapper: value}, "required": [wrapper]}, wrapper


def wire_schema(response_model: Any) -> dict[str, Any]:  # noqa: ANN401 - a type
    """Return the schema of the object for a `response_model`."""
    return response_type(response_model).schema


def json_schema_format(response_model: Any) -> dict[str, Any]:  # noqa: ANN401 - a type
    """Return the `json_schema` of a response format: name, schema, and whether it is strict."""
    wanted = response_type(response_model)
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", wanted.name)[:MAX_NAME_CHARACTERS]
    strict = strict_schema(wanted.schema)
    return {"name": name, "strict": strict is not None, "schema": wanted.schema if strict is None else strict}


def strict_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return `schema` with closed objects and all properties required; None if that would change its meaning."""
    try:
        return _strict(schema)
    except ValueError:
        return None


def _strict(schema: Any) -> dict[str, Any]:  # noqa: ANN401 - a schema, which may be true or false
    if isinstance(schema, dict) and "enum" in schema and "type" not in schema:
        types = dict.fromkeys(JSON_TYPES[type(member)] for member in schema["enum"])
        schema = {"type": list(types), **schema}
    if not isinstance(schema, dict) or not TYPE_KEYWORDS & schema.keys():
        raise ValueError("strict mode requires a type")
    if INEXPRESSIBLE & schema.keys() or schema.get("additionalProperties", False) is not False:
        raise ValueError("strict mode cannot express this")
    strict = {key: _strict_value(key, value) for key, value in schema.items() if _is_taken(key, value)}
    if "oneOf" in strict:
        strict["anyOf"] = strict.pop("oneOf")
    if schema.get("type") == "object":
        if "properties" not in schema:
            raise ValueError("an object of any properties cannot be strict")
        strict |= {"additionalProperties": False, "required": list(schema["properties"])}
    if schema.get("type") == "array" and "items" not in schema:
        raise ValueError("a list of anything cannot be strict")
    if "$ref" in strict and len(strict) > 1 and "$defs" not in strict:
        # In strict mode, a reference has no siblings, so they are moved around it.
        return {"anyOf": [{"$ref": strict.pop("$ref")}], **strict}
    return strict


def _is_taken(keyword: str, value: Any) -> bool:  # noqa: ANN401 - a keyword's value
    """Return True if strict mode accepts a keyword with this value; Pydantic checks the others on the answer."""
    if keyword == "format":
        return value in STRICT_FORMATS
    if keyword == "pattern":
        return not UNSUPPORTED_PATTERN.search(str(value))
    return keyword in STRICT_KEYWORDS


def _strict_value(key: str, value: Any) -> Any:  # noqa: ANN401 - a keyword's value
    match value:
        case dict() if key in {"properties", "$defs"}:
            return {name: _strict(child) for name, child in value.items()}
        case _ if key == "items":
            return _strict(value)
        case list() if key in {"anyOf", "oneOf"}:
            return [_strict(child) for child in value]
        case _:
            return value


def output_format_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return `schema` in the form of Claude's structured outputs; None if it cannot have that form.

    https://platform.claude.com/docs/en/build-with-claude/structured-outputs: closed objects, no bounds, no recursion.
    The rest is checked on the answer.
    """
    strict = strict_schema(schema)
    definitions = mapping(schema.get("$defs"))
    if strict is None or any(name in _reached(definitions[name], definitions, set()) for name in definitions):
        return None
    unbounded: dict[str, Any] = _without_bounds(strict)
    return unbounded


def _reached(node: Any, definitions: dict[str, Any], seen: set[str]) -> set[str]:  # noqa: ANN401 - a schema
    """Return the names of the definitions that a schema refers to; `seen` has those found so far."""
    if isinstance(node, list):
        for child in node:
            _reached(child, definitions, seen)
    if not isinstance(node, dict):
        return seen
    if (found := DEFINITION.fullmatch(str(node.get("$ref")))) and found[1] not in seen:
        seen.add(found[1])
        _reached(definitions.get(found[1]), definitions, seen)
    for value in node.values():
        _reached(value, definitions, seen)
    return seen


def _without_bounds(node: Any) -> Any:  # noqa: ANN401 - a schema
    match node:
        case list():
            return [_without_bounds(child) for child in node]
        case dict():
            kept = {key: value for key, value in node.items() if key not in BOUNDS or isinstance(value, dict)}
            return {key: _without_bounds(value) for key, value in kept.items()}
        case _:
            return node


def generate_content_schema(schema: Any) -> Any:  # noqa: ANN401 - JSON Schema
    """Return a JSON Schema with only the keywords that generateContent accepts; the answer is checked against the rest.

    A reference may have no siblings there. One that has is replaced with its definition; in a cycle, it loses the
    siblings.
    """
    given = mapping(schema)
    definitions = mapping(given.get("$defs")) or mapping(given.get(OLDER_DEFINITIONS))
    if OLDER_DEFINITIONS in given and definitions:
        schema = {**given, "$defs": definitions}
    return _generate_content(schema, definitions, frozenset())


def _generate_content(schema: Any, definitions: dict[str, Any], inside: frozenset[str]) -> Any:  # noqa: ANN401 - JSON Schema
    if not isinstance(schema, dict):
        return schema
    if len(all_of := items(schema.get("allOf"))) == 1:  # older Pydantic wraps a reference with neighbours in it
        schema = {**mapping(all_of[0]), **{name: value for name, value in schema.items() if name != "allOf"}}
    name = DEFINITION.fullmatch(str(schema.get("$ref")))
    if name and OLDER_DEFINITIONS in schema["$ref"]:
        schema = {**schema, "$ref": f"#/$defs/{name[1]}"}
    if "$ref" in schema and any(not keyword.startswith("$") for keyword in schema):
        beside = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
        if not name or name[1] in inside or name[1] not in definitions:
            return {"$ref": schema["$ref"], **{key: value for key, value in schema.items() if key == "$defs"}}
        return _generate_content({**definitions[name[1]], **beside}, definitions, inside | {name[1]})
    keywords = {**schema, "enum": [schema["const"]]} if "const" in schema else schema
    if isinstance(keywords.get("items"), list):  # how older drafts write `prefixItems`
        keywords = {**keywords, "prefixItems": keywords["items"], "items": mapping(keywords.get("additionalItems"))}
    taken = {key: value for key, value in _with_plain_enum(keywords).items() if key in GENERATE_CONTENT_KEYWORDS}
    return {key: _keyword_value(key, value, definitions, inside) for key, value in taken.items()}


def _with_plain_enum(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with only strings and numbers in enums; true, false and null become types.

    An enum with lists or objects is left out.
    """
    members = items(schema.get("enum"))
    if any(isinstance(member, dict | list) for member in members):
        return {keyword: value for keyword, value in schema.items() if keyword not in {"enum", "const"}}
    types = {JSON_TYPES[type(member)] for member in members if member is None or isinstance(member, bool)}
    if not types:
        return schema
    plain = [member for member in members if member is not None and not isinstance(member, bool)]
    bare = {keyword: value for keyword, value in schema.items() if keyword not in {"enum", "const", "type"}}
    branches: list[dict[str, Any]] = [{"type": name} for name in sorted(types)]
    if plain:
        branches.insert(0, {"enum": plain})
    return {**bare, "anyOf": branches} if len(branches) > 1 else {**bare, **branches[0]}


def _keyword_value(key: str, value: Any, definitions: dict[str, Any], inside: frozenset[str]) -> Any:  # noqa: ANN401
    if key in {"properties", "$defs"}:
        return {name: _generate_content(child, definitions, inside) for name, child in mapping(value).items()}
    if key in {"anyOf", "oneOf", "prefixItems"}:
        return [_generate_content(child, definitions, inside) for child in items(value)]
    return _generate_content(value, definitions, inside) if key in {"items", "additionalProperties"} else value


def instruction(response_model: Any) -> str:  # noqa: ANN401 - a type
    """Return the instruction to answer with one JSON object that fits the schema of `response_model`."""
    schema = json.dumps(wire_schema(response_model), ensure_ascii=False)
    return (
        "Answer with one JSON object and nothing else: no prose, no code fence. "
        f"It must be valid against this JSON Schema:\n{schema}"
    )
