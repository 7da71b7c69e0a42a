"""Every provider, played by the stand-in, and the provider that a model's name selects in each configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from modules.llm_services.types import LLMProviderType
from support.doors import DOORS

OPENROUTER_MODEL: Final = "openrouter/anthropic/claude-3-opus"
CLAUDE_AT_AMAZON: Final = {"CLAUDE_PROVIDER": "bedrock"}
OPENAI_AT_AZURE: Final = {"OPENAI_API_KEY": " "}


def every_provider(base_url: str) -> dict[str, str]:
    """Return the variables that configure them all."""
    environment = {"OPENROUTER_API_KEY": "sk-or-drop-in", "OPENROUTER_BASE_URL": base_url, "MAX_RETRIES": "0"}
    for door in DOORS.values():
        environment |= door.environment(base_url)
    return environment | {"CLAUDE_PROVIDER": "anthropic"}


@dataclass(frozen=True)
class Place:
    """A model's name, a configuration, and the provider that then serves it."""

    provider: LLMProviderType
    model: str | None
    environment: dict[str, str] = field(default_factory=dict)


PLACES: Final = {
    "openrouter": Place(LLMProviderType.OPENROUTER, OPENROUTER_MODEL),
    "openai": Place(LLMProviderType.OPENAI, "gpt-5-mini"),
    "azure-by-default": Place(LLMProviderType.AZURE_OPENAI, None),
    "azure-for-openai": Place(LLMProviderType.AZURE_OPENAI, "gpt-4o-mini", OPENAI_AT_AZURE),
    "anthropic": Place(LLMProviderType.ANTHROPIC, "claude-haiku-4-5"),
    "bedrock": Place(LLMProviderType.BEDROCK, "claude-sonnet-4-5", CLAUDE_AT_AMAZON),
    "gemini": Place(LLMProviderType.GEMINI, "gemini-2.5-flash"),
    "gemini-by-hint": Place(LLMProviderType.GEMINI, None, {"LLM_PROVIDER": "google"}),
}
