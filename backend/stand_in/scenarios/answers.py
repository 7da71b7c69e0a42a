"""The scenarios with status 200: completions, whole or truncated, and bodies sent instead of a completion."""

from __future__ import annotations

from ..scenario import DOCS, ERRORS_PAGE, GITHUB, OPENAPI, REQ_LLM, Completion, Failure, Page, Scenario

COMPLETION = "DataDog/dd-trace-py tests/contrib/litellm/cassettes/completion_openrouter.yaml"
COMPLETION_BYOK = "DataDog/dd-trace-py tests/contrib/litellm/cassettes/completion_openrouter_byok.yaml"
HEALING_PAGE = f"{DOCS} guides/features/plugins/response-healing.mdx"
STREAMING_PAGE = f"{DOCS} api_reference/streaming.mdx (there the last event of a stream)"
STRUCTURED_PAGE = f"{DOCS} guides/features/structured-outputs.mdx"
WEB_PAGE = "<!DOCTYPE html>\n<html><title>stand-in</title><body>The stand-in plays a web page.</body></html>\n"

COMPLETIONS = (
    Scenario(
        "answer",
        "an answer of the requested kind: text, JSON or a tool call; also the default without a scenario",
        COMPLETION,
        answer=Completion("as requested"),
        structured=True,
        everywhere=True,
    ),
    Scenario("completion", "an answer in text", COMPLETION),
    Scenario(
        "prompt-cache-hit",
        "a prompt mostly read from the provider's cache, with a small part written; from OpenRouter a dated model name",
        "pydantic/pydantic-ai tests/models/openrouter/cassettes/test_cache/"
        "test_openrouter_cache_messages_anthropic_real_api.yaml",
        answer=Completion("as requested", provider="Anthropic", model_suffix="-20260217", cached=True),
        structured=True,
        everywhere=True,
        alias="cached-prompt",
    ),
    Scenario(
        "byok",
        "paid with the caller's own provider key: cost 0, with the upstream cost beside it",
        COMPLETION_BYOK,
        answer=Completion(
            provider="Anthropic", service_tier="default", native_finish_reason="end_turn", billing="own key"
        ),
        billed="upstream",
    ),
    Scenario(
        "fallback",
        "an answer of the third provider that OpenRouter tried; X-OpenRouter-Metadata: enabled shows the others",
        f"{DOCS} guides/features/router-metadata.mdx",
        answer=Completion(provider="Azure", tried=(("OpenAI", 429), ("Together", 503))),
    ),
    Scenario(
        "free",
        "a free model: cost 0",
        "estiens/open_router_enhanced spec/fixtures/vcr_cassettes/integration/smart_fallback_success.yml",
        answer=Completion(provider="Nvidia", billing="free"),
    ),
    Scenario(
        "no-cost",
        "usage without a cost, as OpenRouter sent it up to November 2025",
        "estiens/open_router spec/fixtures/vcr_cassettes/model_registry_client_integration.yml",
        answer=Completion(
            provider="AI21",
            billing="unreported",
            fields=("id", "provider", "model", "object", "created", "choices", "usage"),
        ),
        billed="unpriced",
    ),
    Scenario(
        "structured",
        "a JSON object that fits the schema of response_format or of a system message",
        "activeagents/activeagent test/fixtures/vcr_cassettes/integration/open_router/common_format/"
        "response_format_test/test_agent_response_json_object.yml",
        answer=Completion("json"),
        structured=True,
    ),
    Scenario(
        "structured-in-prose",
        "the same JSON between two sentences",
        HEALING_PAGE,
        answer=Completion("json in prose"),
        structured=True,
    ),
    Scenario(
        "structured-in-fence",
        "the same JSON in a Markdown code fence",
        HEALING_PAGE,
        answer=Completion("json in a fence"),
        structured=True,
    ),
    Scenario(
        "structured-invalid",
        "JSON with the schema's keys and values of the wrong types",
        STRUCTURED_PAGE,
        answer=Completion("json that does not fit"),
        everywhere=True,
        alias="wrong-shape",
    ),
    Scenario("not-json", "prose instead of JSON", STRUCTURED_PAGE, answer=Completion("prose"), everywhere=True),
    Scenario(
        "tool-call",
        "a call of the first tool, or of the one in tool_choice; text after the tool's result",
        "charmbracelet/fantasy providertests/testdata/TestOpenRouterCommon/grok/tool.yaml",
        answer=Completion(
            content="tool call", provider="xAI", service_tier="default", native_finish_reason="completed"
        ),
    ),
    Scenario(
        "reasoning",
        "an answer with its reasoning, as text and in reasoning_details",
        COMPLETION,
        answer=Completion(reasoning=True),
    ),
    Scenario("empty", "an answer without text", ERRORS_PAGE, answer=Completion("nothing"), everywhere=True),
    Scenario(
        "truncated",
        "an answer that is truncated at its token limit, from OpenRouter after 8 tokens",
        f"{REQ_LLM}/mistralai_codestral_2508/usage.json",
        answer=Completion(provider="Mistral", token_limit=8),
        everywhere=True,
    ),
    Scenario(
        "refused",
        "the model refuses, or a filter stops it",
        f"{OPENAPI} (ChatFinishReasonEnum)",
        answer=Completion("nothing", finish_reason="content_filter", native_finish_reason="content_filter"),
        everywhere=True,
    ),
    Scenario(
        "huge",
        "an answer of five megabytes of text",
        "no recording: a model that does not stop",
        answer=Completion("five megabytes", token_limit=2_000_000),
    ),
)

NO_COMPLETIONS = (
    Scenario(
        "choice-error",
        "an error inside the choice, with the text so far and its usage",
        ERRORS_PAGE,
        Failure.FAILED,
        200,
        "provider_unavailable",
        error_status=502,
        billed="reported",
        answer=Completion(token_limit=8, finish_reason="error", native_finish_reason=None, error_in="choice"),
    ),
    Scenario(
        "no-choices",
        "a completion whose choices are an empty list",
        f"{GITHUB}/speakeasy-api/gram/issues/3129",
        Failure.NO_ANSWER,
        billed="reported",
        answer=Completion(overrides={"choices": []}),
    ),
    Scenario(
        "null-choices",
        "a completion whose fields are null, without an error",
        f"{GITHUB}/pydantic/pydantic-ai/pull/6885",
        Failure.NO_ANSWER,
        answer=Completion(
            overrides=dict.fromkeys(("id", "choices", "model", "object", "usage")),
            fields=("id", "choices", "created", "model", "object", "service_tier", "system_fingerprint", "usage"),
        ),
    ),
    Scenario(
        "whitespace",
        "the keep-alive padding, then the end",
        f"{GITHUB}/router-for-me/CLIProxyAPI/issues/2690",
        Failure.NO_ANSWER,
        part="only padding",
    ),
    Scenario(
        "html",
        "an HTML page with status 200",
        f"{GITHUB}/musistudio/claude-code-router/issues/1159",
        Failure.NO_ANSWER,
        answer=Page(WEB_PAGE),
        everywhere=True,
        alias="html-200",
    ),
    Scenario(
        "cut-json",
        "the first half of a completion, properly ended",
        f"{GITHUB}/cline/cline/issues/60",
        Failure.NO_ANSWER,
        part="cut",
    ),
    Scenario(
        "slow",
        "keep-alive padding while the connection is open, and never an answer",
        COMPLETION_BYOK,
        Failure.TOO_LATE,
        part="endless padding",
    ),
    Scenario(
        "error-in-200",
        "status 200 and padding, then an error with code 502",
        "vicentereig/dspy.rb spec/vcr_cassettes/openrouter_basic_chat.yml and "
        f"{REQ_LLM}/mistralai_mistral_small_3_1_24b_instruct/tool_round_trip_2.json",
        Failure.FAILED,
        error_status=502,
    ),
    Scenario(
        "string-code-in-200",
        "status 200, then an error with a text as its code",
        STREAMING_PAGE,
        Failure.FAILED,
        200,
        "server_error",
    ),
    Scenario(
        "lost-connection-in-200",
        "status 200, then an error with its name in the metadata",
        f"{GITHUB}/anomalyco/opencode/issues/22448",
        Failure.FAILED,
        200,
        "provider_unavailable",
        error_status=502,
    ),
    Scenario(
        "error-beside-answer",
        "a whole completion with an error beside its choices",
        STREAMING_PAGE,
        Failure.FAILED,
        200,
        "provider_unavailable",
        error_status=502,
        billed="reported",
        answer=Completion(error_in="body"),
    ),
    Scenario(
        "choice-error-unbilled",
        "an error inside the choice, the counts of its usage null",
        f"{GITHUB}/maximhq/bifrost/issues/5425",
        Failure.FAILED,
        error_status=500,
        answer=Completion(
            token_limit=8,
            finish_reason="error",
            native_finish_reason=None,
            error_in="choice",
            overrides={"usage": dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens", "cost"))},
        ),
    ),
    Scenario(
        "null-choices-rate-limited",
        "an error with code 429 beside an id, choices and usage that are null",
        f"{GITHUB}/UKGovernmentBEIS/inspect_ai/issues/1534",
        Failure.LIMITED,
        error_status=429,
        answer=Completion(
            error_in="body",
            overrides=dict.fromkeys(("id", "choices", "usage")),
            fields=("id", "choices", "usage", "error", "user_id"),
        ),
    ),
    Scenario(
        "nested-completion",
        "a completion under `provider`, with null in its usual fields",
        f"{GITHUB}/pydantic/pydantic-ai/issues/3994",
        Failure.NO_ANSWER,
        answer=Completion(nested=True),
    ),
    Scenario(
        "json-list",
        "JSON that is a list",
        "no recording: JSON of any other server",
        Failure.NO_ANSWER,
        answer=Page("[]", "application/json"),
    ),
)
