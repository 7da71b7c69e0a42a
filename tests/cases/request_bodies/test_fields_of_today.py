"""Requests 08: every field of OpenRouter's own SDK can be sent, or is refused if it affects the bill or the wait."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.bodies import VENDORS, completion
from cases.scripted_server import Reply, Silence
from modules.llm_services.exceptions import LLMProviderError, LLMTimeoutError

if TYPE_CHECKING:
    from cases.bodies import Vendor
    from cases.caller import Caller

SENT: Final = {
    "max_completion_tokens": 5,
    "image_config": {"aspect_ratio": "16:9"},
    "stop_server_tools_when": [{"type": "step_count_is", "step_count": 3}],
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
    "prompt_cache_key": "key",
    "modalities": ["text", "image"],
    "service_tier": "ultrafast",
    "trace": {"trace_id": "t"},
}
VERBOSITIES: Final = ("low", "medium", "high", "xhigh", "max")


@pytest.mark.parametrize(("name", "value"), SENT.items(), ids=SENT)
async def test_a_field_of_the_wire_is_sent(caller: Caller, name: str, value: Any) -> None:
    """A documented field of OpenRouter is sent in the body under its name."""
    assert value == (await caller.text(completion(), **{name: value})).payload[name]


@pytest.mark.parametrize("effort", ["max", "xhigh", "high", "low", "minimal", "none"])
async def test_an_effort_is_sent(caller: Caller, effort: str) -> None:
    """`reasoning_effort` is sent under its own name or as `reasoning.effort`."""
    payload = (await caller.text(completion(), reasoning_effort=effort)).payload
    assert effort == payload.get("reasoning_effort", payload.get("reasoning", {}).get("effort"))


@pytest.mark.parametrize("verbosity", VERBOSITIES)
@pytest.mark.parametrize("is_nested", [False, True])
async def test_a_verbosity_is_sent(caller: Caller, verbosity: str, *, is_nested: bool) -> None:
    """Every documented value of `verbosity` is sent, from either option."""
    options: dict[str, Any] = {"text": {"verbosity": verbosity}} if is_nested else {"verbosity": verbosity}
    assert verbosity == (await caller.text(completion(), **options)).payload["verbosity"]


@pytest.mark.parametrize(
    "preferences",
    [
        {"options": {"azure": {"api_version": "2026-01-01"}}},
        {"options": {"anthropic": {}}, "order": ["Anthropic"]},
        {"sort": {"by": "price", "partition": "none"}},
        {"preferred_max_latency": {"p90": 2.5}},
    ],
)
async def test_provider_preferences_are_sent(caller: Caller, preferences: dict[str, Any]) -> None:
    """Every preference in the official SDK is sent, including `options`."""
    assert preferences == (await caller.text(completion(), provider=preferences)).payload["provider"]


async def test_a_cap_by_its_newer_name_replaces_the_configured_one(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `max_completion_tokens`, no default is sent under the older name."""
    monkeypatch.setenv("MAX_OUTPUT_TOKENS", "500")
    payload = (await caller.text(completion(), max_completion_tokens=5)).payload
    assert (5, None) == (payload["max_completion_tokens"], payload.get("max_tokens"))


async def test_two_caps_are_refused(caller: Caller) -> None:
    """Two different token limits raise a ValueError before anything is sent."""
    with pytest.raises(ValueError, match="max_completion_tokens"):
        await caller.text(completion(), max_output_tokens=50, max_completion_tokens=5)
    assert [] == caller.server.requests


LIMITS: Final = {"openrouter": "max_tokens", "openai": "max_output_tokens", "claude": "max_tokens"}


@pytest.mark.parametrize("option", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("name", VENDORS)
async def test_a_limit_by_another_name_is_sent(caller: Caller, name: str, option: str) -> None:
    """A limit under the name that another API has for it is sent to every vendor, and is in its column."""
    vendor = VENDORS[name]
    options: dict[str, Any] = {option: 50}
    outcome = await caller.text(vendor.text("Ghent"), model=vendor.model, **options)
    if (name, option) == ("openrouter", "max_completion_tokens"):
        assert 50 == outcome.payload[option]
        return
    payload = outcome.payload.get("generationConfig", outcome.payload)
    assert (50, 50) == (payload[LIMITS.get(name, "maxOutputTokens")], outcome.row.max_output_tokens)


@pytest.mark.parametrize(
    "limits", [{"max_tokens": 5, "max_output_tokens": 6}, {"max_tokens": 5, "max_completion_tokens": 6}]
)
async def test_two_names_of_a_limit_are_refused(caller: Caller, limits: dict[str, Any]) -> None:
    """Two different limits raise a ValueError that names an option."""
    with pytest.raises(ValueError, match="max_tokens"):
        await caller.text(model=VENDORS["openai"].model, **limits)
    assert ([], []) == (caller.server.requests, list(caller.rows()))


@pytest.mark.parametrize(
    ("name", "model", "field", "expected"),
    [
        ("openai", "gpt-5-mini", "reasoning", {"effort": "high"}),
        ("claude", "claude-opus-5-5", "output_config", {"effort": "high"}),
        ("claude", "claude-haiku-4-5", "thinking", {"type": "enabled", "budget_tokens": 10_000}),
        ("gemini", "gemini-3.8-flash", "generationConfig", {"thinkingConfig": {"thinkingLevel": "high"}}),
    ],
)
async def test_reasoning_effort_is_an_effort_everywhere(
    caller: Caller, name: str, model: str, field: str, expected: dict[str, Any]
) -> None:
    """`reasoning_effort` is sent to every vendor as `reasoning.effort` is."""
    outcome = await caller.text(VENDORS[name].text("Ghent"), model=model, reasoning_effort="high")
    assert expected == outcome.payload[field]


@pytest.mark.parametrize(
    ("name", "option", "value", "field"),
    [
        ("openai", "max_tool_calls", 3, "max_tool_calls"),
        ("openai", "prompt_cache_retention", "24h", "prompt_cache_retention"),
        ("openai", "previous_response_id", "resp_1", "previous_response_id"),
        ("claude", "inference_geo", "us", "inference_geo"),
        ("claude", "container", "c_1", "container"),
        ("gemini", "service_tier", "flex", "serviceTier"),
        ("gemini", "cached_content", "cachedContents/1", "cachedContent"),
    ],
)
async def test_what_affects_another_vendors_bill_is_sent(
    caller: Caller, name: str, option: str, value: Any, field: str
) -> None:
    """The same is true of the other vendors' fields that decide what a call costs."""
    outcome = await caller.text(VENDORS[name].text("Ghent"), model=VENDORS[name].model, **{option: value})
    assert value == outcome.payload[field]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verbosity", 5),
        ("max_completion_tokens", "five"),
        ("image_config", "16:9"),
        ("provider", {"orders": ["Azure"]}),
        ("router_metadata", "often"),
        ("timeout", "soon"),
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", float("nan")),
    ],
)
async def test_an_impossible_value_is_refused(caller: Caller, name: str, value: Any) -> None:
    """A known option with an impossible value raises a ValueError that names it, before anything is sent."""
    with pytest.raises(ValueError, match=name):
        await caller.text(completion(), **{name: value})
    assert ([], []) == (caller.server.requests, list(caller.rows()))


async def test_a_timeout_is_the_calls_own(caller: Caller, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """`timeout` replaces REQUEST_TIMEOUT for this call, for every vendor, and is not sent."""
    monkeypatch.setenv("REQUEST_TIMEOUT", "3")
    outcome = await caller.text(Reply(Silence), model=vendor.model, timeout=0.2)
    assert isinstance(outcome.failure, LLMTimeoutError)
    assert "0.2" in str(outcome.failure)
    assert "timeout" not in outcome.payload


async def test_a_timeout_that_is_long_enough_changes_nothing(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `timeout` longer than the configured one applies; the call is answered and the option is on the row."""
    monkeypatch.setenv("REQUEST_TIMEOUT", "0.000001")
    outcome = await caller.text(completion(), timeout=20)
    assert "Ghent" == outcome.response.content
    assert "timeout" not in outcome.payload


@pytest.mark.parametrize("call", ["with_tools", "speech"])
async def test_every_kind_of_call_has_its_timeout(caller: Caller, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same is true of tools and speech."""
    monkeypatch.setenv("REQUEST_TIMEOUT", "3")
    if call == "speech":
        outcome = await caller.outcome(
            [Reply(Silence)],
            lambda llm: llm.generate_audio("Hi", "alloy", model="gemini-2.5-flash-preview-tts", timeout=0.2),
        )
    else:
        outcome = await caller.with_tools(Reply(Silence), timeout=0.2)
    assert isinstance(outcome.failure, LLMTimeoutError)
    assert "0.2" in str(outcome.failure)


METADATA: Final = {
    "strategy": "fallback",
    "attempts": [{"provider": "Azure", "status": 503}, {"provider": "OpenAI", "status": 200}],
}


async def test_router_metadata_is_asked_for_by_its_option(caller: Caller) -> None:
    """`router_metadata=True` sends the header, and the failed fallbacks are on the row."""
    outcome = await caller.text(completion() | {"openrouter_metadata": METADATA}, router_metadata=True)
    assert "enabled" == outcome.requests[0].headers["x-openrouter-metadata"]
    assert "router_metadata" not in outcome.payload
    assert METADATA == (outcome.row.response_raw or {})["body"]["openrouter_metadata"]


async def test_router_metadata_of_an_error_is_on_the_row(caller: Caller) -> None:
    """The metadata of an error is on the row too."""
    error = {"error": {"code": 503, "message": "No provider."}, "openrouter_metadata": METADATA}
    outcome = await caller.text(Reply(error, 503), router_metadata=True)
    assert isinstance(outcome.failure, LLMProviderError)
    assert METADATA == (outcome.row.response_raw or {})["body"]["openrouter_metadata"]


@pytest.mark.parametrize("options", [{}, {"router_metadata": False}, {"router_metadata": None}])
async def test_router_metadata_is_not_asked_for_otherwise(caller: Caller, options: dict[str, Any]) -> None:
    """Without the option, the header is not sent."""
    assert "x-openrouter-metadata" not in (await caller.text(completion(), **options)).requests[0].headers


@pytest.mark.parametrize("name", ["openai", "claude", "gemini"])
async def test_other_vendors_leave_out_what_they_do_not_know(caller: Caller, name: str) -> None:
    """An option of OpenRouter is kept on another vendor's row and not sent."""
    vendor = VENDORS[name]
    outcome = await caller.text(vendor.text("Ghent"), model=vendor.model, router_metadata=True, image_config={"a": 1})
    assert "image_config" not in outcome.payload
    assert {"image_config": {"a": 1}, "router_metadata": True} == outcome.row.additional_params
