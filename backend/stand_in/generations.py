"""Generation statistics: `GET /api/v1/generation?id=` says what a generation cost, also one that never arrived."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/api/v1/generation"
GENERATIONS_KEPT = 5000


@dataclass(slots=True)
class Generations:
    """The last generations of this process: not found when first asked for, as OpenRouter takes a while to know them.

    https://github.com/RooCodeInc/Roo-Code/pull/915
    """

    statistics: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    requested: set[str] = field(default_factory=set)

    def add(self, statistics: Mapping[str, Any]) -> None:
        """Keep a generation's statistics, whatever will become of its answer on the way."""
        self.statistics[statistics["id"]] = statistics
        while len(self.statistics) > GENERATIONS_KEPT:
            oldest = next(iter(self.statistics))
            del self.statistics[oldest]
            self.requested.discard(oldest)

    def find(self, query: str) -> Mapping[str, Any] | None:
        """Return the statistics of the generation that a query names, None where it is not found."""
        generation = parse_qs(query).get("id", [""])[0]
        if generation in self.requested:
            return self.statistics[generation]
        if generation in self.statistics:
            self.requested.add(generation)
        return None
