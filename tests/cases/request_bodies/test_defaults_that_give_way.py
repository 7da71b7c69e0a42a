"""Requests 03: a configured default is not sent if it conflicts with the caller's arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel

from cases.bodies import OPENROUTER, VENDORS, completion

if TYPE_CHECKING:
    from cases.caller import Caller, Outcome

EXCLUDING: Final = {
    "top_p": {"top_p": 0.9},
    "top_p of 1": {"top_p": 1},
    "require_parameters": {"provider": {"require_parameters": True}},
    "require_parameters among others": {"provider": {"order": ["Azure"], "require_parameters": True}},
    "require_parameters in extra_body": {"extra_body": {"provider": {"require_parameters": True}}},
    "top_p in extra_body": {"extra_body": {"top_p": 0.9}},
    "reasoning": {"reasoning": {"effort": "high"}},
    "reasoning in tokens": {"reasoning": {"max_tokens": 2000}},
}
INDIFFERENT: Final = {
    "nothing": {},
    "seed": {"seed": 1},
    "provider": {"provider": {"order": ["Azure"]}},
    "require_parameters switched off": {"provider": {"require_parameters": False}},
}
CALLS: Final = ["text", "with_tools", "structured"]


class A(BaseModel):
    """The requested object."""

    answer: int


async def ask(caller: Caller, call: str, **options: Any) -> Outcome:
    """Make a call of a kind."""
    if call == "structured":
        return await caller.structured(A, completion('{"answer": 1}'), **options)
    outcome: Outcome = await getattr(caller, call)(completion(), **options)
    return outcome


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("options", EXCLUDING.values(), ids=EXCLUDING)
async def test_the_default_temperature_stays_off_the_wire(caller: Caller, call: str, options: dict[str, Any]) -> None:
    """The default is not sent with parameters that exclude it; the column keeps the configured value."""
    outcome = await ask(caller, call, model="openrouter/anthropic/claude-sonnet-4.5", **options)
    assert "temperature" not in outcome.payload
    assert "temperature" not in (outcome.row.request_payload or {})
    assert 0.7 == outcome.row.temperature


@pytest.mark.parametrize("call", CALLS)
async def test_no_default_cap_rules_endpoints_out(caller: Caller, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `require_parameters`, the configured token limit is not sent either, because it would exclude endpoints."""
    monkeypatch.setenv("MAX_OUTPUT_TOKENS", "500")
    outcome = await ask(caller, call, provider={"require_parameters": True})
    assert not {"temperature", "max_tokens", "max_completion_tokens"} & outcome.payload.keys()
    assert 500 == outcome.row.max_output_tokens


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("options", EXCLUDING.values(), ids=EXCLUDING)
async def test_what_the_caller_gives_is_sent(caller: Caller, call: str, options: dict[str, Any]) -> None:
    """The caller's temperature and token limit are sent in any combination."""
    outcome = await ask(caller, call, temperature=0.2, max_output_tokens=50, **options)
    assert (0.2, 50) == (outcome.payload["temperature"], outcome.payload["max_tokens"])


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("options", INDIFFERENT.values(), ids=INDIFFERENT)
async def test_the_default_is_sent_otherwise(caller: Caller, call: str, options: dict[str, Any]) -> None:
    """If nothing excludes it, the configured temperature is sent."""
    assert 0.7 == (await ask(caller, call, model=OPENROUTER, **options)).payload["temperature"]


@pytest.mark.parametrize("is_extra", [False, True])
async def test_a_fallback_that_refuses_it_is_not_sent_it(caller: Caller, *, is_extra: bool) -> None:
    """The request is the fallback's too: a default that it refuses is not sent."""
    models = {"models": ["openai/gpt-4.1", "openrouter/anthropic/claude-opus-4.8"]}
    outcome = await caller.text(completion(), **({"extra_body": models} if is_extra else models))
    assert "temperature" not in outcome.payload


async def test_a_temperature_in_extra_body_is_the_callers(caller: Caller) -> None:
    """A value in `extra_body` replaces a default silently."""
    assert 0.1 == (await caller.text(completion(), extra_body={"temperature": 0.1})).payload["temperature"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["claude", "openai", "gemini"])
async def test_other_vendors_defaults_give_way(caller: Caller, call: str, name: str) -> None:
    """With `top_p`, no vendor is sent the default temperature, in any kind of call."""
    vendor = VENDORS[name]
    model = "gpt-4o" if name == "openai" else vendor.model
    if call == "structured":
        outcome = await caller.structured(A, vendor.object('{"answer": 1}'), model=model, top_p=0.9)
    else:
        outcome = await getattr(caller, call)(vendor.text("Ghent"), model=model, top_p=0.9)
    sent = outcome.payload.get("generationConfig", outcome.payload)
    assert 0.9 == sent.get("top_p", sent.get("topP"))
    assert "temperature" not in sent


@pytest.mark.parametrize("call", CALLS)
async def test_a_model_that_refuses_it_is_not_sent_it(caller: Caller, call: str) -> None:
    """OpenAI's reasoning models are sent neither the default temperature nor the caller's."""
    vendor = VENDORS["openai"]
    if call == "structured":
        outcome = await caller.structured(A, vendor.object('{"answer": 1}'), model=vendor.model)
    else:
        outcome = await getattr(caller, call)(vendor.text("Ghent"), model=vendor.model)
    assert "temperature" not in outcome.payload
    assert 0.7 == outcome.row.temperature
