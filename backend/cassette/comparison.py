"""Whether a replay ends like the row that it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modules.llm_services.types import CostSource
from modules.llm_services.wires.lenient import mapping

from .asked import SPEECH_WIRE, own_options
from .scrubbing import without_placeholders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .asked import Row

# What is another's at every call: the row's own id and times, and whose call it was.
OTHERS: Final = frozenset({"id", "user_id", "created_at", "updated_at", "execution_time_ms"})
# What masks change in words, and what can be compared of it all the same.
WORDS: Final = frozenset({"messages", "additional_params", "request_payload", "error_message"})
COSTS: Final = frozenset({"cost_estimate", "tokens_used", "input_tokens", "output_tokens"})
COST_FACTS: Final = frozenset({"cost_source", "price_table", "reconciled_at"})
UNKNOWN_TO_A_CASSETTE: Final = frozenset({"vendor_request_id"})


def differences(expected: Sequence[Row], played: Sequence[Row], *, is_masked: bool) -> list[str]:
    """Return what differs between rows and those of their replay, column by column; empty when nothing does.

    A cost that another version of the price table, or the vendor's books later on, put there is not compared.
    """
    if len(expected) != len(played):
        return [f"{len(expected)} attempts became {len(played)}"]
    found = []
    for ours, theirs in zip(expected, played, strict=True):
        left_out = _left_out(ours, theirs, is_alone=len(expected) == 1)
        one, other = (_view(row, left_out, is_masked=is_masked) for row in (ours, theirs))
        found += [f"{name}: {one[name]!r} became {other.get(name)!r}" for name in one if not _same(name, one, other)]
    return found


def _left_out(ours: Row, theirs: Row, *, is_alone: bool) -> frozenset[str]:
    sources = [mapping(row["response_raw"]) for row in (ours, theirs)]
    is_repriced = sources[0].get("price_table") != sources[1].get("price_table")
    is_reconciled = sources[0].get("cost_source") == CostSource.RECONCILED
    costs = COSTS | COST_FACTS if is_repriced or is_reconciled else frozenset()
    return OTHERS | UNKNOWN_TO_A_CASSETTE | costs | ({"retry_attempt"} if is_alone else frozenset())


def _view(row: Row, left_out: frozenset[str], *, is_masked: bool) -> dict[str, Any]:
    raw = {
        f"response_raw.{name}": value for name, value in mapping(row["response_raw"]).items() if name not in left_out
    }
    columns = {name: value for name, value in row.items() if name not in left_out | {"response_raw"}}
    columns |= {
        "additional_params": own_options(row),
        "request_payload": without_placeholders(row["request_payload"]),
    }
    if not is_masked:
        return columns | raw
    raw.pop("response_raw.body", None)
    # How long a text takes to say is estimated by its length.
    output = None if row["api_variant"] == SPEECH_WIRE else _skeleton(row["response_output"])
    said = {"response_output": output, "response_content": bool(row["response_content"])}
    return {name: value for name, value in columns.items() if name not in WORDS} | raw | said


def _same(name: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
    ours, theirs = one[name], other.get(name)
    if name == "error_message" and ours and theirs:
        # It may quote the beginning of a body, in which a placeholder takes less room than the id did.
        ours, theirs = (text.removesuffix("…") for text in sorted((ours, theirs), key=len))
        return bool(theirs.startswith(ours))
    return bool(ours == theirs)


def _skeleton(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return JSON without its words: the number of members of each object, lists, numbers, booleans and nulls."""
    match value:
        case str():
            return ""
        case dict():
            return [_skeleton(item) for item in value.values()]
        case list():
            return [_skeleton(item) for item in value]
        case _:
            return value
