"""The vendors, a row each, and the one rule that leads from a model's name to the vendor that serves it.

A row holds what is a fact and no code. The order of the rows is the order in which a default vendor is looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .types import LLMProviderType

if TYPE_CHECKING:
    from .config import LLMConfig

Variables = dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """What the module knows of a vendor.

    `provider_class` is the import path of its class below `providers`. `variables` names the environment variables
    that each of its fields of LLMConfig is read from, the first that is set; `credentials` the fields that have to be
    set, in each way to reach it; `model_fields` and `speech_model_fields` the fields that override its default
    models. `how_to_configure` and `keys_page` tell a caller what to do without a key. `prefix` begins the names of
    its models where they are not listed in `models`. A vendor that `reports_cost` says in its answers what it
    charges; for the others the price table estimates it. `price_table_name` and `telemetry_name` are its names there.
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
    models: str = ""
    prefix: str | None = None
    aliases: tuple[str, ...] = ()
    reports_cost: bool = False
    telemetry_name: str | None = None


OPENAI_MODELS: Final = (
    "gpt-4o gpt-4o-mini gpt-4-turbo gpt-4 gpt-3.5-turbo o1 o1-mini o1-preview gpt-5 gpt-5-mini gpt-5-nano "
    "tts-1 tts-1-hd gpt-4o-mini-tts dall-e-2 dall-e-3"
)
CLAUDE_MODELS: Final = (
    "claude-opus-4-1 claude-sonnet-4-5 claude-haiku-4-5 claude-3-5-sonnet-20241022 claude-3-5-sonnet-20240620 "
    "claude-3-opus-20240229 claude-3-sonnet-20240229 claude-3-haiku-20240307"
)
GEMINI_MODELS: Final = (
    "gemini-2.5-pro gemini-2.5-flash gemini-2.5-flash-preview gemini-2.5-flash-lite gemini-2.5-flash-lite-preview "
    "gemini-2.5-flash-native-audio gemini-2.5-flash-image gemini-2.5-flash-preview-tts gemini-2.5-pro-preview-tts "
    "gemini-2.5-computer-use-preview"
)
OPENAI_MODEL: Final = "gpt-5"
CLAUDE_MODEL: Final = "claude-haiku-4-5"
SPEECH_MODEL: Final = "tts-1"

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
        speech_model=SPEECH_MODEL,
        speech_model_fields=("audio_model",),
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
        default_model="gemini-2.5-flash",
        model_fields=("gemini_model",),
        speech_model="gemini-2.5-flash-preview-tts",
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
        speech_model=SPEECH_MODEL,
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
            "aws_profile": ("AWS_PROFILE",),
            "aws_region": ("AWS_REGION",),
            "bedrock_model_id": ("BEDROCK_MODEL_ID",),
            "bedrock_base_url": ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",),
        },
        credentials=(("aws_access_key_id", "aws_secret_access_key"), ("aws_profile",), ("bedrock_serves_claude",)),
        how_to_configure=(
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or CLAUDE_PROVIDER=bedrock where a role signs"
        ),
        key_variable=(
            "the AWS credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN or AWS_PROFILE)"
        ),
        url_variable="AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        keys_page="https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-authentication.html",
        default_model=CLAUDE_MODEL,
        model_fields=("bedrock_model_id", "anthropic_model"),
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
        how_to_configure="OPENROUTER_API_KEY and OPENROUTER_BASE_URL (the URL only where it is another)",
        key_variable="OPENROUTER_API_KEY",
        url_variable="OPENROUTER_BASE_URL",
        keys_page="https://openrouter.ai/settings/keys",
        default_model="openrouter/anthropic/claude-3-opus",
        prefix="openrouter/",
        price_table_name="openrouter",
        reports_cost=True,
    ),
)

VENDORS: Final = {vendor.provider_type: vendor for vendor in _ROWS}
MODEL_PROVIDER_MAP: Final = {model: vendor.provider_type for vendor in _ROWS for model in vendor.models.split()}
PROVIDER_ALIASES: Final = {alias: vendor.provider_type for vendor in _ROWS for alias in vendor.aliases}


def route(model: str, config: LLMConfig) -> LLMProviderType:
    """Return who serves a model: by its prefix, else by its name.

    Claude is Bedrock's where CLAUDE_PROVIDER says so, and OpenAI's models are Azure's where only Azure has a key.
    Space around a name is no part of it. Raises ValueError for a model that nothing serves.
    """
    if not isinstance(model, str):
        raise TypeError(f"model must be a string, not {type(model).__name__}")
    model = model.strip()
    for vendor in VENDORS.values():
        if vendor.prefix and model.startswith(vendor.prefix):
            return vendor.provider_type
    if model not in MODEL_PROVIDER_MAP:
        known = ", ".join(MODEL_PROVIDER_MAP)
        raise ValueError(f"no provider serves model {model!r}; use openrouter/<author>/<model>, or one of {known}")
    author = MODEL_PROVIDER_MAP[model]
    if author is LLMProviderType.ANTHROPIC and config.bedrock_serves_claude:
        return LLMProviderType.BEDROCK
    azure = LLMProviderType.AZURE_OPENAI
    if author is LLMProviderType.OPENAI and not config.is_configured(author) and config.is_configured(azure):
        return azure
    return author
