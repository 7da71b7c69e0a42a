"""Clients of the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="session")
def client(base_url: str) -> Iterator[httpx.Client]:
    """Connect to it with a valid key."""
    headers = {"Authorization": "Bearer sk-or-v1-stand-in"}
    with httpx.Client(base_url=base_url, headers=headers, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
def ask(client: httpx.Client) -> Callable[..., httpx.Response]:
    """Return a function that sends a request to a model; its keyword arguments are fields of the body."""

    def asking(model: str, *, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        body = {"model": model, "messages": QUESTION, **fields}
        return client.post("/chat/completions", json=body, headers=headers)

    return asking


@pytest.fixture
def completed(ask: Callable[..., httpx.Response]) -> Callable[..., dict[str, Any]]:
    """Return a function that sends a request, expects a 200 and returns its body."""

    def asking(model: str, **fields: Any) -> dict[str, Any]:
        response = ask(model, **fields)
        assert 200 == response.status_code
        body: dict[str, Any] = response.json()
        return body

    return asking


@pytest.fixture
def content(completed: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """Return a function that requests a completion and returns its text."""

    def asking(model: str, **fields: Any) -> str:
        text: str = completed(model, **fields)["choices"][0]["message"]["content"]
        return text

    return asking
