"""Which provider a model name leads to, and under which name OpenRouter is asked."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from modules.llm_services.config import VARIABLE_NAMES
from modules.llm_services.exceptions import LLMError
from modules.llm_services.providers.openrouter import wire_model
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.service import MODEL_PROVIDER_MAP
from modules.llm_services.types import LLMProviderType, MessageRole
from modules.llm_services.vendors import VENDORS

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
    """The prefix goes where an author and a model follow; OpenRouter's own models keep it."""
    assert sent == wire_model(requested)


@pytest.mark.parametrize(
    "name", ["openrouter/", "openrouter/ ", "openrouter//claude", "openrouter/anthropic/", "openrouter/a//b"]
)
async def test_an_incomplete_name_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A name with an empty part is a ValueError that shows the expected form, before anything is sent."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-routing")
    with pytest.raises(ValueError, match="openrouter/<author>/<model>"):
        await llm_services_provider(Session()).generate_response(MESSAGES, model=name)


async def test_a_name_longer_than_its_column_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that the row could not hold is a ValueError, before anything is sent."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-routing")
    with pytest.raises(ValueError, match="at most 100 characters, this one has 101"):
        await llm_services_provider(Session()).generate_response(MESSAGES, model="openrouter/a/".ljust(101, "x"))


@pytest.mark.parametrize("name", ["claude-99", "anthropic/claude-3-opus", "OpenRouter/auto", "gpt- 5"])
async def test_a_model_that_nothing_serves_is_refused(name: str) -> None:
    """A model that is in no map is a ValueError that names the ones that are, and OpenRouter's form."""
    with pytest.raises(ValueError, match="openrouter/<author>/<model>") as caught:
        await llm_services_provider(Session()).generate_response(MESSAGES, model=name)
    assert "gpt-5-mini" in str(caught.value)


@pytest.mark.parametrize("model", ["openrouter/openai/gpt-4", "openrouter/google/gemini-2.5-pro", "openrouter/auto"])
async def test_openrouter_without_a_key_says_what_to_set(model: str) -> None:
    """An OpenRouter model without a key is a RuntimeError that names both variables, whatever the name suggests."""
    with pytest.raises(RuntimeError, match="OPENROUTER_API_KEY and OPENROUTER_BASE_URL"):
        await llm_services_provider(Session()).generate_response(MESSAGES, model=model)


@pytest.mark.parametrize("model", MODEL_PROVIDER_MAP)
async def test_a_known_model_without_its_provider_says_what_to_set(model: str) -> None:
    """A model of a provider that is not there is a RuntimeError that names that provider's variables."""
    with pytest.raises(RuntimeError, match=VENDORS[MODEL_PROVIDER_MAP[model]].how_to_configure.split()[0]):
        await llm_services_provider(Session()).generate_response(MESSAGES, model=model)


async def test_no_provider_at_all_says_what_to_set() -> None:
    """Without a model and without a key, a call is a RuntimeError that names a variable to set."""
    with pytest.raises(RuntimeError, match="OPENROUTER_API_KEY"):
        await llm_services_provider(Session()).generate_response(MESSAGES)


async def test_images_are_openais() -> None:
    """generate_image needs OpenAI, and is an LLMError that says so where OpenAI is not available."""
    with pytest.raises(LLMError, match="OPENAI_API_KEY") as caught:
        await llm_services_provider(Session()).generate_image("a ledger")
    assert LLMProviderType.OPENAI == caught.value.provider


async def test_openrouter_neither_speaks_nor_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speech and web search through OpenRouter are NotImplementedError."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-routing")
    llm = llm_services_provider(Session())
    with pytest.raises(NotImplementedError, match="audio"):
        await llm.generate_audio("hello", "plain")
    with pytest.raises(NotImplementedError, match="search"):
        await llm.search_web(["ledgers"])
