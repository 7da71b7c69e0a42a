"""Models in use that end: by the dates that this release knows, and by OpenRouter's own list."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from ..model_names import ENDS_SOON
from ..providers.openrouter import wire_model
from ..types import LLMProviderType
from ..vendors import VENDORS
from .values import Ending

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .values import Figures

    # By name, the models that OpenRouter lists, with the day on which each ends, or None if it has announced none.
    Listed = Mapping[str, date | None]


def models_that_end(
    models: Mapping[tuple[str, str], Figures], today: date, listed: Listed | None = None
) -> tuple[Ending, ...]:
    """Return the models, for pairs of model and provider, that end within 90 days or have ended, by day.

    OpenRouter's models are looked up in its list, if it is given; those that are not on it come last, without a day.
    """
    endings = []
    for (model, provider), figures in models.items():
        end, is_gone = _end(model, provider), False
        if listed is not None and provider == LLMProviderType.OPENROUTER:
            end, is_gone = _listed_end(model, listed)
        if is_gone or (end and end <= today + ENDS_SOON):
            endings.append(Ending(model, provider, end, figures))
    return tuple(sorted(endings, key=lambda ending: (ending.end or date.max, ending.model, ending.provider)))


def listed_ends(models: Iterable[Mapping[str, Any]]) -> dict[str, date | None]:
    """Return the names on OpenRouter's list of models, with their ends."""
    names = ("id", "canonical_slug")
    return {str(model[name]): _day(model.get("expiration_date")) for model in models for name in names if name in model}


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _end(model: str, provider: str) -> date | None:
    """Return the day on which a model ends; for a model that another vendor makes, the maker's day."""
    if provider not in list(LLMProviderType):
        return None
    vendor = VENDORS[LLMProviderType(provider)]
    return vendor.models.get(model) or vendor.resold_models.get(model)


def _listed_end(model: str, listed: Listed) -> tuple[date | None, bool]:
    """Return the end of one of OpenRouter's names, and True if it is unlisted; presets and aliases count as listed."""
    try:
        name = wire_model(model).partition("@")[0]
    except ValueError:
        return None, True
    for candidate in (name, name.partition(":")[0]):
        if candidate in listed:
            return listed[candidate], False
    return None, bool(name) and not name.startswith("~")
