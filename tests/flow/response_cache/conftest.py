"""A cache of each kind, and an OpenRouter that counts its requests."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from fakeredis import TcpFakeServer
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from modules.llm_services.config import VARIABLE_NAMES
from support.processes import KILL, if_this_process_ends
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator
    from pathlib import Path

REAL = next(filter(None, map(shutil.which, ("valkey-server", "redis-server"))), None)
SERVER = REAL.rpartition("/")[2] if REAL else "fakeredis"  # a faithful fake, if no real server is installed


def completion(content: str | None, finish_reason: str = "stop", **message: object) -> dict[str, Any]:
    """Return an OpenRouter completion that cost 0.1 USD."""
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.1}
    return {"id": "gen-1", "model": "author/model", "choices": [choice], "usage": usage}


@contextmanager
def started_server() -> Generator[str]:
    """Run a server that speaks Redis's protocol, and yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with _real(REAL, port) if REAL else _fake(port):
        url = f"redis://127.0.0.1:{port}/0"
        with Redis.from_url(url, retry=Retry(ConstantBackoff(0.05), 200)) as client:
            client.ping()
        yield url


@contextmanager
def _real(command: str, port: int) -> Generator[None]:
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen([command, *options], stdout=subprocess.DEVNULL) as server:
        try:
            with if_this_process_ends(KILL, str(server.pid)):
                yield
        finally:
            server.terminate()


@contextmanager
def _fake(port: int) -> Generator[None]:
    server = TcpFakeServer(("127.0.0.1", port))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def cache_server() -> Iterator[str]:
    """Run one server for all tests."""
    with started_server() as url:
        yield url


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Configure a directory that does not exist yet."""
    monkeypatch.setenv("LLM_CACHE_DIR", str(tmp_path / "answers"))
    return tmp_path / "answers"


@pytest.fixture
def server(cache_server: str, monkeypatch: pytest.MonkeyPatch) -> Redis:
    """Configure an empty server, and return a client of it."""
    monkeypatch.setenv("LLM_CACHE_URL", cache_server)
    client: Redis = Redis.from_url(cache_server)
    client.flushall()
    return client


@pytest.fixture(params=["directory", "server"], ids=["directory", SERVER])
def place(request: pytest.FixtureRequest) -> object:
    """Run the test once with each kind of cache."""
    return request.getfixturevalue(request.param)


@dataclass
class Asked:
    """The requests that OpenRouter received, and its answers in order; the last one is repeated."""

    answers: list[dict[str, Any]]
    payloads: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, visit: Visit) -> None:
        """Answer."""
        self.payloads.append(visit.payload)
        visit.answer(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


@pytest.fixture
async def asked(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Asked]:
    """Serve OpenRouter on this machine, with the cache on and no other settings."""
    kept = {"LLM_CACHE_DIR", "LLM_CACHE_URL"}
    for name in set(VARIABLE_NAMES) - kept:
        monkeypatch.delenv(name, raising=False)
    openrouter = Asked([completion("Paris.")])
    async with serving(openrouter) as served:
        monkeypatch.setenv("OPENROUTER_BASE_URL", served.base_url)
        monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-caching")
        monkeypatch.setenv("LLM_CACHE_ENABLED", "true")
        yield openrouter
