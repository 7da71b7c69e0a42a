"""Generation statistics: `GET /api/v1/generation?id=` returns what a generation cost, even if its answer never arrived.

`GET /api/v1/activity` adds up the same generations by day, model and provider.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/api/v1/generation"
ACTIVITY_PATH = "/api/v1/activity"
GENERATIONS_KEPT = 5000
COST_DIGITS = 12


@dataclass(slots=True)
class Generations:
    """The latest generations of this process; the first request for one is a 404, because OpenRouter takes a while too.

    https://github.com/RooCodeInc/Roo-Code/pull/915
    """

    statistics: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    requested: set[str] = field(default_factory=set)

    def add(self, statistics: Mapping[str, Any], model: str) -> None:
        """Store the statistics of a generation of `model`, even if its answer does not arrive."""
        self.statistics[statistics["id"]] = statistics
        self.models[statistics["id"]] = model
        while len(self.statistics) > GENERATIONS_KEPT:
            oldest = next(iter(self.statistics))
            del self.statistics[oldest], self.models[oldest]
            self.requested.discard(oldest)

    def find(self, query: str) -> Mapping[str, Any] | None:
        """Return the statistics of the generation that a query names; None if it is not found."""
        generation = parse_qs(query).get("id", [""])[0]
        if generation in self.requested:
            return self.statistics[generation]
        if generation in self.statistics:
            self.requested.add(generation)
        return None

    def activity(self, query: str) -> list[dict[str, Any]]:
        """Return the amounts spent by day, model and provider, or those of one day if the query names it.

        Today is included, so that a test need not wait for midnight; OpenRouter lists a day only when it is over.
        https://openrouter.ai/docs/api-reference/analytics/get-user-activity
        """
        groups: defaultdict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
        for name, found in self.statistics.items():
            groups[found["created_at"][:10], self.models[name], found["model"], found["provider_name"]].append(found)
        day = parse_qs(query).get("date", [""])[0]
        return [_activity(key, found) for key, found in sorted(groups.items()) if day in {"", key[0]}]


def _activity(key: tuple[str, ...], found: list[Mapping[str, Any]]) -> dict[str, Any]:
    date, model, permaslug, provider = key

    def total(name: str) -> float:
        return round(float(sum(each[name] for each in found)), COST_DIGITS)

    return {
        "date": date,
        "model": model,
        "model_permaslug": permaslug,
        "endpoint_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{permaslug} {provider}")),
        "provider_name": provider,
        "usage": total("total_cost"),
        "byok_usage_inference": total("upstream_inference_cost"),
        "requests": len(found),
        "prompt_tokens": total("native_tokens_prompt"),
        "completion_tokens": total("native_tokens_completion"),
        "reasoning_tokens": total("native_tokens_reasoning"),
    }
