"""The scenarios that answer with an error of the request, the account, or its limits."""

from __future__ import annotations

from .kinds import Failure, Scenario

DOCS = "OpenRouterTeam/docs"
ERRORS_PAGE = f"{DOCS} api_reference/errors-and-debugging.mdx"
OPENAPI = f"{DOCS} openapi/openapi.yaml"
ERRORS_RAISED = "pydantic/pydantic-ai tests/models/cassettes/test_openrouter/test_openrouter_errors_raised.yaml"

UPSTREAM = "Provider returned error"
RATE_LIMITED = Failure(
    message=UPSTREAM,
    metadata={
        "raw": "{model} is temporarily rate-limited upstream. Please retry shortly, or add your own key "
        "to accumulate your rate limits: https://openrouter.ai/settings/integrations",
        "provider_name": "Google",
    },
)

FAILURES = (
    Scenario(
        name="rate-limited",
        does="429 from the provider, with Retry-After: 1",
        follows=f"{ERRORS_RAISED} and {ERRORS_PAGE}",
        status=429,
        headers={"Retry-After": "1"},
        answer=RATE_LIMITED,
    ),
    Scenario(
        name="rate-limited-no-hint",
        does="429 from the provider, without a hint when to come back",
        follows=ERRORS_RAISED,
        status=429,
        answer=RATE_LIMITED,
    ),
    Scenario(
        name="daily-cap",
        does="429 for the day's free requests; resets in about ten hours",
        follows=f"https://github.com/Gitlawb/openclaude/issues/936 and {DOCS} api_reference/limits.mdx",
        status=429,
        answer=Failure(
            message="Rate limit exceeded: free-models-per-day-high-balance. ",
            metadata={
                "headers": {
                    "X-RateLimit-Limit": "1000",
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": "{reset_ms}",
                },
                "limit_source": "openrouter_free_tier_daily",
                "remedy_hint": "Wait for the daily reset",
            },
        ),
    ),
    Scenario(
        name="no-credits",
        does="402: the credit left does not cover max_tokens",
        follows="https://github.com/Gitlawb/openclaude/issues/1125",
        status=402,
        answer=Failure(
            message="This request requires more credits, or fewer max_tokens. You requested up to "
            "{requested} tokens, but can only afford {affordable}. To increase, visit "
            "https://openrouter.ai/settings/credits and upgrade to a paid account",
            metadata={"provider_name": None},
        ),
    ),
    Scenario(
        name="forbidden",
        does="403: moderation flagged the input",
        follows=ERRORS_PAGE,
        status=403,
        answer=Failure(
            message="The stand-in plays moderation: the input was flagged.",
            metadata={
                "reasons": ["stand-in"],
                "flagged_input": "{flagged}",
                "provider_name": "OpenInference",
                "model_slug": "{model}",
            },
        ),
    ),
    Scenario(
        name="no-endpoints",
        does="404: the model has no endpoint",
        follows="swombat/helix_kit test/vcr_cassettes/openrouter_opus45_thinking_mode_response.yml",
        status=404,
        answer=Failure(message="No endpoints found for {model}."),
    ),
    Scenario(
        name="upstream-key",
        does="401 that names a provider: its key is at fault, not the caller's",
        follows="https://github.com/OpenRouterTeam/ai-sdk-provider/issues/24",
        status=401,
        answer=Failure(
            message=UPSTREAM,
            metadata={
                "raw": '{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}',
                "provider_name": "Anthropic",
            },
        ),
    ),
    Scenario(
        name="invalid-request",
        does="400 relayed from the provider, its code a word",
        follows="https://github.com/comet-ml/opik/issues/3499",
        status=400,
        answer=Failure(
            code="unsupported_value",
            message="Unsupported value: 'temperature' does not support 0.7 with this model.",
        ),
    ),
    Scenario(
        name="context-too-long",
        does="400: the prompt does not fit the model",
        follows=OPENAPI,
        status=400,
        answer=Failure(
            message=UPSTREAM,
            metadata={
                "raw": '{"error":{"message":"The stand-in plays a model with a small context."}}',
                "provider_name": "Azure",
                "error_type": "context_length_exceeded",
            },
        ),
    ),
    Scenario(
        name="in-flight-budget",
        does="402 while other requests are unsettled, with Retry-After: 2",
        follows="https://github.com/NousResearch/hermes-agent/issues/102517",
        status=402,
        headers={"Retry-After": "2"},
        answer=Failure(
            message="This request would exceed your available credits given your current in-flight requests. "
            "Retry after in-flight requests settle, or add credits.",
            metadata={
                "reason": "in_flight_budget_exhausted",
                "limit_source": "openrouter_in_flight_budget",
                "remedy_hint": "Retry after your in-flight requests settle (see the Retry-After header).",
                "headers": {"Retry-After": "2"},
            },
        ),
    ),
    Scenario(
        name="guardrail",
        does="403: a guardrail of the account stopped the prompt",
        follows=OPENAPI,
        status=403,
        answer=Failure(
            message="Request blocked: prompt injection patterns detected",
            metadata={"patterns": ["ignore all previous"], "error_type": "permission_denied"},
        ),
    ),
    Scenario(
        name="no-endpoints-available",
        does="404 told by availability: no code, but http_status and error_type",
        follows=ERRORS_PAGE,
        status=404,
        answer=Failure(
            message="No endpoints found that can handle the requested parameters.",
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
    ),
    Scenario(
        name="timed-out",
        does="408, its metadata null",
        follows=OPENAPI,
        status=408,
        answer=Failure(message="Operation timed out. Please try again later.", members={"metadata": None}),
    ),
    Scenario(
        name="precondition-failed",
        does="412",
        follows=ERRORS_PAGE,
        status=412,
        answer=Failure(message="Precondition failed", metadata={"error_type": "precondition_failed"}),
    ),
    Scenario(
        name="too-large",
        does="413",
        follows=OPENAPI,
        status=413,
        answer=Failure(message="Payload too large", metadata={"error_type": "payload_too_large"}),
    ),
    Scenario(
        name="unprocessable",
        does="422",
        follows=OPENAPI,
        status=422,
        answer=Failure(message="Unprocessable entity", metadata={"error_type": "unprocessable"}),
    ),
    Scenario(
        name="no-capacity",
        does="429 told by availability, which says when to come back",
        follows=ERRORS_PAGE,
        status=429,
        answer=Failure(
            message="No capacity for {model} at the moment.",
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
    ),
)
