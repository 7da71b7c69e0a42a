"""OpenRouter's own options: https://openrouter.ai/docs/api-reference/parameters."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy.orm import Session

from modules.llm_services.config import LLMConfig
from modules.llm_services.providers.openrouter import OpenRouterOptions, OpenRouterProvider, OpenRouterWire
from modules.llm_services.types import LLMMessage, LLMProviderType, MessageRole
from modules.llm_services.wires.wire import LLMCall
from support.rendering import prepared, rendered

MESSAGES = [LLMMessage(role=MessageRole.USER, content="hi")]
PLAIN = {"model": "a/b", "temperature": 0.7, "messages": [{"role": "user", "content": "hi"}]}


class City(BaseModel):
    """A structured answer."""

    name: str


@pytest.fixture
def provider() -> OpenRouterProvider:
    """Return a provider; nothing is sent or recorded here."""
    config = LLMConfig(provider=LLMProviderType.OPENROUTER, openrouter_api_key="sk-or-v1-options")
    return OpenRouterProvider(config, Session())


def call(**options: Any) -> LLMCall:
    """Return a call with options and with its defaults filled in."""
    return LLMCall(MESSAGES, "openrouter/a/b", 0.7, params=options)


@pytest.mark.parametrize(
    "options",
    [
        {"provider": {"order": ["anthropic"], "allow_fallbacks": False, "max_price": {"prompt": 1.5}}},
        {"models": ["a/b", "c/d"]},
        {"plugins": [{"id": "web", "max_results": 3}]},
        {"service_tier": "a tier that is not known yet"},
        {"cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"top_k": 40, "min_p": 0.1, "seed": 7, "stop": ["END"], "frequency_penalty": 1},
        {"metadata": {"team": "finance"}, "user": "u-1", "session_id": "s-1"},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": False},
        {"verbosity": "low"},
    ],
)
def test_an_option_is_sent_as_it_is(options: dict[str, Any]) -> None:
    """Options for routing, sampling, reasoning, caching and bookkeeping go into the body unchanged."""
    assert PLAIN | options == rendered(OpenRouterWire(), call(**options))


@pytest.mark.parametrize("name", sorted(OpenRouterOptions.model_fields))
def test_none_is_not_sent(name: str) -> None:
    """An option given as None is not sent, because the API refuses null for most."""
    assert PLAIN == rendered(OpenRouterWire(), call(**{name: None}))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"top_p": "high"}, "top_p"),
        ({"top_p": float("nan")}, "top_p"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"stop": [1]}, "stop"),
        ({"models": "a/b"}, "models"),
        ({"metadata": {"n": 1}}, "metadata.n"),
        ({"provider": {"orders": ["x"]}}, "provider.orders"),
        ({"provider": "anthropic"}, "provider"),
        ({"response_cache_ttl": 0}, "response_cache_ttl"),
        ({"structured_output": "yaml"}, "structured_output"),
        ({"extra_body": {"messages": []}}, "extra_body"),
        ({"extra_body": {"stream": True}}, "extra_body"),
    ],
)
def test_a_wrong_type_is_refused_by_name(options: dict[str, Any], named: str) -> None:
    """A wrong type, or an unknown key of `provider`, raises a ValueError that names it."""
    with pytest.raises(ValueError, match=f"^option {named}"):
        OpenRouterOptions.read(options)


@pytest.mark.parametrize("options", [{"top_p": 0.9}, {"reasoning": {"effort": "low", "exclude": True, "new_key": 1}}])
def test_the_default_temperature_gives_way(options: dict[str, Any]) -> None:
    """With `top_p` or reasoning, the default temperature is not sent."""
    expected = {name: value for name, value in PLAIN.items() if name != "temperature"}
    assert expected | options == rendered(OpenRouterWire(), call(**options))


def test_what_is_newer_than_we_are_goes_through_extra_body() -> None:
    """The fields of extra_body are sent with the rest."""
    sent = rendered(OpenRouterWire(), call(seed=1, extra_body={"brand_new": {"x": 1}}))
    assert PLAIN | {"seed": 1, "brand_new": {"x": 1}} == sent


def test_extra_body_must_not_contradict_an_option() -> None:
    """Two values for one field raise a ValueError that names it."""
    with pytest.raises(ValueError, match="seed"):
        rendered(OpenRouterWire(), call(seed=1, extra_body={"seed": 2}))


def test_the_response_cache_is_steered_by_headers(provider: OpenRouterProvider) -> None:
    """response_cache, its ttl and its clearing are headers, and not in the body."""
    asked = call(response_cache=True, response_cache_ttl=60, response_cache_clear=False)
    headers = provider.endpoint(prepared(OpenRouterWire(), asked)).headers
    assert {"X-OpenRouter-Cache": "true", "X-OpenRouter-Cache-TTL": "60", "X-OpenRouter-Cache-Clear": "false"} == {
        name: value for name, value in headers.items() if name.startswith("X-OpenRouter")
    }
    assert PLAIN == rendered(OpenRouterWire(), asked)


def test_json_mode_never_requires_parameters() -> None:
    """JSON mode uses an instruction and response_format, and excludes no endpoint."""
    sent = rendered(OpenRouterWire(), LLMCall(MESSAGES, "openrouter/a/b", 0.7, response_model=City))
    assert ({"type": "json_object"}, 0.7, "system") == (
        sent["response_format"],
        sent["temperature"],
        sent["messages"][0]["role"],
    )
    assert "provider" not in sent


def test_schema_mode_requires_endpoints_that_honour_it() -> None:
    """json_schema sends a strict schema with require_parameters, and otherwise only the caller's parameters."""
    options = {"structured_output": "json_schema", "provider": {"order": ["openai"]}}
    sent = rendered(
        OpenRouterWire(), LLMCall(MESSAGES, "openrouter/a/b", 0.7, 100, params=options, response_model=City)
    )
    assert {"model", "messages", "response_format", "provider"} == set(sent)
    assert {"require_parameters": True, "order": ["openai"]} == sent["provider"]
    assert ("json_schema", True) == (sent["response_format"]["type"], sent["response_format"]["json_schema"]["strict"])
    assert PLAIN["messages"] == sent["messages"]


def test_schema_mode_sends_what_the_caller_gave() -> None:
    """The caller's temperature and token limit are sent in schema mode too."""
    asked = LLMCall(
        MESSAGES,
        "openrouter/a/b",
        0.2,
        100,
        params={"structured_output": "json_schema"},
        response_model=City,
        temperature_is_given=True,
        max_output_tokens_is_given=True,
    )
    sent = rendered(OpenRouterWire(), asked)
    assert (0.2, 100) == (sent["temperature"], sent["max_tokens"])
