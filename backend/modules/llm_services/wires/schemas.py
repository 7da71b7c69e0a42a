"""The JSON Schema of a Pydantic model as each wire takes it, and the instruction where a wire takes none.

Strict endpoints (https://platform.openai.com/docs/guides/structured-outputs) want every object closed and every
property required. A schema that cannot be expressed that way stays as it is, and `strict` is false.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from .lenient import items, mapping

if TYPE_CHECKING:
    from pydantic import BaseModel

# Strict mode cannot express these.
INEXPRESSIBLE: Final = frozenset({"allOf", "not", "if", "patternProperties", "prefixItems", "propertyNames"})
# Strict mode refuses these, and Pydantic checks them afterwards anyway.
LEFT_TO_PYDANTIC: Final = frozenset({"default", "discriminator", "uniqueItems", "examples", "deprecated"})
MAX_NAME_CHARACTERS: Final = 64
# https://ai.google.dev/gemini-api/docs/structured-output: the keywords that generateContent takes; others it refuses.
_KEYWORD_NAMES: Final = (
    "$defs $ref type format title description enum items prefixItems minItems maxItems minimum maximum anyOf oneOf "
    "properties additionalProperties required propertyOrdering"
)
GENERATE_CONTENT_KEYWORDS: Final = frozenset(_KEYWORD_NAMES.split())


def json_schema_format(response_model: type[BaseModel]) -> dict[str, Any]:
    """Return the `json_schema` of a response format: name, schema, and whether it is strict."""
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", response_model.__name__)[:MAX_NAME_CHARACTERS]
    schema = response_model.model_json_schema()
    strict = strict_schema(schema) if schema.get("type") == "object" or "$ref" in schema else None
    return {"name": name, "strict": strict is not None, "schema": schema if strict is None else strict}


def strict_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return `schema` closed and with everything required; None where that would change what it allows."""
    try:
        return _strict(schema)
    except ValueError:
        return None


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    if INEXPRESSIBLE & schema.keys() or schema.get("additionalProperties", False) is not False:
        raise ValueError("strict mode cannot express this")
    strict = {key: _strict_value(key, value) for key, value in schema.items() if key not in LEFT_TO_PYDANTIC}
    if "oneOf" in strict:
        strict["anyOf"] = strict.pop("oneOf")
    if schema.get("type") == "object":
        if "properties" not in schema:
            raise ValueError("an object of any properties cannot be strict")
        strict |= {"additionalProperties": False, "required": list(schema["properties"])}
    if "$ref" in strict and len(strict) > 1 and "$defs" not in strict:
        # A reference is alone there: its neighbours go around it.
        return {"anyOf": [{"$ref": strict.pop("$ref")}], **strict}
    return strict


def _strict_value(key: str, value: Any) -> Any:  # noqa: ANN401 - a keyword's value
    match value:
        case dict() if key in {"properties", "$defs"}:
            return {name: _strict(child) for name, child in value.items()}
        case dict() if key == "items":
            return _strict(value)
        case list() if key in {"anyOf", "oneOf"}:
            return [_strict(child) for child in value]
        case _:
            return value


def generate_content_schema(schema: Any) -> Any:  # noqa: ANN401 - JSON Schema
    """Return a JSON Schema with the keywords that generateContent takes; the rest is checked on the answer."""
    if not isinstance(schema, dict):
        return schema
    keywords = {**schema, "enum": [schema["const"]]} if "const" in schema else schema
    return {key: _keyword_value(key, value) for key, value in keywords.items() if key in GENERATE_CONTENT_KEYWORDS}


def _keyword_value(key: str, value: Any) -> Any:  # noqa: ANN401 - a keyword's value
    if key in {"properties", "$defs"}:
        return {name: generate_content_schema(child) for name, child in mapping(value).items()}
    if key in {"anyOf", "oneOf", "prefixItems"}:
        return [generate_content_schema(child) for child in items(value)]
    if key == "enum":
        return [member if isinstance(member, str) else json.loads(json.dumps(member)) for member in items(value)]
    return generate_content_schema(value) if key in {"items", "additionalProperties"} else value


def instruction(response_model: type[BaseModel]) -> str:
    """Return the sentence that asks for one JSON object of `response_model`'s schema."""
    schema = json.dumps(response_model.model_json_schema(), ensure_ascii=False)
    return (
        "Answer with one JSON object and nothing else: no prose, no code fence. "
        f"It must be valid against this JSON Schema:\n{schema}"
    )
