"""What can be asked of a provider: the calls, with defaults filled in, and what no provider could take refused."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from pydantic import BaseModel

from ..types import LONGEST_MODEL_NAME, LLMMessage, MessageRole
from . import record, speech
from .values import Kind, LLMCall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from ..config import LLMConfig
    from ..types import (
        AudioResponse,
        ImageResponse,
        LLMProviderType,
        LLMResponse,
        ToolCall,
        ToolDefinition,
        WebSearchResponse,
    )
    from .options import Options
    from .values import Completion

Model = TypeVar("Model", bound=BaseModel)

logger = logging.getLogger(__name__)

HOTTEST: Final = 2
DEFAULT_MODELS: Final[dict[Kind, Callable[[LLMConfig, LLMProviderType], str]]] = {
    Kind.TEXT: lambda config, provider: config.model or config.default_model(provider),
    Kind.IMAGE: lambda config, _provider: config.image_model,
    Kind.SPEECH: lambda config, provider: config.speech_model(provider),
}

_reported: set[str] = set()


class Calls(ABC):
    """The calls that consumers make; each ends in `_complete`."""

    provider_type: ClassVar[LLMProviderType]
    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.TEXT})
    voices: ClassVar[Mapping[str, str]] = {}

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
        self, prompt: str, user_id: int | None = None, model: str | None = None, **options: Any
    ) -> tuple[ImageResponse, UUID]:
        """Return an image, and the id of its row; NotImplementedError unless the provider makes images."""
        if Kind.IMAGE not in self.kinds:
            raise NotImplementedError(f"image generation through {self.provider_type} is not implemented")
        done = await self._complete(_one_prompt(Kind.IMAGE, prompt, model, user_id, options))
        return cast("ImageResponse", done.media), done.request_id

    async def generate_audio(
        self, text: str, voice: str, user_id: int | None = None, model: str | None = None, **options: Any
    ) -> tuple[AudioResponse, UUID]:
        """Return speech, and the id of its row; NotImplementedError unless the provider speaks."""
        if Kind.SPEECH not in self.kinds:
            raise NotImplementedError(f"audio generation through {self.provider_type} is not implemented")
        options["voice"] = speech.voice(voice, self.voices)
        done = await self._complete(_one_prompt(Kind.SPEECH, text, model, user_id, options))
        return cast("AudioResponse", done.media), done.request_id

    async def search_recent_news(
        self, queries: list[str], user_id: int | None = None, max_results: int = 10, **options: Any
    ) -> tuple[WebSearchResponse, UUID]:
        """Raise NotImplementedError unless the provider searches."""
        raise NotImplementedError(f"web search through {self.provider_type} is not implemented")


def _one_prompt(kind: Kind, prompt: str, model: str | None, user_id: int | None, options: dict[str, Any]) -> LLMCall:
    given = {name: value for name, value in options.items() if value is not None}
    messages = [LLMMessage(role=MessageRole.USER, content=prompt)] if prompt.strip() else []
    return LLMCall(messages, model, user_id=user_id, options=given, kind=kind)


def filled(call: LLMCall, config: LLMConfig, provider: LLMProviderType) -> LLMCall:
    """Return `call` with what the caller left open; raises ValueError, naming the argument, for an impossible one."""
    temperature = config.temperature if call.temperature is None else call.temperature
    tokens = config.max_output_tokens if call.max_output_tokens is None else call.max_output_tokens
    model = call.model or DEFAULT_MODELS[call.kind](config, provider)
    if not call.messages:
        raise ValueError("messages is empty: give at least one LLMMessage, or a prompt that says something")
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


def report_unknown(options: dict[str, object], known: type[Options]) -> None:
    """Log, once per process and name, the options that are recorded and not sent."""
    for name in set(options) - known.model_fields.keys() - _reported:
        _reported.add(name)
        logger.warning("option %r is unknown: it is kept in additional_params and not sent", name)
