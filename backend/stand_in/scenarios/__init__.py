"""The table of all scenarios, for every wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import COMPLETIONS, NO_COMPLETIONS
from .connections import CONNECTION_FAULTS
from .errors import ERRORS, FAULTY_REQUESTS

if TYPE_CHECKING:
    from ..scenario import Scenario

__all__ = ["BY_NAME", "FAULTY_REQUESTS", "ONCE", "SCENARIOS", "find"]

ONCE = "-once"
SCENARIOS = {
    scenario.name: scenario
    for scenario in (*COMPLETIONS, *NO_COMPLETIONS, *ERRORS, *CONNECTION_FAULTS, *FAULTY_REQUESTS)
}
BY_NAME = SCENARIOS | {scenario.alias: scenario for scenario in SCENARIOS.values() if scenario.alias}


def find(name: str) -> Scenario | None:
    """Return the scenario of a name or an alias, or an error's name followed by `-once`."""
    plain = name.removesuffix(ONCE)
    scenario = BY_NAME.get(plain)
    return None if scenario and plain != name and not scenario.is_error else scenario
