"""OpenRouter's provider, which calls a server of the test, and the rows of its attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from modules.llm_services.config import LLMConfig
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.providers.openrouter import OpenRouterProvider
from modules.llm_services.types import LLMMessage, LLMProviderType, MessageRole

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

KEY: Final = "sk-or-v1-attempts"
MESSAGES: Final = [LLMMessage(role=MessageRole.USER, content="hi")]
MODEL: Final = "openrouter/author/model"
COMPLETION: Final = {
    "id": "gen-1",
    "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.5},
}


def provider(session: Session, base_url: str, *, retries: int = 0, **settings: Any) -> OpenRouterProvider:
    """Return a provider that calls `base_url`; `settings` are fields of its configuration."""
    config = LLMConfig(
        provider=LLMProviderType.OPENROUTER,
        openrouter_api_key=KEY,
        openrouter_base_url=base_url,
        max_retries=retries,
        **settings,
    )
    return OpenRouterProvider(config, session)


def rows(session: Session) -> list[LLMRequestModel]:
    """Return all rows, in the order of their attempts."""
    session.expire_all()
    return list(session.scalars(select(LLMRequestModel).order_by(LLMRequestModel.retry_attempt)))
