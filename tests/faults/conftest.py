"""Configures the module to call the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stand_in.pytest_plugin import LLMStandIn

REQUEST_TIMEOUT = 10.0


@pytest.fixture(autouse=True)
def _stand_in(llm_stand_in: LLMStandIn) -> None:
    """Call only the stand-in, with one attempt per call."""
    llm_stand_in.monkeypatch.setenv("MAX_RETRIES", "0")
    llm_stand_in.monkeypatch.setenv("REQUEST_TIMEOUT", str(REQUEST_TIMEOUT))
