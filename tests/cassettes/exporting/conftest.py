"""One stand-in for this folder, and the environment that leads calls to any vendor's wire there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import stand_in
from modules.llm_services.config import VARIABLE_NAMES
from support.doors import DOORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modules.llm_services.types import LLMProviderType

KEY = "sk-or-v1-5ca1ab1e5ca1ab1e"


@pytest.fixture(scope="session")
def stand_in_url() -> Iterator[str]:
    """Run the stand-in, once."""
    with stand_in.running() as url:
        yield url


@pytest.fixture(autouse=True)
def _openrouter(monkeypatch: pytest.MonkeyPatch, stand_in_url: str) -> None:
    """Configure OpenRouter, played by the stand-in, and nothing else; one attempt per call."""
    for variable in VARIABLE_NAMES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("OPENROUTER_BASE_URL", stand_in_url)
    monkeypatch.setenv("MAX_RETRIES", "0")


@pytest.fixture
def lead(monkeypatch: pytest.MonkeyPatch, stand_in_url: str) -> Callable[..., str]:
    """Return a function that configures one vendor, played by a scene of the stand-in, and returns a model of it."""

    def configure(provider: LLMProviderType, scene: str = "") -> str:
        monkeypatch.delenv("OPENROUTER_API_KEY")
        door = DOORS[provider]
        for name, value in door.environment(stand_in_url, scene).items():
            monkeypatch.setenv(name, value)
        return door.model

    return configure
