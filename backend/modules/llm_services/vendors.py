"""The table of vendors, and the function that finds a model's vendor by its name.

A row has facts and no code. The first configured vendor, in the order of the rows, is the default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from .model_names import CLAUDE_MODELS, GEMINI_MODELS, OPENAI_MODELS
from .types import LLMProviderType

if TYPE_CHECKING:
    from datetime import date

    from .config import LLMConfig
    from .model_names import ModelEnds

Variables = dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """The facts about a vendor.

    `provider_class` is the import path of its class below `providers`. `variables` has, for each of its fields in
    LLMConfig, the environment variables that set it, the first one taking precedence. `credentials` has the fields that
    must be set, once for each way to authenticate. `model_fields` and `speech_model_fields` are the fields that
    override its default models. `how_to_configure` and `keys_page` are shown to a caller without a key. `models` are
    the names that are routed to it, with the day on which each ends, or None if that is not known; `resold_models` are
    names of another vendor's models that it serves too, with the maker's days. `prefix` is the beginning of its models'
    names if they are not listed. If a vendor `reports_cost`, its answers have the cost; otherwise the price table
    estimates it. `price_table_name` and `telemetry_name` are its names in the price table and in telemetry.
    """

    provider_type: LLMProviderType
    name: str
    provider_class: str
    variables: Variables
    credentials: tuple[tuple[str, ...], ...]
    how_to_configure: str
    key_variable: str
    url_variable: str
    keys_page: str
    default_model: str
    price_table_name: str
    model_fields: tuple[str, ...] = ()
    speech_model: str | None = None
    speech_model_fields: tuple[str, ...] = ()
    models: ModelEnds = field(default_factory=dict)
    resold_models: ModelEnds = field(default_factory=dict)
    prefix: str | None = None
    aliases: tuple[str, ...] = ()
    reports_cost: bool = False
    telemetry_name: str | None = None

    def retired_since(self, model: str, today: date) -> date | None:
        """Return the day on which this vendor retired a model; None if it still serves it or does not list it."""
        end = self.models.get(model)
        return end if end and end <= today else None


# A default model is served for half a year after the release, or is never retired; `docs/providers.md` has the dates.
OPENAI_MODEL: Final = "gpt-5.6-terra"
OPENAI_IMAGE_MODEL: Final = "gpt-image-2.5-sunburst"
# OpenAI ends every model of this endpoint on 2027-01-06: the successor, gpt-realtime-2.1-mini, speaks over a WebSocket
# (https://developers.openai.com/api/docs/guides/text-to-speech).
OPENAI_SPEECH_MODEL: Final = "tts-1"
CLAUDE_MODEL: Final = "claude-haiku-5-5"

_ROWS: Final = (
    Vendor(
        provider_type=LLMProviderType.AZURE_OPENAI,
        name="Azure OpenAI",
        provider_class="openai.AzureOpenAIProvider",
        variables={
            "azure_openai_api_key": ("AZURE_OPENAI_API_KEY",),
            "azure_openai_endpoint": ("AZURE_OPENAI_ENDPOINT",),
        },
        credentials=(("azure_openai_api_key", "azure_openai_endpoint"),),
        how_to_configure="AZURE_OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT",
        key_variable="AZURE_OPENAI_API_KEY",
        url_variable="AZURE_OPENAI_ENDPOINT",
        keys_page="https://ai.azure.com",
        default_model=OPENAI_MODEL,
        model_fields=("openai_model",),
        speech_model=OPENAI_SPEECH_MODEL,
        speech_model_fields=("audio_model",),
        resold_models=OPENAI_MODELS,
        aliases=("azure",),
        price_table_name="azure",
        telemetry_name="azure.ai.openai",
    ),
    Vendor(
        provider_type=LLMProviderType.GEMINI,
        name="Gemini",
        provider_class="gemini.GeminiProvider",
        variables={
            "gemini_api_key": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            "gemini_model": ("GEMINI_MODEL",),
            "gemini_base_url": ("GEMINI_API_BASE_URL",),
            "gemini_tts_model": ("GEMINI_TTS_MODEL",),
        },
        credentials=(("gemini_api_key",),),
        how_to_configure="GEMINI_API_KEY or GOOGLE_API_KEY",
        key_variable="GEMINI_API_KEY",
        url_variable="GEMINI_API_BASE_URL",
        keys_page="https://aistudio.google.com/apikey",
        default_model="gemini-flash-latest",
        model_fields=("gemini_model",),
        speech_model="gemini-3.8-flash-tts",
        speech_model_fields=("gemini_tts_model",),
        models=GEMINI_MODELS,
        aliases=("google",),
        price_table_name="google",
        telemetry_name="gcp.gemini",
    ),
    Vendor(
        provider_type=LLMProviderType.OPENAI,
        name="OpenAI",
        provider_class="openai.OpenAIProvider",
        variables={
            "openai_api_key": ("OPENAI_API_KEY",),
            "openai_model": ("OPENAI_MODEL",),
            "openai_base_url": ("OPENAI_BASE_URL",),
            "image_model": ("IMAGE_MODEL",),
            "image_quality": ("IMAGE_QUALITY",),
            "audio_model": ("AUDIO_MODEL",),
        },
        credentials=(("openai_api_key",),),
        how_to_configure="OPENAI_API_KEY",
        key_variable="OPENAI_API_KEY",
        url_variable="OPENAI_BASE_URL",
        keys_page="https://platform.openai.com/api-keys",
        default_model=OPENAI_MODEL,
        model_fields=("openai_model",),
        speech_model=OPENAI_SPEECH_MODEL,
        speech_model_fields=("audio_model",),
        models=OPENAI_MODELS,
        price_table_name="openai",
    ),
    Vendor(
        provider_type=LLMProviderType.ANTHROPIC,
        name="Anthropic",
        provider_class="anthropic.AnthropicProvider",
        variables={
            "anthropic_api_key": ("ANTHROPIC_API_KEY",),
            "anthropic_model": ("ANTHROPIC_MODEL",),
            "anthropic_base_url": ("ANTHROPIC_BASE_URL",),
            "claude_provider": ("CLAUDE_PROVIDER",),
        },
        credentials=(("anthropic_api_key",),),
        how_to_configure="ANTHROPIC_API_KEY",
        key_variable="ANTHROPIC_API_KEY",
        url_variable="ANTHROPIC_BASE_URL",
        keys_page="https://console.anthropic.com/settings/keys",
        default_model=CLAUDE_MODEL,
        model_fields=("anthropic_model",),
        models=CLAUDE_MODELS,
        aliases=("claude",),
        price_table_name="anthropic",
    ),
    Vendor(
        provider_type=LLMProviderType.BEDROCK,
        name="Amazon Bedrock",
        provider_class="bedrock.BedrockProvider",
        variables={
            "aws_access_key_id": ("AWS_ACCESS_KEY_ID",),
            "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
            "aws_session_token": ("AWS_SESSION_TOKEN",),
            "aws_bearer_token": ("AWS_BEARER_TOKEN_BEDROCK",),
            "aws_profile": ("AWS_PROFILE",),
            "aws_region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
            "bedrock_model_id": ("BEDROCK_MODEL_ID",),
            "bedrock_base_url": ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",),
        },
        credentials=(
            ("aws_access_key_id", "aws_secret_access_key"),
            ("aws_bearer_token",),
            ("aws_profile",),
            ("bedrock_serves_claude",),
        ),
        how_to_configure=(
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_BEARER_TOKEN_BEDROCK, or AWS_PROFILE, or "
            "CLAUDE_PROVIDER=bedrock if a role signs"
        ),
        key_variable=(
            "the AWS credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN or AWS_PROFILE)"
        ),
        url_variable="AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        keys_page="https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-authentication.html",
        default_model=CLAUDE_MODEL,
        model_fields=("bedrock_model_id", "anthropic_model"),
        resold_models=CLAUDE_MODELS,
        price_table_name="aws",
        telemetry_name="aws.bedrock",
    ),
    Vendor(
        provider_type=LLMProviderType.OPENROUTER,
        name="OpenRouter",
        provider_class="openrouter.OpenRouterProvider",
        variables={
            "openrouter_api_key": ("OPENROUTER_API_KEY",),
            "openrouter_base_url": ("OPENROUTER_BASE_URL",),
            "openrouter_app_url": ("OPENROUTER_APP_URL",),
            "openrouter_app_title": ("OPENROUTER_APP_TITLE",),
        },
        credentials=(("openrouter_api_key",),),
        how_to_configure="OPENROUTER_API_KEY and OPENROUTER_BASE_URL (the URL only if it is not the default)",
        key_variable="OPENROUTER_API_KEY",
        url_variable="OPENROUTER_BASE_URL",
        keys_page="https://openrouter.ai/settings/keys",
        default_model="openrouter/auto",
        prefix="openrouter/",
        price_table_name="openrouter",
        reports_cost=True,
    ),
)

VENDORS: Final = {vendor.provider_type: vendor for vendor in _ROWS}
MODEL_PROVIDER_MAP: Final = {model: vendor.provider_type for vendor in _ROWS for model in vendor.models}
PROVIDER_ALIASES: Final = {alias: vendor.provider_type for vendor in _ROWS for alias in vendor.aliases}


MAX_SUGGESTIONS: Final = 5
SIMILARITY: Final = 0.4  # difflib's ratio: 1 means equal
GEMINI_PATH: Final = "models/"  # Google's documentation writes model names with this path


def provider_named(name: str) -> LLMProviderType:
    """Return the provider with this name: a value of LLMProviderType or an alias, in upper or lower case.

    Raises ValueError for any other name; the message lists the known ones and does not show the name, which may be a
    key in the wrong variable.
    """
    try:
        return PROVIDER_ALIASES.get(name.lower()) or LLMProviderType(name.lower())
    except ValueError as error:
        known = [*LLMProviderType, *PROVIDER_ALIASES]
        nearest = get_close_matches(name.lower(), known, 1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise ValueError(f"a provider is one of {', '.join(known)}{hint}") from error


def route(model: str, config: LLMConfig) -> LLMProviderType:
    """Return the provider of a model, by its prefix or its name.

    The name is looked up in LLM_MODELS, in MODEL_PROVIDER_MAP, and among the configured default models. Claude models
    go to Bedrock if CLAUDE_PROVIDER says so, and OpenAI's models to Azure if only Azure has a key. Spaces around the
    name are ignored. Raises ValueError for a model that no provider serves.
    """
    if not isinstance(model, str):
        raise TypeError(f"model must be a string, not {type(model).__name__}")
    model = model.strip()
    for vendor in VENDORS.values():
        if vendor.prefix and model.startswith(vendor.prefix):
            return vendor.provider_type
    author = _author(model, config)
    if author is None:
        raise ValueError(_not_supported(model, config))
    if author is LLMProviderType.ANTHROPIC and config.bedrock_serves_claude:
        return LLMProviderType.BEDROCK
    azure = LLMProviderType.AZURE_OPENAI
    if author is LLMProviderType.OPENAI and not config.is_configured(author) and config.is_configured(azure):
        return azure
    return author


def _author(model: str, config: LLMConfig) -> LLMProviderType | None:
    """Return the vendor of a name in the maps, or None."""
    known = config.extra_models.get(model) or MODEL_PROVIDER_MAP.get(model) or _configured_author(model, config)
    if known is None and model.startswith(GEMINI_PATH):
        known = _author(model.removeprefix(GEMINI_PATH), config)
        return known if known is LLMProviderType.GEMINI else None
    return known


def _configured_author(model: str, config: LLMConfig) -> LLMProviderType | None:
    """Return the vendor with this model as its configured default: a deployment at Azure, an id at Bedrock.

    If it is the default of the default provider, that provider serves it.
    """
    if config.provider and model == config.default_model(config.provider):
        return config.provider
    for vendor in VENDORS.values():
        own_fields = {*vendor.model_fields, *vendor.speech_model_fields} & vendor.variables.keys()
        if model in {getattr(config, name) for name in own_fields}:
            return vendor.provider_type
    return None


def _not_supported(model: str, config: LLMConfig) -> str:
    """Return the error message for a name that no provider serves, with the nearest names."""
    known = [*config.extra_models, *MODEL_PROVIDER_MAP]
    ends = {name: end for vendor in VENDORS.values() for name, end in vendor.models.items() if end}
    nearest = get_close_matches(model, known, MAX_SUGGESTIONS, cutoff=SIMILARITY)
    names = ", ".join(f"{name} (until {ends[name]})" if name in ends else name for name in nearest)
    suggestion = f"the nearest names are {names}; " if names else ""
    return (
        f"model {model!r} is not supported; {suggestion}OpenRouter's models are named openrouter/<author>/<model>; "
        f"to add a model that this release does not know, set LLM_MODELS={model}=<provider>"
    )
