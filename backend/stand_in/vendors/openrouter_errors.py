"""OpenRouter's errors with its own messages, by scenario; the scenario names the public source of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Error:
    """An error; `{model}` and the other placeholders are filled in from the request.

    `code` is the status unless given; `members` are the error's fields besides message, code and metadata.
    """

    message: str
    metadata: Mapping[str, Any] | None = None
    code: int | str | None = None
    has_code: bool = True
    members: Mapping[str, Any] = field(default_factory=dict)
    user_id: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


UPSTREAM = "Provider returned error"
RATE_LIMITED = Error(
    UPSTREAM,
    {
        "raw": "{model} is temporarily rate-limited upstream. Please retry shortly, or add your own key "
        "to accumulate your rate limits: https://openrouter.ai/settings/integrations",
        "provider_name": "Google",
    },
)
OVERLOADED = Error(
    UPSTREAM,
    {
        "raw": '{"error":{"type":"overloaded","message":"The stand-in plays an overloaded provider."}}',
        "provider_name": "Morph",
        "error_type": "provider_overloaded",
    },
)
BAD_GATEWAY = Error(
    UPSTREAM,
    {
        "raw": '{"errors":[{"message":"The stand-in plays a provider that fails."}],"success":false}',
        "provider_name": "Cloudflare",
    },
)
UNAVAILABLE = {"error_type": "provider_unavailable"}

ERRORS = {
    "missing-key": Error("Missing Authentication header", user_id=False),
    "unknown-key": Error("User not found.", user_id=False),
    "unknown-path": Error("Not Found", user_id=False),
    "bad-json": Error("The request body is not a JSON object."),
    "too-deep": Error("The request is nested too deeply."),
    "bad-schema": Error("The stand-in cannot make anything of the schema: it is no JSON Schema."),
    "no-messages": Error('Input required: specify "prompt" or "messages"'),
    "no-input": Error("Input must have at least 1 token.", {"provider_name": None}, user_id=False),
    "unknown-model": Error("{model} is not a valid model ID"),
    "alpha-ended": Error(
        "The alpha period for this model has ended. For other stealth models, please visit "
        "https://openrouter.ai/provider/stealth"
    ),
    "generation-not-found": Error("Generation not found", user_id=False),
    "not-a-management-key": Error("Only management keys can perform this operation", user_id=False),
    "invalid-request": Error(
        "Unsupported value: 'temperature' does not support 0.7 with this model.", code="unsupported_value"
    ),
    "context-too-long": Error(
        UPSTREAM,
        {
            "raw": '{"error":{"message":"The stand-in plays a model with a small context."}}',
            "provider_name": "Azure",
            "error_type": "context_length_exceeded",
        },
    ),
    "upstream-key": Error(
        UPSTREAM,
        {
            "raw": '{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}',
            "provider_name": "Anthropic",
        },
    ),
    "no-credits": Error(
        "This request requires more credits, or fewer max_tokens. You requested up to {requested} tokens, but can "
        "only afford {affordable}. To increase, visit https://openrouter.ai/settings/credits and upgrade to a paid "
        "account",
        {"provider_name": None},
    ),
    "in-flight-budget": Error(
        "This request would exceed your available credits given your current in-flight requests. "
        "Retry after in-flight requests settle, or add credits.",
        {
            "reason": "in_flight_budget_exhausted",
            "limit_source": "openrouter_in_flight_budget",
            "remedy_hint": "Retry after your in-flight requests settle (see the Retry-After header).",
            "headers": {"Retry-After": "2"},
        },
        headers={"Retry-After": "2"},
    ),
    "forbidden": Error(
        "The stand-in plays moderation: the input was flagged.",
        {
            "reasons": ["stand-in"],
            "flagged_input": "{flagged}",
            "provider_name": "OpenInference",
            "model_slug": "{model}",
        },
    ),
    "guardrail": Error(
        "Request blocked: prompt injection patterns detected",
        {"patterns": ["ignore all previous"], "error_type": "permission_denied"},
    ),
    "no-endpoints": Error("No endpoints found for {model}."),
    "no-endpoints-available": Error(
        "No endpoints found that can handle the requested parameters.",
        has_code=False,
        members={
            "http_status": 404,
            "error_type": "not_found",
            "availability": {
                "code": "constraint_filtered",
                "retryable": False,
                "requested_models": ["{model}"],
                "excluded_by": "require_parameters",
                "docs_url": "https://openrouter.ai/docs/guides/routing/provider-selection",
            },
        },
    ),
    "timed-out": Error("Operation timed out. Please try again later.", members={"metadata": None}),
    "precondition-failed": Error("Precondition failed", {"error_type": "precondition_failed"}),
    "too-large": Error("Payload too large", {"error_type": "payload_too_large"}),
    "unprocessable": Error("Unprocessable entity", {"error_type": "unprocessable"}),
    "rate-limited": replace(RATE_LIMITED, headers={"Retry-After": "1"}),
    "rate-limited-no-hint": RATE_LIMITED,
    "null-choices-rate-limited": replace(RATE_LIMITED, code=429),
    "daily-cap": Error(
        "Rate limit exceeded: free-models-per-day-high-balance. ",
        {
            "headers": {
                "X-RateLimit-Limit": "1000",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "{reset_ms}",
            },
            "limit_source": "openrouter_free_tier_daily",
            "remedy_hint": "Wait for the daily reset",
        },
    ),
    "no-capacity": Error(
        "No capacity for {model} at the moment.",
        has_code=False,
        members={
            "http_status": 429,
            "error_type": "rate_limit_exceeded",
            "availability": {
                "code": "capacity_exhausted",
                "retryable": True,
                "retry_after": 3,
                "requested_models": ["{model}"],
            },
        },
    ),
    "server-error": Error("Internal Server Error"),
    "choice-error-unbilled": Error("Internal Server Error", code=500),
    "bad-gateway": BAD_GATEWAY,
    "error-in-200": replace(BAD_GATEWAY, code=502),
    "fallbacks-failed": Error(
        UPSTREAM,
        {
            "raw": {"error": {"message": "The stand-in plays a provider that fails in JSON."}},
            "provider_name": "Together",
            **UNAVAILABLE,
            "provider_code": "internal_error",
            "is_byok": False,
            "previous_errors": [{"provider": "Novita", "code": 502, "status": 502}],
        },
    ),
    "choice-error": Error("The stand-in broke this answer off.", UNAVAILABLE, code=502),
    "error-beside-answer": Error("The stand-in failed after the answer.", UNAVAILABLE, code=502),
    "lost-connection-in-200": Error("Network connection lost.", UNAVAILABLE, code=502),
    "string-code-in-200": Error("Provider disconnected unexpectedly", code="server_error"),
    "overloaded": replace(OVERLOADED, headers={"Retry-After": "1"}),
    "flaky": OVERLOADED,
    "gateway-timeout": Error("Gateway timeout", {"error_type": "timeout"}),
    "edge-timeout": Error(UPSTREAM, {"raw": "error code: 524", "provider_name": "Google"}),
    "provider-overloaded": Error("Provider overloaded", {"error_type": "provider_overloaded"}),
}
