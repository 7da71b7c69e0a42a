"""The JSON Schema of a Pydantic model, as strict structured output takes it.

Strict endpoints (https://platform.openai.com/docs/guides/structured-outputs) want every object closed and every
property required. A model that cannot be said that way keeps its own schema, and `strict` is false.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic import BaseModel

# Strict mode has no word for these.
INEXPRESSIBLE: Final = frozenset({"allOf", "not", "if", "patternProperties", "prefixItems", "propertyNames"})
# Strict mode refuses these, and Pydantic checks them afterwards anyway.
LEFT_TO_PYDANTIC: Final = frozenset({"default", "discriminator", "uniqueItems", "examples", "deprecated"})
LONGEST_NAME: Final = 64


def json_schema_format(response_model: type[BaseModel]) -> dict[str, Any]:
    """Return the `json_schema` of a response format: name, schema, and whether it is strict."""
    name = re.sub(r"[^a-zA-Z0-9_-]+", "_", response_model.__name__)[:LONGEST_NAME]
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
        raise ValueError("strict mode cannot say this")
    strict = {key: _strict_value(key, value) for key, value in schema.items() if key not in LEFT_TO_PYDANTIC}
    if "oneOf" in strict:
        strict["anyOf"] = strict.pop("oneOf")
    if schema.get("type") == "object":
        if "properties" not in schema:
            raise ValueError("an object of any properties cannot be strict")
        strict |= {"additionalProperties": False, "required": list(schema["properties"])}
    if "$ref" in strict and len(strict) > 1 and "$defs" not in strict:
        # A reference stands alone there; what was said beside it goes around it.
        return {"anyOf": [{"$ref": strict.pop("$ref")}], **strict}
    return strict


def _strict_value(key: str, value: Any) -> Any:  # noqa: ANN401 - a keyword's value
    match value:
        case dict() if key in {"properties", "$defs"}:
            return {name: _strict(each) for name, each in value.items()}
        case dict() if key == "items":
            return _strict(value)
        case list() if key in {"anyOf", "oneOf"}:
            return [_strict(each) for each in value]
        case _:
            return value
