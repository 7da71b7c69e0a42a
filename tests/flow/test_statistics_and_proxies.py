"""Requests for OpenRouter's generation statistics use the same proxy settings as calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from flow import proxies
from flow.proxies import ProxyServer, proxying
from modules.llm_services.config import LLMConfig
from modules.llm_services.exceptions import LLMError
from modules.llm_services.providers.openrouter_generation import GenerationStatistics

if TYPE_CHECKING:
    from modules.llm_services.types import Usage


def config(base_url: str) -> LLMConfig:
    """Return a configuration with a key."""
    return LLMConfig(openrouter_api_key="sk-or-v1-statistics", openrouter_base_url=base_url)


def usage(base_url: str) -> Usage:
    """Request the statistics of a generation."""
    with GenerationStatistics(config(base_url)) as statistics:
        return statistics.usage("gen-1", wait=False)


async def closes(proxy: ProxyServer, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close the connection after a request."""
    await proxies.read_head(proxy, reader)


async def test_the_statistics_are_tunnelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy gets CONNECT and its password, but not the key; an unreachable proxy raises an LLMError."""
    async with proxying(closes) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{proxy.port}")
        with pytest.raises(LLMError, match=r"no answer from https://llm\.invalid"):
            await asyncio.to_thread(usage, "https://llm.invalid/api/v1")
    assert (["CONNECT llm.invalid:443 HTTP/1.1"], ["user:secret"]) == (proxy.asked, proxy.passwords)


async def test_no_proxy_gets_the_key_of_a_loopback_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics from this machine are requested directly, whatever proxy the environment names."""
    async with proxying(closes) as proxy, proxying(closes) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(LLMError, match="no answer from"):
            await asyncio.to_thread(usage, f"http://127.0.0.1:{server.port}/api/v1")
    assert ([], 1) == (proxy.asked, len(server.asked))


def test_socks_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SOCKS proxy for the statistics raises an error that names the variable."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(LLMError, match=r"socks5://127.0.0.1:9 \(ALL_PROXY\) is a SOCKS proxy.*nothing was sent"):
        GenerationStatistics(config("https://llm.invalid/api/v1"))
