"""Create providers; a vendor's class is imported when it is first used."""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from .. import packages
from ..types import LLMProviderType
from ..vendors import VENDORS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from ..config import LLMConfig
    from .base import LLMProvider

# The parent of every logger in llm_services.
LOGGERS: Final = logging.getLogger(__package__.rpartition(".")[0])


def create_llm_provider(config: LLMConfig, db_session: Session) -> LLMProvider:
    """Return the provider `config.provider`, and set the level of the module's loggers if `config` has one.

    Raises RuntimeError, which names the variables to set, if the provider is not configured.
    """
    try:
        provider = config.validate_config()
    except ValueError as error:
        raise RuntimeError(str(error)) from error
    if config.log_level and config.log_level != logging.getLevelName(LOGGERS.level):
        LOGGERS.setLevel(config.log_level)
    return provider_class(provider)(config, db_session)


@cache
def import_base() -> None:
    """Import the code that all providers share, such as httpx. This takes a tenth of a second, so call it in a thread.

    Raises RuntimeError, which names the package, if one is not installed.
    """
    packages.require(*packages.REQUIRED)
    packages.load(f"{__package__}.base")


def provider_class(provider: LLMProviderType) -> type[LLMProvider]:
    """Return the class of a provider type; raise RuntimeError, which names the package, if one is not installed."""
    return _imported(VENDORS[provider].provider_class)


@cache
def _imported(path: str) -> type[LLMProvider]:
    module, name = path.split(".")
    import_base()
    found: type[LLMProvider] = getattr(import_module(f".{module}", __package__), name)
    return found


def get_available_providers() -> list[LLMProviderType]:
    """Return every provider type that a model can be routed to."""
    return list(LLMProviderType)
