"""The scenarios that answer with an error, by its status, and those that a faulty request earns by itself."""

from __future__ import annotations

from ..scenario import DOCS, ERRORS_PAGE, GITHUB, OPENAPI, REQ_LLM, Failure, Page, Scenario

ERRORS_RAISED = "pydantic/pydantic-ai tests/models/cassettes/test_openrouter/test_openrouter_errors_raised.yaml"
FIXTURES = "estiens/open_router_enhanced spec/fixtures/vcr_cassettes"
RUBY_LLM = "crmne/ruby_llm spec/fixtures/vcr_cassettes/chat_error_handling_with_openrouter_claude-haiku-4-5"
EDGE_PAGE = (
    "<!DOCTYPE html>\n<html><title>stand-in | 524: A timeout occurred</title><body>Error code 524</body></html>\n"
)

ERRORS = (
    Scenario(
        "invalid-request",
        "the provider refuses the request; from OpenRouter relayed, with a word as its code",
        f"{GITHUB}/comet-ml/opik/issues/3499",
        Failure.INVALID,
        400,
        "unsupported_value",
        everywhere=True,
        alias="bad-request",
    ),
    Scenario(
        "context-too-long",
        "the prompt does not fit the model",
        OPENAPI,
        Failure.INVALID,
        400,
        "context_length_exceeded",
    ),
    Scenario(
        "upstream-key",
        "the key of the provider behind OpenRouter was refused, not the caller's",
        f"{GITHUB}/OpenRouterTeam/ai-sdk-provider/issues/24",
        Failure.REFUSED,
        401,
    ),
    Scenario(
        "no-credits",
        "the account's credit does not cover the request; waiting does not help",
        f"{GITHUB}/Gitlawb/openclaude/issues/1125",
        Failure.REFUSED,
        402,
        elsewhere="LLMRateLimitError or LLMProviderError",
        everywhere=True,
        alias="out-of-quota",
    ),
    Scenario(
        "in-flight-budget",
        "requests in flight hold the credit, with Retry-After: 2",
        f"{GITHUB}/NousResearch/hermes-agent/issues/102517",
        Failure.FAILED,
        402,
        "in_flight_budget_exhausted",
        retry_after=2,
    ),
    Scenario("forbidden", "moderation flagged the input", ERRORS_PAGE, Failure.REFUSED, 403),
    Scenario(
        "guardrail", "a guardrail of the account stopped the prompt", OPENAPI, Failure.REFUSED, 403, "permission_denied"
    ),
    Scenario(
        "no-endpoints",
        "the model has no endpoint",
        "swombat/helix_kit test/vcr_cassettes/openrouter_opus45_thinking_mode_response.yml",
        Failure.INVALID,
        404,
    ),
    Scenario(
        "no-endpoints-available",
        "no endpoint is available: without a code, with http_status and error_type",
        ERRORS_PAGE,
        Failure.INVALID,
        404,
        "not_found",
    ),
    Scenario("timed-out", "timed out, its metadata null", OPENAPI, Failure.TIMED_OUT, 408),
    Scenario("precondition-failed", "a precondition failed", ERRORS_PAGE, Failure.INVALID, 412, "precondition_failed"),
    Scenario("too-large", "the request is too large", OPENAPI, Failure.INVALID, 413, "payload_too_large"),
    Scenario("unprocessable", "the request makes no sense", OPENAPI, Failure.INVALID, 422, "unprocessable"),
    Scenario(
        "rate-limited",
        "too many requests, with a Retry-After",
        f"{ERRORS_RAISED} and {ERRORS_PAGE}",
        Failure.LIMITED,
        429,
        retry_after=1,
        everywhere=True,
    ),
    Scenario(
        "rate-limited-no-hint",
        "too many requests for the provider, without a Retry-After",
        ERRORS_RAISED,
        Failure.LIMITED,
        429,
    ),
    Scenario(
        "daily-cap",
        "the day's free requests are used up; resets in about ten hours",
        f"{GITHUB}/Gitlawb/openclaude/issues/936 and {DOCS} api_reference/limits.mdx",
        Failure.CAPPED,
        429,
        "openrouter_free_tier_daily",
        retry_after=36_000,
    ),
    Scenario(
        "no-capacity",
        "no capacity is available: without a code, with http_status, error_type and a Retry-After",
        ERRORS_PAGE,
        Failure.LIMITED,
        429,
        "rate_limit_exceeded",
        retry_after=3,
    ),
    Scenario("server-error", "the vendor fails", OPENAPI, Failure.FAILED, 500, everywhere=True),
    Scenario(
        "bad-gateway",
        "the provider failed",
        f"{OPENAPI} and {REQ_LLM}/mistralai_mistral_small_3_1_24b_instruct/tool_round_trip_2.json",
        Failure.FAILED,
        502,
    ),
    Scenario(
        "fallbacks-failed",
        "the provider and one before it failed; its own error is an object",
        f"{ERRORS_PAGE} and {DOCS} changelog.mdx",
        Failure.FAILED,
        502,
        "provider_unavailable",
    ),
    Scenario(
        "overloaded",
        "the vendor has too much to do; from OpenRouter with Retry-After: 1",
        ERRORS_PAGE,
        Failure.FAILED,
        503,
        "provider_overloaded",
        retry_after=1,
        everywhere=True,
    ),
    Scenario(
        "flaky",
        "the first request of a `user` (or first message, without one) fails, then comes an answer",
        ERRORS_PAGE,
        Failure.FAILED,
        503,
        "provider_overloaded",
        once=True,
    ),
    Scenario("gateway-timeout", "the gateway gave up", ERRORS_PAGE, Failure.TIMED_OUT, 504, "timeout"),
    Scenario(
        "edge-error",
        "the edge fails, in plain text",
        f"{GITHUB}/QwenLM/qwen-code/issues/7665",
        Failure.FAILED,
        520,
        answer=Page("error code: 520", "text/plain; charset=UTF-8"),
    ),
    Scenario(
        "edge-timeout",
        "the provider's edge gave up",
        "pydantic/pydantic-ai tests/models/test_openrouter.py",
        Failure.TIMED_OUT,
        524,
    ),
    Scenario(
        "edge-timeout-page",
        "OpenRouter's own edge gave up, and says so in HTML",
        f"{GITHUB}/symflower/eval-dev-quality/issues/186",
        Failure.TIMED_OUT,
        524,
        answer=Page(EDGE_PAGE),
    ),
    Scenario("provider-overloaded", "the provider is overloaded", OPENAPI, Failure.FAILED, 529, "provider_overloaded"),
)

FAULTY_REQUESTS = (
    Scenario("missing-key", "no key", f"{RUBY_LLM}_raises_appropriate_auth_error.yml", Failure.UNAUTHORIZED, 401),
    Scenario(
        "unknown-key",
        "a key that contains `invalid` or, on OpenRouter's wire, does not start with sk-or-",
        f"{GITHUB}/apurvsinghgautam/robin/issues/103",
        Failure.UNAUTHORIZED,
        401,
        everywhere=True,
        alias="unauthorized",
    ),
    Scenario(
        "unknown-path",
        "anything but POST /api/v1/chat/completions and GET /api/v1/generation",
        OPENAPI,
        Failure.INVALID,
        404,
    ),
    Scenario("bad-json", "a body that is not a JSON object", OPENAPI, Failure.INVALID, 400),
    Scenario(
        "too-deep", "a body nested, or a schema that refers to itself, without end", OPENAPI, Failure.INVALID, 400
    ),
    Scenario(
        "bad-schema",
        "a schema, of an answer or of a tool's parameters, that is none",
        f"{GITHUB}/dottxt-ai/outlines/issues/1666",
        Failure.INVALID,
        400,
    ),
    Scenario(
        "no-messages",
        "messages missing, empty, or not a list of objects",
        f"{FIXTURES}/error_handling_parameter_validation.yml",
        Failure.INVALID,
        400,
    ),
    Scenario(
        "no-input",
        "messages without text or a part of a known type",
        "OpenRouterTeam/ai-sdk-provider e2e/__fixtures__/7gZvF6BILex/request.json",
        Failure.INVALID,
        400,
    ),
    Scenario(
        "unknown-model",
        "a model that there is not: on OpenRouter's wire a name without a slash, or an unknown stand-in/ name",
        f"{GITHUB}/RightNow-AI/openfang/issues/697",
        Failure.INVALID,
        400,
        everywhere=True,
    ),
    Scenario(
        "alpha-ended",
        "the model openrouter/horizon-beta",
        f"{REQ_LLM}/openrouter_horizon_beta/usage.json",
        Failure.INVALID,
        404,
    ),
    Scenario(
        "generation-not-found",
        "a generation whose statistics are not known, or not yet",
        f"{GITHUB}/RooCodeInc/Roo-Code/pull/915",
        Failure.INVALID,
        404,
    ),
)
