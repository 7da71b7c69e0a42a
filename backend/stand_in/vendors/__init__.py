"""The vendors that the stand-in plays, one row for each, and the environment that directs an application to them.

OpenRouter's wire follows recordings and its documentation. The bodies of the other vendors follow the types in their
published packages, with which the tests check them; none was recorded live.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import vendor_url
from .anthropic import Anthropic
from .bedrock import AWS_SECRET, Bedrock
from .gemini import Gemini
from .openai import Azure, OpenAI
from .openrouter import OpenRouter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .wire import Wire

__all__ = ["OPENROUTER", "VENDORS", "Vendor", "environment"]

OPENROUTER = "openrouter"


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor: its wire, the variables that direct an application to it, made-up keys, and the end of its base URLs.

    An OpenRouter scenario is chosen by the model's name, any other vendor's by the first segment of the path.
    """

    name: str
    wire: Wire
    url_variable: str
    keys: Mapping[str, str]
    version: str = ""

    def url(self, base_url: str, scenario: str = "") -> str:
        """Return the base URL of a scenario, or of the wire's normal answers."""
        return vendor_url(base_url, self.name, scenario) + self.version

    def environment(self, base_url: str, scenario: str = "") -> dict[str, str]:
        """Return the variables that direct an application to a scenario."""
        return {self.url_variable: self.url(base_url, scenario), **self.keys}


VENDORS = {
    vendor.name: vendor
    for vendor in (
        Vendor(OPENROUTER, OpenRouter(), "OPENROUTER_BASE_URL", {"OPENROUTER_API_KEY": "sk-or-stand-in"}),
        Vendor("openai", OpenAI(), "OPENAI_BASE_URL", {"OPENAI_API_KEY": "sk-stand-in"}, "/v1"),
        Vendor("azure", Azure(), "AZURE_OPENAI_ENDPOINT", {"AZURE_OPENAI_API_KEY": "stand-in"}),
        Vendor("anthropic", Anthropic(), "ANTHROPIC_BASE_URL", {"ANTHROPIC_API_KEY": "sk-ant-stand-in"}),
        Vendor(
            "bedrock",
            Bedrock(),
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            {"AWS_ACCESS_KEY_ID": "AKIDSTANDIN", "AWS_SECRET_ACCESS_KEY": AWS_SECRET},
        ),
        Vendor("gemini", Gemini(), "GEMINI_API_BASE_URL", {"GEMINI_API_KEY": "stand-in"}, "/v1beta"),
    )
}
# A blank variable counts as unset but, unlike a missing one, is not filled in from a `.env` file.
NO_OTHER_WAY = {
    "GOOGLE_API_KEY": "",
    "AWS_SESSION_TOKEN": "",
    "AWS_BEARER_TOKEN_BEDROCK": "",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "LLM_CACHE_ENABLED": "false",
    "LLM_CACHE_URL": "",
    "no_proxy": "*",
}


def environment(base_url: str) -> dict[str, str]:
    """Return the variables that direct every call to the stand-in, so that no real key is used."""
    variables = [vendor.environment(base_url) for vendor in VENDORS.values()]
    return {name: value for each in (*variables, NO_OTHER_WAY) for name, value in each.items()}
