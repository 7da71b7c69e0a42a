"""Remove keys and account ids from what is stored or shown, and values that a database refuses.

PostgreSQL refuses values that SQLite and Python accept: NUL, lone surrogates, NaN in JSON, text longer than its column.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import JSON, DateTime, Float, Integer, String

from . import pieces
from .secret import MASK, mask, mask_all
from .types import DEEPEST_JSON, LARGEST_INTEGER, in_utc

if TYPE_CHECKING:
    from sqlalchemy import Column

Sanitizer = Callable[[Any], Any]

SECRET: Final = re.compile(
    r"""\bsk-[A-Za-z0-9_-]{8,}              # keys of OpenRouter, OpenAI, Anthropic
      | \bAIza[0-9A-Za-z_-]{20,}            # Google keys
      | \b(?:AKIA|ASIA)[0-9A-Z]{16}         # AWS access key ids
      | \bBearer\s+[^\s"',})]{8,}
      | \b(?:user|org|acct|proj|key|req)[-_](?=[A-Za-z]*[0-9])[A-Za-z0-9]{12,}
    """,
    re.VERBOSE,
)
# Every match contains one of these, so a text without them need not be searched.
SECRET_MARKS: Final = (
    *("sk-", "AIza", "AKIA", "ASIA", "Bearer"),
    *(f"{kind}{dash}" for kind in ("user", "org", "acct", "proj", "key", "req") for dash in "-_"),
)
# Columns with text from others, or from a call's options; the messages of a call are the caller's own.
REDACTED_COLUMNS: Final = frozenset({"additional_params", "response_raw"})
ACCOUNT_FIELDS: Final = frozenset({"user_id", "org_id", "organization", "organization_id", "account_id", "api_key"})
# Objects that a model wrote: an answer, and the arguments of a tool call, by their names in two of the APIs.
WRITTEN_BY_A_MODEL: Final = frozenset({"message", "input", "args"})
UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
SUSPICIOUS: Final = re.compile(r"\\u(?:0000|d[89a-f])")
REPLACEMENT: Final = "\ufffd"
ENCODER: Final = json.JSONEncoder(allow_nan=False)
PAYLOAD_ENCODER: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
EXCERPT_CHARACTERS: Final = 200


def redact(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON of the same shape out
    """Return `value` with keys and account ids masked in every string; they are recognised by their form.

    Objects that a model wrote stay unchanged. In a string, configured keys are masked as well; for a document,
    `sanitize_row` does that after encoding.
    """
    return _without_shapes(mask(value) if isinstance(value, str) else value)


def _without_shapes(value: Any) -> Any:  # noqa: ANN401 - as above
    match value:
        case str():
            return _replaced(SECRET, MASK, value)
        case dict():
            return {
                key: item if key in WRITTEN_BY_A_MODEL and isinstance(item, dict) else _without_shapes(item)
                for key, item in value.items()
            }
        case list():
            return [_without_shapes(item) for item in value]
        case _:
            return value


def without_account(body: Any) -> Any:  # noqa: ANN401 - as above
    """Return a response body with the account id of an error masked; it is recognised by its position.

    An account id is beside an error or inside it; anywhere else, a field named `user_id` is data.
    """
    if not isinstance(body, dict):
        return body
    masked = {key: MASK if _is_account(key, item) else item for key, item in body.items()}
    error = masked.get("error")
    return {**masked, "error": _without_accounts(error)} if isinstance(error, dict) else masked


def _without_accounts(value: Any) -> Any:  # noqa: ANN401 - as above
    match value:
        case dict():
            return {key: MASK if _is_account(key, item) else _without_accounts(item) for key, item in value.items()}
        case list():
            return [_without_accounts(item) for item in value]
        case _:
            return value


def _is_account(key: str, value: object) -> bool:
    """Return True for an account id; under the same name, an echoed schema has an object."""
    return key in ACCOUNT_FIELDS and isinstance(value, str | int) and bool(value)


def excerpt(body: object) -> str:
    """Return the beginning of a body, on one line and redacted."""
    pieces = [body] if isinstance(body, str) else json.JSONEncoder().iterencode(body)
    content = "".join(islice(pieces, EXCERPT_CHARACTERS)).lstrip()[: 2 * EXCERPT_CHARACTERS]
    beginning: str = redact(" ".join(content.split()))[:EXCERPT_CHARACTERS]
    return beginning or "an empty body"


class JSONText(str):
    """JSON that is already encoded for the request; the row stores it without encoding it again."""

    __slots__ = ()


def encode_payload(payload: dict[str, Any], *, is_large: bool = False) -> JSONText:
    """Return the JSON to send: compact UTF-8, with U+FFFD for lone surrogates; raise ValueError for other values.

    A large value is encoded in pieces; call this in a thread for one.
    """
    encode = partial(pieces.encoded, PAYLOAD_ENCODER) if is_large else PAYLOAD_ENCODER.encode
    try:
        text = encode(payload)
        if not text.isascii() and any(map(UNSTORABLE.search, pieces.of_text(text))):
            text = encode(_sanitize_json(payload, 0))
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(
            f"the call cannot be sent as JSON; something in its messages or options is not valid JSON: {error}"
        ) from error
    return JSONText(text)


def sanitize_row(columns: dict[str, Any], sanitizers: dict[str, Sanitizer]) -> dict[str, Any]:
    """Return `columns` in a form that the table can store, with every configured key masked."""
    early = {name: value.value for name, value in columns.items() if isinstance(value, Sanitized)}
    row = {
        name: value if value is None or name in early else sanitizers[name](value) for name, value in columns.items()
    }
    return row | early | mask_all({name: text for name, text in row.items() if isinstance(text, str)})


@dataclass(frozen=True, slots=True)
class Sanitized:
    """A sanitized value of a column; not a str subclass, because copying a large text takes time."""

    value: Any


def sanitize_early(columns: dict[str, Any], sanitizers: dict[str, Sanitizer]) -> dict[str, Any]:
    """Return large `columns` sanitized in pieces, for a thread; `sanitize_row` then accepts them unchanged."""
    in_pieces: dict[Sanitizer, Sanitizer] = {
        encode_json: encode_large_json,
        encode_redacted_json: encode_large_redacted_json,
    }
    large = {name: in_pieces.get(given, given) for name, given in sanitizers.items()}
    return {name: Sanitized(value) for name, value in sanitize_row(columns, large).items()}


def column_sanitizer(column: Column[Any]) -> Sanitizer:
    """Return the function that makes a value storable in `column`.

    NUL and lone surrogates become U+FFFD; strings are shortened to the column's length; times become UTC; JSON is
    encoded, and redacted if others wrote it; a number that does not fit the column becomes None.
    """
    match column.type:
        case JSON() if column.name in REDACTED_COLUMNS:
            return encode_redacted_json
        case JSON():
            return encode_json
        case DateTime():
            return _sanitize_moment
        case String(length=None):
            return _sanitize_string
        case String(length=length):
            return lambda value: _sanitize_string(value, length)
        case Integer():
            return _sanitize_integer
        case Float():
            return _sanitize_float
        case _:
            return lambda value: value


def _sanitize_moment(value: Any) -> Any:  # noqa: ANN401 - a column's value
    if not isinstance(value, datetime) or value.tzinfo is UTC:
        return value
    return in_utc(value)


def _sanitize_string(value: Any, length: int | None = None) -> Any:  # noqa: ANN401 - a column's value
    return sanitize_text(value)[:length] if isinstance(value, str) else value


def _sanitize_integer(value: Any) -> Any:  # noqa: ANN401 - a column's value
    return value if isinstance(value, int) and abs(value) <= LARGEST_INTEGER else None


def _sanitize_float(value: Any) -> Any:  # noqa: ANN401 - a column's value
    return value if isinstance(value, int | float) and abs(value) <= sys.float_info.max else None


def sanitize_text(text: str) -> str:
    """Return a plain string without NUL and lone surrogates."""
    text = str(text)
    if text.isascii() and "\x00" not in text:
        return text
    return _replaced(UNSTORABLE, REPLACEMENT, text)


def _replaced(pattern: re.Pattern[str], replacement: str, text: str) -> str:
    """Return a text with every match replaced; a large text is processed in pieces."""
    if len(text) <= pieces.PIECE_LENGTH:
        return pattern.sub(replacement, text)
    return pieces.mapped(partial(pattern.sub, replacement), text)


def encode_json(value: Any) -> str | None:  # noqa: ANN401 - whatever a caller or a vendor sent
    """Return `value` as JSON that every database accepts; None for None, which is NULL."""
    return _encoded(value, ENCODER.encode)


def encode_large_json(value: Any) -> str | None:  # noqa: ANN401 - as above
    """Return `encode_json` of a large value, encoded in pieces; call this in a thread."""
    return _encoded(value, partial(pieces.encoded, ENCODER))


def encode_redacted_json(value: Any) -> str | None:  # noqa: ANN401 - as above
    """Return `encode_json` of `value`, redacted; it is searched only if something may match."""
    text = encode_json(value)
    return encode_json(_without_shapes(value)) if _may_match(text) else text


def encode_large_redacted_json(value: Any) -> str | None:  # noqa: ANN401 - as above
    """Return `encode_redacted_json` of a large value, encoded in pieces; call this in a thread."""
    text = encode_large_json(value)
    return encode_large_json(_without_shapes(value)) if _may_match(text) else text


def _may_match(text: str | None) -> bool:
    """Return True if a string in encoded JSON may match SECRET; JSON does not escape any of its marks."""
    return text is not None and any(mark in text for mark in SECRET_MARKS)


def _encoded(value: Any, encode: Callable[[Any], str]) -> str | None:  # noqa: ANN401 - as above
    if value is None:
        return None
    try:
        text = str(value) if isinstance(value, JSONText) else encode(value)
    except (TypeError, ValueError, RecursionError):
        return encode(_sanitize_json(value, 0))
    if "\\u" not in text or not any(map(SUSPICIOUS.search, pieces.of_text(text))):
        return text
    return encode(_sanitize_json(json.loads(value) if isinstance(value, JSONText) else value, 0))


def _sanitize_json(value: Any, depth: int) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """Return `value` without what databases refuse: NaN and too deeply nested values become text."""
    match value:
        case str():
            return sanitize_text(value)
        case dict() | list() if depth > DEEPEST_JSON:
            return sanitize_text(json.dumps(value))
        case dict():
            return {sanitize_text(key): _sanitize_json(item, depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [_sanitize_json(item, depth + 1) for item in value]
        case float() if not math.isfinite(value):
            return str(value)
        case bool() | int() | float() | None:
            return value
        case _:
            return sanitize_text(str(value))
