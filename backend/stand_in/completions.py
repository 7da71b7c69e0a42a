"""The scenarios that answer with a completion, whole or cut."""

from __future__ import annotations

from .kinds import Billing, Completion, Content, Scenario

DATADOG = "DataDog/dd-trace-py tests/contrib/litellm/cassettes"
REQ_LLM = "vkryukov/req_llm test/support/fixtures/openrouter"
PYDANTIC_AI = "pydantic/pydantic-ai tests/models"
DOCS = "OpenRouterTeam/docs"

COMPLETIONS = (
    Scenario(
        name="completion",
        does="an answer in text",
        follows=f"{DATADOG}/completion_openrouter.yaml",
        answer=Completion(),
    ),
    Scenario(
        name="prompt-cache-hit",
        does="a prompt mostly read from the provider's cache, a little written; dated model name",
        follows=f"{PYDANTIC_AI}/openrouter/cassettes/test_cache/test_openrouter_cache_messages_anthropic_real_api.yaml",
        answer=Completion(provider="Anthropic", model_suffix="-20260217", cached=True),
    ),
    Scenario(
        name="byok",
        does="paid with the caller's own provider key: cost 0, the upstream's cost beside it",
        follows=f"{DATADOG}/completion_openrouter_byok.yaml",
        answer=Completion(
            provider="Anthropic",
            service_tier="default",
            native_finish_reason="end_turn",
            billing=Billing.OWN_KEY,
        ),
    ),
    Scenario(
        name="free",
        does="a free model: cost 0",
        follows="estiens/open_router_enhanced spec/fixtures/vcr_cassettes/integration/smart_fallback_success.yml",
        answer=Completion(provider="Nvidia", billing=Billing.FREE),
    ),
    Scenario(
        name="no-cost",
        does="usage without a cost, as OpenRouter sent it up to November 2025",
        follows="estiens/open_router spec/fixtures/vcr_cassettes/model_registry_client_integration.yml",
        answer=Completion(
            provider="AI21",
            billing=Billing.UNREPORTED,
            fields=("id", "provider", "model", "object", "created", "choices", "usage"),
        ),
    ),
    Scenario(
        name="structured",
        does="a JSON object that fits the schema of response_format or of a system message",
        follows="activeagents/activeagent test/fixtures/vcr_cassettes/integration/open_router/common_format/"
        "response_format_test/test_agent_response_json_object.yml",
        answer=Completion(content=Content.JSON),
    ),
    Scenario(
        name="structured-in-prose",
        does="the same JSON between two sentences",
        follows=f"{DOCS} guides/features/plugins/response-healing.mdx",
        answer=Completion(content=Content.JSON_IN_PROSE),
    ),
    Scenario(
        name="structured-in-fence",
        does="the same JSON in a Markdown code fence",
        follows=f"{DOCS} guides/features/plugins/response-healing.mdx",
        answer=Completion(content=Content.JSON_IN_FENCE),
    ),
    Scenario(
        name="structured-invalid",
        does="JSON with the schema's keys and values of the wrong types",
        follows=f"{DOCS} guides/features/structured-outputs.mdx",
        answer=Completion(content=Content.JSON_MISFIT),
    ),
    Scenario(
        name="tool-call",
        does="a call of the first tool (or the one tool_choice names); text once the tool has answered",
        follows="charmbracelet/fantasy providertests/testdata/TestOpenRouterCommon/grok/tool.yaml",
        answer=Completion(
            content=Content.TOOL_CALL,
            provider="xAI",
            service_tier="default",
            native_finish_reason="completed",
        ),
    ),
    Scenario(
        name="reasoning",
        does="an answer with its reasoning, as text and in reasoning_details",
        follows=f"{DATADOG}/completion_openrouter.yaml",
        answer=Completion(reasoning=True),
    ),
    Scenario(
        name="empty",
        does='content "" with finish_reason stop',
        follows=f"{DOCS} api_reference/errors-and-debugging.mdx",
        answer=Completion(content=Content.NOTHING),
    ),
    Scenario(
        name="truncated",
        does="an answer cut after 8 tokens, finish_reason length",
        follows=f"{REQ_LLM}/mistralai_codestral_2508/usage.json",
        answer=Completion(provider="Mistral", token_limit=8),
    ),
    Scenario(
        name="refused",
        does="no text, finish_reason content_filter",
        follows=f"{DOCS} openapi/openapi.yaml (ChatFinishReasonEnum)",
        answer=Completion(
            content=Content.NOTHING, finish_reason="content_filter", native_finish_reason="content_filter"
        ),
    ),
    Scenario(
        name="huge",
        does="an answer of five megabytes of text",
        follows="no recording: a model that does not stop",
        answer=Completion(content=Content.FIVE_MEGABYTES, token_limit=2_000_000),
    ),
)
