"""From rows to a cassette that replays their exchanges, replayed before anybody has it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from .answered import NotExportableError, interaction
from .asked import SETTINGS, asked
from .comparison import differences
from .format import MATCHED, serialize
from .masking import masked, own_words
from .masks import Masks
from .rehearsal import IN_TURN, Played, Step, document, play
from .response_models import response_model
from .scrubbing import scrubbed, without_placeholders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from modules.llm_services import LLMRequest

    from .asked import Row

# What the caller said of temperature and cap, and not the configuration; tried in this order.
SAID: Final = (tuple(SETTINGS), ("temperature",), ("max_output_tokens",), ())
SOURCE: Final = "rows of llm_requests, not the wire: headers are those that the rows know of"
MOST_DIFFERENCES: Final = 5

Rows = list[list[dict[str, Any]]]


class RequestDiffersError(NotExportableError):
    """What the row says of the call does not make the request that it says was sent."""


@dataclass(frozen=True)
class Exported:
    """A cassette's text and what it says of itself, the calls that play it, and what came of them."""

    text: str
    origin: dict[str, Any]
    steps: list[Step]
    played: Played


def export(calls: Sequence[Sequence[LLMRequest]], *, mask: bool, model: type[BaseModel] | None = None) -> Exported:
    """Return the cassette of `calls`, each the rows of its attempts; `model` is what the last one asked for.

    Raises NotExportableError, with the reason, for rows that had no exchange, that do not say all that was asked,
    or that do not come out of a replay as they are.
    """
    rows = _scrubbed(calls)
    interactions = [interaction(row) for attempts in rows for row in attempts]
    with tempfile.TemporaryDirectory() as folder:
        studio = _Studio(Path(folder) / "cassette.yaml", rows, model, _origin(calls, is_masked=mask))
        said = studio.what_was_said(interactions)
        return studio.with_masks(said) if mask else studio.checked(rows, said, is_masked=False)


def _scrubbed(calls: Sequence[Sequence[LLMRequest]]) -> Rows:
    """Return rows as JSON, their ids as placeholders, the same id the same in all of them."""
    rows = [[{**document(request), "id": None} for request in attempts] for attempts in calls]
    return cast("Rows", scrubbed(rows))


def _origin(calls: Sequence[Sequence[LLMRequest]], *, is_masked: bool) -> dict[str, Any]:
    requests = [request for attempts in calls for request in attempts]
    return {
        "source": SOURCE,
        "requests": [str(request.id) for request in requests],
        "provider": requests[-1].provider,
        "asked": requests[-1].created_at.date(),
        "exported": datetime.now(UTC).date(),
        "prompts": "masked" if is_masked else "kept",
    }


class _Studio:
    """Where one cassette is made: its file, the rows that it has to give back."""

    def __init__(self, file: Path, rows: Rows, model: type[BaseModel] | None, origin: dict[str, Any]) -> None:
        self._file, self._rows, self._model, self._origin = file, rows, model, origin

    def what_was_said(self, interactions: list[dict[str, Any]]) -> tuple[str, ...]:
        """Return which of SETTINGS the caller named, by what was sent; raises RequestDiffersError when neither fits."""
        expected = [row["request_payload"] for attempts in self._rows for row in attempts]
        problem = ""
        for said in SAID:
            played = self._play(interactions, self._steps(self._rows, said), IN_TURN)
            payloads = [row["request_payload"] for row in played.rows]
            if without_placeholders(expected) == without_placeholders(payloads):
                return said
            problem = problem or _first_difference(expected, payloads, played.error)
        raise RequestDiffersError(f"what the row says of the call does not make the request that was sent: {problem}")

    def checked(self, rows: Rows, said: tuple[str, ...], *, is_masked: bool) -> Exported:
        """Return the cassette of `rows`, strictly replayed and compared with the rows that it was made of."""
        steps = self._steps(rows, said)
        interactions = [interaction(row) for attempts in rows for row in attempts]
        rehearsed = self._play(interactions, steps, IN_TURN)
        for each, row, address in zip(interactions, rehearsed.rows, rehearsed.addresses, strict=False):
            each["request"] |= {"uri": address, "body": json.dumps(row["request_payload"])}
        played = self._play(interactions, steps, MATCHED)
        expected = [row for attempts in self._rows for row in attempts]
        if found := differences(expected, played.rows, is_masked=is_masked):
            raise NotExportableError(f"the replay does not end as the row did: {'; '.join(found[:MOST_DIFFERENCES])}")
        return Exported(self._file.read_text("utf-8"), self._origin, steps, played)

    def with_masks(self, said: tuple[str, ...]) -> Exported:
        """Return the cassette with every text masked, by masks of the texts' own length where no others will do."""
        steps = self._steps(self._rows, said)
        kept = frozenset().union(*(own_words(step.call) for step in steps))
        problem = NotExportableError("nothing was tried")
        for is_shaped in (False, True):
            masks = Masks(kept, is_shaped=is_shaped)
            rows = [
                [masked(row, step.call, masks) for row in attempts]
                for step, attempts in zip(steps, self._rows, strict=True)
            ]
            try:
                found = self.checked(rows, said, is_masked=True)
            except NotExportableError as error:
                problem = error
                continue
            if leaked := [text for text in masks.given if _shows(text, found.text, masks.given[text])]:
                raise NotExportableError(f"{len(leaked)} masked texts stand in the cassette all the same")
            return found
        raise NotExportableError(f"with its texts masked, {problem}")

    def _steps(self, rows: Rows, said: tuple[str, ...]) -> list[Step]:
        return [
            self._step(attempts, said, self._model if number == len(rows) else None)
            for number, attempts in enumerate(rows, start=1)
        ]

    def _step(self, attempts: list[Row], said: tuple[str, ...], model: type[BaseModel] | None) -> Step:
        call = asked(attempts[0], said)
        if call.schema and model is None:
            try:
                model = response_model(call.schema)
            except ValueError as error:
                raise NotExportableError(f"{error}: name the application's own with --response-model") from error
        return Step(call, model if call.schema else None, len(attempts))

    def _play(self, interactions: list[dict[str, Any]], steps: list[Step], matched: tuple[str, ...]) -> Played:
        self._file.write_text(serialize({"interactions": interactions, "origin": self._origin}), "utf-8")
        return play(self._file, self._origin["provider"], steps, matched)


def _first_difference(expected: list[Any], payloads: list[Any], error: Exception | None) -> str:
    if len(expected) != len(payloads):
        return f"{len(expected)} were sent, {len(payloads)} would be" + (f" ({error})" if error else "")
    for ours, theirs in zip(expected, payloads, strict=True):
        names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        if names:
            return f"it differs in {', '.join(names)}"
    return "it differs in ids"


def _shows(text: str, where: str, mask: str) -> bool:
    """Say whether a text of several words stands somewhere; one word may do so by chance."""
    return " " in text.strip() and text != mask and text in where
