"""OpenAI, and the same models at Azure with another address and another header for the key."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from ..flow.http import Endpoint
from ..types import LLMProviderType
from ..wires.images import ImagesWire
from ..wires.responses import ResponsesWire
from ..wires.speech import SpeechWire
from ..wires.wire import Kind
from .base import LLMProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..wires.wire import LLMCall, Wire

PATHS: Final = {Kind.TEXT: "/responses", Kind.IMAGE: "/images/generations", Kind.SPEECH: "/audio/speech"}
WIRES: Final[Mapping[Kind, Wire]] = {Kind.TEXT: ResponsesWire(), Kind.IMAGE: ImagesWire(), Kind.SPEECH: SpeechWire()}


class OpenAIProvider(LLMProvider):
    """OpenAI models, for text, images and speech."""

    provider_type = LLMProviderType.OPENAI
    wires: ClassVar[Mapping[Kind, Wire]] = WIRES

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the path for this kind of call, with the key."""
        headers = {"Authorization": f"Bearer {self.config.openai_api_key}"}
        return Endpoint(self.config.openai_base_url, PATHS[call.kind], headers)


class AzureOpenAIProvider(LLMProvider):
    """The v1 API of an Azure resource (https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle)."""

    provider_type = LLMProviderType.AZURE_OPENAI
    wires: ClassVar[Mapping[Kind, Wire]] = WIRES

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the path for this kind of call below the resource's address, with its key."""
        base_url = f"{self.config.azure_openai_endpoint}/openai/v1"
        return Endpoint(base_url, PATHS[call.kind], {"api-key": self.config.azure_openai_api_key or ""})
