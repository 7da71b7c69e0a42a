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
