"""Compares the rows with what was observed: a row for every request, a settled row for every reported end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.crash import script
from modules.llm_services.models import LLMRequestModel
from support.databases import apart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

    from ledger.crash.harness import Story


def rows(engine: Engine, run: int) -> Sequence[LLMRequestModel]:
    """Return the rows of one run, as a new connection sees them."""
    with apart(engine.url) as connection, Session(connection) as session:
        return session.scalars(select(LLMRequestModel).where(LLMRequestModel.user_id == run)).all()


def marker(row: LLMRequestModel) -> str:
    """Return the marker of the call that a row belongs to."""
    return str(row.messages[0]["content"])


def complaints(story: Story, found: Sequence[LLMRequestModel]) -> list[str]:
    """Return what is wrong with the rows of a killed process, one sentence each."""
    by_id, markers = {str(row.id): row for row in found}, Counter(map(marker, found))
    return [
        *(f"{each} was received and has {markers[each]} rows" for each in story.received if markers[each] != 1),
        *(words for told in story.handed if (words := _broken_word(told, by_id.get(told["id"])))),
        *_odd(found),
    ]


def _broken_word(told: dict[str, Any], row: LLMRequestModel | None) -> str | None:
    """Return what is wrong with the row of a call whose caller had its result."""
    if row is None:
        return f"{told['marker']} was handed out, {told}, and has no row"
    if "error" in told:
        promised = (told["marker"], "failed", told["error"], None)
        kept = (marker(row), row.status, row.error_type, row.cost_estimate)
        expected = told["error"] == script.REFUSED_AS and script.is_refused(told["marker"])
        return None if expected and promised == kept else f"{told} was told, and the row says {kept}"
    promised = (told["marker"], "completed", told["text"], told["cost"])
    kept = (marker(row), row.status, str(row.response_content), row.cost_estimate)
    if promised != kept:
        return f"{told['marker']} was answered, and its row says {kept}"
    return None


def _odd(found: Sequence[LLMRequestModel]) -> Iterator[str]:
    """Yield what is wrong with any row, whatever was observed: a partial end, or another call's end."""
    pending = 0
    for row in found:
        asked = marker(row)
        ended = (row.status, row.response_content, row.cost_estimate, row.error_type)
        ends = {
            "pending": (None, None, None),
            "completed": (script.text(asked), script.cost(asked), None),
            "failed": (None, None, script.REFUSED_AS),
        }
        if ended[1:] != ends.get(row.status) or (row.status != "pending" and not row.response_raw):
            yield f"{asked} says {ended}"
        pending += row.status == "pending"
    if pending > script.IN_FLIGHT:
        yield f"{pending} rows are pending, of {script.IN_FLIGHT} calls in flight"
