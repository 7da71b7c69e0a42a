"""A Pydantic model from the JSON Schema that a request carried, for a test that cannot import the application's own."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from json_schema_to_pydantic import create_model

if TYPE_CHECKING:
    from pydantic import BaseModel


def response_model(schema: dict[str, Any]) -> type[BaseModel]:
    """Return a model that asks with exactly this schema, and checks an answer by it.

    What a schema cannot say, a validator of the application's own for one, is not checked. Raises ValueError for a
    schema that is beyond the library that reads it.
    """
    try:
        read = create_model(copy.deepcopy(schema))
    except Exception as error:
        raise ValueError(f"no model can be made of the schema: {error}") from error

    def asks_with(_cls: type[BaseModel], *_args: Any, **_kwargs: Any) -> dict[str, Any]:
        return copy.deepcopy(schema)

    said = {"model_json_schema": classmethod(asks_with), "__module__": __name__}
    found: type[BaseModel] = type(schema.get("title") or "Answer", (read,), said)
    return found
