"""The other vendors' endpoints at the stand-in: a model for each, and the variables that select a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modules.llm_services.types import LLMProviderType
from stand_in.vendors import VENDORS, Vendor


@dataclass(frozen=True)
class Door:
    """A vendor, its endpoint at the stand-in, and a model that is routed to it."""

    provider: LLMProviderType
    way: Vendor
    model: str
    choice: tuple[tuple[str, str], ...] = ()

    @property
    def url_variable(self) -> str:
        """The variable that has the vendor's address."""
        return self.way.url_variable

    def environment(self, base_url: str, scene: str = "", key: str | None = None) -> dict[str, str]:
        """Return the variables that select a scenario, with another key if one is given."""
        variables = {**self.way.environment(base_url, scene), **dict(self.choice)}
        keys = {name: key for name in variables if key and "KEY" in name}
        return {**variables, **keys, "AWS_EC2_METADATA_DISABLED": "true"}


def _door(provider: LLMProviderType, path: str, model: str, **choice: str) -> Door:
    return Door(provider, VENDORS[path], model, tuple(choice.items()))


DOORS: Final = {
    door.provider: door
    for door in (
        _door(LLMProviderType.OPENAI, "openai", "gpt-5-mini"),
        _door(LLMProviderType.AZURE_OPENAI, "azure", "gpt-4o-mini"),
        _door(LLMProviderType.ANTHROPIC, "anthropic", "claude-haiku-4-5"),
        _door(LLMProviderType.BEDROCK, "bedrock", "claude-sonnet-4-5", CLAUDE_PROVIDER="bedrock"),
        _door(LLMProviderType.GEMINI, "gemini", "gemini-2.5-flash"),
    )
}
