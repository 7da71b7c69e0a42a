"""Read JSON that may change without notice: return a value if it has the right type, otherwise None."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .. import pieces
from ..sanitize import excerpt
from ..types import DEEPEST_JSON, LARGEST_INTEGER, Usage
from .repair import whole_object

if TYPE_CHECKING:
    from collections.abc import Mapping

CENTURY: Final = (946_684_800, 4_102_444_800)  # the years 2000 and 2100 as epoch times
# Bytes that occur in JSON with surrogates, with NaN or infinity, or with numbers too large for a float.
ODD_JSON: Final = re.compile(rb"\x00|\\u[dD][89a-fA-F]|NaN|Infinity|[eE]\+?[0-9]{3}|[0-9]{300}")
MAX_USD: Final = 1_000_000.0  # no call costs more than this
# The vendors' names for the list price: tiers of OpenAI, Anthropic and Gemini, Vertex's traffic types, and the regions
# of Anthropic's inference (https://platform.claude.com/docs/en/build-with-claude/data-residency).
LIST_PRICE_RATES: Final = frozenset(
    {"auto", "default", "standard", "unspecified", "on_demand", "global", "not_available"}
)
# Deeper arguments of a tool call may have been made text by `shallow`, in a body that has them at a few levels.
DEEPEST_ARGUMENTS: Final = DEEPEST_JSON - 10
LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def mapping(value: object) -> dict[str, Any]:
    """Return an object unchanged, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not None, under their names."""
    return {name: value for name, value in values.items() if value is not None}


def items(value: object) -> list[Any]:
    """Return an array unchanged, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Return a string that is not empty, otherwise None."""
    return value if isinstance(value, str) and value else None


def number(value: object) -> float | None:
    """Return a finite number, which may be given as a string, otherwise None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        figure = float(value)
    except (ValueError, OverflowError):
        return None
    return figure if math.isfinite(figure) else None


def exact_sum(*figures: float | None) -> float:
    """Add up the figures that are not None, in decimal, so that 0.1 and 0.2 make 0.3."""
    return float(sum((Decimal(str(figure)) for figure in figures if figure is not None), Decimal()))


def usd(value: object) -> float | None:
    """Return a cost in USD; None for an impossible one, which is negative or more than MAX_USD."""
    figure = number(value)
    return figure if figure is not None and 0 <= figure <= MAX_USD else None


def count(value: object) -> int | None:
    """Return a whole number that is not negative and fits an integer column, otherwise None."""
    figure = number(value)
    return int(figure) if figure is not None and 0 <= figure <= LARGEST_INTEGER and figure == int(figure) else None


def total(*counts: object) -> int | None:
    """Add up the given counts; None if there are none, or if one of them is not a count."""
    read = [count(value) for value in counts if value is not None]
    known = [figure for figure in read if figure is not None]
    return sum(known) if known and len(known) == len(read) else None


def rates(**named: object) -> dict[str, str]:
    """Return the rates in an answer that differ from the list price, such as a service tier, in lower case."""
    read = {name: rate.lower() for name, given in named.items() if (rate := text(given))}
    return {name: rate for name, rate in read.items() if rate not in LIST_PRICE_RATES}


def openai_usage(body: dict[str, Any], prompt: str, completion: str, **more: Any) -> Usage:
    """Read the tokens from OpenAI's fields, whose names begin with `prompt` and `completion`; `more` is added."""
    usage = mapping(body.get("usage"))
    details = mapping(usage.get(f"{prompt}_tokens_details"))
    cached = count(details.get("cached_tokens"))
    return Usage(
        input_tokens=count(usage.get(f"{prompt}_tokens")),
        output_tokens=count(usage.get(f"{completion}_tokens")),
        total_tokens=count(usage.get("total_tokens")),
        cached_input_tokens=cached,
        cache_creation_tokens=count(details.get("cache_write_tokens")),
        reasoning_tokens=count(mapping(usage.get(f"{completion}_tokens_details")).get("reasoning_tokens")),
        rates=rates(service_tier=body.get("service_tier")),
        cached=bool(cached),
        **more,
    )


def moment(value: object) -> datetime | None:
    """Return an epoch time in seconds as a datetime in UTC; None if it is not in this century."""
    seconds = number(value)
    if seconds is None or not CENTURY[0] <= seconds < CENTURY[1]:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def is_well_formed(json_text: object) -> bool:
    """Return True if decoded JSON can be used unchanged, as almost always; False if `well_formed` has to check it."""
    if not isinstance(json_text, bytes) or json_text.count(b"{") + json_text.count(b"[") > DEEPEST_JSON:
        return False
    return not ODD_JSON.search(json_text)


def well_formed(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """Return JSON that can be encoded again: a lone surrogate becomes U+FFFD; NaN and infinity become their names.

    Raises RecursionError for JSON that nests too deeply for later code.
    """
    if depth > DEEPEST_JSON:
        raise RecursionError(f"JSON of more than {DEEPEST_JSON} levels")
    match value:
        case str():
            return value if value.isascii() else pieces.mapped(partial(LONE_SURROGATE.sub, "\ufffd"), value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {well_formed(key): well_formed(item, depth + 1) for key, item in value.items()}
        case list():
            return [well_formed(item, depth + 1) for item in value]
        case _:
            return value


def shallow(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """Return JSON with its lists and objects below DEEPEST_JSON levels as text; `well_formed` accepts the result."""
    match value:
        case dict() | list() if depth >= DEEPEST_JSON:
            return json.dumps(value)
        case dict():
            return {key: shallow(item, depth + 1) for key, item in value.items()}
        case list():
            return [shallow(item, depth + 1) for item in value]
        case _:
            return value


def _nests(value: object, levels: int) -> bool:
    """Return True if a value nests at least this many levels."""
    children = value.values() if isinstance(value, dict) else items(value)
    return levels == 0 or any(_nests(child, levels - 1) for child in children if isinstance(child, dict | list))


def arguments(value: object) -> dict[str, Any] | None:
    """Return a tool call's arguments, decoded and repaired: {} if there are none, None if they are not an object."""
    if isinstance(value, str) and value.strip():
        try:
            decoded = json.loads(value)
        except (ValueError, RecursionError):
            decoded = value
        try:
            value = well_formed(whole_object(value) if decoded and isinstance(decoded, str) else decoded)
        except RecursionError:
            return None
        if value is None and decoded is not None:
            return None
    if not value or (isinstance(value, str) and not value.strip()):
        return {}
    return value if isinstance(value, dict) and not _nests(value, DEEPEST_ARGUMENTS) else None


def decode(json_text: str | bytes) -> Any:  # noqa: ANN401 - any JSON
    """Decode JSON; an integer of more digits than Python converts stays text.

    Raises ValueError for what is no JSON, RecursionError for JSON that is nested too deeply.
    """
    try:
        return json.loads(json_text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(json_text, parse_int=_integer)


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


def json_object(value: object) -> dict[str, Any] | None:
    """Return a text decoded as a JSON object, without repair; None if it is not one."""
    try:
        decoded = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None


def undecodable(tool: object, given: object) -> str:
    """Return the message for a tool call whose arguments are not a JSON object."""
    return f"the arguments of the call to tool {tool!r} are not a JSON object: {excerpt(given)}"
