"""Reading and validating the environment."""

from __future__ import annotations

import os

import pytest

from modules.llm_services.addresses import OPENROUTER_BASE_URL
from modules.llm_services.config import (
    VARIABLE_NAMES,
    LLMConfig,
    create_llm_config_from_env,
)
from modules.llm_services.types import LLMProviderType
from modules.llm_services.vendors import VENDORS

KEY = "sk-or-v1-configuration-test"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)


def test_the_defaults() -> None:
    """Without variables: no provider, temperature 0.7, no token limit, 180 seconds, 3 retries, OpenRouter's own URL."""
    config = create_llm_config_from_env()
    assert (None, None) == (config.provider, config.model)
    assert (0.7, None, 180.0, 3) == (
        config.temperature,
        config.max_output_tokens,
        config.request_timeout,
        config.max_retries,
    )
    assert "https://openrouter.ai/api/v1" == config.openrouter_base_url == OPENROUTER_BASE_URL


def test_a_key_chooses_openrouter(monkeypatch: pytest.MonkeyPatch) -> None:
    """OPENROUTER_API_KEY alone makes OpenRouter the default provider, with its default model."""
    monkeypatch.setenv("OPENROUTER_API_KEY", f"  {KEY}\n")
    config = create_llm_config_from_env()
    assert (LLMProviderType.OPENROUTER, "openrouter/auto", KEY) == (
        config.validate_config(),
        config.model,
        config.openrouter_api_key,
    )


def test_a_change_of_the_environment_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set, changed, removed or restored between two calls is in the next configuration."""
    seen = [create_llm_config_from_env().temperature]
    for value in ("0.1", "0.2", "0.1"):
        monkeypatch.setenv("TEMPERATURE", value)
        seen.append(create_llm_config_from_env().temperature)
    monkeypatch.delenv("TEMPERATURE")
    assert [0.7, 0.1, 0.2, 0.1, 0.7] == [*seen, create_llm_config_from_env().temperature]


def test_a_dict_in_the_place_of_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables are also read from a dict that a test puts in the place of `os.environ`."""
    monkeypatch.setattr(os, "environ", {"OPENROUTER_API_KEY": KEY})
    assert KEY == create_llm_config_from_env().openrouter_api_key


@pytest.mark.parametrize("name", VARIABLE_NAMES)
def test_blank_means_unset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A variable that contains only spaces counts as unset."""
    defaults = create_llm_config_from_env()
    monkeypatch.setenv(name, "  \t ")
    assert defaults == create_llm_config_from_env()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TEMPERATURE", "warm"),
        ("TEMPERATURE", "2.1"),
        ("TEMPERATURE", "nan"),
        ("MAX_OUTPUT_TOKENS", "0"),
        ("MAX_OUTPUT_TOKENS", "1.5"),
        ("REQUEST_TIMEOUT", "-1"),
        ("REQUEST_TIMEOUT", "inf"),
        ("MAX_RETRIES", "-1"),
        ("MAX_RETRIES", "three"),
        ("OPENROUTER_API_KEY", "sk-or-v1-with a space"),
        ("OPENROUTER_API_KEY", "sk-or-v1-with-a\nnewline"),
        ("OPENROUTER_API_KEY", "sk-or-v1-ключ"),
        ("OPENROUTER_API_KEY", '"sk-or-v1-quoted"'),
        ("OPENAI_API_KEY", "'sk-quoted'"),
        ("OPENROUTER_BASE_URL", "openrouter.ai/api/v1"),
        ("OPENROUTER_BASE_URL", "ftp://openrouter.ai"),
        ("OPENROUTER_BASE_URL", "https://"),
        ("OPENROUTER_BASE_URL", "https://user:password@openrouter.ai"),
        ("OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1?key=x"),
        ("OPENROUTER_BASE_URL", "https://openrouter.ai:port"),
        ("OPENROUTER_BASE_URL", "https://open router.ai"),
        ("OPENROUTER_APP_TITLE", "Größe"),
        ("LLM_PROVIDER", "openruoter"),
        ("LLM_MODELS", "gpt-7"),
        ("LLM_MODELS", "gpt-7="),
        ("LLM_MODELS", "=openai"),
        ("LLM_MODELS", "gpt-7=openai; gpt-8=openai"),
        ("LLM_MODELS", "gpt-7=opnai"),
        ("LLM_MODELS", "my=deployment=openai"),
        ("LLM_MODELS", "openrouter/a/b=openai"),
        ("LLM_MODELS", "gpt-7=openai, gpt-7=azure_openai"),
        ("LLM_MODELS", f"{'x' * 101}=openai"),
        ("OPENAI_BASE_URL", "https://api.openai.com%40evil.example/v1"),
        ("ANTHROPIC_BASE_URL", "https://evil.example\\.anthropic.com"),
        ("AZURE_OPENAI_ENDPOINT", "https://evil.example;.openai.azure.com"),
        ("AWS_REGION", "frankfurt"),
        ("AWS_REGION", "us-west-2.example.org/"),
        ("AWS_DEFAULT_REGION", "eu_central_1"),
        ("AWS_DEFAULT_REGION", "EU-CENTRAL-1"),
        ("LOG_LEVEL", "loud"),
        ("LOG_REQUESTS", "seldom"),
    ],
)
def test_a_malformed_value_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A malformed value raises a ValueError that names the variable and does not show a key."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name) as caught:
        create_llm_config_from_env()
    assert "sk-or" not in str(caught.value)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("given", [{"LLM_PROVIDER": "openruoter"}, {"LLM_MODELS": "gpt-7=openruoter"}])
def test_a_misspelt_provider_is_corrected(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    """The error for a provider that does not exist lists those that do, and suggests the nearest."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=r"a provider is one of openai, .*; did you mean openrouter\?"):
        create_llm_config_from_env()


@pytest.mark.parametrize("url", ["http://openrouter.ai/api/v1", "http://192.0.2.1/api", "http://127.0.0.1.example.org"])
def test_no_key_travels_in_the_clear(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Plain http to another machine is refused."""
    monkeypatch.setenv("OPENROUTER_BASE_URL", url)
    with pytest.raises(ValueError, match="OPENROUTER_BASE_URL: must be https"):
        create_llm_config_from_env()


@pytest.mark.parametrize("url", ["http://localhost:8765/api/v1/", "http://127.0.0.1:1/api/v1", "http://[::1]:1/api/v1"])
def test_plain_http_is_for_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Plain http to this machine is accepted, and a trailing slash is removed."""
    monkeypatch.setenv("OPENROUTER_BASE_URL", url)
    assert url.rstrip("/") == create_llm_config_from_env().openrouter_base_url


@pytest.mark.parametrize(
    ("hint", "provider"),
    [
        ("openrouter", LLMProviderType.OPENROUTER),
        (" OpenAI ", LLMProviderType.OPENAI),
        ("azure", LLMProviderType.AZURE_OPENAI),
        ("claude", LLMProviderType.ANTHROPIC),
        ("google", LLMProviderType.GEMINI),
    ],
)
def test_llm_provider_names_the_default(monkeypatch: pytest.MonkeyPatch, hint: str, provider: LLMProviderType) -> None:
    """LLM_PROVIDER names the default provider, by its value or by a common name, in any case."""
    monkeypatch.setenv("LLM_PROVIDER", hint)
    assert provider == create_llm_config_from_env().provider


def test_arguments_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """provider_override and model_override take precedence over LLM_PROVIDER and the default model."""
    monkeypatch.setenv("LLM_PROVIDER", "openai")
    config = create_llm_config_from_env(LLMProviderType.OPENROUTER, "openrouter/auto")
    assert (LLMProviderType.OPENROUTER, "openrouter/auto") == (config.provider, config.model)


@pytest.mark.parametrize("provider", LLMProviderType)
def test_a_provider_that_is_not_configured_says_what_to_set(provider: LLMProviderType) -> None:
    """validate_config names the variables of a provider that cannot be called."""
    with pytest.raises(ValueError, match=f"^{provider} ") as caught:
        LLMConfig(provider=provider).validate_config()
    assert VENDORS[provider].how_to_configure in str(caught.value)


def test_a_configuration_shows_no_key() -> None:
    """Neither the repr nor the str of a configuration, nor its validation errors, contain the key."""
    config = LLMConfig(openrouter_api_key=KEY)
    with pytest.raises(ValueError, match="openrouter_api_key") as caught:
        LLMConfig(openrouter_api_key=f"a space and {KEY}")
    assert KEY not in f"{config!r} {config} {caught.value!r} {caught.value}"


@pytest.mark.parametrize(
    ("name", "pasted", "field", "value"),
    [
        ("OPENAI_BASE_URL", "https://api.openai.com/v1/", "openai_base_url", "https://api.openai.com/v1"),
        ("OPENAI_BASE_URL", "https://api.openai.com/v1/responses", "openai_base_url", "https://api.openai.com/v1"),
        ("OPENAI_BASE_URL", "https://g.example/v1/chat/completions/", "openai_base_url", "https://g.example/v1"),
        ("ANTHROPIC_BASE_URL", "https://api.anthropic.com/v1", "anthropic_base_url", "https://api.anthropic.com"),
        (
            "ANTHROPIC_BASE_URL",
            "https://g.example/claude/v1/messages",
            "anthropic_base_url",
            "https://g.example/claude",
        ),
        ("ANTHROPIC_BASE_URL", "https://g.example/v1/claude", "anthropic_base_url", "https://g.example/v1/claude"),
        ("GEMINI_API_BASE_URL", "https://g.example/v1beta/", "gemini_base_url", "https://g.example/v1beta"),
        ("GEMINI_API_BASE_URL", "https://g.example/v1beta/models/", "gemini_base_url", "https://g.example/v1beta"),
        ("GEMINI_API_BASE_URL", "https://g.example/v1beta/openai/", "gemini_base_url", "https://g.example/v1beta"),
        ("GEMINI_MODEL", "models/gemini-2.5-flash", "gemini_model", "gemini-2.5-flash"),
        ("GEMINI_TTS_MODEL", "models/gemini-3.8-flash-tts", "gemini_tts_model", "gemini-3.8-flash-tts"),
        (
            "OPENROUTER_BASE_URL",
            "https://o.example/api/v1/chat/completions",
            "openrouter_base_url",
            "https://o.example/api/v1",
        ),
        ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/", "azure_openai_endpoint", "https://r.openai.azure.com"),
        (
            "AZURE_OPENAI_ENDPOINT",
            "https://r.openai.azure.com/openai/v1/",
            "azure_openai_endpoint",
            "https://r.openai.azure.com",
        ),
        (
            "AZURE_OPENAI_ENDPOINT",
            "https://r.openai.azure.com/openai",
            "azure_openai_endpoint",
            "https://r.openai.azure.com",
        ),
        (
            "AZURE_OPENAI_ENDPOINT",
            "https://r.services.ai.azure.com/openai/v1/responses",
            "azure_openai_endpoint",
            "https://r.services.ai.azure.com",
        ),
        (
            "AZURE_OPENAI_ENDPOINT",
            "https://r.cognitiveservices.azure.com/openai/deployments/d/chat/completions?api-version=2025-01-01-preview",
            "azure_openai_endpoint",
            "https://r.cognitiveservices.azure.com",
        ),
        (
            "AZURE_OPENAI_ENDPOINT",
            "https://g.example/openai/proxy",
            "azure_openai_endpoint",
            "https://g.example/openai/proxy",
        ),
    ],
)
def test_a_pasted_path_is_not_doubled(
    monkeypatch: pytest.MonkeyPatch, name: str, pasted: str, field: str, value: str
) -> None:
    """A path that the provider adds itself is removed from a pasted address or name; any other path stays."""
    monkeypatch.setenv(name, f" {pasted} ")
    assert value == getattr(create_llm_config_from_env(), field)


def test_the_first_variable_of_the_region_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_REGION takes precedence over AWS_DEFAULT_REGION; without both, the profile's region is read at the call."""
    assert create_llm_config_from_env().aws_region is None
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert "eu-central-1" == create_llm_config_from_env().aws_region
    monkeypatch.setenv("AWS_REGION", "us-gov-west-1")
    assert "us-gov-west-1" == create_llm_config_from_env().aws_region


def test_models_are_added_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """LLM_MODELS contains pairs of a model name and a provider, in any form that LLM_PROVIDER accepts."""
    monkeypatch.setenv("LLM_MODELS", " gpt-7 = openai,my-deployment=Azure ,, x=google,")
    expected = {
        "gpt-7": LLMProviderType.OPENAI,
        "my-deployment": LLMProviderType.AZURE_OPENAI,
        "x": LLMProviderType.GEMINI,
    }
    assert expected == create_llm_config_from_env().extra_models
