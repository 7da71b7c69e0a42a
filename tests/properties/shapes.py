"""Bodies in OpenRouter's forms: completions, and errors of every documented kind."""

from __future__ import annotations

import json
from typing import Any, Final

Json = dict[str, Any]

DOCUMENT: Final[Json] = {
    "name": "Ghent",
    "population": 265_000,
    "area": 157.96,
    "mayor": {"name": "M.", "terms": [2019, 2025]},
    "tags": ["port", "flowers"],
    "either": [1, 2],
    "extra": {"founded": 630},
}
USAGE: Final[Json] = {
    "prompt_tokens": 2600,
    "completion_tokens": 48,
    "total_tokens": 2648,
    "cost": 0.0021,
    "is_byok": True,
    "prompt_tokens_details": {"cached_tokens": 2560, "cache_write_tokens": 12, "audio_tokens": 0},
    "cost_details": {"upstream_inference_cost": 0.0017, "upstream_inference_prompt_cost": 1.5e-07},
    "completion_tokens_details": {"reasoning_tokens": 7, "image_tokens": None},
    "server_tool_use_details": {"web_search_requests": 1},
}
CALL: Final[Json] = {
    "id": "toolu_made_up",
    "index": 0,
    "type": "function",
    "function": {"name": "look", "arguments": '{"at": {"city": "Ghent"}, "deep": [1, 2]}'},
}


def completion(finish_reason: str = "stop", **message: object) -> Json:
    """Return a completion with a single message, `message`."""
    said = {"role": "assistant", "content": "Ghent.", "refusal": None, "reasoning": None} | message
    choice = {"index": 0, "logprobs": None, "finish_reason": finish_reason, "native_finish_reason": "end_turn"}
    return {
        "id": "gen-1700000000-abcdefghijklmnopqrst",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "author/model-20260101",
        "provider": "Some Cloud",
        "system_fingerprint": "fp_made_up",
        "service_tier": "standard",
        "choices": [{**choice, "message": said}],
        "usage": USAGE,
    }


def failed(code: object, message: str = "Provider returned error", **fields: object) -> Json:
    """Return an error body."""
    return {"error": {"code": code, "message": message, **fields}, "user_id": "user_made_up"}


UPSTREAM: Final[Json] = {"provider_name": "Some Cloud", "raw": '{"error": {"message": "busy"}}', "error_type": "server"}
LIMITS: Final[Json] = {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1786233600000"}
AVAILABILITY: Final[Json] = {
    "code": "capacity_exhausted",
    "retryable": True,
    "retry_after": 0,
    "requested_models": ["author/model"],
    "constraint": {"field": "provider.only", "detail": "none is left"},
}

COMPLETIONS: Final = (
    completion(),
    completion(content=json.dumps(DOCUMENT)),
    completion(content="Here:\n```json\n" + json.dumps(DOCUMENT, indent=1) + "\n```\nAnything else?"),
    completion("length", content=json.dumps(DOCUMENT)[:40]),
    completion("content_filter", content=None, refusal="That I will not do."),
    completion(content=[{"type": "text", "text": json.dumps(DOCUMENT)}]),
    completion("tool_calls", content="", tool_calls=[CALL, {**CALL, "id": "call_2", "function": {"name": "look"}}]),
    completion("tool_calls", tool_calls=[CALL], reasoning_details=[{"type": "reasoning.text", "text": "Hm."}]),
    completion(content="", reasoning="Hm.", annotations=[{"type": "url_citation", "url_citation": {"url": "u"}}]),
)
FAILURES: Final = (
    failed(400, "nothing/here is not a valid model ID"),
    failed(401, "No auth credentials found"),
    failed(401, metadata=UPSTREAM),
    failed(402, "You requested up to 64000 tokens, but can only afford 2666", metadata={"provider_name": None}),
    failed(402, "busy", metadata={"reason": "in_flight_budget_exhausted"}),
    failed(403, "flagged", metadata={"reasons": ["violence"], "flagged_input": "some words", "model_slug": "a/b"}),
    failed(404, error_type="not_found", availability={**AVAILABILITY, "code": "no_endpoints", "retryable": False}),
    failed(429, "free-models-per-day", metadata={"headers": LIMITS, "limit_source": "openrouter_free_tier_daily"}),
    failed(429, metadata={**UPSTREAM, "headers": LIMITS}),
    failed(None, http_status=429, error_type="rate_limit_exceeded", availability=AVAILABILITY),
    failed(502, metadata={**UPSTREAM, "raw": {"error": {"message": "busy"}}, "previous_errors": [{"code": 500}]}),
    failed("server_error"),
    failed(524, metadata={"raw": "error code: 524", "provider_name": "Some Cloud"}),
    {"error": "busy"},
    completion() | failed(502),
    completion() | {"choices": []},
    completion() | {"choices": None, "provider": completion()},
    completion()
    | {"choices": [{"finish_reason": "error", "error": failed(502)["error"], "message": {"content": "Gh"}}]},
)
SHAPES: Final = COMPLETIONS + FAILURES
