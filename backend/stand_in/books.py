"""What each generation cost, as `GET /generation` tells it, also where its answer never arrived or named no cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from .bodies import completion
from .kinds import Billing, Completion, Failure, Scenario

if TYPE_CHECKING:
    from .request import Request

METHOD, PATH = "GET", "/api/v1/generation"
GENERATIONS_KEPT = 5000

BOOKED = Scenario(
    name="generation",
    does="what a generation cost",
    follows="OpenRouterTeam/docs openapi/openapi.yaml",
    answer=Completion(),
)
NOT_BOOKED = Scenario(
    name="generation-not-found",
    does="404: a generation that is not in the books, or not yet",
    follows="https://github.com/RooCodeInc/Roo-Code/pull/915",
    status=404,
    answer=Failure(message="Generation not found", user_id=False),
)


@dataclass(slots=True)
class Books:
    """The last generations of this process: not found when first asked for, as entries take a while to appear."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def enter(self, generation: str, shape: Completion, request: Request) -> None:
        """Write down a generation, whatever will become of its answer on the way."""
        self.entries[generation] = _entry(generation, shape, request)
        while len(self.entries) > GENERATIONS_KEPT:
            oldest = next(iter(self.entries))
            del self.entries[oldest]
            self.asked.discard(oldest)

    def found(self, target: str) -> dict[str, Any] | None:
        """Return the body for the generation that a request's target names, None where it is not found."""
        generation = parse_qs(target.partition("?")[2]).get("id", [""])[0]
        if generation not in self.entries:
            return None
        if generation not in self.asked:
            self.asked.add(generation)
            return None
        return {"data": self.entries[generation]}


def _entry(generation: str, shape: Completion, request: Request) -> dict[str, Any]:
    """Return an entry; an answer whose usage a scenario takes away is not billed, one without a cost is."""
    billing = Billing.CREDITS if shape.billing is Billing.UNREPORTED else shape.billing
    billing = Billing.FREE if "usage" in shape.overrides else billing
    whole = replace(shape, billing=billing, overrides={}, fields=(), nested=False, error=None)
    body = completion(whole, request, generation)
    usage, (choice,) = body["usage"], body["choices"]
    own_key = usage["is_byok"]
    return {
        "id": generation,
        "upstream_id": None,
        "total_cost": usage["cost"],
        "usage": usage["cost"],
        "cache_discount": None,
        "upstream_inference_cost": usage["cost_details"]["upstream_inference_cost"] if own_key else 0,
        "is_byok": own_key,
        "created_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "model": body["model"],
        "provider_name": body["provider"],
        "streamed": False,
        "cancelled": False,
        "finish_reason": choice["finish_reason"],
        "native_finish_reason": choice["native_finish_reason"],
        # Counted by a tokenizer that is not the model's: near what is billed, and not it.
        "tokens_prompt": usage["prompt_tokens"] + 1,
        "tokens_completion": usage["completion_tokens"] + 1,
        "native_tokens_prompt": usage["prompt_tokens"],
        "native_tokens_completion": usage["completion_tokens"],
        "native_tokens_reasoning": usage["completion_tokens_details"]["reasoning_tokens"],
        "native_tokens_cached": usage["prompt_tokens_details"]["cached_tokens"],
        "native_tokens_completion_images": 0,
        "latency": 1,
        "generation_time": 1,
        "moderation_latency": None,
    }
