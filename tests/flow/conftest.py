"""An environment that names no proxy, and processes that make calls in one that does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from modules.llm_services.config import LLMConfig
from modules.llm_services.flow import loop
from modules.llm_services.flow.network import CERTIFICATE_VARIABLES
from modules.llm_services.providers.openrouter import OpenRouterProvider
from modules.llm_services.types import LLMMessage, LLMProviderType, MessageRole
from support.processes import bare_environment, without_slow_steps

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
MESSAGES: Final = [LLMMessage(role=MessageRole.USER, content="hi")]
MODEL: Final = "openrouter/author/model"
COMPLETION: Final = {
    "id": "gen-1",
    "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.5},
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach every host directly, with certifi's certificates."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name in CERTIFICATE_VARIABLES]:
        monkeypatch.delenv(name)


@pytest.fixture
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(loop, "BACKOFF_SECONDS", 0.0)


def provider(session: Session, base_url: str, *, timeout: float = 5, retries: int = 0) -> OpenRouterProvider:
    """Return a provider that calls `base_url`."""
    config = LLMConfig(
        provider=LLMProviderType.OPENROUTER,
        openrouter_api_key="sk-or-v1-network",
        openrouter_base_url=base_url,
        request_timeout=timeout,
        max_retries=retries,
    )
    return OpenRouterProvider(config, session)


class Process(Protocol):
    """Makes calls in a process of its own."""

    def __call__(self, *arguments: str, script: str = ..., **environment: str) -> dict[str, Any]:
        """Run `script`, with these settings in its environment, and return what it prints."""


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Return what makes calls in a process that warns of whatever is left open."""

    def ran(*arguments: str, script: str = "one_call.py", **environment: str) -> dict[str, Any]:
        command = [sys.executable, "-X", "dev", "-W", "error", str(HERE / script), *arguments]
        settings = bare_environment(
            PYTHONPATH=os.pathsep.join([f"{ROOT}/backend", f"{ROOT}/tests"]),
            DATABASE_URL=f"sqlite:///{tmp_path / 'process.db'}",
            OPENROUTER_API_KEY="sk-or-v1-process",
            MAX_RETRIES="0",
        )
        done = subprocess.run(
            command, env=settings | environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (0, "") == (done.returncode, without_slow_steps(done.stderr))
        outcome: dict[str, Any] = json.loads(done.stdout)
        return outcome

    return ran
