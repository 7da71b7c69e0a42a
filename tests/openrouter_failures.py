"""What OpenRouter's provider makes of an error body, for the tests of failures and waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from modules.llm_services.config import LLMConfig
from modules.llm_services.providers.http import Exchange
from modules.llm_services.providers.openrouter import OpenRouterProvider
from modules.llm_services.providers.values import LLMCall
from modules.llm_services.types import LLMMessage, LLMProviderType, MessageRole

if TYPE_CHECKING:
    from modules.llm_services.exceptions import LLMError

CALL = LLMCall([LLMMessage(role=MessageRole.USER, content="hi")], model="openrouter/author/model")
UPSTREAM = {"provider_name": "Google", "raw": "quota exhausted"}


def failure(
    body: object, status: int = 200, call: LLMCall = CALL, headers: dict[str, str] | None = None
) -> LLMError | None:
    """Return what OpenRouter's provider makes of a body that came with a status."""
    config = LLMConfig(provider=LLMProviderType.OPENROUTER, openrouter_api_key="sk-or-v1-failures")
    exchange = Exchange(body=body)
    exchange.note(status, headers or {})
    return OpenRouterProvider(config, Session()).failure(exchange, call)


def error(code: object, message: str = "words", **fields: Any) -> dict[str, Any]:
    """Return an error body in OpenRouter's shape."""
    return {"error": {"code": code, "message": message, **fields}, "user_id": "user_" + "2a" * 13}
