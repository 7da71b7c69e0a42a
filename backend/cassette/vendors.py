"""The vendors with cassettes: the address in a cassette, and the variables that a replay sets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from modules.llm_services.addresses import OPENROUTER_BASE_URL
from modules.llm_services.config import VARIABLE_NAMES, VARIABLES, LLMConfig
from modules.llm_services.types import LLMProviderType
from modules.llm_services.vendors import VENDORS as ROWS

REPLAY_KEY: Final = "replayed"  # a made-up key, which nothing checks
# The addresses without a default in the configuration: an Azure resource has a name that its owner chose, and this one
# does not exist; Bedrock's address contains the region.
BASE_URLS: Final[dict[str, str]] = {
    LLMProviderType.AZURE_OPENAI: "https://resource.openai.azure.com",
    LLMProviderType.BEDROCK: "https://bedrock-runtime.us-west-2.amazonaws.com",
    LLMProviderType.OPENROUTER: OPENROUTER_BASE_URL,
}
# The paths that identify a vendor's requests at another server; the group is the path at the vendor. The first match
# counts, so OpenRouter, which accepts any path, is last.
PATHS: Final[dict[str, str]] = {
    LLMProviderType.AZURE_OPENAI: r"/azure(/openai/v1/.*)",
    LLMProviderType.OPENAI: r"(?:/openai)?(/v1/(?:responses|images/generations|audio/speech))",
    LLMProviderType.ANTHROPIC: r"(?:/anthropic)?(/v1/messages)",
    LLMProviderType.BEDROCK: r"(?:/bedrock)?(/model/.*)",
    LLMProviderType.GEMINI: r"(?:/gemini)?(/v1beta/models/.*)",
    LLMProviderType.OPENROUTER: "(.*)",
}


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """A vendor's base URL and its variables; `model_variable` names its default model."""

    base_url: str
    url_variable: str
    key_variables: tuple[str, ...]
    model_variable: str = ""


def _vendor(provider: LLMProviderType) -> Vendor:
    row = ROWS[provider]
    (url_field,) = (field for field, names in row.variables.items() if row.url_variable in names)
    keys = (field for field in row.credentials[0] if field != url_field)
    models = [VARIABLES[field][0] for field in row.model_fields]
    return Vendor(
        base_url=BASE_URLS.get(provider) or str(LLMConfig.model_fields[url_field].default),
        url_variable=row.url_variable,
        key_variables=tuple(row.variables[field][0] for field in keys),
        model_variable=models[0] if models else "",
    )


VENDORS: Final[dict[str, Vendor]] = {name: _vendor(LLMProviderType(name)) for name in PATHS}
PATHS_OF_HOST: Final = {urlsplit(VENDORS[name].base_url).netloc: paths for name, paths in PATHS.items()}


def environment(name: str, url: str | None = None, key: str | None = None) -> dict[str, str]:
    """Return the module's whole environment for one vendor, with one attempt a call; a blank variable is unset.

    Without `url` and `key`, the address is the vendor's own and the keys are made up.
    """
    vendor = VENDORS[name]
    blank = dict.fromkeys(VARIABLE_NAMES, "")
    keys = dict.fromkeys(vendor.key_variables, key or REPLAY_KEY)
    address = {vendor.url_variable: url or vendor.base_url}
    choice = {"CLAUDE_PROVIDER": "bedrock"} if name == LLMProviderType.BEDROCK else {}
    return blank | keys | choice | address | {"MAX_RETRIES": "0"}


def at_vendor(url: str) -> str:
    """Return the URL of a request at the vendor's own host, whichever server received it."""
    received = urlsplit(url)
    host, path = received.netloc, received.path
    if host not in PATHS_OF_HOST:
        matches = ((vendor, re.fullmatch(paths, path)) for vendor, paths in PATHS_OF_HOST.items())
        host, path = next((vendor, match[1]) for vendor, match in matches if match)
    return urlunsplit(("https", host, path, received.query, ""))
