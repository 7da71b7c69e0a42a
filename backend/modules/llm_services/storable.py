"""What a database takes: PostgreSQL refuses what SQLite and Python let pass."""

from __future__ import annotations

import json
import math
import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Float, Integer, String

from .types import DEEPEST_JSON, LARGEST_INTEGER, in_utc

if TYPE_CHECKING:
    from sqlalchemy import Column

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"


def storable(column: Column[Any], value: Any) -> Any:  # noqa: ANN401 - any column's value
    """Return `value` as `column` can hold it.

    NUL and lone surrogates become U+FFFD, strings are cut to the column's length, times are in UTC; a number
    that the column cannot hold becomes None.
    """
    if isinstance(value, datetime):
        return in_utc(value)
    if isinstance(column.type, JSON):
        return storable_json(value)
    if isinstance(column.type, String) and isinstance(value, str):
        return storable_text(value)[: column.type.length]
    if isinstance(column.type, (Integer, Float)) and isinstance(value, (int, float)):
        return value if _fits(column, value) else None
    return value


def _fits(column: Column[Any], value: float) -> bool:
    if isinstance(column.type, Integer):
        return isinstance(value, int) and abs(value) <= LARGEST_INTEGER
    return abs(value) <= sys.float_info.max


def storable_text(text: str) -> str:
    """Return a plain string without NUL and lone surrogates."""
    return UNSTORABLE.sub(REPLACEMENT, str(text))


def storable_json(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """Return `value` as JSON that every database takes: what nests too deep, and NaN, are kept as text."""
    match value:
        case str():
            return storable_text(value)
        case dict() | list() if depth > DEEPEST_JSON:
            return storable_text(json.dumps(value))
        case dict():
            return {storable_text(key): storable_json(item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [storable_json(item, depth + 1) for item in value]
        case float() if not math.isfinite(value):
            return str(value)
        case bool() | int() | float() | None:
            return value
        case _:
            return storable_text(str(value))
