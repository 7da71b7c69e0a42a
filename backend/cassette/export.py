"""Make a cassette from rows; it is replayed, and refused unless the replay produces the same rows."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modules.llm_services.types import CostSource
from modules.llm_services.wires.lenient import mapping

from .call_from_rows import SETTING_VARIABLES, SPEECH_VARIANT, call_from_row, caller_options
from .format import MATCH_ON, serialize
from .masking import TextMasker, application_names, mask_row
from .replay import MATCH_IN_ORDER, Replay, replay_calls
from .response_from_row import NotExportableError, exchange_from_row
from .response_models import response_model
from .scrubbing import scrub, with_equal_placeholders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from modules.llm_services import LLMRequest

    from .call_from_rows import RecordedCall, Row

# The settings that may come from the caller instead of the configuration, in the order in which they are tried.
CALLER_SETTINGS: Final = (tuple(SETTING_VARIABLES), ("temperature",), ("max_output_tokens",), ())
SOURCE: Final = "rows of llm_requests, not the wire: headers are those that the rows know of"
MAX_DIFFERENCES_SHOWN: Final = 5
# These differ in every row: its id and times, the caller's user id, and the vendor's id, which no cassette keeps.
NEVER_EQUAL: Final = frozenset(
    {
        *("id", "user_id", "created_at", "updated_at", "vendor_request_id"),
        *("execution_time_ms", "time_to_first_piece_ms"),  # a stream is exported as the answer that it produced
    }
)
COSTS: Final = frozenset(
    {"cost_estimate", "tokens_used", "input_tokens", "output_tokens", "cost_source", "price_table", "reconciled_at"}
)
MASKED: Final = frozenset({"messages", "additional_params", "request_payload", "error_message", "response_raw.body"})
STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')  # in JSON


class RequestDiffersError(NotExportableError):
    """The call that the row describes makes a different request from the one in the row."""


@dataclass(frozen=True)
class Export:
    """The text of a cassette and its origin, the calls that replay it, and the result of the last replay."""

    text: str
    origin: dict[str, Any]
    calls: list[RecordedCall]
    replay: Replay


def export(calls: Sequence[Sequence[LLMRequest]], *, mask: bool, model: type[BaseModel] | None = None) -> Export:
    """Return the cassette of `calls`, given as the rows of their attempts; `model` is the last call's response model.

    Raises NotExportableError, with the reason, for rows without an exchange, for rows that lack a part of the call, and
    for rows that a replay does not reproduce.
    """
    attempts = [request for requests in calls for request in requests]
    origin = {
        "source": SOURCE,
        "requests": [str(request.id) for request in attempts],
        "provider": attempts[-1].provider,
        "asked": attempts[-1].created_at.date(),
        "exported": datetime.now(UTC).date(),
        "prompts": "masked" if mask else "kept",
    }
    rows = scrub([[{**request.model_dump(mode="json"), "id": None} for request in requests] for requests in calls])
    with tempfile.TemporaryDirectory() as folder:
        draft = _Draft(Path(folder) / "cassette.yaml", rows, model, origin)
        settings = draft.caller_settings()
        return draft.export_masked(settings) if mask else draft.export(rows, settings, is_masked=False)


@dataclass(frozen=True)
class _Draft:
    """A cassette in the making: its file, and by call the rows that its replay has to reproduce."""

    file: Path
    rows: list[list[Row]]
    model: type[BaseModel] | None
    origin: dict[str, Any]

    def caller_settings(self) -> tuple[str, ...]:
        """Return the settings that the caller gave: with these, the calls make the requests that were sent."""
        payloads = [row["request_payload"] for row in _flat(self.rows)]
        exchanges = [exchange_from_row(row) for row in _flat(self.rows)]
        problem = ""
        for settings in CALLER_SETTINGS:
            replay = self._replay(exchanges, self._calls(self.rows, settings), MATCH_IN_ORDER)
            replayed_payloads = [row["request_payload"] for row in replay.rows]
            if with_equal_placeholders(payloads) == with_equal_placeholders(replayed_payloads):
                return settings
            problem = problem or _first_difference(payloads, replayed_payloads, replay.error)
        raise RequestDiffersError(f"what the row says of the call does not make the request that was sent: {problem}")

    def export(self, rows: list[list[Row]], settings: tuple[str, ...], *, is_masked: bool) -> Export:
        """Return the cassette of `rows`, replayed strictly, and compared with the rows before masking."""
        calls = self._calls(rows, settings)
        exchanges = [exchange_from_row(row) for row in _flat(rows)]
        first_replay = self._replay(exchanges, calls, MATCH_IN_ORDER)
        for exchange, row, url in zip(exchanges, first_replay.rows, first_replay.urls, strict=False):
            exchange["request"] |= {"uri": url, "body": json.dumps(row["request_payload"])}
        replay = self._replay(exchanges, calls, MATCH_ON)
        if found := differences(_flat(self.rows), replay.rows, is_masked=is_masked):
            shown = "; ".join(found[:MAX_DIFFERENCES_SHOWN])
            raise NotExportableError(f"the replay does not end as the row did: {shown}")
        return Export(self.file.read_text("utf-8"), self.origin, calls, replay)

    def export_masked(self, settings: tuple[str, ...]) -> Export:
        """Return the cassette with its texts masked, by masks of the same length if no others replay."""
        calls = self._calls(self.rows, settings)
        names = frozenset[str]().union(*map(application_names, calls))
        problem: NotExportableError | None = None
        for keeps_length in (False, True):
            masker = TextMasker(names, keeps_length=keeps_length)
            rows = [
                [mask_row(row, call, masker) for row in attempts]
                for call, attempts in zip(calls, self.rows, strict=True)
            ]
            try:
                exported = self.export(rows, settings, is_masked=True)
            except NotExportableError as error:
                problem = error
                continue
            leaks = [text for text, mask in masker.masks.items() if _leaks(text, mask, exported.text)]
            if leaks:
                raise NotExportableError(f"{len(leaks)} masked texts stand in the cassette all the same")
            return exported
        raise NotExportableError(f"with its texts masked, {problem}")

    def _calls(self, rows: list[list[Row]], settings: tuple[str, ...]) -> list[RecordedCall]:
        """Return the calls behind `rows`; a structured call without the application's model gets one of its schema."""
        calls = [replace(call_from_row(attempts[0], settings), attempts=len(attempts)) for attempts in rows]
        models = [None] * (len(calls) - 1) + [self.model]
        try:
            return [
                replace(call, response_model=model or response_model(call.schema)) if call.schema else call
                for call, model in zip(calls, models, strict=True)
            ]
        except ValueError as error:
            raise NotExportableError(f"{error}: name the application's own with --response-model") from error

    def _replay(self, exchanges: list[dict[str, Any]], calls: list[RecordedCall], match_on: tuple[str, ...]) -> Replay:
        self.file.write_text(serialize({"interactions": exchanges, "origin": self.origin}), "utf-8")
        return replay_calls(self.file, self.origin["provider"], calls, match_on)


def _flat(rows: list[list[Row]]) -> list[Row]:
    return [row for attempts in rows for row in attempts]


def _first_difference(payloads: list[Any], replayed: list[Any], error: Exception | None) -> str:
    if len(payloads) != len(replayed):
        return f"{len(payloads)} were sent, {len(replayed)} would be" + (f" ({error})" if error else "")
    for payload, other in zip(payloads, replayed, strict=True):
        names = [name for name in {**payload, **other} if payload.get(name) != other.get(name)]
        if names:
            return f"it differs in {', '.join(names)}"
    return "it differs in ids"


def _leaks(text: str, mask: str, cassette: str) -> bool:
    """Return True if a cassette contains a masked text of several words; it may contain one word by chance."""
    return " " in text.strip() and text != mask and text in cassette


def differences(original: Sequence[Row], replayed: Sequence[Row], *, is_masked: bool) -> list[str]:
    """Return the columns in which rows differ from those of their replay; of masked rows, compare what masks leave.

    A cost is not compared if another version of the price table, or the vendor's statistics, gave it.
    """
    if len(original) != len(replayed):
        return [f"{len(original)} attempts became {len(replayed)}"]
    found = []
    for row, replayed_row in zip(original, replayed, strict=True):
        ignored = _ignored(row, replayed_row, is_alone=len(original) == 1, is_masked=is_masked)
        before, after = (_comparable(made, ignored, is_masked=is_masked) for made in (row, replayed_row))
        pairs = ((name, value, after.get(name)) for name, value in before.items())
        found += [
            f"{name}: {value!r} became {other!r}" for name, value, other in pairs if not _equal(name, value, other)
        ]
    return found


def _ignored(row: Row, replayed: Row, *, is_alone: bool, is_masked: bool) -> frozenset[str]:
    raw, replayed_raw = mapping(row["response_raw"]), mapping(replayed["response_raw"])
    is_repriced = raw.get("price_table") != replayed_raw.get("price_table")
    is_reconciled = raw.get("cost_source") == CostSource.RECONCILED
    is_by_character = is_masked and row["api_variant"] == SPEECH_VARIANT  # the mask has another length
    costs = COSTS if is_repriced or is_reconciled or is_by_character else frozenset()
    return NEVER_EQUAL | costs | ({"retry_attempt"} if is_alone else frozenset())


def _comparable(row: Row, ignored: frozenset[str], *, is_masked: bool) -> dict[str, Any]:
    """Return the values of a row to compare, by column and by field of response_raw."""
    columns = {name: value for name, value in row.items() if name not in ignored | {"response_raw"}}
    raw = mapping(row["response_raw"])
    columns |= {f"response_raw.{name}": value for name, value in raw.items() if name not in ignored}
    if not is_masked:
        payload = with_equal_placeholders(row["request_payload"])
        return columns | {"additional_params": caller_options(row), "request_payload": payload}
    # The duration of speech is estimated from the length of its text.
    output = None if row["api_variant"] == SPEECH_VARIANT else STRING.sub('""', json.dumps(row["response_output"]))
    columns |= {"response_output": output, "response_content": bool(row["response_content"])}
    return {name: value for name, value in columns.items() if name not in MASKED}


def _equal(name: str, value: Any, other: Any) -> bool:  # noqa: ANN401 - JSON
    if name == "error_message" and value and other:
        # The message may quote the beginning of a body, in which a placeholder is shorter than the id was.
        shorter, longer = (text.removesuffix("…") for text in sorted((value, other), key=len))
        return bool(longer.startswith(shorter))
    return bool(value == other)
