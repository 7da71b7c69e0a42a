"""What each cassette asks, once: the tests replay these questions and record.py puts them to a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from modules.llm_services.public import LLMMessage

if TYPE_CHECKING:
    from uuid import UUID

    from modules.llm_services.public import LLMResponse, LLMServicesProvider

# Cheap, documented, and old enough to stay for a while (https://openrouter.ai/openai/gpt-4.1-mini).
MODEL: Final = "openrouter/openai/gpt-4.1-mini"
REFUSED_KEY: Final = "sk-or-v1-invalid"


class City(BaseModel):
    """A city and the country it lies in."""

    name: str
    country: str


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One call and the cassette of its name; `not_live` says why OpenRouter cannot be made to answer like this."""

    name: str
    model: str = MODEL
    question: str = "What is the capital of France? Answer in one sentence."
    structured: bool = False
    max_output_tokens: int | None = None
    key: str | None = None
    not_live: str | None = None

    async def ask(self, llm: LLMServicesProvider) -> tuple[LLMResponse, UUID]:
        """Ask for text."""
        return await llm.generate_response(
            [LLMMessage(role="user", content=self.question)],
            model=self.model,
            max_output_tokens=self.max_output_tokens,
        )

    async def ask_for_city(self, llm: LLMServicesProvider) -> tuple[City, UUID, dict[str, Any]]:
        """Ask for a City."""
        return await llm.generate_structured_response(
            [LLMMessage(role="user", content=self.question)],
            City,
            model=self.model,
            max_output_tokens=self.max_output_tokens,
        )

    async def play(self, llm: LLMServicesProvider) -> None:
        """Make the scenario's call, whatever comes of it."""
        await (self.ask_for_city(llm) if self.structured else self.ask(llm))


def environment(base_url: str, key: str) -> dict[str, str]:
    """Return the module's whole environment: one attempt a call, and nothing of the caller's own; blank is unset."""
    blank = dict.fromkeys(
        (
            "LLM_PROVIDER",
            "TEMPERATURE",
            "MAX_OUTPUT_TOKENS",
            "REQUEST_TIMEOUT",
            "OPENROUTER_APP_URL",
            "OPENROUTER_APP_TITLE",
        ),
        "",
    )
    return {**blank, "MAX_RETRIES": "0", "OPENROUTER_BASE_URL": base_url, "OPENROUTER_API_KEY": key}


_TABLE: Final = (
    Scenario(name="plain-completion"),
    Scenario(
        name="prompt-cache-hit",
        model="openrouter/stand-in/prompt-cache-hit",
        not_live="whether a provider's cache holds a prompt is the provider's affair, and takes a long prompt twice",
    ),
    Scenario(
        name="byok",
        model="openrouter/stand-in/byok",
        not_live="needs an account that has a provider's own key stored",
    ),
    Scenario(name="structured", question="Which city is the capital of France?", structured=True),
    Scenario(
        name="structured-in-prose",
        model="openrouter/stand-in/structured-in-prose",
        question="Which city is the capital of France?",
        structured=True,
        not_live="models that were asked for JSON seldom wrap it in prose, and never when told to",
    ),
    Scenario(name="invalid-key", key=REFUSED_KEY),
    Scenario(
        name="rate-limited",
        model="openrouter/stand-in/rate-limited",
        not_live="a rate limit, and its Retry-After, come when they come",
    ),
    Scenario(
        name="rate-limited-without-hint",
        model="openrouter/stand-in/rate-limited-no-hint",
        not_live="a rate limit without Retry-After comes when it comes",
    ),
    # One of OpenRouter's own names, sent whole: an alpha model whose time has ended.
    Scenario(name="no-endpoint", model="openrouter/horizon-beta"),
    Scenario(name="unknown-model", model="openrouter/stand-in/no-such-model"),
    Scenario(
        name="error-in-200",
        model="openrouter/stand-in/error-in-200",
        not_live="needs a provider that fails after OpenRouter has begun to answer",
    ),
    # 16 is the smallest cap that every provider takes.
    Scenario(name="truncated", question="Describe Paris in three long sentences.", max_output_tokens=16),
)
SCENARIOS: Final = {scenario.name: scenario for scenario in _TABLE}
