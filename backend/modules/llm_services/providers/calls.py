"""What can be asked of a provider: the calls, with defaults filled in, and what no provider could take refused."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from pydantic import BaseModel

from ..types import LONGEST_MODEL_NAME, LLMCall
from . import record

if TYPE_CHECKING:
    from uuid import UUID

    from ..config import LLMConfig
    from ..types import (
        AudioResponse,
        Completion,
        ImageResponse,
        LLMMessage,
        LLMProviderType,
        LLMResponse,
        ToolCall,
        ToolDefinition,
        WebSearchResponse,
    )

Model = TypeVar("Model", bound=BaseModel)

logger = logging.getLogger(__name__)

HOTTEST: Final = 2

_reported: set[str] = set()


class Calls(ABC):
    """The calls that consumers make; each ends in `_complete`."""

    provider_type: ClassVar[LLMProviderType]

    @abstractmethod
    async def _complete(self, call: LLMCall) -> Completion:
        """Make the call, recorded."""

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
        done = await self._complete(LLMCall(messages, model, temperature, max_output_tokens, user_id, options))
        return done.response, done.request_id

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
        call = LLMCall(messages, model, temperature, max_output_tokens, user_id, options, response_model)
        done = await self._complete(call)
        return cast("Model", done.parsed), done.request_id, record.usage_summary(done)

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
        call = LLMCall(messages, model, temperature, max_output_tokens, user_id, options, tools=tools)
        done = await self._complete(call)
        return done.response, list(done.tool_calls) or None, done.request_id

    async def generate_image(
        self, prompt: str, user_id: int | None = None, **options: Any
    ) -> tuple[ImageResponse, UUID]:
        """Raise NotImplementedError unless the provider makes images."""
        raise NotImplementedError(f"image generation through {self.provider_type} is not implemented")

    async def generate_audio(
        self, text: str, voice: str, user_id: int | None = None, **options: Any
    ) -> tuple[AudioResponse, UUID]:
        """Raise NotImplementedError unless the provider speaks."""
        raise NotImplementedError(f"audio generation through {self.provider_type} is not implemented")

    async def search_recent_news(
        self, queries: list[str], user_id: int | None = None, max_results: int = 10, **options: Any
    ) -> tuple[WebSearchResponse, UUID]:
        """Raise NotImplementedError unless the provider searches."""
        raise NotImplementedError(f"web search through {self.provider_type} is not implemented")


def filled(call: LLMCall, config: LLMConfig, default_model: str) -> LLMCall:
    """Return `call` with what the caller left open; raises ValueError, naming the argument, for an impossible one."""
    temperature = config.temperature if call.temperature is None else call.temperature
    tokens = config.max_output_tokens if call.max_output_tokens is None else call.max_output_tokens
    model = call.model or config.model or default_model
    if not call.messages:
        raise ValueError("messages is empty: give at least one LLMMessage")
    if not (math.isfinite(temperature) and 0 <= temperature <= HOTTEST):
        raise ValueError(f"temperature must be between 0 and {HOTTEST}, not {temperature}")
    if tokens is not None and tokens <= 0:
        raise ValueError(f"max_output_tokens must be positive, not {tokens}")
    if len(model) > LONGEST_MODEL_NAME:
        raise ValueError(f"a model name has at most {LONGEST_MODEL_NAME} characters, this one has {len(model)}")
    return replace(
        call,
        messages=list(call.messages),  # a caller may go on with its own list while the call is in flight
        model=model,
        temperature=temperature,
        max_output_tokens=tokens,
        temperature_is_given=call.temperature is not None,
        max_output_tokens_is_given=call.max_output_tokens is not None,
    )


def report_unknown(options: dict[str, object], known: frozenset[str]) -> None:
    """Log, once per process and name, the options that are recorded and not sent."""
    for name in set(options) - known - _reported:
        _reported.add(name)
        logger.warning("option %r is unknown: it is kept in additional_params and not sent", name)
