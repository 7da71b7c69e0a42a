"""The scenarios whose status is 200 and whose body is not simply an answer."""

from __future__ import annotations

from dataclasses import replace

from .failures import RATE_LIMITED
from .kinds import Body, Completion, Failure, Page, Scenario
from .outages import BAD_GATEWAY

DATADOG = "DataDog/dd-trace-py tests/contrib/litellm/cassettes"
REQ_LLM = "vkryukov/req_llm test/support/fixtures/openrouter"
DOCS = "OpenRouterTeam/docs"
STREAMING_PAGE = f"{DOCS} api_reference/streaming.mdx (there the last event of a stream)"
WEB_PAGE = "<!DOCTYPE html>\n<html><title>stand-in</title><body>The stand-in plays a web page.</body></html>\n"

ODDITIES = (
    Scenario(
        name="choice-error",
        does="an error inside the choice, with the text so far and its usage",
        follows=f"{DOCS} api_reference/errors-and-debugging.mdx",
        answer=Completion(
            token_limit=8,
            finish_reason="error",
            native_finish_reason=None,
            choice_error=Failure(
                code=502,
                message="The stand-in broke this answer off.",
                metadata={"error_type": "provider_unavailable"},
            ),
        ),
    ),
    Scenario(
        name="no-choices",
        does="a completion whose choices are an empty list",
        follows="https://github.com/speakeasy-api/gram/issues/3129",
        answer=Completion(overrides={"choices": []}),
    ),
    Scenario(
        name="null-choices",
        does="a completion whose fields are null, without an error",
        follows="https://github.com/pydantic/pydantic-ai/pull/6885",
        answer=Completion(
            overrides=dict.fromkeys(("id", "choices", "model", "object", "usage")),
            fields=(
                "id",
                "choices",
                "created",
                "model",
                "object",
                "service_tier",
                "system_fingerprint",
                "usage",
            ),
        ),
    ),
    Scenario(
        name="whitespace",
        does="the keep-alive padding, then the end",
        follows="https://github.com/router-for-me/CLIProxyAPI/issues/2690",
        answer=Completion(),
        body=Body.PADDING_ONLY,
    ),
    Scenario(
        name="html",
        does="an HTML page with status 200",
        follows="https://github.com/musistudio/claude-code-router/issues/1159",
        answer=Page(text=WEB_PAGE),
    ),
    Scenario(
        name="cut-json",
        does="the first half of a completion, properly ended",
        follows="https://github.com/cline/cline/issues/60",
        answer=Completion(),
        body=Body.CUT,
    ),
    Scenario(
        name="slow",
        does="keep-alive padding for as long as the connection stays open, never an answer",
        follows=f"{DATADOG}/completion_openrouter_byok.yaml",
        answer=Completion(),
        body=Body.PADDING_WITHOUT_END,
    ),
    Scenario(
        name="error-in-200",
        does="status 200 and padding, then an error with code 502",
        follows=f"vicentereig/dspy.rb spec/vcr_cassettes/openrouter_basic_chat.yml and {REQ_LLM}/"
        "mistralai_mistral_small_3_1_24b_instruct/tool_round_trip_2.json",
        answer=replace(BAD_GATEWAY, code=502),
    ),
    Scenario(
        name="string-code-in-200",
        does="status 200, then an error whose code is a word",
        follows=STREAMING_PAGE,
        answer=Failure(code="server_error", message="Provider disconnected unexpectedly"),
    ),
    Scenario(
        name="lost-connection-in-200",
        does="status 200, then an error that its metadata names",
        follows="https://github.com/anomalyco/opencode/issues/22448",
        answer=Failure(
            code=502,
            message="Network connection lost.",
            metadata={"error_type": "provider_unavailable"},
        ),
    ),
    Scenario(
        name="error-beside-answer",
        does="a whole completion with an error beside its choices",
        follows=STREAMING_PAGE,
        answer=Completion(
            error=Failure(
                code=502,
                message="The stand-in failed after the answer.",
                metadata={"error_type": "provider_unavailable"},
            )
        ),
    ),
    Scenario(
        name="choice-error-unbilled",
        does="an error inside the choice, the counts of its usage null",
        follows="https://github.com/maximhq/bifrost/issues/5425",
        answer=Completion(
            token_limit=8,
            finish_reason="error",
            native_finish_reason=None,
            choice_error=Failure(code=500, message="Internal Server Error"),
            overrides={"usage": dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens", "cost"))},
        ),
    ),
    Scenario(
        name="null-choices-rate-limited",
        does="an error with code 429 beside an id, choices and usage that are null",
        follows="https://github.com/UKGovernmentBEIS/inspect_ai/issues/1534",
        answer=Completion(
            error=replace(RATE_LIMITED, code=429),
            overrides=dict.fromkeys(("id", "choices", "usage")),
            fields=("id", "choices", "usage", "error", "user_id"),
        ),
    ),
    Scenario(
        name="nested-completion",
        does="a completion that stands whole under `provider`, every field in its own place null",
        follows="https://github.com/pydantic/pydantic-ai/issues/3994",
        answer=Completion(nested=True),
    ),
    Scenario(
        name="json-list",
        does="JSON that is a list",
        follows="no recording: JSON of any other server",
        answer=Page(text="[]", content_type="application/json"),
    ),
)
