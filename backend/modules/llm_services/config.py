"""The configuration, and the one function that reads it from the environment.

Each field of `LLMConfig` has a description. `VARIABLES` has the environment variables of each field; a vendor's are in
its row in `vendors.py`. A blank variable counts as unset. LLM_PROVIDER names the default provider; without it, the
first configured vendor is the default. Keys, URLs and header values are validated here.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from .addresses import (
    ANTHROPIC_URL,
    GEMINI_URL,
    OPENAI_URL,
    OPENROUTER_BASE_URL,
    AnthropicUrl,
    AzureUrl,
    BaseUrl,
    GeminiUrl,
    OpenAIUrl,
    OpenRouterUrl,
)
from .secret import MASK, Secret, remember
from .types import LONGEST_MODEL_NAME, LLMProviderType
from .vendors import GEMINI_PATH, OPENAI_IMAGE_MODEL, VENDORS, Variables, provider_named

BYTES_PER_MEGABYTE: Final = 1_000_000

# The first variable that is set is used.
VARIABLES: Final[Variables] = {
    "temperature": ("TEMPERATURE",),
    "max_output_tokens": ("MAX_OUTPUT_TOKENS",),
    "request_timeout": ("REQUEST_TIMEOUT",),
    "stream_idle_timeout": ("STREAM_IDLE_TIMEOUT",),
    "max_retries": ("MAX_RETRIES",),
    "extra_models": ("LLM_MODELS",),
    "update_prices": ("LLM_UPDATE_PRICES",),
    "database_timeout": ("DATABASE_TIMEOUT",),
    "max_response_mb": ("LLM_MAX_RESPONSE_MB",),
    **{field: names for vendor in VENDORS.values() for field, names in vendor.variables.items()},
    "limit_usd_day": ("LLM_LIMIT_USD_DAY",),
    "limit_usd_month": ("LLM_LIMIT_USD_MONTH",),
    "limit_usd_day_per_user": ("LLM_LIMIT_USD_DAY_PER_USER",),
    "store": ("LLM_STORE",),
    "store_hash_key": ("LLM_STORE_HASH_KEY",),
    "cache_enabled": ("LLM_CACHE_ENABLED",),
    "cache_dir": ("LLM_CACHE_DIR",),
    "cache_url": ("LLM_CACHE_URL",),
    "log_level": ("LOG_LEVEL",),
    "log_requests": ("LOG_REQUESTS",),
}
FIELDS: Final = tuple((field, name) for field, names in VARIABLES.items() for name in names)
VARIABLE_NAMES: Final = ("LLM_PROVIDER", *(name for _field, name in FIELDS))
ENCODED_NAMES: Final = tuple(map(os.environ.encodekey, VARIABLE_NAMES))
DEFAULT_MODELS: Final = {vendor.provider_type: vendor.default_model for vendor in VENDORS.values()}

PREFIXES: Final = tuple(vendor.prefix for vendor in VENDORS.values() if vendor.prefix)
CACHE_SCHEMES: Final = ("redis", "rediss", "valkey", "valkeys", "unix")
# us-west-2, us-gov-east-1: https://docs.aws.amazon.com/general/latest/gr/bedrock.html. The region becomes part of a
# host name.
REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")


def _header_value(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII: it is sent in an HTTP header")
    return text


def _api_key(text: str) -> str:
    if " " in text or text[:1] in {"'", '"'}:  # Docker's --env-file keeps quotes
        raise ValueError("must not contain spaces or be in quotes")
    return remember(_header_value(text))


def _region(text: str) -> str:
    if not REGION.fullmatch(text):
        raise ValueError("must be a region, such as us-west-2: lower-case letters, digits and dashes")
    return text


def _cache_url(text: str) -> str:
    message = f"must be the URL of a Redis or Valkey server: {', '.join(CACHE_SCHEMES)}, then ://host:port/database"
    try:
        parts = urlsplit(text)
        named = parts.path if parts.scheme == "unix" else parts.hostname
        _port = parts.port
    except ValueError as error:
        raise ValueError(message) from error
    if parts.scheme not in CACHE_SCHEMES or not named:
        raise ValueError(message)
    if parts.password:
        remember(unquote(parts.password))
    return Secret(text)


def _extra_models(value: object) -> object:
    """Parse `name=provider` pairs, separated by commas."""
    if not isinstance(value, str):
        return value
    models: dict[str, LLMProviderType] = {}
    for pair in filter(None, map(str.strip, value.split(","))):
        name, _equals, provider = (part.strip() for part in pair.partition("="))
        if not (name and provider):
            raise ValueError(f"{pair!r} is not name=provider, as in gpt-7=openai")
        if name.startswith(PREFIXES):
            raise ValueError(f"{name!r} is routed by its prefix already")
        if models.setdefault(name, provider_named(provider)) != provider_named(provider):
            raise ValueError(f"{name!r} is given to two providers")
    return models


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


# A dump to Python keeps the Secret, so that a new LLMConfig can be made from it; a dump to JSON has a mask.
Masked = PlainSerializer(lambda _key: MASK, return_type=str, when_used="json-unless-none")
ApiKey = Annotated[str, AfterValidator(_api_key), Masked]
CacheUrl = Annotated[str, AfterValidator(_cache_url), Masked]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
ModelName = Annotated[str, Field(max_length=LONGEST_MODEL_NAME)]
GeminiModelName = Annotated[ModelName, AfterValidator(lambda name: name.removeprefix(GEMINI_PATH))]
Region = Annotated[str, AfterValidator(_region)]
ExtraModels = Annotated[dict[ModelName, LLMProviderType], BeforeValidator(_extra_models)]
HashKey = Annotated[str, Field(min_length=16), AfterValidator(remember), Masked]
SpendLimit = Annotated[float, Field(gt=0, allow_inf_nan=False)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]


class LLMConfig(BaseModel):
    """The settings of all providers. Its repr and its validation errors show no key."""

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, validate_default=True, str_strip_whitespace=True, defer_build=True
    )

    provider: LLMProviderType | None = Field(default=None, description="the default provider; None if none has a key")
    model: str | None = Field(default=None, description="the default model of `provider`")
    temperature: float = Field(default=0.7, ge=0, le=2, description="sampling temperature")
    max_output_tokens: int | None = Field(
        default=None, gt=0, description="largest number of tokens in an answer; None: no limit is sent"
    )
    request_timeout: float = Field(
        default=180, gt=0, allow_inf_nan=False, description="seconds that one attempt may take in total"
    )
    stream_idle_timeout: float = Field(
        default=60,
        gt=0,
        allow_inf_nan=False,
        description="seconds without data after which a stream that has begun to answer fails",
    )
    max_retries: int = Field(default=3, ge=0, description="further attempts after a transient failure; 0: none")
    extra_models: ExtraModels = Field(
        default={},
        description=(
            "further models, and deployments at Azure, with their provider: `gpt-7=openai, my-deployment=azure_openai`"
        ),
    )
    update_prices: bool = Field(
        default=False, description="whether the price table is fetched every hour, in the background"
    )
    database_timeout: float = Field(
        default=30,
        gt=0,
        allow_inf_nan=False,
        description="seconds to wait for a database that does not respond",
    )
    max_response_mb: float = Field(
        default=64,
        gt=0,
        allow_inf_nan=False,
        description="largest response that is read, in megabytes after decompression",
    )
    openai_api_key: ApiKey | None = Field(default=None, repr=False, description="OpenAI's key")
    openai_model: ModelName = Field(
        default=DEFAULT_MODELS[LLMProviderType.OPENAI], description="the default model of OpenAI and Azure OpenAI"
    )
    openai_base_url: OpenAIUrl = Field(default=OPENAI_URL, description="the address of OpenAI's API")
    azure_openai_api_key: ApiKey | None = Field(default=None, repr=False, description="Azure's key")
    azure_openai_endpoint: AzureUrl | None = Field(
        default=None, description="the address of your resource: https://<resource>.openai.azure.com"
    )
    gemini_api_key: ApiKey | None = Field(default=None, repr=False, description="Google's key")
    gemini_model: GeminiModelName = Field(
        default=DEFAULT_MODELS[LLMProviderType.GEMINI], description="the default model of Gemini"
    )
    gemini_base_url: GeminiUrl = Field(default=GEMINI_URL, description="the address of Gemini's API")
    gemini_tts_model: GeminiModelName = Field(
        default=VENDORS[LLMProviderType.GEMINI].speech_model or "", description="the default model for speech"
    )
    anthropic_api_key: ApiKey | None = Field(default=None, repr=False, description="Anthropic's key")
    anthropic_model: ModelName = Field(
        default=DEFAULT_MODELS[LLMProviderType.ANTHROPIC], description="the default model of Anthropic and Bedrock"
    )
    anthropic_base_url: AnthropicUrl = Field(default=ANTHROPIC_URL, description="the address of Anthropic's API")
    claude_provider: Literal["anthropic", "bedrock"] = Field(
        default="anthropic", description="the provider of Claude models"
    )
    aws_access_key_id: ApiKey | None = Field(default=None, repr=False, description="the id of the AWS key")
    aws_secret_access_key: ApiKey | None = Field(default=None, repr=False, description="the secret of the AWS key")
    aws_session_token: ApiKey | None = Field(
        default=None, repr=False, description="the session token of a temporary AWS key"
    )
    aws_bearer_token: ApiKey | None = Field(default=None, repr=False, description="Bedrock's API key")
    aws_profile: str | None = Field(default=None, description="a profile in the AWS configuration files")
    aws_region: Region | None = Field(
        default=None, description="the region of Bedrock; None: the profile's region, otherwise us-west-2"
    )
    bedrock_model_id: ModelName | None = Field(
        default=None, description="the default model of Bedrock, by its id or ARN there"
    )
    bedrock_base_url: BaseUrl | None = Field(
        default=None, description="the address of bedrock-runtime; None: that of the region"
    )
    openrouter_api_key: ApiKey | None = Field(
        default=None, repr=False, description="OpenRouter's key (https://openrouter.ai/settings/keys)"
    )
    openrouter_base_url: OpenRouterUrl | None = Field(default=None, description="the address of OpenRouter's API")
    openrouter_app_url: HeaderValue | None = Field(
        default=None, description="your application's URL, sent as HTTP-Referer"
    )
    openrouter_app_title: HeaderValue | None = Field(default=None, description="your app's name, sent as X-Title")
    image_model: ModelName = Field(default=OPENAI_IMAGE_MODEL, description="the model for images, of OpenAI")
    image_quality: str = Field(
        default="standard", description="the quality of images for calls with the quality standard"
    )
    audio_model: ModelName | None = Field(
        default=None, description="the default model for speech of OpenAI and Azure OpenAI; None: tts-1"
    )
    limit_usd_day: SpendLimit | None = Field(default=None, description="USD a day (UTC); None: no limit")
    limit_usd_month: SpendLimit | None = Field(default=None, description="USD a month (UTC); None: no limit")
    limit_usd_day_per_user: SpendLimit | None = Field(default=None, description="USD a day (UTC) of each `user_id`")
    store: Literal["all", "figures"] = Field(default="all", description="`figures`: no prompt or answer is stored")
    store_hash_key: HashKey | None = Field(default=None, repr=False, description="a secret to hash prompts with")
    cache_enabled: bool = Field(default=False, description="whether calls use the response cache by default")
    cache_dir: str = Field(default=".llm_cache", description="the directory of the response cache")
    cache_url: CacheUrl | None = Field(
        default=None,
        repr=False,
        description="a Redis or Valkey server instead of the directory: `redis://`, `rediss://`, `unix://`, ...",
    )
    log_level: LogLevel | None = Field(
        default=None, description="the level of this module's loggers; None: the application's"
    )
    log_requests: bool = Field(default=True, description="whether each attempt writes a line to the log")

    @property
    def max_response_bytes(self) -> int:
        """The largest response that is read, in bytes after decompression."""
        return int(self.max_response_mb * BYTES_PER_MEGABYTE)

    @property
    def bedrock_serves_claude(self) -> bool:
        """True if Bedrock is the provider of Claude models."""
        return self.claude_provider == "bedrock"

    def is_configured(self, provider: LLMProviderType) -> bool:
        """Return True if the settings that `provider` needs are set."""
        ways = VENDORS[provider].credentials
        return any(all(getattr(self, field) for field in fields) for fields in ways)

    def default_model(self, provider: LLMProviderType) -> str:
        """Return the default model of `provider`."""
        vendor = VENDORS[provider]
        return self._first_set(vendor.model_fields) or vendor.default_model

    def speech_model(self, provider: LLMProviderType) -> str | None:
        """Return the default model for speech of `provider`; None if it has none."""
        vendor = VENDORS[provider]
        return self._first_set(vendor.speech_model_fields) or vendor.speech_model

    def _first_set(self, fields: tuple[str, ...]) -> str | None:
        return next((value for field in fields if (value := getattr(self, field))), None)

    def validate_config(self) -> LLMProviderType:
        """Return the default provider; raise ValueError, which names the variables to set, if there is none."""
        if self.provider is None:
            raise ValueError("no LLM provider is configured: set OPENROUTER_API_KEY, or another provider's key")
        if not self.is_configured(self.provider):
            raise ValueError(f"{self.provider} is not configured: set {VENDORS[self.provider].how_to_configure}")
        return self.provider


SECRET_FIELDS: Final = frozenset(name for name, field in LLMConfig.model_fields.items() if not field.repr)


def create_llm_config_from_env(
    provider_override: LLMProviderType | str | None = None, model_override: str | None = None
) -> LLMConfig:
    """Return the configuration from the environment; a blank variable counts as unset.

    Raises ValueError for a malformed value; the message names the variable and never shows the value.
    """
    return _config(_environment(), provider_override, model_override)


class _Environment(tuple[bytes | str | None, ...]):
    """The values of VARIABLE_NAMES; its repr is masked, because tracebacks may show local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK


def _environment() -> _Environment:
    """Return the current values in the environment, which every call compares with those of earlier calls.

    `os.environ` encodes each name again, which takes thirty times as long.
    """
    data = getattr(os.environ, "_data", None)
    if data is None:  # os.environ was replaced with a dict
        return _Environment(map(os.environ.get, VARIABLE_NAMES))
    return _Environment(map(data.get, ENCODED_NAMES))


@lru_cache(maxsize=64)
def _config(
    environment: _Environment, provider_override: LLMProviderType | str | None, model_override: str | None
) -> LLMConfig:
    """Return the configuration for an environment; the same values are parsed only once."""
    hint, *texts = (None if value is None else Secret(os.fsdecode(value).strip()) for value in environment)
    given = [(field, name, text) for (field, name), text in zip(FIELDS, texts, strict=True) if text]
    values: dict[str, Any] = {
        field: text if field in SECRET_FIELDS else str(text) for field, _name, text in reversed(given)
    }
    values.setdefault("openrouter_base_url", OPENROUTER_BASE_URL)
    try:
        config = LLMConfig.model_validate(values)
    except ValidationError as error:
        message = _malformed(error, {field: name for field, name, _text in reversed(given)})
        values.clear()  # tracebacks may show it, and a refused address may have a password
        raise ValueError(message) from None
    if config.store == "figures" and config.cache_enabled:
        raise ValueError("LLM_CACHE_ENABLED: must be off with LLM_STORE=figures: the response cache stores answers")
    provider = _default_provider(provider_override or hint or "", config)
    model = model_override or (config.default_model(provider) if provider else None)
    return config.model_copy(update={"provider": provider, "model": model})


def _malformed(error: ValidationError, variables: dict[str, str]) -> str:
    return "; ".join(
        f"{variables[str(problem['loc'][0])]}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in error.errors()
    )


def _default_provider(hint: str, config: LLMConfig) -> LLMProviderType | None:
    if not hint:
        return next((provider for provider in VENDORS if config.is_configured(provider)), None)
    try:
        return provider_named(hint)
    except ValueError as error:
        raise ValueError(f"LLM_PROVIDER: {error}") from error
