"""OpenRouter's official SDK checks every rendered request, and every answer of the stand-in."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from openrouter.components import ChatRequest, ProviderPreferences
from pydantic import BaseModel

from modules.llm_services.providers import openrouter
from modules.llm_services.providers.openrouter import OpenRouterOptions, OpenRouterWire
from modules.llm_services.types import LLMMessage, ToolDefinition
from modules.llm_services.wires.wire import EFFORTS, LLMCall
from providers.openrouter_judge import BEYOND_THE_SDK, ERRORS, PAGES, judge_answer, judge_request
from stand_in.scenario import Page, Scenario
from stand_in.scenarios import SCENARIOS
from support.rendering import rendered

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "openrouter.md"
EPHEMERAL: Final = {"type": "ephemeral", "ttl": "1h"}
PICTURE: Final = "data:image/png;base64,iVBORw0KGgo="
QUESTION: Final = LLMMessage(role="user", content="What is the weather in Ghent?")
PARAMETERS: Final = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Final = ToolDefinition(
    name="weather", description="Weather.", parameters=PARAMETERS, strict=True, cache_control=EPHEMERAL
)


class City(BaseModel):
    """An object with a nested object, which becomes a reference in the schema."""

    name: str
    twin: City | None = None


@dataclass
class Town:
    """The same without a reference."""

    name: str


OPTIONS: Final[list[dict[str, Any]]] = [
    {"top_p": 0.9, "top_k": 3, "top_a": 0.1, "min_p": 0.1, "repetition_penalty": 1, "seed": 7, "stop": ["END"]},
    {"frequency_penalty": 1, "presence_penalty": 0.5, "logit_bias": {"50256": -100}, "stop": "END"},
    {"logprobs": True, "top_logprobs": 5, "parallel_tool_calls": False, "service_tier": "flex"},
    {"models": ["openrouter/a/b", "c/d"], "preset": "brief", "transforms": ["middle-out"], "session_id": "s"},
    {"user": "u", "metadata": {"team": "finance"}, "trace": {"trace_id": "t", "own": 1}},
    {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}, "web_search_options": {}},
    {"image_config": {"aspect_ratio": "16:9", "image_size": "2K"}, "modalities": ["image", "text"]},
    {"cache_control": EPHEMERAL, "prompt_cache_key": "k", "prompt_cache_options": {"mode": "explicit", "ttl": "30m"}},
    {"prediction": {"type": "content", "content": "Hello."}, "max_completion_tokens": 50},
    {"reasoning": {"effort": "high", "summary": "auto"}},
    {"reasoning": {"max_tokens": 2000, "exclude": True, "enabled": True}},
    *({"reasoning_effort": effort} for effort in EFFORTS),
    *({"verbosity": verbosity} for verbosity in ("low", "medium", "high", "xhigh", "max")),
    {"text": {"verbosity": "low"}, "router_metadata": True, "response_cache": True, "timeout": 3, "use_cache": False},
    {"store_content": False, "idempotency_key": "job-1"},
    {"stream": True},
    *({"tool_choice": choice} for choice in ("auto", "none", "required")),
    {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
    {
        "stop_server_tools_when": [
            {"type": "step_count_is", "step_count": 3},
            {"type": "has_tool_call", "tool_name": "weather"},
            {"type": "max_tokens_used", "max_tokens": 900},
            {"type": "max_cost", "max_cost_in_dollars": 0.5},
            {"type": "finish_reason_is", "reason": "length"},
        ]
    },
    {
        "deferred_tools": {
            "protocol": "v1",
            "profile": "portable",
            "validation": "runtime",
            "search": {"type": "bm25", "max_results": 3},
        }
    },
    {
        "plugins": [
            {"id": "web", "max_results": 3, "search_prompt": "Cite."},
            {"id": "file-parser", "pdf": {"engine": "mistral-ocr"}},
            {"id": "response-healing"},
            {"id": "context-compression", "enabled": False},
            {"id": "auto-router", "allowed_models": ["openrouter/anthropic/claude-*"]},
        ]
    },
    {"extra_body": {"tools": [{"type": "openrouter:web_search", "parameters": {"max_results": 2}}]}},
    {
        "provider": {
            "order": ["anthropic", "a-provider-of-next-year"],
            "only": ["openai"],
            "ignore": ["azure"],
            "allow_fallbacks": False,
            "require_parameters": True,
            "data_collection": "deny",
            "zdr": True,
            "enforce_distillable_text": False,
            "quantizations": ["fp8", "bf16"],
            "sort": "throughput",
            "max_price": {"prompt": 1.5, "completion": "2", "request": 0, "image": 1, "audio": 1},
            "options": {"anthropic": {"anything": 1}},
        }
    },
    {"provider": {"sort": {"by": "price", "partition": "none"}, "preferred_min_throughput": 50}},
    {"provider": {"preferred_max_latency": {"p50": 1, "p99": 2.5}, "preferred_min_throughput": {"p90": 20}}},
]
PARTS: Final[list[dict[str, Any]]] = [
    {"type": "input_text", "text": "What is this?", "cache_control": EPHEMERAL},
    {"type": "text", "text": "And this?", "prompt_cache_breakpoint": {"mode": "explicit"}},
    {"type": "input_image", "image_url": "https://example.com/cat.png", "detail": "low", "cache_control": EPHEMERAL},
    {"type": "image_url", "image_url": {"url": PICTURE}},
    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
    {"type": "input_file", "file_id": "file-1"},
    {"type": "input_file", "file_url": "https://example.com/a.pdf"},
    {"type": "input_audio", "data": "UklGRg==", "format": "wav"},
    {"type": "input_video", "video_url": "https://example.com/a.mp4"},
]
REASONING: Final[list[dict[str, Any]]] = [
    {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.summary", "summary": "Hm.", "format": "openai-responses-v1", "index": 1},
    {"type": "reasoning.encrypted", "data": "c2VjcmV0", "id": "rs_1", "format": "unknown", "index": 2},
]
CALL: Final = {"id": "call_1", "name": "weather", "arguments": {"city": "Ghent"}}
CONVERSATIONS: Final[list[list[LLMMessage]]] = [
    [LLMMessage(role="system", content="Be brief.", cache_control=EPHEMERAL), QUESTION],
    [LLMMessage(role="developer", content="Be brief."), LLMMessage(role="user", content=PARTS, name="Ann")],
    [QUESTION, LLMMessage(role="assistant", content="Sunny", reasoning_details=REASONING)],
    [QUESTION, LLMMessage(role="tool", content="clear", name="weather")],
    [
        QUESTION,
        LLMMessage(role="assistant", content=None, tool_calls=[CALL], reasoning_details=REASONING),
        LLMMessage(role="tool", content=PARTS[:1], name="weather", tool_call_id="call_1"),
        LLMMessage(role="assistant", content="Clear."),
        QUESTION,
    ],
    [
        QUESTION,
        LLMMessage(role="assistant", content="", function_call={"name": "weather", "arguments": "{}"}),
        LLMMessage(role="function", content="clear", name="weather"),
    ],
]
STRUCTURED: Final = [
    LLMCall([QUESTION], "openrouter/a/b", 0.7, params={"structured_output": mode}, response_model=shape)
    for mode in ("json_object", "json_schema")
    for shape in (City, Town, list[City], int)
]
CALLS: Final = [
    *(LLMCall([QUESTION], "openrouter/a/b", 0.7, 500, params=options, tools=[WEATHER]) for options in OPTIONS),
    *(LLMCall(messages, "openrouter/auto", tools=[WEATHER]) for messages in CONVERSATIONS),
    *STRUCTURED,
]


def judged(call: LLMCall) -> tuple[list[str], set[str]]:
    """Return what the SDK reports about the request of a call."""
    return judge_request(json.loads(json.dumps(rendered(OpenRouterWire(), call))))


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_a_request_is_one_that_the_sdk_could_send(call: LLMCall) -> None:
    """Options, routing, plugins, parts, tools, turns and schemas fit the SDK's types; other keys are documented."""
    problems, unknown = judged(call)
    assert [] == problems
    assert set() == unknown - BEYOND_THE_SDK.keys()


def test_the_table_holds_what_the_sdk_does_not_know() -> None:
    """The table of documented keys has no key that the SDK knows, or that is not sent."""
    assert set(BEYOND_THE_SDK) == set().union(*(judged(call)[1] for call in CALLS))


# Fields of the SDK's request that are not options, and why.
NO_OPTIONS: Final = {
    "messages": "the call's own argument",
    "model": "the call's own argument",
    "temperature": "the call's own argument",
    "max_tokens": "the call's own argument, max_output_tokens",
    "tools": "the call's own argument; OpenRouter's server tools stand in extra_body",
    "response_format": "the structured call's, by its response_model",
    "stream_options": "OpenRouter ignores it: the usage always comes",
    "debug": "never in production",
}
# Our own options, which are not sent in the body.
OURS: Final = {
    "structured_output",
    "text",
    "extra_body",
    "use_cache",
    "store_content",
    "idempotency_key",
    "timeout",
    "router_metadata",
    "response_cache",
    "response_cache_ttl",
    "response_cache_clear",
}


def test_every_field_of_the_sdks_request_is_an_option() -> None:
    """Every field of the SDK is an option, except those left out on purpose; further options are documented."""
    fields = {field.alias or name for name, field in ChatRequest.model_fields.items()}
    options = set(OpenRouterOptions.model_fields)
    assert set(NO_OPTIONS) == fields - options
    assert OURS | {name for name in BEYOND_THE_SDK if "." not in name} == options - fields


def test_every_preference_of_the_sdk_is_one_of_ours() -> None:
    """`provider` takes the same keys as the SDK and no others, because OpenRouter refuses other keys."""
    fields = {field.alias or name for name, field in ProviderPreferences.model_fields.items()}
    assert fields == set(openrouter.ProviderPreferences.model_fields)


def test_every_option_is_rendered_once() -> None:
    """The requests above contain every option and every preference, so that all are checked by value."""
    given = {name for options in OPTIONS for name in options}
    preferences = {name for options in OPTIONS for name in options.get("provider", ())}
    assert set(OpenRouterOptions.model_fields) - given <= {
        "structured_output",
        "response_cache_ttl",
        "response_cache_clear",
    }
    assert set(openrouter.ProviderPreferences.model_fields) == preferences


def test_the_page_names_every_option() -> None:
    """docs/openrouter.md describes every option."""
    page = PAGE.read_text(encoding="utf-8")
    assert [] == [name for name in OpenRouterOptions.model_fields if f"`{name}" not in page]


def test_the_judge_bites() -> None:
    """The check finds an unknown key, part or preference, a wrong type and a missing field."""
    sent = rendered(OpenRouterWire(), LLMCall(CONVERSATIONS[1], "openrouter/a/b", tools=[WEATHER]))
    deep = deepcopy(sent)
    deep["tools"][0]["function"]["mood"] = "sunny"
    part = deepcopy(sent)
    part["messages"][1]["content"].append({"type": "smell", "smell": "rose"})
    incomplete = deepcopy(sent)
    incomplete["messages"][1]["content"].append({"type": "image_url"})
    assert {"mood"} == judge_request(sent | {"mood": "sunny"})[1] - BEYOND_THE_SDK.keys()
    assert {"tools.function.mood"} == judge_request(deep)[1] - BEYOND_THE_SDK.keys()
    assert ["messages.content: fits no type"] == judge_request(part)[0]
    assert ["messages.content: fits no type"] == judge_request(incomplete)[0]
    assert ["provider: fits no type"] == judge_request(sent | {"provider": {"order": "openai"}})[0]
    assert judge_request(sent | {"seed": "seven"})[0]
    assert judge_request({name: value for name, value in sent.items() if name != "messages"})[0]


RECORDED: Final = "DataDog/dd-trace-py tests/contrib/litellm/cassettes/completion_openrouter.yaml"
# Keys that OpenRouter sends although the SDK does not know them, with what shows each.
BEYOND_IN_ANSWERS: Final = {
    "choices.error": f"{PAGES}/api-reference/errors",
    "choices.message.tool_calls.index": SCENARIOS["tool-call"].follows,
    "choices.native_finish_reason": f"{PAGES}/api-reference/overview",
    "error": f"{PAGES}/api-reference/streaming",  # with an answer
    "provider": RECORDED,
    "usage.completion_tokens_details.image_tokens": RECORDED,
    "user_id": f"{PAGES}/api-reference/errors",  # as above
}
# Scenarios that the SDK cannot parse, although their `follows` shows them, and what the SDK misses in them.
UNREADABLE: Final = {
    "no-cost": "a system fingerprint, which came later",
    "null-choices": "choices",
    "null-choices-rate-limited": "choices",
    "nested-completion": "choices at the top",
    "choice-error-unbilled": "token counts that are no null",
    "string-code-in-200": "a code that is a number",
    "invalid-request": "a code that is a number",
    "no-endpoints-available": "a code",
    "no-capacity": "a code",
}


def has_a_body(scenario: Scenario) -> bool:
    """Return True for a scenario with a complete body of OpenRouter."""
    return scenario.fault is None and scenario.part == "whole" and not isinstance(scenario.answer, Page)


@pytest.fixture(scope="module")
def judgements(base_url: str) -> dict[str, tuple[list[str], set[str]]]:
    """Return what the SDK reports about the body of every scenario that has a type for its status."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
    messages = [{"role": "user", "content": "Hi"}]
    headers = {"Authorization": "Bearer sk-or-v1-stand-in"}
    found = {}
    with httpx.Client(headers=headers, trust_env=False) as client:
        for name in filter(lambda name: has_a_body(SCENARIOS[name]), SCENARIOS):
            request = {"model": f"stand-in/{name}", "messages": messages, "tools": [tool]}
            response = client.post(f"{base_url}/chat/completions", json=request)
            body = response.json()
            # An error inside a 200 has the type of its own code.
            code = body.get("error", {}).get("code") if "choices" not in body else response.status_code
            status = code if code in ERRORS else response.status_code
            if status == 200 or status in ERRORS:
                found[name] = judge_answer(status, body)
    return found


def test_the_sdk_reads_the_stand_ins_answers(judgements: dict[str, tuple[list[str], set[str]]]) -> None:
    """Completions and errors of the stand-in fit the SDK's types, except those that play other shapes."""
    assert set(UNREADABLE) == {name for name, (problems, _) in judgements.items() if problems}
    assert set(BEYOND_IN_ANSWERS) == set().union(*(unknown for _, unknown in judgements.values()))
