"""Which provider a model name selects, and which name OpenRouter is sent."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from modules.llm_services.config import VARIABLE_NAMES, create_llm_config_from_env
from modules.llm_services.exceptions import LLMError
from modules.llm_services.providers.openrouter import wire_model
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.service import MODEL_PROVIDER_MAP
from modules.llm_services.types import LLMProviderType, MessageRole
from modules.llm_services.vendors import VENDORS, route

MESSAGES = [LLMMessage(role=MessageRole.USER, content="hi")]


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("requested", "sent"),
    [
        ("openrouter/anthropic/claude-3-opus", "anthropic/claude-3-opus"),
        ("openrouter/meta-llama/llama-3-70b:free", "meta-llama/llama-3-70b:free"),
        ("openrouter/~anthropic/claude-opus-latest", "~anthropic/claude-opus-latest"),
        ("openrouter/openai/gpt-4@preset/comedian", "openai/gpt-4@preset/comedian"),
        ("openrouter/@preset/comedian", "@preset/comedian"),
        ("openrouter/auto", "openrouter/auto"),
        ("openrouter/auto:online", "openrouter/auto:online"),
        ("openrouter/auto@preset/comedian", "openrouter/auto@preset/comedian"),
        ("openrouter/openrouter/auto", "openrouter/auto"),
        ("openrouter/horizon-beta", "openrouter/horizon-beta"),
    ],
)
def test_the_prefix_is_stripped_once(requested: str, sent: str) -> None:
    """The prefix is removed if an author and a model follow; OpenRouter's own models keep it."""
    assert sent == wire_model(requested)


@pytest.mark.parametrize(
    "name", ["openrouter/", "openrouter/ ", "openrouter//claude", "openrouter/anthropic/", "openrouter/a//b"]
)
async def test_an_incomplete_name_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A name with an empty part raises a ValueError that shows the expected form, before anything is sent."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-routing")
    with pytest.raises(ValueError, match="openrouter/<author>/<model>"):
        await llm_services_provider(Session()).generate_response(MESSAGES, model=name)


async def test_a_name_longer_than_its_column_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is longer than its column raises a ValueError before anything is sent."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-routing")
    with pytest.raises(ValueError, match="at most 100 characters, this one has 101"):
        await llm_services_provider(Session()).generate_response(MESSAGES, model="openrouter/a/".ljust(101, "x"))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("claude-99", "claude-opus-5"),
        ("anthropic/claude-haiku-5-5", "claude-haiku-5-5"),
        ("models/gpt-5.2", "gpt-5.2"),
        ("gpt-5-min", "gpt-5-mini (until 2026-12-11)"),
        ("GPT-5.2", "gpt-5.2"),
        ("OpenRouter/auto", "openrouter/<author>/<model>"),
        ("?", "openrouter/<author>/<model>"),
        ("gpt-9.9", "LLM_MODELS=gpt-9.9=<provider>"),
    ],
)
async def test_a_model_that_nothing_serves_is_refused(name: str, nearest: str) -> None:
    """An unknown name raises a ValueError with the nearest names, and how to use OpenRouter or LLM_MODELS."""
    with pytest.raises(ValueError, match="is not supported") as caught:
        await llm_services_provider(Session()).generate_response(MESSAGES, model=name)
    assert nearest in str(caught.value)


OPENAI, AZURE = (
    {"OPENAI_API_KEY": "sk-routing"},
    {"AZURE_OPENAI_API_KEY": "routing", "AZURE_OPENAI_ENDPOINT": "https://r"},
)


@pytest.mark.parametrize(
    ("model", "environment", "provider"),
    [
        # current names, dated snapshots and retired names
        ("gpt-5.1", OPENAI, LLMProviderType.OPENAI),
        ("gpt-5.4-pro-2026-03-05", {}, LLMProviderType.OPENAI),
        ("gpt-6.1-sol", AZURE, LLMProviderType.AZURE_OPENAI),
        ("gpt-6.1-sol", AZURE | OPENAI, LLMProviderType.OPENAI),
        ("gpt-4o-2024-08-06", {}, LLMProviderType.OPENAI),
        ("gpt-image-2", {}, LLMProviderType.OPENAI),
        ("gpt-4", {}, LLMProviderType.OPENAI),
        ("claude-opus-4-5", {}, LLMProviderType.ANTHROPIC),
        ("claude-haiku-4-5-20251001", {}, LLMProviderType.ANTHROPIC),
        ("claude-sonnet-5-5", {"CLAUDE_PROVIDER": "bedrock"}, LLMProviderType.BEDROCK),
        ("claude-3-opus-20240229", {}, LLMProviderType.ANTHROPIC),
        ("gemini-3.8-flash", {}, LLMProviderType.GEMINI),
        ("gemini-flash-latest", {}, LLMProviderType.GEMINI),
        ("gemini-3.8-flash-tts", {}, LLMProviderType.GEMINI),
        (" gemini-3.8-flash\n", {}, LLMProviderType.GEMINI),
        ("models/gemini-3.8-flash", {}, LLMProviderType.GEMINI),
        # names that LLM_MODELS adds or reroutes
        ("gpt-7", {"LLM_MODELS": "gpt-7=openai"}, LLMProviderType.OPENAI),
        ("gpt-7", {"LLM_MODELS": "gpt-7=openai"} | AZURE, LLMProviderType.AZURE_OPENAI),
        ("claude-6", {"LLM_MODELS": "claude-6=claude", "CLAUDE_PROVIDER": "bedrock"}, LLMProviderType.BEDROCK),
        ("prod", {"LLM_MODELS": " gpt-7 = openai ,prod= Azure, "} | OPENAI, LLMProviderType.AZURE_OPENAI),
        ("gpt-5", {"LLM_MODELS": "gpt-5=azure_openai"} | OPENAI | AZURE, LLMProviderType.AZURE_OPENAI),
        ("models/tuned", {"LLM_MODELS": "models/tuned=google"}, LLMProviderType.GEMINI),
        ("global.anthropic.claude-opus-5", {"LLM_MODELS": "global.anthropic.claude-opus-5=bedrock"}, "bedrock"),
        # a call may name a configured default
        ("prod-chat-eu", {"OPENAI_MODEL": "prod-chat-eu"} | AZURE, LLMProviderType.AZURE_OPENAI),
        ("prod-chat-eu", {"OPENAI_MODEL": "prod-chat-eu"} | OPENAI, LLMProviderType.OPENAI),
        ("prod-voice", {"AUDIO_MODEL": "prod-voice"} | AZURE, LLMProviderType.AZURE_OPENAI),
        ("eu.anthropic.x", {"BEDROCK_MODEL_ID": "eu.anthropic.x"}, LLMProviderType.BEDROCK),
        ("claude-next", {"ANTHROPIC_MODEL": "claude-next"}, LLMProviderType.ANTHROPIC),
        ("gemini-next", {"GEMINI_MODEL": "models/gemini-next"}, LLMProviderType.GEMINI),
        ("models/gemini-next", {"GEMINI_MODEL": "gemini-next"}, LLMProviderType.GEMINI),
        ("models/gemini-next", {"LLM_MODELS": "gemini-next=gemini"}, LLMProviderType.GEMINI),
    ],
)
def test_a_name_leads_to_its_vendor(
    monkeypatch: pytest.MonkeyPatch, model: str, environment: dict[str, str], provider: LLMProviderType
) -> None:
    """A name is routed by LLM_MODELS, by the map, which has dated and retired names, or as a configured default."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert provider == route(model, create_llm_config_from_env())


@pytest.mark.parametrize("model", ["openrouter/openai/gpt-4", "openrouter/google/gemini-2.5-pro", "openrouter/auto"])
async def test_openrouter_without_a_key_says_what_to_set(model: str) -> None:
    """An OpenRouter model without a key raises a RuntimeError that names both variables."""
    with pytest.raises(RuntimeError, match="OPENROUTER_API_KEY and OPENROUTER_BASE_URL"):
        await llm_services_provider(Session()).generate_response(MESSAGES, model=model)


@pytest.mark.parametrize("model", MODEL_PROVIDER_MAP)
async def test_a_known_model_without_its_provider_says_what_to_set(model: str) -> None:
    """A model of a provider that is not configured raises a RuntimeError that names that provider's variables."""
    with pytest.raises(RuntimeError, match=VENDORS[MODEL_PROVIDER_MAP[model]].how_to_configure.split()[0]):
        await llm_services_provider(Session()).generate_response(MESSAGES, model=model)


async def test_no_provider_at_all_says_what_to_set() -> None:
    """Without a model and without a key, a call raises a RuntimeError that names a variable to set."""
    with pytest.raises(RuntimeError, match="OPENROUTER_API_KEY"):
        await llm_services_provider(Session()).generate_response(MESSAGES)


async def test_images_are_openais() -> None:
    """generate_image raises an LLMError that names OpenAI if OpenAI is not configured."""
    with pytest.raises(LLMError, match="OPENAI_API_KEY") as caught:
        await llm_services_provider(Session()).generate_image("a ledger")
    assert LLMProviderType.OPENAI == caught.value.provider


async def test_openrouter_neither_speaks_nor_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speech and web search through OpenRouter raise NotImplementedError."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-routing")
    llm = llm_services_provider(Session())
    with pytest.raises(NotImplementedError, match="audio"):
        await llm.generate_audio("hello", "plain")
    with pytest.raises(NotImplementedError, match="search"):
        await llm.search_web(["ledgers"])
