"""The scenarios that answer with an error of the service, or of a provider behind it."""

from __future__ import annotations

from .kinds import Failure, Page, Scenario

DOCS = "OpenRouterTeam/docs"
ERRORS_PAGE = f"{DOCS} api_reference/errors-and-debugging.mdx"
OPENAPI = f"{DOCS} openapi/openapi.yaml"
REQ_LLM = "vkryukov/req_llm test/support/fixtures/openrouter"
EDGE_PAGE = (
    "<!DOCTYPE html>\n<html><title>stand-in | 524: A timeout occurred</title><body>Error code 524</body></html>\n"
)

UPSTREAM = "Provider returned error"
OVERLOADED = Failure(
    message=UPSTREAM,
    metadata={
        "raw": '{"error":{"type":"overloaded","message":"The stand-in plays an overloaded provider."}}',
        "provider_name": "Morph",
        "error_type": "provider_overloaded",
    },
)
BAD_GATEWAY = Failure(
    message=UPSTREAM,
    metadata={
        "raw": '{"errors":[{"message":"The stand-in plays a provider that fails."}],"success":false}',
        "provider_name": "Cloudflare",
    },
)

OUTAGES = (
    Scenario(
        name="server-error",
        does="500",
        follows=OPENAPI,
        status=500,
        answer=Failure(message="Internal Server Error"),
    ),
    Scenario(
        name="bad-gateway",
        does="502: the provider failed",
        follows=f"{OPENAPI} and {REQ_LLM}/mistralai_mistral_small_3_1_24b_instruct/tool_round_trip_2.json",
        status=502,
        answer=BAD_GATEWAY,
    ),
    Scenario(
        name="fallbacks-failed",
        does="502: the provider and one before it failed; its own words are an object",
        follows=f"{ERRORS_PAGE} and {DOCS} changelog.mdx",
        status=502,
        answer=Failure(
            message=UPSTREAM,
            metadata={
                "raw": {"error": {"message": "The stand-in plays a provider that fails in JSON."}},
                "provider_name": "Together",
                "error_type": "provider_unavailable",
                "provider_code": "internal_error",
                "is_byok": False,
                "previous_errors": [{"provider": "Novita", "code": 502, "status": 502}],
            },
        ),
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
        name="gateway-timeout",
        does="504",
        follows=ERRORS_PAGE,
        status=504,
        answer=Failure(message="Gateway timeout", metadata={"error_type": "timeout"}),
    ),
    Scenario(
        name="edge-error",
        does="520 from the edge, in plain text",
        follows="https://github.com/QwenLM/qwen-code/issues/7665",
        status=520,
        answer=Page(text="error code: 520", content_type="text/plain; charset=UTF-8"),
    ),
    Scenario(
        name="edge-timeout",
        does="524: the provider's edge gave up",
        follows="pydantic/pydantic-ai tests/models/test_openrouter.py",
        status=524,
        answer=Failure(message=UPSTREAM, metadata={"raw": "error code: 524", "provider_name": "Google"}),
    ),
    Scenario(
        name="edge-timeout-page",
        does="524: OpenRouter's own edge gave up, and says so in HTML",
        follows="https://github.com/symflower/eval-dev-quality/issues/186",
        status=524,
        answer=Page(text=EDGE_PAGE),
    ),
    Scenario(
        name="provider-overloaded",
        does="529",
        follows=OPENAPI,
        status=529,
        answer=Failure(message="Provider overloaded", metadata={"error_type": "provider_overloaded"}),
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
