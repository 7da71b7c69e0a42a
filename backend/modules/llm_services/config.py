"""Configuration: one value, and the one function that reads it from the environment.

Each field of `LLMConfig` says what it means; `VARIABLES` says which environment variables it is read from, blank
meaning unset. LLM_PROVIDER names the default provider; unset, it is the first one that has a key.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .settings import ApiKey, BaseUrl, CacheUrl, HeaderValue, LogLevel, ModelName
from .types import LLMProviderType

OPENROUTER_BASE_URL: Final = "https://openrouter.ai/api/v1"
OPENROUTER_MODEL: Final = "openrouter/anthropic/claude-3-opus"

# The first that is set counts.
VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    "temperature": ("TEMPERATURE",),
    "max_output_tokens": ("MAX_OUTPUT_TOKENS",),
    "request_timeout": ("REQUEST_TIMEOUT",),
    "max_retries": ("MAX_RETRIES",),
    "openai_api_key": ("OPENAI_API_KEY",),
    "openai_model": ("OPENAI_MODEL",),
    "openai_base_url": ("OPENAI_BASE_URL",),
    "azure_openai_api_key": ("AZURE_OPENAI_API_KEY",),
    "azure_openai_endpoint": ("AZURE_OPENAI_ENDPOINT",),
    "gemini_api_key": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "gemini_model": ("GEMINI_MODEL",),
    "gemini_base_url": ("GEMINI_API_BASE_URL",),
    "gemini_tts_model": ("GEMINI_TTS_MODEL",),
    "anthropic_api_key": ("ANTHROPIC_API_KEY",),
    "anthropic_model": ("ANTHROPIC_MODEL",),
    "anthropic_base_url": ("ANTHROPIC_BASE_URL",),
    "claude_provider": ("CLAUDE_PROVIDER",),
    "aws_access_key_id": ("AWS_ACCESS_KEY_ID",),
    "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
    "aws_session_token": ("AWS_SESSION_TOKEN",),
    "aws_profile": ("AWS_PROFILE",),
    "aws_region": ("AWS_REGION",),
    "bedrock_model_id": ("BEDROCK_MODEL_ID",),
    "bedrock_base_url": ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",),
    "openrouter_api_key": ("OPENROUTER_API_KEY",),
    "openrouter_base_url": ("OPENROUTER_BASE_URL",),
    "openrouter_app_url": ("OPENROUTER_APP_URL",),
    "openrouter_app_title": ("OPENROUTER_APP_TITLE",),
    "image_model": ("IMAGE_MODEL",),
    "image_quality": ("IMAGE_QUALITY",),
    "audio_model": ("AUDIO_MODEL",),
    "cache_enabled": ("LLM_CACHE_ENABLED",),
    "cache_dir": ("LLM_CACHE_DIR",),
    "cache_url": ("LLM_CACHE_URL",),
    "log_level": ("LOG_LEVEL",),
    "log_requests": ("LOG_REQUESTS",),
}

FIELDS: Final = tuple((field, name) for field, names in VARIABLES.items() for name in names)
VARIABLE_NAMES: Final = ("LLM_PROVIDER", *(name for _field, name in FIELDS))

# What a caller is told to set, in the order in which a default provider is looked for.
TO_SET: Final = {
    LLMProviderType.AZURE_OPENAI: "AZURE_OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT",
    LLMProviderType.GEMINI: "GEMINI_API_KEY or GOOGLE_API_KEY",
    LLMProviderType.OPENAI: "OPENAI_API_KEY",
    LLMProviderType.ANTHROPIC: "ANTHROPIC_API_KEY",
    LLMProviderType.BEDROCK: (
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or CLAUDE_PROVIDER=bedrock where a role signs"
    ),
    LLMProviderType.OPENROUTER: "OPENROUTER_API_KEY and OPENROUTER_BASE_URL (the URL only where it is another)",
}

PROVIDER_ALIASES: Final = {
    "azure": LLMProviderType.AZURE_OPENAI,
    "claude": LLMProviderType.ANTHROPIC,
    "google": LLMProviderType.GEMINI,
}


class LLMConfig(BaseModel):
    """What the providers need to know; holds keys, and shows none of them in its repr or its errors."""

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, validate_default=True, str_strip_whitespace=True, defer_build=True
    )

    provider: LLMProviderType | None = Field(default=None, description="the default provider, None when none has a key")
    model: str | None = Field(default=None, description="the default model of `provider`")
    temperature: float = Field(default=0.7, ge=0, le=2, description="sampling temperature")
    max_output_tokens: int | None = Field(default=None, gt=0, description="cap on an answer; None: none is sent")
    request_timeout: float = Field(
        default=180, gt=0, allow_inf_nan=False, description="seconds for one attempt, in all"
    )
    max_retries: int = Field(default=3, ge=0, description="attempts beyond the first")
    openai_api_key: ApiKey | None = Field(default=None, repr=False, description="OpenAI's key")
    openai_model: ModelName = Field(default="gpt-5", description="asked where a call names none, Azure too")
    openai_base_url: BaseUrl = Field(default="https://api.openai.com/v1", description="where OpenAI's wire is spoken")
    azure_openai_api_key: ApiKey | None = Field(default=None, repr=False, description="Azure's key")
    azure_openai_endpoint: BaseUrl | None = Field(default=None, description="https://<resource>.openai.azure.com")
    gemini_api_key: ApiKey | None = Field(default=None, repr=False, description="Google's key")
    gemini_model: ModelName = Field(default="gemini-2.5-flash", description="asked where a call names none")
    gemini_base_url: BaseUrl = Field(
        default="https://generativelanguage.googleapis.com/v1beta", description="where Gemini's wire is spoken"
    )
    gemini_tts_model: ModelName = Field(default="gemini-2.5-flash-preview-tts", description="the model that speaks")
    anthropic_api_key: ApiKey | None = Field(default=None, repr=False, description="Anthropic's key")
    anthropic_model: ModelName = Field(
        default="claude-haiku-4-5", description="asked where a call names none, Bedrock too"
    )
    anthropic_base_url: BaseUrl = Field(
        default="https://api.anthropic.com", description="where Anthropic's wire is spoken"
    )
    claude_provider: Literal["anthropic", "bedrock"] = Field(
        default="anthropic", description="who serves Claude models"
    )
    aws_access_key_id: ApiKey | None = Field(default=None, repr=False, description="Amazon's key: its name")
    aws_secret_access_key: ApiKey | None = Field(default=None, repr=False, description="Amazon's key: what signs")
    aws_session_token: ApiKey | None = Field(default=None, repr=False, description="beside a key that expires")
    aws_profile: str | None = Field(default=None, description="a profile of the AWS configuration files")
    aws_region: HeaderValue = Field(default="us-west-2", description="where Bedrock is called")
    bedrock_model_id: ModelName | None = Field(default=None, description="asked in its place, by its id at Bedrock")
    bedrock_base_url: BaseUrl | None = Field(default=None, description="None: bedrock-runtime of the region")
    openrouter_api_key: ApiKey | None = Field(
        default=None, repr=False, description="OpenRouter's key (https://openrouter.ai/settings/keys)"
    )
    openrouter_base_url: BaseUrl | None = Field(default=None, description="where OpenRouter's wire is spoken")
    openrouter_app_url: HeaderValue | None = Field(default=None, description="sent as HTTP-Referer")
    openrouter_app_title: HeaderValue | None = Field(default=None, description="sent as X-Title")
    image_model: ModelName = Field(default="dall-e-3", description="the model of OpenAI that makes images")
    image_quality: str = Field(default="standard", description="of images, where a call leaves it at standard")
    audio_model: ModelName | None = Field(default=None, description="the model of OpenAI that speaks; None: tts-1")
    cache_enabled: bool = Field(default=False, description="whether the response cache answers unless a call says no")
    cache_dir: str = Field(default=".llm_cache", description="directory of the response cache")
    cache_url: CacheUrl | None = Field(
        default=None,
        repr=False,
        description="Redis or Valkey in place of the directory: `redis://`, `rediss://`, `unix://`, ...",
    )
    log_level: LogLevel | None = Field(
        default=None, description="level of this module's loggers; None: the application's"
    )
    log_requests: bool = Field(default=True, description="whether each attempt is a line in the log")

    def is_configured(self, provider: LLMProviderType) -> bool:
        """Say whether `provider` has what it needs to be called."""
        match provider:
            case LLMProviderType.AZURE_OPENAI:
                return bool(self.azure_openai_api_key and self.azure_openai_endpoint)
            case LLMProviderType.BEDROCK:
                has_key = self.aws_access_key_id and self.aws_secret_access_key
                return bool(has_key or self.aws_profile or self.claude_provider == "bedrock")
            case _:
                return bool(getattr(self, f"{provider}_api_key"))

    def default_model(self, provider: LLMProviderType) -> str:
        """Return the model that `provider` is asked for where nobody names one."""
        models = {
            LLMProviderType.GEMINI: self.gemini_model,
            LLMProviderType.ANTHROPIC: self.anthropic_model,
            LLMProviderType.BEDROCK: self.bedrock_model_id or self.anthropic_model,
            LLMProviderType.OPENROUTER: OPENROUTER_MODEL,
        }
        return models.get(provider, self.openai_model)

    def speech_model(self, provider: LLMProviderType) -> str:
        """Return the model that speaks for `provider`."""
        return self.gemini_tts_model if provider is LLMProviderType.GEMINI else self.audio_model or "tts-1"

    def validate_config(self) -> LLMProviderType:
        """Return the default provider; raises ValueError, naming the variables to set, when it cannot be called."""
        if self.provider is None:
            raise ValueError("no LLM provider is configured: set OPENROUTER_API_KEY, or another provider's key")
        if not self.is_configured(self.provider):
            raise ValueError(f"{self.provider} is not configured: set {TO_SET[self.provider]}")
        return self.provider


def create_llm_config_from_env(
    provider_override: LLMProviderType | str | None = None, model_override: str | None = None
) -> LLMConfig:
    """Read the environment, blank meaning unset.

    Raises ValueError, naming the variable and never its value, for a malformed one.
    """
    # Most are not set, and asking whether they are is a fifth of the price of getting nothing; every call comes here.
    given = [(field, name) for field, name in FIELDS if name in os.environ]
    texts = tuple((field, name, text) for field, name in given if (text := os.environ[name].strip()))
    return _config(texts, provider_override or os.environ.get("LLM_PROVIDER", "").strip(), model_override)


@lru_cache(maxsize=64)
def _config(texts: tuple[tuple[str, str, str], ...], hint: str, model_override: str | None) -> LLMConfig:
    """Make a configuration of (field, variable, text); the same one for the same texts, for every call reads it."""
    values: dict[str, Any] = {field: text for field, _variable, text in reversed(texts)}
    values.setdefault("openrouter_base_url", OPENROUTER_BASE_URL)
    try:
        config = LLMConfig.model_validate(values)
    except ValidationError as error:
        raise ValueError(_malformed(error, {field: name for field, name, _text in reversed(texts)})) from None
    provider = _default_provider(hint, config)
    model = model_override or (config.default_model(provider) if provider else None)
    return config.model_copy(update={"provider": provider, "model": model})


def _malformed(error: ValidationError, variables: dict[str, str]) -> str:
    return "; ".join(
        f"{variables[str(problem['loc'][0])]}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    )


def _default_provider(hint: str, config: LLMConfig) -> LLMProviderType | None:
    if not hint:
        return next((provider for provider in TO_SET if config.is_configured(provider)), None)
    name = hint.lower()
    try:
        return PROVIDER_ALIASES.get(name) or LLMProviderType(name)
    except ValueError as error:
        known = ", ".join([*LLMProviderType, *PROVIDER_ALIASES])
        raise ValueError(f"LLM_PROVIDER: {hint!r} is not a provider; known are {known}") from error
