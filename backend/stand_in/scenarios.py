"""Which scenario answers a request: by model name first, else by what the request asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .completions import COMPLETIONS
from .connections import CONNECTION_FAULTS
from .failures import FAILURES
from .oddities import ODDITIES
from .outages import OUTAGES
from .refusals import FAULTY_REQUESTS

if TYPE_CHECKING:
    from .kinds import Scenario
    from .request import Request

AUTHOR = "stand-in"
SCENARIOS: dict[str, Scenario] = {
    each.name: each for each in (*COMPLETIONS, *ODDITIES, *FAILURES, *OUTAGES, *CONNECTION_FAULTS)
}
REFUSALS: dict[str, Scenario] = {each.name: each for each in FAULTY_REQUESTS}


def chosen(request: Request) -> Scenario:
    """Return the scenario that answers this request the first time."""
    author, _, slug = request.model.partition("/")
    if author == AUTHOR:
        return SCENARIOS.get(slug, REFUSALS["unknown-model"])
    if not author or not slug:
        return REFUSALS["unknown-model"]
    if request.model == "openrouter/horizon-beta":
        return REFUSALS["alpha-ended"]
    if request.wants_json:
        return SCENARIOS["structured"]
    if request.tool is not None:
        return SCENARIOS["tool-call"]
    return SCENARIOS["completion"]
