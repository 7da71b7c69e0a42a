"""The object that a request asks for: its JSON Schema, and a Pydantic model made from the schema.

The tests that export_cassette.py prints import `response_model`, because they cannot import the application's class.
"""

from __future__ import annotations

import copy
import json
from typing import Any, Final

from json_schema_to_pydantic import create_model
from pydantic import BaseModel

from modules.llm_services.wires.conversation import SYSTEM_ROLES, plain_text
from modules.llm_services.wires.lenient import items, mapping
from modules.llm_services.wires.messages_parameters import ANSWER_TOOL
from modules.llm_services.wires.schemas import instruction

# The fields that lead to the schema of a structured answer, by wire.
SCHEMA_FIELDS: Final = (
    ("response_format", "json_schema", "schema"),
    ("text", "format", "schema"),
    ("generationConfig", "responseJsonSchema"),
    ("output_config", "format", "schema"),
)
FORCED_TOOL: Final = {"type": "tool", "name": ANSWER_TOOL}


class _AnyModel(BaseModel):
    """A model with a schema that ends the instruction, so that the text before it can be cut off."""


# The instruction ends a system message.
INSTRUCTION: Final = instruction(_AnyModel).partition("{")[0] + "{"


def requested_schema(payload: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of the object that a payload requests; None if it requests none."""
    if payload.get("tool_choice") == FORCED_TOOL:
        return mapping(mapping(items(payload.get("tools"))[0]).get("input_schema"))
    for fields in SCHEMA_FIELDS:
        schema: Any = payload
        for field in fields:
            schema = mapping(schema).get(field)
        if isinstance(schema, dict):
            return schema
    messages = items(payload.get("messages") or payload.get("input"))
    texts = (plain_text(message.get("content")) for message in messages if mapping(message).get("role") in SYSTEM_ROLES)
    instructions = (text.rpartition(INSTRUCTION)[2] if INSTRUCTION in text else "" for text in texts)
    return next((mapping(json.loads("{" + schema)) for schema in instructions if schema), None)


def response_model(schema: dict[str, Any]) -> type[BaseModel]:
    """Return a model that sends exactly this schema, and validates an answer by it.

    Rules that the schema does not state, such as the application's validators, are not checked. Raises ValueError for a
    schema that json_schema_to_pydantic cannot parse.
    """
    try:
        base = create_model(copy.deepcopy(schema))
    except Exception as error:
        raise ValueError(f"no model can be made of the schema: {error}") from error

    def model_json_schema(_cls: type[BaseModel], *_args: Any, **_kwargs: Any) -> dict[str, Any]:
        return copy.deepcopy(schema)

    members = {"model_json_schema": classmethod(model_json_schema), "__module__": __name__}
    model: type[BaseModel] = type(schema.get("title") or "Answer", (base,), members)
    return model
