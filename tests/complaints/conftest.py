"""No test of a complaint waits."""

from __future__ import annotations

import pytest

from modules.llm_services.flow import loop


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once where the server names no wait."""
    monkeypatch.setattr(loop, "BACKOFF_SECONDS", 0.0)
