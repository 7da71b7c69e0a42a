"""The vendors whose exchanges are kept: the address in a cassette, and the variables that a replay sets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from modules.llm_services.config import VARIABLE_NAMES
from modules.llm_services.types import LLMProviderType

REPLAY_KEY: Final = "replayed"  # a made-up key: nobody checks it


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """A vendor's base URL, its variables, and the paths by which its requests are known at another server.

    `paths` is a regular expression; its group is the path at the vendor. `model_variable` names the default model,
    for a model that no call can name.
    """

    base_url: str
    url_variable: str
    key_variables: tuple[str, ...]
    paths: str
    model_variable: str = ""
    other_variables: tuple[tuple[str, str], ...] = ()


# The first vendor whose paths match is taken, so OpenRouter, which takes any path, is last.
VENDORS: Final[dict[str, Vendor]] = {
    # An Azure resource has a name of its owner's; this one is nobody's.
    LLMProviderType.AZURE_OPENAI: Vendor(
        base_url="https://resource.openai.azure.com",
        url_variable="AZURE_OPENAI_ENDPOINT",
        key_variables=("AZURE_OPENAI_API_KEY",),
        paths=r"/azure(/openai/v1/.*)",
        model_variable="OPENAI_MODEL",
    ),
    LLMProviderType.OPENAI: Vendor(
        base_url="https://api.openai.com/v1",
        url_variable="OPENAI_BASE_URL",
        key_variables=("OPENAI_API_KEY",),
        paths=r"(?:/openai)?(/v1/(?:responses|images/generations|audio/speech))",
        model_variable="OPENAI_MODEL",
    ),
    LLMProviderType.ANTHROPIC: Vendor(
        base_url="https://api.anthropic.com",
        url_variable="ANTHROPIC_BASE_URL",
        key_variables=("ANTHROPIC_API_KEY",),
        paths=r"(?:/anthropic)?(/v1/messages)",
        model_variable="ANTHROPIC_MODEL",
    ),
    LLMProviderType.BEDROCK: Vendor(
        base_url="https://bedrock-runtime.us-west-2.amazonaws.com",
        url_variable="AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        key_variables=("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        paths=r"(?:/bedrock)?(/model/.*)",
        model_variable="BEDROCK_MODEL_ID",
        other_variables=(("CLAUDE_PROVIDER", "bedrock"),),
    ),
    LLMProviderType.GEMINI: Vendor(
        base_url="https://generativelanguage.googleapis.com/v1beta",
        url_variable="GEMINI_API_BASE_URL",
        key_variables=("GEMINI_API_KEY",),
        paths=r"(?:/gemini)?(/v1beta/models/.*)",
        model_variable="GEMINI_MODEL",
    ),
    LLMProviderType.OPENROUTER: Vendor(
        base_url="https://openrouter.ai/api/v1",
        url_variable="OPENROUTER_BASE_URL",
        key_variables=("OPENROUTER_API_KEY",),
        paths="(.*)",
    ),
}
PATHS_OF_HOST: Final = {urlsplit(vendor.base_url).netloc: vendor.paths for vendor in VENDORS.values()}


def environment(name: str, url: str | None = None, key: str | None = None) -> dict[str, str]:
    """Return the module's whole environment for one vendor, with one attempt a call; a blank variable is unset.

    Without a `url` and a `key`, the address is the vendor's own and the keys are made up.
    """
    vendor = VENDORS[name]
    blank = dict.fromkeys(VARIABLE_NAMES, "")
    keys = dict.fromkeys(vendor.key_variables, key or REPLAY_KEY)
    address = {vendor.url_variable: url or vendor.base_url}
    return blank | keys | dict(vendor.other_variables) | address | {"MAX_RETRIES": "0"}


def at_vendor(url: str) -> str:
    """Return the URL of a request at the vendor's own host, whichever server received it."""
    received = urlsplit(url)
    host, path = received.netloc, received.path
    if host not in PATHS_OF_HOST:
        matches = ((vendor, re.fullmatch(paths, path)) for vendor, paths in PATHS_OF_HOST.items())
        host, path = next((vendor, match[1]) for vendor, match in matches if match)
    return urlunsplit(("https", host, path, received.query, ""))
