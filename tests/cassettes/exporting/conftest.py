"""Environments that direct calls to any vendor's wire at the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modules.llm_services.config import VARIABLE_NAMES
from support.doors import DOORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from modules.llm_services.types import LLMProviderType

KEY = "sk-or-v1-5ca1ab1e5ca1ab1e"


@pytest.fixture(autouse=True)
def _openrouter(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    """Configure only OpenRouter, played by the stand-in, with one attempt per call."""
    for variable in VARIABLE_NAMES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("OPENROUTER_BASE_URL", base_url)
    monkeypatch.setenv("MAX_RETRIES", "0")


@pytest.fixture
def lead(monkeypatch: pytest.MonkeyPatch, base_url: str) -> Callable[..., str]:
    """Return a function that configures one vendor with a scenario of the stand-in, and returns a model of it."""

    def configure(provider: LLMProviderType, scene: str = "") -> str:
        monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
        door = DOORS[provider]
        for name, value in door.environment(base_url, scene).items():
            monkeypatch.setenv(name, value)
        return door.model

    return configure
