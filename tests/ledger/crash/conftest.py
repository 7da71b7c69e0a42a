"""Configures the module for OpenRouter only, with one attempt per call."""

from __future__ import annotations

import pytest

from modules.llm_services.config import VARIABLE_NAMES


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use no stand-in and no settings of the developer; the test sets OpenRouter's address."""
    for variable in VARIABLE_NAMES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-crash")
    monkeypatch.setenv("MAX_RETRIES", "0")
    monkeypatch.setenv("no_proxy", "*")
