"""An environment without a proxy, calling processes with other environments, and an OpenRouter that counts requests."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from modules.llm_services.config import VARIABLE_NAMES
from modules.llm_services.flow import loop
from modules.llm_services.flow.network import CERTIFICATE_VARIABLES
from support.processes import EVERYTHING, NEEDED, bare_environment, run_python
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from support.server import Server

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach every host directly, with certifi's certificates."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name in CERTIFICATE_VARIABLES]:
        monkeypatch.delenv(name)


@pytest.fixture
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without waiting."""
    monkeypatch.setattr(loop, "BACKOFF_SECONDS", 0.0)


class Process(Protocol):
    """Makes calls in a separate process."""

    def __call__(self, *arguments: str, script: str = ..., **environment: str) -> dict[str, Any]:
        """Run `script` with these settings in its environment, and return what it prints."""


def process_in(folder: Path, imported: tuple[str, ...]) -> Process:
    """Return a Process in a folder, that starts with these modules imported, and warns about what is left open."""

    def ran(*arguments: str, script: str = "one_call.py", **environment: str) -> dict[str, Any]:
        settings = bare_environment(
            PYTHONPATH=os.pathsep.join([f"{ROOT}/backend", f"{ROOT}/tests"]),
            DATABASE_URL=f"sqlite:///{folder / 'process.db'}",
            OPENROUTER_API_KEY="sk-or-v1-process",
            MAX_RETRIES="0",
        )
        done = run_python([str(HERE / script), *arguments], settings | environment, folder, imported=imported)
        assert (0, "") == (done.returncode, done.stderr)
        outcome: dict[str, Any] = json.loads(done.stdout)
        return outcome

    return ran


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Return a Process."""
    return process_in(tmp_path, EVERYTHING)


@pytest.fixture
def importing_process(tmp_path: Path) -> Process:
    """Return a Process that itself imports the module, and what a call needs."""
    return process_in(tmp_path, NEEDED)


CITIES = ("Paris", "Rome", "Oslo", "Bern")


@dataclass
class OpenRouter:
    """A server in the place of OpenRouter, which sends the `replies` first, and then a different city each time."""

    served: Server
    replies: list[Callable[[Visit], Awaitable[None] | None]] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """The number of requests that arrived."""
        return len(self.served.visits)


def city(visit: Visit, name: str) -> None:
    """Answer with a city: as text, as an object or in a tool call, as the request asks."""
    message: dict[str, Any] = {"role": "assistant", "content": name}
    if "tools" in visit.payload:
        function = {"name": "look", "arguments": json.dumps({"city": name})}
        message = {"content": None, "tool_calls": [{"id": "call-1", "type": "function", "function": function}]}
    elif "response_format" in visit.payload:
        message["content"] = json.dumps({"name": name})
    usage = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8, "cost": 0.25}
    choices = [{"message": message, "finish_reason": "stop"}]
    visit.answer({"id": f"gen-{name}", "model": "author/model", "choices": choices, "usage": usage})


@pytest.fixture
async def openrouter(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[OpenRouter]:
    """Serve OpenRouter on this machine, with no other settings."""
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)

    def answer(visit: Visit) -> Awaitable[None] | None:
        if router.replies:
            return router.replies.pop(0)(visit)
        city(visit, CITIES[(router.requests - 1) % len(CITIES)])
        return None

    async with serving(answer) as served:
        router = OpenRouter(served)
        monkeypatch.setenv("OPENROUTER_BASE_URL", served.base_url)
        monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-keyed")
        monkeypatch.setenv("MAX_RETRIES", "0")
        monkeypatch.setattr("modules.llm_services.flow.idempotency.FIRST_PAUSE_SECONDS", 0.01)
        yield router
