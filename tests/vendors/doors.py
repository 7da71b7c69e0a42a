"""The six vendors' doors at the stand-in: how each is configured for a scene, and what it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import stand_in
from modules.llm_services.types import LLMProviderType

SECRET: Final = "stand-in/secret"  # the one that the stand-in signs with


@dataclass(frozen=True)
class Door:
    """A vendor's variables, its path below the stand-in, and a model that is routed to it."""

    provider: LLMProviderType
    path: str
    url_variable: str
    suffix: str
    keys: dict[str, str]
    model: str

    def environment(self, base_url: str, scene: str = "", key: str | None = None) -> dict[str, str]:
        """Return the variables that lead to a scene."""
        url = stand_in.vendor_url(base_url, self.path, scene) + self.suffix
        keys = {name: key if key and "KEY" in name else value for name, value in self.keys.items()}
        return {**keys, self.url_variable: url, "AWS_EC2_METADATA_DISABLED": "true"}


_AWS: Final = {"AWS_ACCESS_KEY_ID": "AKIDSTANDIN", "AWS_SECRET_ACCESS_KEY": SECRET, "CLAUDE_PROVIDER": "bedrock"}

DOORS: Final = {
    door.provider: door
    for door in (
        Door(LLMProviderType.OPENAI, "openai", "OPENAI_BASE_URL", "/v1", {"OPENAI_API_KEY": "sk-stand"}, "gpt-5-mini"),
        Door(
            LLMProviderType.AZURE_OPENAI,
            "azure",
            "AZURE_OPENAI_ENDPOINT",
            "",
            {"AZURE_OPENAI_API_KEY": "stand"},
            "gpt-4o-mini",
        ),
        Door(
            LLMProviderType.ANTHROPIC,
            "anthropic",
            "ANTHROPIC_BASE_URL",
            "",
            {"ANTHROPIC_API_KEY": "sk-ant-stand"},
            "claude-haiku-4-5",
        ),
        Door(
            LLMProviderType.BEDROCK,
            "bedrock",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            "",
            _AWS,
            "claude-sonnet-4-5",
        ),
        Door(
            LLMProviderType.GEMINI,
            "gemini",
            "GEMINI_API_BASE_URL",
            "/v1beta",
            {"GEMINI_API_KEY": "stand"},
            "gemini-2.5-flash",
        ),
    )
}
