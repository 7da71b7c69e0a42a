"""Removes the waits from the tests of complaints."""

from __future__ import annotations

import pytest

from modules.llm_services.flow import loop


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once unless the server demands a wait."""
    monkeypatch.setattr(loop, "BACKOFF_SECONDS", 0.0)
