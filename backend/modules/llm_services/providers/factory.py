"""Provider types and the classes that serve them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..types import LLMProviderType
from .openrouter import OpenRouterProvider

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from ..config import LLMConfig
    from .base import LLMProvider

PROVIDERS: Final = {LLMProviderType.OPENROUTER: OpenRouterProvider}


def create_llm_provider(config: LLMConfig, db_session: Session) -> LLMProvider:
    """Return the provider that `config.provider` names.

    Raises RuntimeError, naming the variables to set, when it cannot be called.
    """
    try:
        provider = config.validate_config()
    except ValueError as error:
        raise RuntimeError(str(error)) from error
    return PROVIDERS[provider](config, db_session)


def get_available_providers() -> list[LLMProviderType]:
    """Return every provider type that a model can be routed to."""
    return list(LLMProviderType)
