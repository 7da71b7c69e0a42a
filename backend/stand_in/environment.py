"""What an application's environment holds when the stand-in plays every provider: addresses, and made-up keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import vendor_url

if TYPE_CHECKING:
    from collections.abc import Mapping

AWS_SECRET = "stand-in/secret"  # noqa: S105 - made up: the one secret that the stand-in knows a signature of


@dataclass(frozen=True, slots=True)
class Door:
    """Another provider's wire: the path it is spoken under, and the variables that lead an application there."""

    path: str
    url_variable: str
    keys: Mapping[str, str]
    version: str = ""

    def url(self, base_url: str, scene: str = "") -> str:
        """Return the address of a scene, or of the wire's plain answers."""
        return vendor_url(base_url, self.path, scene) + self.version

    def environment(self, base_url: str, scene: str = "") -> dict[str, str]:
        """Return the variables that lead into a scene."""
        return {self.url_variable: self.url(base_url, scene), **self.keys}


DOORS = {
    door.path: door
    for door in (
        Door("openai", "OPENAI_BASE_URL", {"OPENAI_API_KEY": "sk-stand-in"}, "/v1"),
        Door("azure", "AZURE_OPENAI_ENDPOINT", {"AZURE_OPENAI_API_KEY": "stand-in"}),
        Door("anthropic", "ANTHROPIC_BASE_URL", {"ANTHROPIC_API_KEY": "sk-ant-stand-in"}),
        Door(
            "bedrock",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            {"AWS_ACCESS_KEY_ID": "AKIDSTANDIN", "AWS_SECRET_ACCESS_KEY": AWS_SECRET},
        ),
        Door("gemini", "GEMINI_API_BASE_URL", {"GEMINI_API_KEY": "stand-in"}, "/v1beta"),
    )
}
# Blank is unset, and unlike what is unset it is not filled in from a `.env` file.
NO_OTHER_WAY = {
    "GOOGLE_API_KEY": "",
    "AWS_SESSION_TOKEN": "",
    "AWS_EC2_METADATA_DISABLED": "true",
    "LLM_CACHE_ENABLED": "false",
    "LLM_CACHE_URL": "",
    "no_proxy": "*",
}


def openrouter(base_url: str, key: str = "sk-or-stand-in") -> dict[str, str]:
    """Return the variables that lead an application's calls of OpenRouter to the stand-in."""
    return {"OPENROUTER_BASE_URL": base_url, "OPENROUTER_API_KEY": key}


def environment(base_url: str) -> dict[str, str]:
    """Return the variables that lead every call to the stand-in and no key of anybody's own anywhere."""
    every_door = {name: value for door in DOORS.values() for name, value in door.environment(base_url).items()}
    return {**openrouter(base_url), **every_door, **NO_OTHER_WAY}
