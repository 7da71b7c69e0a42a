"""Google's Gemini; the key is sent in a header, never in the URL."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from ..flow.http import Endpoint
from ..types import LLMProviderType
from ..vendors import GEMINI_PATH
from ..wires.generate_content import GenerateContentWire
from ..wires.generated_speech import GeneratedSpeechWire
from ..wires.wire import Kind
from .base import LLMProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..wires.wire import LLMCall, Wire


class GeminiProvider(LLMProvider):
    """Gemini models, for text and speech."""

    provider_type = LLMProviderType.GEMINI
    wires: ClassVar[Mapping[Kind, Wire]] = {Kind.TEXT: GenerateContentWire(), Kind.SPEECH: GeneratedSpeechWire()}

    def _filled_in(self, call: LLMCall) -> LLMCall:
        """Return `call` with the defaults, and with the model's name without `models/`."""
        call = super()._filled_in(call)
        return replace(call, model=call.model.removeprefix(GEMINI_PATH))

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the path of the model, with the key."""
        headers = {"x-goog-api-key": self.config.gemini_api_key or ""}
        method = "streamGenerateContent?alt=sse" if call.is_streamed else "generateContent"
        return Endpoint(self.config.gemini_base_url, f"/models/{call.model}:{method}", headers)
