"""Configuration: one value, and the one function that reads it from the environment.

General settings, blank meaning unset:

    LLM_PROVIDER        the default provider: openrouter, openai, anthropic, azure_openai (or azure), bedrock,
                        gemini (or google); claude is anthropic. Unset: the first one that has a key.
    TEMPERATURE         sampling temperature, 0 to 2; 0.7
    MAX_OUTPUT_TOKENS   cap on the tokens of an answer; unset: none is sent
    REQUEST_TIMEOUT     seconds for one attempt, in all; 180
    MAX_RETRIES         attempts beyond the first; 3. 0: one attempt

OpenRouter:

    OPENROUTER_API_KEY    the key (https://openrouter.ai/settings/keys); enables the provider
    OPENROUTER_BASE_URL   https://openrouter.ai/api/v1; plain http only to this machine
    OPENROUTER_APP_URL    sent as HTTP-Referer when set
    OPENROUTER_APP_TITLE  sent as X-Title when set
"""

from __future__ import annotations

import os
from functools import lru_cache
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from .types import LLMProviderType

OPENROUTER_BASE_URL: Final = "https://openrouter.ai/api/v1"

VARIABLES: Final = {
    "temperature": "TEMPERATURE",
    "max_output_tokens": "MAX_OUTPUT_TOKENS",
    "request_timeout": "REQUEST_TIMEOUT",
    "max_retries": "MAX_RETRIES",
    "openrouter_api_key": "OPENROUTER_API_KEY",
    "openrouter_base_url": "OPENROUTER_BASE_URL",
    "openrouter_app_url": "OPENROUTER_APP_URL",
    "openrouter_app_title": "OPENROUTER_APP_TITLE",
}

# What each provider is configured by: the variables that a caller is told to set.
PROVIDER_VARIABLES: Final = {
    LLMProviderType.AZURE_OPENAI: ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"),
    LLMProviderType.GEMINI: ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    LLMProviderType.OPENAI: ("OPENAI_API_KEY",),
    LLMProviderType.ANTHROPIC: ("ANTHROPIC_API_KEY",),
    LLMProviderType.BEDROCK: ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"),
    LLMProviderType.OPENROUTER: ("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL"),
}

DEFAULT_MODELS: Final = {LLMProviderType.OPENROUTER: "openrouter/anthropic/claude-3-opus"}

PROVIDER_ALIASES: Final = {
    "azure": LLMProviderType.AZURE_OPENAI,
    "claude": LLMProviderType.ANTHROPIC,
    "google": LLMProviderType.GEMINI,
}


def _header_value(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII: it travels in an HTTP header")
    return text


def _api_key(text: str) -> str:
    if " " in text:
        raise ValueError("must not contain spaces")
    return _header_value(text)


def _base_url(text: str) -> str:
    message = "must be an http(s) URL with a host and without user, query or fragment"
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(message) from error
    plain = parts.scheme in {"http", "https"} and host and not (parts.username or parts.query or parts.fragment)
    if not plain or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(message)
    if parts.scheme == "http" and not _is_loopback(host or ""):
        raise ValueError("must be https: a key is not sent in the clear to another machine")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


ApiKey = Annotated[str, AfterValidator(_api_key)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]


class LLMConfig(BaseModel):
    """What the providers need to know; holds keys, and shows none of them in its repr or its errors."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, validate_default=True, str_strip_whitespace=True)

    provider: LLMProviderType | None = Field(default=None, description="the default provider, None when none has a key")
    model: str | None = Field(default=None, description="the default model of `provider`")
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_output_tokens: int | None = Field(default=None, gt=0)
    request_timeout: float = Field(
        default=180, gt=0, allow_inf_nan=False, description="seconds for one attempt, in all"
    )
    max_retries: int = Field(default=3, ge=0, description="attempts beyond the first")
    openrouter_api_key: ApiKey | None = Field(default=None, repr=False)
    openrouter_base_url: BaseUrl | None = Field(default=None)
    openrouter_app_url: HeaderValue | None = Field(default=None)
    openrouter_app_title: HeaderValue | None = Field(default=None)

    def is_configured(self, provider: LLMProviderType) -> bool:
        """Say whether `provider` has what it needs to be called."""
        return bool(provider is LLMProviderType.OPENROUTER and self.openrouter_api_key)

    def validate_config(self) -> LLMProviderType:
        """Return the default provider; raises ValueError, naming the variables to set, when it cannot be called."""
        if self.provider is None:
            raise ValueError(f"no LLM provider is configured: set {PROVIDER_VARIABLES[LLMProviderType.OPENROUTER][0]}")
        if not self.is_configured(self.provider):
            raise ValueError(_not_configured(self.provider))
        return self.provider


def _not_configured(provider: LLMProviderType) -> str:
    variables = " and ".join(PROVIDER_VARIABLES[provider])
    if provider not in DEFAULT_MODELS:
        return f"{provider} is not part of this release; a later one will read {variables}"
    return f"{provider} is not configured: set {variables} (the URL only where it is not the usual one)"


def create_llm_config_from_env(
    provider_override: LLMProviderType | str | None = None, model_override: str | None = None
) -> LLMConfig:
    """Read the environment, blank meaning unset.

    Raises ValueError, naming the variable and never its value, for a malformed one.
    """
    texts = tuple(os.environ.get(variable, "").strip() for variable in VARIABLES.values())
    return _config(texts, provider_override or os.environ.get("LLM_PROVIDER", "").strip(), model_override)


@lru_cache(maxsize=64)
def _config(texts: tuple[str, ...], hint: str, model_override: str | None) -> LLMConfig:
    """Make a configuration of the variables' `texts`; the same one for the same texts, for it is read at every call."""
    values: dict[str, object] = {field: text for field, text in zip(VARIABLES, texts, strict=True) if text}
    values.setdefault("openrouter_base_url", OPENROUTER_BASE_URL)
    try:
        config = LLMConfig.model_validate(values)
    except ValidationError as error:
        raise ValueError(_malformed(error)) from None
    provider = _default_provider(hint, config)
    model = model_override or (DEFAULT_MODELS.get(provider) if provider else None)
    return config.model_copy(update={"provider": provider, "model": model})


def _malformed(error: ValidationError) -> str:
    return "; ".join(
        f"{VARIABLES[str(problem['loc'][0])]}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    )


def _default_provider(hint: str, config: LLMConfig) -> LLMProviderType | None:
    if not hint:
        return next((provider for provider in PROVIDER_VARIABLES if config.is_configured(provider)), None)
    name = hint.lower()
    try:
        return PROVIDER_ALIASES.get(name) or LLMProviderType(name)
    except ValueError as error:
        known = ", ".join([*LLMProviderType, *PROVIDER_ALIASES])
        raise ValueError(f"LLM_PROVIDER: {hint!r} is not a provider; known are {known}") from error
