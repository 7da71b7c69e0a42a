"""Call any model through one interface, get a typed answer, and keep the whole exchange as a row."""

from .exceptions import (
    LLMAuthenticationError,
    LLMError,
    LLMProviderError,
    LLMRateLimitError,
    LLMTimeoutError,
    LLMValidationError,
)
from .public import LLMServicesProvider, llm_services_provider
from .types import ImageResponse, LLMMessage, LLMRequest, LLMResponse, WebSearchResponse

__all__ = [
    "ImageResponse",
    "LLMAuthenticationError",
    "LLMError",
    "LLMMessage",
    "LLMProviderError",
    "LLMRateLimitError",
    "LLMRequest",
    "LLMResponse",
    "LLMServicesProvider",
    "LLMTimeoutError",
    "LLMValidationError",
    "WebSearchResponse",
    "llm_services_provider",
]
