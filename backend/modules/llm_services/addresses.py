"""The addresses of the vendors' APIs; a path that a provider adds itself may be pasted, and the end left out."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

ANTHROPIC_URL: Final = "https://api.anthropic.com"
GEMINI_URL: Final = "https://generativelanguage.googleapis.com/v1beta"
OPENAI_URL: Final = "https://api.openai.com/v1"
OPENROUTER_BASE_URL: Final = "https://openrouter.ai/api/v1"
_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")  # clients disagree about what other characters mean
# Paths of APIs of the kind that OpenAI began.
_PATHS: Final = (
    "responses|completions|chat(?:/completions)?|messages|models|embeddings|images/generations|"
    "audio/(?:speech|transcriptions)"
)


def _base_url(text: str) -> str:
    message = "must be an http(s) URL with a host and without user, query or fragment"
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(message) from error
    has_more = "@" in parts.netloc or parts.query or parts.fragment
    is_written_plainly = _HOST.fullmatch(host) and text.isascii() and text.isprintable() and " " not in text
    if parts.scheme not in {"http", "https"} or has_more or not is_written_plainly:
        raise ValueError(message)
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("must be https: a key is not sent to another machine unencrypted")
    return text.rstrip("/")


def _without(path: str) -> BeforeValidator:
    """Remove from the end of an address a path that the provider adds itself; `path` is a regular expression."""
    pasted = re.compile(rf"(?:{path})/*\s*$", re.IGNORECASE)
    return BeforeValidator(lambda value: pasted.sub("", value) if isinstance(value, str) else value)


def _completed(default: str) -> AfterValidator:
    """Complete an address of which only the beginning was pasted, such as the host alone."""
    return AfterValidator(lambda text: default if default.startswith(f"{text}/") else text)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


BaseUrl = Annotated[str, AfterValidator(_base_url)]
OpenAIUrl = Annotated[BaseUrl, _without(f"/(?:{_PATHS})"), _completed(OPENAI_URL)]
# Besides https://<resource>.openai.azure.com/openai/v1, the portal shows target URIs: .../openai/deployments/<name>/...
# and, for models of others, .../models.
AzureUrl = Annotated[BaseUrl, _without(r"/openai(?:/(?:v1|deployments|responses)\b.*)?|/models(?:/.*)?")]
AnthropicUrl = Annotated[BaseUrl, _without("/v1(?:/(?:messages|complete|models))?")]
GeminiUrl = Annotated[BaseUrl, _without("/models(?:/.*)?|(?<=/v1beta)/openai(?:/.*)?"), _completed(GEMINI_URL)]
OpenRouterUrl = Annotated[BaseUrl, _without(f"/(?:{_PATHS})"), _completed(OPENROUTER_BASE_URL)]
