"""The cost of an answer, as an attempt computes it from a body, without a network or a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modules.llm_services.flow.attempt import Attempt
from modules.llm_services.flow.http import Endpoint
from modules.llm_services.providers.anthropic import AnthropicProvider
from modules.llm_services.providers.bedrock import BedrockProvider
from modules.llm_services.providers.gemini import GeminiProvider
from modules.llm_services.providers.openai import AzureOpenAIProvider, OpenAIProvider
from modules.llm_services.providers.openrouter import OpenRouterProvider
from modules.llm_services.sanitize import encode_payload
from modules.llm_services.types import LLMMessage, LLMProviderType
from modules.llm_services.vendors import VENDORS
from modules.llm_services.wires.wire import Exchange, Kind, LLMCall

if TYPE_CHECKING:
    from modules.llm_services.providers.base import LLMProvider
    from modules.llm_services.types import Usage

PROVIDERS: Final[dict[LLMProviderType, type[LLMProvider]]] = {
    provider.provider_type: provider
    for provider in (
        OpenAIProvider,
        AzureOpenAIProvider,
        AnthropicProvider,
        BedrockProvider,
        GeminiProvider,
        OpenRouterProvider,
    )
}


def billed(
    vendor: LLMProviderType,
    body: Any,  # noqa: ANN401 - JSON, or sound in base64
    model: str,
    *,
    kind: Kind = Kind.TEXT,
    path: str = "/",
    prompt: str = "hi",
) -> Usage:
    """Return the usage of an answer of `vendor`, priced, when `model` was requested at `path`."""
    wire = PROVIDERS[vendor].wires[kind]
    attempt = Attempt(
        vendor=VENDORS[vendor],
        wire=wire,
        endpoint=Endpoint("https://vendor.example", path, {}),
        call=LLMCall([LLMMessage(role="user", content=prompt)], model, kind=kind, options=wire.options.read({})),
        payload={},
        body=encode_payload({}),
        exchange=Exchange(200, {"content-type": "audio/mpeg" if kind is Kind.SPEECH else "application/json"}, body),
    )
    return attempt.answer.usage
