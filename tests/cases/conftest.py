"""One scripted server that plays every vendor, and a caller that is configured to use it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

import pytest

from cases.bodies import VENDORS, Vendor
from cases.caller import Caller
from cases.scripted_server import ScriptedServer, scripted_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

READ_BY_THE_MODULE: Final = (
    *("OPENAI_", "AZURE_OPENAI_", "GEMINI_", "GOOGLE_API_KEY", "ANTHROPIC_", "CLAUDE_", "AWS_", "BEDROCK_"),
    *("OPENROUTER_", "LLM_", "TEMPERATURE", "MAX_", "REQUEST_TIMEOUT", "IMAGE_", "AUDIO_", "LOG_", "DATABASE_URL"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_", "SSLKEYLOGFILE"),
)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Run the server that plays every vendor."""
    with scripted_server() as server:
        yield server


@pytest.fixture
def environment(server: ScriptedServer, tmp_path: Path) -> dict[str, str]:
    """Return the variables that direct every vendor's calls to the server, with one attempt per call."""
    return {
        "OPENROUTER_API_KEY": "sk-or-x",
        "OPENROUTER_BASE_URL": f"{server.url}/api/v1",
        "OPENAI_API_KEY": "sk-x",
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "ANTHROPIC_API_KEY": "sk-ant-x",
        "ANTHROPIC_BASE_URL": server.url,
        "GEMINI_API_KEY": "gemini-x",
        "GEMINI_API_BASE_URL": f"{server.url}/v1beta",
        "LLM_CACHE_DIR": str(tmp_path / "response_cache"),
        "MAX_RETRIES": "0",
        "REQUEST_TIMEOUT": "20",
    }


@pytest.fixture(autouse=True)
def _environment(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Set these variables, and remove all others that the module or its HTTP client reads."""
    for name in os.environ:
        if name.upper().startswith(READ_BY_THE_MODULE):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def caller(session: Session, server: ScriptedServer) -> Caller:
    """Return a caller whose rows go to a SQLite file."""
    return Caller(session, server)


@pytest.fixture(params=list(VENDORS))
def vendor(request: pytest.FixtureRequest) -> Vendor:
    """Run the test once with each vendor."""
    return VENDORS[request.param]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the waits that are requested of asyncio, in seconds; none of them takes time."""
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(delay: float, result: object = None) -> object:
        if delay > 0:
            waits.append(delay)
        return await sleep(0, result)

    monkeypatch.setattr(asyncio, "sleep", noted)
    return waits
