"""The services whose exchanges are kept: the address that stands in a cassette, and what a replay has to configure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modules.llm_services.config import VARIABLE_NAMES

OPENROUTER: Final = "openrouter"
AZURE: Final = "azure_openai"
MADE_UP: Final = "replayed"  # what stands for a key where nobody looks at it


@dataclass(frozen=True)
class Vendor:
    """A service: its variables and its address.

    `model_variable` names the default model, for a model that no call can name.
    """

    keys: tuple[str, ...]
    url_variable: str
    url: str
    more: tuple[tuple[str, str], ...] = ()
    model_variable: str | None = None


# By the value of its LLMProviderType.
VENDORS: Final = {
    OPENROUTER: Vendor(("OPENROUTER_API_KEY",), "OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1"),
    "openai": Vendor(
        ("OPENAI_API_KEY",), "OPENAI_BASE_URL", "https://api.openai.com/v1", model_variable="OPENAI_MODEL"
    ),
    # Everybody's resource has another name there; this one is nobody's.
    AZURE: Vendor(
        ("AZURE_OPENAI_API_KEY",),
        "AZURE_OPENAI_ENDPOINT",
        "https://resource.openai.azure.com",
        model_variable="OPENAI_MODEL",
    ),
    "anthropic": Vendor(
        ("ANTHROPIC_API_KEY",), "ANTHROPIC_BASE_URL", "https://api.anthropic.com", model_variable="ANTHROPIC_MODEL"
    ),
    "bedrock": Vendor(
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        "https://bedrock-runtime.us-west-2.amazonaws.com",
        more=(("CLAUDE_PROVIDER", "bedrock"),),
        model_variable="BEDROCK_MODEL_ID",
    ),
    "gemini": Vendor(
        ("GEMINI_API_KEY",),
        "GEMINI_API_BASE_URL",
        "https://generativelanguage.googleapis.com/v1beta",
        model_variable="GEMINI_MODEL",
    ),
}


def environment(name: str, url: str | None = None, key: str | None = None) -> dict[str, str]:
    """Return the module's whole environment for one vendor: one attempt a call, nothing of anybody's; blank is unset.

    The address is the vendor's own and the keys are made up, where neither is given.
    """
    vendor = VENDORS[name]
    blank = dict.fromkeys(VARIABLE_NAMES, "")
    keys = dict.fromkeys(vendor.keys, key or MADE_UP)
    return {**blank, **keys, **dict(vendor.more), vendor.url_variable: url or vendor.url, "MAX_RETRIES": "0"}
