"""The module configured for OpenRouter and nothing else, one attempt per call."""

from __future__ import annotations

import pytest

from modules.llm_services.config import VARIABLE_NAMES


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use no stand-in, and none of a developer's own settings; a test says where OpenRouter is."""
    for variable in VARIABLE_NAMES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-crash")
    monkeypatch.setenv("MAX_RETRIES", "0")
    monkeypatch.setenv("no_proxy", "*")
