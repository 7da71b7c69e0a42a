"""Picks the provider for a model, and hands values out."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel

from . import pricing
from .config import create_llm_config_from_env
from .exceptions import LLMError
from .providers.factory import create_llm_provider
from .reader import LLMRequestReader
from .types import LLMMessage, LLMProviderType, LLMRequest

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.orm import Session

    from .providers.base import LLMProvider
    from .reader import Sessions
    from .types import (
        AudioResponse,
        ImageResponse,
        LLMResponse,
        ToolCall,
        ToolDefinition,
        WebSearchResponse,
    )

__all__ = ["MODEL_PROVIDER_MAP", "LLMMessage", "LLMRequest", "LLMService"]

Model = TypeVar("Model", bound=BaseModel)

logger = logging.getLogger(__name__)

OPENROUTER_PREFIX: Final = "openrouter/"
STANDARD: Final = "standard"

_MODELS: Final = {
    LLMProviderType.OPENAI: (
        "gpt-4o gpt-4o-mini gpt-4-turbo gpt-4 gpt-3.5-turbo o1 o1-mini o1-preview gpt-5 gpt-5-mini gpt-5-nano "
        "tts-1 tts-1-hd gpt-4o-mini-tts dall-e-2 dall-e-3"
    ),
    LLMProviderType.ANTHROPIC: (
        "claude-opus-4-1 claude-sonnet-4-5 claude-haiku-4-5 claude-3-5-sonnet-20241022 claude-3-5-sonnet-20240620 "
        "claude-3-opus-20240229 claude-3-sonnet-20240229 claude-3-haiku-20240307"
    ),
    LLMProviderType.GEMINI: (
        "gemini-2.5-pro gemini-2.5-flash gemini-2.5-flash-preview gemini-2.5-flash-lite gemini-2.5-flash-lite-preview "
        "gemini-2.5-flash-native-audio gemini-2.5-flash-image gemini-2.5-flash-preview-tts gemini-2.5-pro-preview-tts "
        "gemini-2.5-computer-use-preview"
    ),
}
MODEL_PROVIDER_MAP: Final = {name: provider for provider, names in _MODELS.items() for name in names.split()}


class LLMService(LLMRequestReader):
    """Calls go to the provider of their model, reads to the table."""

    def __init__(self, session: Session, reading: Sessions | None = None) -> None:
        """Record calls beside `session`, and read through it, or through the sessions that `reading` opens."""
        super().__init__(reading or (lambda: nullcontext(session)))
        self._session = session
        self._providers: dict[LLMProviderType | None, LLMProvider] = {}

    async def generate_response(
        self,
        messages: list[LLMMessage],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[LLMResponse, UUID]:
        """Return the answer's text and figures, and the id of its row."""
        return await self._select_provider(model).generate_response(
            messages, user_id, model, temperature, max_output_tokens, **options
        )

    async def generate_structured_response(
        self,
        messages: list[LLMMessage],
        response_model: type[Model],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[Model, UUID, dict[str, Any]]:
        """Return the answer as a `response_model`, the id of its row, and its usage and cost."""
        return await self._select_provider(model).generate_structured_response(
            messages, response_model, user_id, model, temperature, max_output_tokens, **options
        )

    async def generate_response_with_tools(
        self,
        messages: list[LLMMessage],
        tools: list[ToolDefinition],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[LLMResponse, list[ToolCall] | None, UUID]:
        """Return the answer, the tool calls it asks for (None when it asks for none), and the id of its row."""
        return await self._select_provider(model).generate_response_with_tools(
            messages, tools, user_id, model, temperature, max_output_tokens, **options
        )

    async def generate_image(
        self,
        prompt: str,
        user_id: int | None = None,
        size: str = "1024x1024",
        quality: str = STANDARD,
        style: str | None = None,
        **options: Any,
    ) -> tuple[ImageResponse, UUID]:
        """Return an image made by OpenAI; LLMError when OpenAI is not available.

        "standard" is the configured quality (IMAGE_QUALITY), which is "standard" where nobody says otherwise.
        """
        try:
            provider = self._ensure_provider(LLMProviderType.OPENAI)
        except RuntimeError as error:
            raise LLMError(f"images are made by OpenAI: {error}", provider=LLMProviderType.OPENAI) from error
        options |= {"size": size, "quality": None if quality == STANDARD else quality, "style": style}
        return await provider.generate_image(prompt, user_id, **options)

    async def generate_audio(
        self,
        text: str,
        voice: str,
        user_id: int | None = None,
        model: str | None = None,
        audio_format: str = "mp3",
        speed: float | None = None,
        **options: Any,
    ) -> tuple[AudioResponse, UUID]:
        """Return speech; NotImplementedError from a provider that does not speak."""
        provider = self._select_provider(model)
        return await provider.generate_audio(
            text, voice, user_id, model=model, audio_format=audio_format, speed=speed, **options
        )

    async def search_web(
        self, queries: list[str], user_id: int | None = None, max_results: int = 10, **options: Any
    ) -> tuple[WebSearchResponse, UUID]:
        """Return what the default provider finds; NotImplementedError where it does not search."""
        return await self._select_provider(None).search_recent_news(queries, user_id, max_results, **options)

    def estimate_cost(self, messages: list[LLMMessage], model: str | None = None) -> float:
        """Return what a call may cost in USD, by the list price and a rough count of its tokens.

        0.0, with the reason in the log, for a model that has no price, or that nothing serves. The first call reads
        the price table: a quarter of a second.
        """
        config = create_llm_config_from_env()
        if model is None:
            vendor, model = config.provider, config.model
        elif model.startswith(OPENROUTER_PREFIX):
            vendor = LLMProviderType.OPENROUTER
        else:
            vendor = MODEL_PROVIDER_MAP.get(model)
        if vendor is None or model is None:
            logger.info("no price for %r: nothing serves it", model)
            return 0.0
        name = model.removeprefix(OPENROUTER_PREFIX)
        return pricing.expected(messages, _served_by(vendor), name, config.max_output_tokens)

    def _select_provider(self, model: str | None) -> LLMProvider:
        """Return the provider of `model`, the default one for None.

        Raises ValueError for a model that nothing serves, RuntimeError, naming the variables to set, when its
        provider is not configured.
        """
        if not model:
            return self._ensure_provider(None)
        if model.startswith(OPENROUTER_PREFIX):
            return self._ensure_provider(LLMProviderType.OPENROUTER)
        if model not in MODEL_PROVIDER_MAP:
            known = ", ".join(MODEL_PROVIDER_MAP)
            raise ValueError(f"no provider serves model {model!r}; use openrouter/<author>/<model>, or one of {known}")
        return self._ensure_provider(_served_by(MODEL_PROVIDER_MAP[model]))

    def _ensure_provider(self, provider_type: LLMProviderType | None) -> LLMProvider:
        """Return the provider of a type, None for the default one; the environment is read when it is first needed."""
        provider = self._providers.get(provider_type)
        if provider is None:
            config = create_llm_config_from_env(provider_type)
            provider = self._providers[provider_type] = create_llm_provider(config, self._session)
        return provider


def _served_by(vendor: LLMProviderType) -> LLMProviderType:
    """Return who serves a vendor's models here: Bedrock for Claude where that is set, Azure where OpenAI has no key."""
    config = create_llm_config_from_env()
    if vendor is LLMProviderType.ANTHROPIC and config.claude_provider == "bedrock":
        return LLMProviderType.BEDROCK
    azure = LLMProviderType.AZURE_OPENAI
    if vendor is LLMProviderType.OPENAI and not config.is_configured(vendor) and config.is_configured(azure):
        return azure
    return vendor
