"""A stand-in for all the tests of this folder, and the module configured to ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import stand_in
from modules.llm_services.config import VARIABLE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST_TIMEOUT = 10.0


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
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-faults")
    monkeypatch.setenv("OPENROUTER_BASE_URL", stand_in_url)
    monkeypatch.setenv("MAX_RETRIES", "0")
    monkeypatch.setenv("REQUEST_TIMEOUT", str(REQUEST_TIMEOUT))
    monkeypatch.setenv("no_proxy", "*")
