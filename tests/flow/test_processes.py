"""The first call of a process: its environment, packages and imports, and loops closed by hand."""

from __future__ import annotations

import asyncio
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

import pytest
import trustme

from modules.llm_services import cache, pricing
from modules.llm_services.flow.http import Endpoint, post, prepare
from modules.llm_services.sanitize import encode_payload
from modules.llm_services.wires.wire import Exchange
from support.attempts import COMPLETION, MESSAGES, MODEL, provider
from support.server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from flow.conftest import Process
    from support.server import Server, Visit

ELSEWHERE = "https://llm.invalid/api/v1"
BEDROCK = {"MODEL": "claude-haiku-4-5", "CLAUDE_PROVIDER": "bedrock"}


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    """Serve OpenRouter on this machine."""
    async with serving(lambda visit: visit.answer(COMPLETION)) as served:
        yield served


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("SSL_CERT_FILE", "/nonexistent.pem", "/nonexistent.pem"),
        ("SSL_CERT_FILE", "/dev/null", "/dev/null"),
        ("SSL_CERT_DIR", "/nonexistent:/nowhere", "/nonexistent:/nowhere"),
        ("SSLKEYLOGFILE", "/nonexistent/keys", "/nonexistent/keys"),
        ("HTTPS_PROXY", "http://user:hunter2@[::1", "http://[redacted]@[::1"),
        ("all_proxy", "gopher://user:hunter2@proxy:70", "gopher://[redacted]@proxy:70"),
    ],
)
def test_a_setting_that_leads_nowhere_is_named(process: Process, variable: str, value: str, shown: str) -> None:
    """A bad certificate file or proxy raises an LLMError that names variable and value; nothing was sent."""
    outcome = process("1", OPENROUTER_BASE_URL=ELSEWHERE, **{variable: value})
    (said,) = outcome["said"]
    assert said.startswith(f"LLMError False: {variable}={shown} ")
    assert said.endswith("; nothing was sent")
    assert [["failed", "LLMError"]] == outcome["rows"]


async def test_settings_that_are_not_used_fail_no_call(importing_process: Process, server: Server) -> None:
    """A desktop's network settings, or a malformed NO_PROXY, do not affect a call to this machine."""
    settings = {"ALL_PROXY": "socks://127.0.0.1:9", "HTTPS_PROXY": "htp://", "NO_PROXY": "localhost,fd07::/64,[::1"}
    outcome = await asyncio.to_thread(
        importing_process, "1", "aiohttp_socks", OPENROUTER_BASE_URL=server.base_url, **settings
    )
    assert ["hello"] == outcome["said"]


def test_a_socks_proxy_needs_its_package(importing_process: Process) -> None:
    """If a SOCKS proxy's package is missing, the error names the variable, the package and the command."""
    outcome = importing_process("1", "aiohttp_socks", OPENROUTER_BASE_URL=ELSEWHERE, ALL_PROXY="socks://127.0.0.1:7890")
    assert outcome["said"][0].startswith("LLMError False: ALL_PROXY=socks://127.0.0.1:7890 is a SOCKS proxy")
    assert "pip install aiohttp-socks; nothing was sent" in outcome["said"][0]


@pytest.mark.parametrize(
    ("missing", "settings"),
    [
        ("httpx", {}),
        ("aiohttp", {}),
        ("httpx_aiohttp", {}),
        ("certifi", {}),
        ("json_repair", {}),
        ("cachelib", {"LLM_CACHE_ENABLED": "true"}),
        ("redis", {"LLM_CACHE_ENABLED": "true", "LLM_CACHE_URL": "redis://127.0.0.1:9"}),
        ("genai_prices", BEDROCK),
        ("botocore", BEDROCK),
    ],
)
def test_a_missing_package_is_named_when_the_provider_is_built(
    importing_process: Process, missing: str, settings: dict[str, str]
) -> None:
    """Before any row, an error names the missing package and the command that installs it."""
    outcome = importing_process("1", missing, OPENROUTER_BASE_URL="http://127.0.0.1:9", **settings)
    package = missing.replace("_", "-")
    assert [f"RuntimeError None: the package {package} is not installed: pip install {package}"] == outcome["said"]
    assert [] == outcome["rows"]


async def test_a_call_that_wants_the_cache_names_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If only the call uses the cache, the error names the cache's missing package and no other."""
    monkeypatch.setitem(sys.modules, "cachelib", None)
    with pytest.raises(RuntimeError, match="the package cachelib is not installed: pip install cachelib"):
        await cache.ResponseCache(str(tmp_path)).get("key")


async def test_a_missing_price_table_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names a missing price table too, for vendors that report no cost."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    pricing._table.cache_clear()
    with pytest.raises(RuntimeError, match="the package genai-prices is not installed"):
        await pricing.load()


async def test_nothing_is_imported_while_a_call_is_timed(importing_process: Process, server: Server) -> None:
    """Everything is imported, in one of the module's threads, before the first call's time starts."""
    outcome = await asyncio.to_thread(importing_process, "2", OPENROUTER_BASE_URL=server.base_url)
    assert (["hello", "hello"], []) == (outcome["said"], outcome["imported"])
    assert all(thread.startswith("llm-services") for thread in outcome["threads"].values())


async def test_a_loop_closed_by_hand_leaves_nothing(process: Process, server: Server) -> None:
    """A task that makes a loop, runs a call and closes the loop logs nothing, and its connection is closed."""
    outcome = await asyncio.to_thread(process, "3", script="loop_by_hand.py", OPENROUTER_BASE_URL=server.base_url)
    assert {"said": ["hello"] * 3, "logged": [], "open": 0} == outcome


async def test_a_loop_closed_by_hand_ends_tls(process: Process, tmp_path: Path) -> None:
    """The same is true of an encrypted connection, even if the server announces its end and does not end it."""

    async def answer(visit: Visit) -> None:
        visit.answer(COMPLETION)  # with `connection: close`
        transport = cast("asyncio.Transport", visit.writer.transport)
        transport.pause_reading()  # the end of TLS is not answered
        try:
            await asyncio.Event().wait()
        finally:
            transport.abort()

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)

    async with serving(answer, tls) as served:
        settings = {"OPENROUTER_BASE_URL": served.base_url, "SSL_CERT_FILE": str(tmp_path / "authority.pem")}
        outcome = await asyncio.to_thread(process, "2", script="loop_by_hand.py", **settings)
    assert {"said": ["hello"] * 2, "logged": [], "open": 0} == outcome


@pytest.fixture
async def _busy_executor() -> AsyncGenerator[None]:
    """Occupy every thread of asyncio's default executor."""
    loop, release = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    occupied = loop.run_in_executor(None, release.wait)
    yield
    release.set()
    await occupied


@pytest.mark.usefixtures("_busy_executor")
async def test_a_busy_executor_starves_no_call(session: Session, server: Server) -> None:
    """Making a client, reading certificates, resolving a name and signing use none of the application's threads."""
    base_url = server.base_url.replace("127.0.0.1", "localhost")
    response, _request_id = await provider(session, base_url).generate_response(MESSAGES, model=MODEL)
    assert "hello" == response.content
    endpoint = Endpoint(base_url, "/chat/completions", {}, sign=lambda _url, body: {"x-length": str(len(body))})
    exchange = Exchange()
    await prepare(endpoint, 5)
    await post(endpoint, {"a": 1}, encode_payload({"a": 1}), 5, exchange, 1000)
    assert COMPLETION == exchange.body
    assert "x-length: 7" in server.visits[1].head.lower()


@pytest.mark.usefixtures("_busy_executor")
async def test_a_busy_executor_starves_no_cache(tmp_path: Path) -> None:
    """Neither does the response cache."""
    kept = cache.ResponseCache(str(tmp_path))
    await kept.put("key", {"a": 1})
    assert {"a": 1} == await kept.get("key")
