"""What a database takes: PostgreSQL refuses what SQLite and Python let pass."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, DateTime, Float, Integer, String

from .types import DEEPEST_JSON, LARGEST_INTEGER, in_utc

if TYPE_CHECKING:
    from sqlalchemy import Column

Cleaner = Callable[[Any], Any]

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
SUSPICIOUS = re.compile(r"\\u(?:0000|d[89a-f])")
REPLACEMENT = "\ufffd"
ENCODER = json.JSONEncoder(allow_nan=False)


def cleaner(column: Column[Any]) -> Cleaner:
    """Return what makes a value one that `column` can hold.

    NUL and lone surrogates become U+FFFD, strings are cut to the column's length, times are in UTC, JSON is encoded;
    a number that the column cannot hold becomes None.
    """
    match column.type:
        case JSON():
            return storable_json
        case DateTime():
            return _storable_moment
        case String(length=None):
            return _storable_string
        case String(length=length):
            return lambda value: _storable_string(value, length)
        case Integer():
            return _storable_integer
        case Float():
            return _storable_float
        case _:
            return lambda value: value


def _storable_moment(value: Any) -> Any:  # noqa: ANN401 - a column's value
    return in_utc(value) if isinstance(value, datetime) else value


def _storable_string(value: Any, length: int | None = None) -> Any:  # noqa: ANN401 - a column's value
    return storable_text(value)[:length] if isinstance(value, str) else value


def _storable_integer(value: Any) -> Any:  # noqa: ANN401 - a column's value
    return value if isinstance(value, int) and abs(value) <= LARGEST_INTEGER else None


def _storable_float(value: Any) -> Any:  # noqa: ANN401 - a column's value
    return value if isinstance(value, int | float) and abs(value) <= sys.float_info.max else None


def storable_text(text: str) -> str:
    """Return a plain string without NUL and lone surrogates."""
    return UNSTORABLE.sub(REPLACEMENT, str(text))


def storable_json(value: Any) -> str | None:  # noqa: ANN401 - whatever was asked or answered
    """Return `value` encoded as JSON that every database takes; None for None, which is NULL."""
    if value is None:
        return None
    try:
        text = ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(_cleaned(value, 0))
    return json.dumps(_cleaned(value, 0)) if SUSPICIOUS.search(text) else text


def _cleaned(value: Any, depth: int) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """Return `value` without what no database takes: what nests too deep, and NaN, are kept as text."""
    match value:
        case str():
            return storable_text(value)
        case dict() | list() if depth > DEEPEST_JSON:
            return storable_text(json.dumps(value))
        case dict():
            return {storable_text(key): _cleaned(item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [_cleaned(item, depth + 1) for item in value]
        case float() if not math.isfinite(value):
            return str(value)
        case bool() | int() | float() | None:
            return value
        case _:
            return storable_text(str(value))
