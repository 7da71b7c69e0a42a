"""Parsing OpenRouter's bodies: https://openrouter.ai/docs/api-reference/overview."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from modules.llm_services.providers.openrouter import OpenRouterWire
from modules.llm_services.types import LLMMessage, MessageRole, ToolCall, Usage
from modules.llm_services.wires.wire import Answer, Exchange, LLMCall
from support.rendering import rendered

MESSAGES = [LLMMessage(role=MessageRole.USER, content="hi")]


def parsed(body: object, **headers: str) -> Answer:
    """Parse a body that came with status 200."""
    exchange = Exchange(body=body)
    exchange.note(200, {name.replace("_", "-"): value for name, value in headers.items()})
    return OpenRouterWire().parse(exchange, LLMCall(MESSAGES))


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"usage": {"cost": 0.00000537}}, 0.00000537),
        ({"cost": 0.000123}, 0.000123),
        ({"usage": {"cost": 0.5}, "cost": 0.7}, 0.5),
        ({"usage": {"cost": 0}}, 0.0),
        ({"usage": {"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.00417}}}, 0.00417),
        ({"usage": {"cost": 0.1, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}}, 0.3),
        ({"usage": {"cost": 0.1, "is_byok": True, "cost_details": None}}, None),
        ({"usage": {"cost": 0.1, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.1}}}, 0.1),
        ({"usage": {"cost": 0.007637029, "cost_details": {"upstream_inference_cost": 0.000637029}}}, 0.007637029),
        ({"usage": {"cost": 0.1, "is_byok": "true", "cost_details": {"upstream_inference_cost": 0.1}}}, 0.1),
        ({"usage": {"cost": None}}, None),
        ({"usage": {"cost": True}}, None),
        ({"usage": {"cost": "a lot"}}, None),
        ({"usage": {"cost": float("nan")}}, None),
        ({"usage": None}, None),
        ({}, None),
    ],
)
def test_the_cost_is_what_was_charged(fields: dict[str, Any], cost: float | None) -> None:
    """usage.cost takes precedence; the upstream cost is added only if is_byok is true; 0 is a cost."""
    assert cost == parsed(fields).usage.cost


@pytest.mark.parametrize(
    ("usage", "headers", "cached", "count"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 2569}}, {}, True, 2569),
        ({"prompt_tokens_details": {"cached_tokens": 0}}, {}, False, 0),
        ({"prompt_tokens_details": None}, {}, False, None),
        ({"cached_tokens": 8}, {}, True, 8),
        ({"cache_hit": True}, {}, True, None),
        ({}, {"x_openrouter_cache_status": "HIT"}, True, None),
        ({}, {"x_openrouter_cache_status": "MISS"}, False, None),
    ],
)
def test_a_cache_that_helped_is_counted(
    usage: dict[str, Any],
    headers: dict[str, str],
    cached: bool,  # noqa: FBT001 - a parameter of the table above
    count: int | None,
) -> None:
    """Cached input tokens and a response-cache hit mark a call as cached; the tokens are counted if given."""
    answer = parsed({"usage": usage}, **headers)
    assert (cached, count) == (answer.usage.cached, answer.usage.cached_input_tokens)


COMPLETION = {
    "id": "gen-1",
    "created": 1784218677,
    "model": "openai/gpt-oss-120b-2026",
    "provider": "OpenInference",
    "system_fingerprint": "fp_1",
    "service_tier": "standard",
    "choices": [{"finish_reason": "stop", "native_finish_reason": "completed", "message": {"content": "Paris."}}],
    "usage": {
        "prompt_tokens": 74,
        "completion_tokens": 21,
        "total_tokens": 95,
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 2},
    },
}


def test_everything_that_a_completion_says() -> None:
    """Text, ids, tokens, the served model and provider, and native reasons are all parsed."""
    answer = parsed(COMPLETION, x_generation_id="gen-1")
    assert Usage(74, 21, 95, 5, 7, 2, cost=None, cached=True) == answer.usage
    assert ("Paris.", "stop") == (answer.content, answer.finish_reason)
    assert ("gen-1", "fp_1") == (answer.response_id, answer.system_fingerprint)
    assert datetime(2026, 7, 16, 16, 17, 57, tzinfo=UTC) == answer.created_at
    assert {
        "generation_id": "gen-1",
        "served_model": "openai/gpt-oss-120b-2026",
        "upstream_provider": "OpenInference",
        "native_finish_reason": "completed",
        "service_tier": "standard",
        "cache_status": None,
        "is_byok": False,
    } == answer.details


@pytest.mark.parametrize(
    "body", [None, "", "<html>", 7, [], {}, {"choices": None}, {"choices": [None]}, {"choices": [{"message": "hi"}]}]
)
def test_a_body_that_is_no_completion_is_read_all_the_same(body: object) -> None:
    """Parsing never raises: missing fields are empty."""
    assert ("", None, None) == (
        parsed(body).content,
        parsed(body).usage.cost,
        parsed(body).finish_reason,
    )


def test_content_may_come_in_parts() -> None:
    """A list of text parts becomes one text."""
    parts = [{"type": "text", "text": "Hello, "}, {"type": "text", "text": "you."}, None, {"type": "image"}]
    assert "Hello, you." == parsed({"choices": [{"message": {"content": parts}}]}).content


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ({"name": "f", "arguments": '{"a": 1}'}, {"a": 1}),
        ({"name": "f", "arguments": {"a": 1}}, {"a": 1}),
        ({"name": "f"}, {}),
        ({"name": "f", "arguments": None}, {}),
        ({"name": "f", "arguments": " "}, {}),
    ],
)
def test_tool_arguments(function: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Arguments are decoded; missing arguments, as some models send for a tool without parameters, are {}."""
    calls = [{"id": "call_1", "function": function}]
    answer = parsed({"choices": [{"message": {"tool_calls": calls}}]})
    assert (ToolCall(id="call_1", name="f", arguments=arguments),) == answer.tool_calls


def test_both_spellings_of_parts_are_sent_as_chat_completions() -> None:
    """Responses-style parts are translated; Chat Completions parts are sent unchanged."""
    url = "https://example.org/a.png"
    chat = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    responses = [{"type": "input_text", "text": "what is this?"}, {"type": "input_image", "image_url": url}]
    sent = [
        rendered(OpenRouterWire(), LLMCall([LLMMessage(role=MessageRole.USER, content=parts)], model="openrouter/a/b"))[
            "messages"
        ]
        for parts in (chat, responses)
    ]
    assert [[{"role": "user", "content": chat}]] * 2 == sent


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"reasoning": {"effort": "none"}}, {"reasoning": {"effort": "none"}}),
        ({"verbosity": "high"}, {"verbosity": "high"}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"invented": 1}, {}),
    ],
)
def test_common_options_are_mapped(options: dict[str, Any], sent: dict[str, Any]) -> None:
    """The options that consumers pass to any provider are sent under OpenRouter's names; an unknown one is not sent."""
    payload = rendered(OpenRouterWire(), LLMCall(MESSAGES, model="openrouter/a/b", temperature=0.7, params=options))
    assert {"model": "a/b", "temperature": 0.7, "messages": [{"role": "user", "content": "hi"}]} | sent == payload


@pytest.mark.parametrize(
    "options",
    [{"reasoning": {"effort": "huge"}}, {"reasoning": "low"}, {"verbosity": "loud"}, {"text": {"verbosity": 1}}],
)
def test_an_impossible_option_is_refused(options: dict[str, Any]) -> None:
    """A known option with an impossible value raises a ValueError that names it and the possible values."""
    with pytest.raises(ValueError, match=r"^option (reasoning|verbosity|text)"):
        rendered(OpenRouterWire(), LLMCall(MESSAGES, model="openrouter/a/b", params=options))
