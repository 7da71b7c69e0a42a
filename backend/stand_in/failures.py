"""The scenarios that answer with an error."""

from __future__ import annotations

from .kinds import Failure, Scenario

DOCS = "OpenRouterTeam/docs"
ERRORS_PAGE = f"{DOCS} api_reference/errors-and-debugging.mdx"
OPENAPI = f"{DOCS} openapi/openapi.yaml"
ERRORS_RAISED = "pydantic/pydantic-ai tests/models/cassettes/test_openrouter/test_openrouter_errors_raised.yaml"
REQ_LLM = "vkryukov/req_llm test/support/fixtures/openrouter"

UPSTREAM = "Provider returned error"
RATE_LIMITED = Failure(
    code=429,
    message=UPSTREAM,
    metadata={
        "raw": "{model} is temporarily rate-limited upstream. Please retry shortly, or add your own key "
        "to accumulate your rate limits: https://openrouter.ai/settings/integrations",
        "provider_name": "Google",
    },
)
OVERLOADED = Failure(
    code=503,
    message=UPSTREAM,
    metadata={
        "raw": '{"error":{"type":"overloaded","message":"The stand-in plays an overloaded provider."}}',
        "provider_name": "Morph",
        "error_type": "provider_overloaded",
    },
)
BAD_GATEWAY = Failure(
    code=502,
    message=UPSTREAM,
    metadata={
        "raw": '{"errors":[{"message":"The stand-in plays a provider that fails."}],"success":false}',
        "provider_name": "Cloudflare",
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
            code=429,
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
            code=402,
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
            code=403,
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
        answer=Failure(code=404, message="No endpoints found for {model}."),
    ),
    Scenario(
        name="upstream-key",
        does="401 that names a provider: its key is at fault, not the caller's",
        follows="https://github.com/OpenRouterTeam/ai-sdk-provider/issues/24",
        status=401,
        answer=Failure(
            code=401,
            message=UPSTREAM,
            metadata={
                "raw": '{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}',
                "provider_name": "Anthropic",
            },
        ),
    ),
    Scenario(
        name="server-error",
        does="500",
        follows=OPENAPI,
        status=500,
        answer=Failure(code=500, message="Internal Server Error"),
    ),
    Scenario(
        name="bad-gateway",
        does="502: the provider failed",
        follows=f"{OPENAPI} and {REQ_LLM}/mistralai_mistral_small_3_1_24b_instruct/tool_round_trip_2.json",
        status=502,
        answer=BAD_GATEWAY,
    ),
    Scenario(
        name="overloaded",
        does="503: the provider is overloaded, with Retry-After: 1",
        follows=ERRORS_PAGE,
        status=503,
        headers={"Retry-After": "1"},
        answer=OVERLOADED,
    ),
    Scenario(
        name="error-in-200",
        does="status 200 and padding, then an error with code 502",
        follows=f"vicentereig/dspy.rb spec/vcr_cassettes/openrouter_basic_chat.yml and {REQ_LLM}/"
        "mistralai_mistral_small_3_1_24b_instruct/tool_round_trip_2.json",
        answer=BAD_GATEWAY,
    ),
    Scenario(
        name="flaky",
        does="503 to the first request of a `user` (or first message, without one), then a completion",
        follows=ERRORS_PAGE,
        status=503,
        answer=OVERLOADED,
        then="completion",
    ),
)
