"""An OpenRouter whose every answer costs 0.1 USD, for the tests of what becomes of an answer that has been paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from modules.llm_services.config import LLMConfig
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.providers.openrouter import OpenRouterProvider
from modules.llm_services.types import LLMMessage, LLMProviderType, MessageRole

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from support.server import Visit

MESSAGES = [LLMMessage(role=MessageRole.USER, content="How many?")]
MODEL = "openrouter/author/model"


def completion(content: str | None, finish_reason: str = "stop", **message: object) -> dict[str, Any]:
    """Return a completion."""
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.1}
    return {"id": "gen-1", "choices": [choice], "usage": usage}


def answering(*bodies: dict[str, Any]) -> Callable[[Visit], None]:
    """Return a handler that answers with each body in turn."""
    turns = iter(bodies)
    return lambda visit: visit.answer(next(turns))


def provider(session: Session, base_url: str, **settings: Any) -> OpenRouterProvider:
    """Make a provider that talks to `base_url`."""
    config = LLMConfig(
        provider=LLMProviderType.OPENROUTER,
        openrouter_api_key="sk-or-v1-paid",
        openrouter_base_url=base_url,
        **settings,
    )
    return OpenRouterProvider(config, session)


def rows(session: Session) -> list[LLMRequestModel]:
    """Return all rows, in the order of their attempts."""
    session.expire_all()
    return list(session.scalars(select(LLMRequestModel).order_by(LLMRequestModel.retry_attempt)))
