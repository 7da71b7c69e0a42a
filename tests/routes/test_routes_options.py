"""`provider_kwargs`: clients' options, which may affect the answer and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from routes.mounted import DOOR, asked
from support.calls import ANSWER, only_row, rows
from support.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Engine

    from support.server import Server

KEY: Final = "sk-or-v1-this-is-the-secret-0123456789"
# Options that look like another host, key or header, in the style of any SDK.
WAYS_OUT: Final = {
    "api_key": "sk-or-v1-of-somebody-else-0123",
    "api_base": "http://192.0.2.1/api/v1",
    "base_url": "http://192.0.2.1/api/v1",
    "config": {"openrouter_base_url": "http://192.0.2.1/api/v1"},
    "endpoint": "http://192.0.2.1/api/v1",
    "headers": {"Authorization": "Bearer of-somebody-else"},
    "extra_headers": {"Authorization": "Bearer of-somebody-else", "Host": "192.0.2.1"},
    "extra_query": {"key": "of-somebody-else"},
    "openrouter_api_key": "of-somebody-else",
    "proxy": "http://192.0.2.1",
    "session": None,
    "db_session": "x",
    "options": {"seed": 1},
    "call": 1,
    "tools": [{"type": "function"}],
    "response_model": "City",
    "kind": 2,
}


@pytest.fixture
async def openrouter(monkeypatch: pytest.MonkeyPatch, _openrouter: None) -> AsyncIterator[Server]:
    """Serve OpenRouter in the test, to see its requests, with a key to search for."""
    async with serving(lambda visit: visit.answer(ANSWER)) as server:
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
        yield server


@pytest.fixture
async def caller(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client in the same event loop as the provider."""
    async with httpx.AsyncClient(base_url=url, headers=DOOR, timeout=60, trust_env=False) as client:
        yield client


def head(server: Server) -> list[str]:
    """Return the head of the only request, without what differs between requests."""
    (visit,) = server.visits
    return [line for line in visit.head.splitlines() if not line.lower().startswith("content-length")]


async def test_nothing_reaches_host_key_or_headers(
    database: Engine, openrouter: Server, caller: httpx.AsyncClient
) -> None:
    """Options named after hosts, keys or headers are recorded, with keys masked, and change nothing in the request."""
    plain = await caller.post("/responses", json=asked())
    sent_plain, payload = head(openrouter), openrouter.visits[0].payload
    openrouter.visits.clear()
    answer = await caller.post("/responses", json=asked(provider_kwargs=WAYS_OUT))
    assert [200, 200] == [plain.status_code, answer.status_code]
    assert (sent_plain, payload) == (head(openrouter), openrouter.visits[0].payload)
    assert any(KEY in line for line in sent_plain)
    recorded = rows(database)[-1].additional_params or {}
    assert set(WAYS_OUT) == set(recorded)
    assert "of-somebody-else" not in str(recorded["api_key"])


@pytest.mark.parametrize(
    "name", ["self", "messages", "user_id", "model", "temperature", "max_output_tokens", "on_text"]
)
async def test_an_argument_is_no_option(
    database: Engine, openrouter: Server, caller: httpx.AsyncClient, name: str
) -> None:
    """A field of the body cannot be repeated as an option: a 422 names it, and nothing is sent."""
    answer = await caller.post("/responses", json=asked(provider_kwargs={name: 1}))
    assert 422 == answer.status_code
    assert f"provider_kwargs must not contain {name}" in answer.json()["detail"][0]["msg"]
    assert ([], []) == (openrouter.visits, rows(database))


@pytest.mark.parametrize("body", [{}, {"temperature": 2}, {"max_tokens": 10**6}, {"previous_response_id": "resp_1"}])
async def test_what_is_sent_unchecked_is_not_for_strangers(
    database: Engine, openrouter: Server, caller: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """extra_body is sent without checks, so it is refused here with a 422, and nothing is sent."""
    answer = await caller.post("/responses", json=asked(provider_kwargs={"seed": 1, "extra_body": body}))
    assert (422, ["body", "provider_kwargs"]) == (answer.status_code, answer.json()["detail"][0]["loc"])
    assert ([], []) == (openrouter.visits, rows(database))


async def test_known_options_are_sent(database: Engine, openrouter: Server, caller: httpx.AsyncClient) -> None:
    """Known options are checked and sent; those of the response cache become a header."""
    options = {"seed": 1, "reasoning": {"effort": "low"}, "response_cache": True}
    assert 200 == (await caller.post("/responses", json=asked(provider_kwargs=options))).status_code
    (visit,) = openrouter.visits
    assert (1, {"effort": "low"}) == (visit.payload["seed"], visit.payload["reasoning"])
    assert "x-openrouter-cache: true" in visit.head.lower()
    assert options == only_row(database).additional_params


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"response_cache": "true\r\nAuthorization: Bearer x"}, "response_cache"),
        ({"response_cache_ttl": "60"}, "response_cache_ttl"),
        ({"provider": {"base_url": "http://192.0.2.1"}}, "provider.base_url"),
        ({"reasoning": {"effort": "enormous"}}, "reasoning.effort"),
        ({"top_p": float("inf")}, "top_p"),
    ],
)
async def test_an_impossible_value_is_refused_by_name(
    database: Engine, openrouter: Server, caller: httpx.AsyncClient, options: dict[str, Any], named: str
) -> None:
    """An impossible value of a known option is a 400 that names the option; nothing is sent."""
    body = json.dumps(asked(provider_kwargs=options))
    answer = await caller.post("/responses", content=body, headers={"Content-Type": "application/json"})
    assert 400 == answer.status_code
    assert answer.json()["detail"].startswith(f"option {named}: ")
    assert ([], []) == (openrouter.visits, rows(database))


async def test_a_key_that_the_provider_repeats_is_not_passed_on(
    database: Engine, caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the provider quotes the key in its error, neither the client nor the row gets it."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    error = {"error": {"message": f"bad key {KEY}", "code": 401}}
    async with serving(lambda visit: visit.answer(error, 401)) as server:
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        answer = await caller.post("/responses", json=asked())
        whole = await caller.get(f"/requests/{answer.json()['request_id']}")
    assert (502, "LLMAuthenticationError", 200) == (answer.status_code, answer.json()["error"], whole.status_code)
    assert "[redacted]" in answer.json()["detail"]
    assert KEY not in answer.text + whole.text
    assert "failed" == only_row(database).status
