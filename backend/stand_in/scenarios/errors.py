"""The scenarios that answer with an error, by its status, and those that a faulty request earns by itself."""

from __future__ import annotations

from ..scenario import DOCS, ERRORS_PAGE, OPENAPI, REQ_LLM, Page, Scenario

ERRORS_RAISED = "pydantic/pydantic-ai tests/models/cassettes/test_openrouter/test_openrouter_errors_raised.yaml"
FIXTURES = "estiens/open_router_enhanced spec/fixtures/vcr_cassettes"
RUBY_LLM = "crmne/ruby_llm spec/fixtures/vcr_cassettes/chat_error_handling_with_openrouter_claude-haiku-4-5"
EDGE_PAGE = (
    "<!DOCTYPE html>\n<html><title>stand-in | 524: A timeout occurred</title><body>Error code 524</body></html>\n"
)

DENIED = "LLMAuthenticationError"
FAILED = "LLMProviderError"
INVALID = "LLMValidationError"
LIMITED = "LLMRateLimitError"
TIMED_OUT = "LLMTimeoutError"

ERRORS = (
    Scenario(
        "invalid-request",
        "the vendor does not take the request; from OpenRouter relayed, its code a word",
        "https://github.com/comet-ml/opik/issues/3499",
        400,
        INVALID,
        "unsupported_value",
        everywhere=True,
        alias="bad-request",
    ),
    Scenario("context-too-long", "the prompt does not fit the model", OPENAPI, 400, INVALID, "context_length_exceeded"),
    Scenario(
        "upstream-key",
        "the error names a provider, whose key is at fault and not the caller's",
        "https://github.com/OpenRouterTeam/ai-sdk-provider/issues/24",
        401,
        FAILED,
    ),
    Scenario(
        "no-credits",
        "what the account pays does not cover the request, which no waiting cures",
        "https://github.com/Gitlawb/openclaude/issues/1125",
        402,
        FAILED,
        raises_elsewhere=f"{LIMITED} or {FAILED}",
        everywhere=True,
        alias="out-of-quota",
    ),
    Scenario(
        "in-flight-budget",
        "the credit is taken up by requests that are not settled, with Retry-After: 2",
        "https://github.com/NousResearch/hermes-agent/issues/102517",
        402,
        FAILED,
        "in_flight_budget_exhausted",
        retryable=True,
        retry_after=2,
    ),
    Scenario("forbidden", "moderation flagged the input", ERRORS_PAGE, 403, FAILED),
    Scenario("guardrail", "a guardrail of the account stopped the prompt", OPENAPI, 403, FAILED, "permission_denied"),
    Scenario(
        "no-endpoints",
        "the model has no endpoint",
        "swombat/helix_kit test/vcr_cassettes/openrouter_opus45_thinking_mode_response.yml",
        404,
        INVALID,
    ),
    Scenario(
        "no-endpoints-available",
        "no endpoint is available: no code, but http_status and error_type",
        ERRORS_PAGE,
        404,
        INVALID,
        "not_found",
    ),
    Scenario("timed-out", "timed out, its metadata null", OPENAPI, 408, TIMED_OUT, retryable=True),
    Scenario("precondition-failed", "a precondition failed", ERRORS_PAGE, 412, INVALID, "precondition_failed"),
    Scenario("too-large", "the request is too large", OPENAPI, 413, INVALID, "payload_too_large"),
    Scenario("unprocessable", "the request makes no sense", OPENAPI, 422, INVALID, "unprocessable"),
    Scenario(
        "rate-limited",
        "too many requests; says when to come back",
        f"{ERRORS_RAISED} and {ERRORS_PAGE}",
        429,
        LIMITED,
        retryable=True,
        retry_after=1,
        everywhere=True,
    ),
    Scenario(
        "rate-limited-no-hint",
        "too many requests for the provider, without a hint when to come back",
        ERRORS_RAISED,
        429,
        LIMITED,
        retryable=True,
    ),
    Scenario(
        "daily-cap",
        "the day's free requests are used up; resets in about ten hours",
        f"https://github.com/Gitlawb/openclaude/issues/936 and {DOCS} api_reference/limits.mdx",
        429,
        LIMITED,
        retry_after=36_000,
    ),
    Scenario(
        "no-capacity",
        "no capacity is available: no code, but http_status, error_type and when to come back",
        ERRORS_PAGE,
        429,
        LIMITED,
        "rate_limit_exceeded",
        retryable=True,
        retry_after=3,
    ),
    Scenario("server-error", "the vendor fails", OPENAPI, 500, FAILED, retryable=True, everywhere=True),
    Scenario(
        "bad-gateway",
        "the provider failed",
        f"{OPENAPI} and {REQ_LLM}/mistralai_mistral_small_3_1_24b_instruct/tool_round_trip_2.json",
        502,
        FAILED,
        retryable=True,
    ),
    Scenario(
        "fallbacks-failed",
        "the provider and one before it failed; its own error is an object",
        f"{ERRORS_PAGE} and {DOCS} changelog.mdx",
        502,
        FAILED,
        "provider_unavailable",
        retryable=True,
    ),
    Scenario(
        "overloaded",
        "the vendor has too much to do; from OpenRouter with Retry-After: 1",
        ERRORS_PAGE,
        503,
        FAILED,
        "provider_overloaded",
        retryable=True,
        retry_after=1,
        everywhere=True,
    ),
    Scenario(
        "flaky",
        "the first request of a `user` (or first message, without one) fails, then comes an answer",
        ERRORS_PAGE,
        503,
        FAILED,
        "provider_overloaded",
        retryable=True,
        once=True,
    ),
    Scenario("gateway-timeout", "the gateway gave up", ERRORS_PAGE, 504, TIMED_OUT, "timeout", retryable=True),
    Scenario(
        "edge-error",
        "the edge fails, in plain text",
        "https://github.com/QwenLM/qwen-code/issues/7665",
        520,
        FAILED,
        retryable=True,
        answer=Page("error code: 520", "text/plain; charset=UTF-8"),
    ),
    Scenario(
        "edge-timeout",
        "the provider's edge gave up",
        "pydantic/pydantic-ai tests/models/test_openrouter.py",
        524,
        TIMED_OUT,
        retryable=True,
    ),
    Scenario(
        "edge-timeout-page",
        "OpenRouter's own edge gave up, and says so in HTML",
        "https://github.com/symflower/eval-dev-quality/issues/186",
        524,
        TIMED_OUT,
        retryable=True,
        answer=Page(EDGE_PAGE),
    ),
    Scenario(
        "provider-overloaded", "the provider is overloaded", OPENAPI, 529, FAILED, "provider_overloaded", retryable=True
    ),
)

FAULTY_REQUESTS = (
    Scenario("missing-key", "no key", f"{RUBY_LLM}_raises_appropriate_auth_error.yml", 401, DENIED),
    Scenario(
        "unknown-key",
        "a key that contains `invalid` or, on OpenRouter's wire, does not start with sk-or-",
        "https://github.com/apurvsinghgautam/robin/issues/103",
        401,
        DENIED,
        everywhere=True,
        alias="unauthorized",
    ),
    Scenario(
        "unknown-path", "anything but POST /api/v1/chat/completions and GET /api/v1/generation", OPENAPI, 404, INVALID
    ),
    Scenario("bad-json", "a body that is not a JSON object", OPENAPI, 400, INVALID),
    Scenario("too-deep", "a body nested, or a schema that refers to itself, without end", OPENAPI, 400, INVALID),
    Scenario(
        "bad-schema",
        "a schema, of an answer or of a tool's parameters, that is none",
        "https://github.com/dottxt-ai/outlines/issues/1666",
        400,
        INVALID,
    ),
    Scenario(
        "no-messages",
        "messages missing, empty, or not a list of objects",
        f"{FIXTURES}/error_handling_parameter_validation.yml",
        400,
        INVALID,
    ),
    Scenario(
        "no-input",
        "messages without text or a part of a known type",
        "OpenRouterTeam/ai-sdk-provider e2e/__fixtures__/7gZvF6BILex/request.json",
        400,
        INVALID,
    ),
    Scenario(
        "streaming", "stream: true, which the stand-in does not speak", "no recording: OpenRouter streams", 400, INVALID
    ),
    Scenario(
        "unknown-model",
        "a model that there is not: on OpenRouter's wire a name without a slash, or an unknown stand-in/ name",
        "https://github.com/RightNow-AI/openfang/issues/697",
        400,
        INVALID,
        everywhere=True,
    ),
    Scenario(
        "alpha-ended",
        "the model openrouter/horizon-beta",
        f"{REQ_LLM}/openrouter_horizon_beta/usage.json",
        404,
        INVALID,
    ),
    Scenario(
        "generation-not-found",
        "a generation whose statistics are not known, or not yet",
        "https://github.com/RooCodeInc/Roo-Code/pull/915",
        404,
        INVALID,
    ),
)
