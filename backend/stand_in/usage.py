"""What a completion of the stand-in reports as its usage: invented prices on counted text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .kinds import Billing

if TYPE_CHECKING:
    from .kinds import Completion

# Invented, in USD per token. The factors by which a cache changes a prompt token's price are Anthropic's.
PROMPT_PRICE = 0.000002
COMPLETION_PRICE = 0.000008
CACHE_READ_FACTOR = 0.1
CACHE_WRITE_FACTOR = 1.25
PRICE_DIGITS = 12


def usage(shape: Completion, prompt: int, completion: int, reasoning: int) -> dict[str, Any]:
    """Return the usage of a completion whose prompt, completion and reasoning hold so many tokens."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    if shape.billing is Billing.UNREPORTED:
        return counts
    written = max(1, prompt // 8) if shape.cached else 0
    read = prompt - written - 1 if shape.cached else 0
    weighed = prompt - written - read + written * CACHE_WRITE_FACTOR + read * CACHE_READ_FACTOR
    free = shape.billing is Billing.FREE
    prompt_cost = 0 if free else round(weighed * PROMPT_PRICE, PRICE_DIGITS)
    completion_cost = 0 if free else round(completion * COMPLETION_PRICE, PRICE_DIGITS)
    upstream = round(prompt_cost + completion_cost, PRICE_DIGITS)
    own_key = shape.billing is Billing.OWN_KEY
    return {
        **counts,
        "cost": 0 if own_key else upstream,
        "is_byok": own_key,
        "prompt_tokens_details": {
            "cached_tokens": read,
            "cache_write_tokens": written,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "cost_details": {
            "upstream_inference_cost": upstream,
            "upstream_inference_prompt_cost": prompt_cost,
            "upstream_inference_completions_cost": completion_cost,
        },
        "completion_tokens_details": {"reasoning_tokens": reasoning, "image_tokens": 0, "audio_tokens": 0},
    }
