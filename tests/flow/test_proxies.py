"""Calls through proxies: the protocol that each proxy gets, and whether a failed call was sent."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
from sqlalchemy import select

from flow import proxies
from flow.proxies import ProxyServer, connect, proxying, socks
from modules.llm_services.exceptions import LLMError, LLMTimeoutError
from modules.llm_services.models import LLMRequestModel
from support.attempts import COMPLETION, MESSAGES, MODEL, provider
from support.server import Visit, serving

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

HOST = "llm.test"


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return a TLS context for HOST, with a certificate that SSL_CERT_FILE trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    return context


def port_of(base_url: str) -> int:
    """Return the port of a server on this machine."""
    return int(base_url.split(":")[2].split("/", maxsplit=1)[0])


@pytest.mark.parametrize(
    ("scheme", "handle", "asked"),
    [
        ("socks", socks, "llm.test:443"),
        ("socks5", socks, "llm.test:443"),
        ("socks5h", socks, "llm.test:443"),
        ("http", connect, "CONNECT llm.test:443 HTTP/1.1"),
    ],
)
async def test_a_call_goes_through_a_proxy(
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    tls: ssl.SSLContext,
    scheme: str,
    handle: proxies.Handler,
    asked: str,
) -> None:
    """The proxy's URL chooses the protocol; two calls share a connection, and the proxy resolves the name."""
    async with (
        serving(lambda visit: visit.answer(COMPLETION), tls) as server,
        proxying(handle, port_of(server.base_url)) as proxy,
    ):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        response, _request_id = await provider(session, f"https://{HOST}/api/v1").generate_response(
            MESSAGES, model=MODEL
        )
    assert "hello" == response.content
    assert [asked] == proxy.asked
    assert ([b"\x05"] if handle is socks else []) == proxy.first_bytes


@pytest.mark.parametrize(("scheme", "handle"), [("socks5", socks), ("http", connect)])
async def test_a_proxy_gets_its_password(
    session: Session, monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext, scheme: str, handle: proxies.Handler
) -> None:
    """User and password in the proxy's URL are sent to the proxy only."""
    async with (
        serving(lambda visit: visit.answer(COMPLETION), tls) as server,
        proxying(handle, port_of(server.base_url)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://us%40er:pass%3Aword@127.0.0.1:{proxy.port}")
        await provider(session, f"https://{HOST}/api/v1").generate_response(MESSAGES, model=MODEL)
    assert ["us@er:pass:word"] == proxy.passwords
    assert "proxy-authorization" not in server.visits[0].head.lower()


async def closes(proxy: ProxyServer, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close the connection after the first byte."""
    proxy.asked.append("")
    await reader.read(1)


async def closes_on_connect(proxy: ProxyServer, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close the connection after CONNECT."""
    await proxies.read_head(proxy, reader)


async def wants_a_password(proxy: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer CONNECT with 407."""
    await proxies.read_head(proxy, reader)
    writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")


async def talks_nonsense(proxy: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with neither HTTP nor SOCKS."""
    proxy.asked.append("")
    await reader.read(1)
    writer.write(b"\x00nonsense\r\n\r\n")


async def refuses(proxy: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak SOCKS, and refuse the host."""
    await proxies.greet(proxy, reader, writer)
    proxy.asked.append("")
    await reader.read(4)
    writer.write(proxies.REFUSED)


async def hangs_up_after_tls_began(
    proxy: ProxyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Open the tunnel, then close it."""
    await proxies.read_head(proxy, reader)
    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
    await reader.read(1)


@pytest.mark.usefixtures("_no_backoff")
@pytest.mark.parametrize(
    ("scheme", "handle"),
    [
        ("http", closes),
        ("http", closes_on_connect),
        ("http", wants_a_password),
        ("http", talks_nonsense),
        ("http", hangs_up_after_tls_began),
        ("socks5", closes),
        ("socks5", talks_nonsense),
        ("socks5", refuses),
    ],
)
async def test_what_fails_before_the_connection_was_not_sent(
    session: Session, monkeypatch: pytest.MonkeyPatch, scheme: str, handle: proxies.Handler
) -> None:
    """If the proxy fails, nothing was sent: the call is retried, and no password is shown."""
    async with proxying(handle) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:hunter2@127.0.0.1:{proxy.port}")
        with pytest.raises(LLMError, match="nothing was sent") as caught:
            await provider(session, f"https://{HOST}/api/v1", retries=1).generate_response(MESSAGES, model=MODEL)
    assert (True, LLMError) == (caught.value.retryable, type(caught.value))
    assert f"through the proxy {scheme}://127.0.0.1:{proxy.port} (ALL_PROXY)" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert (2, 2) == (len(proxy.asked), len(session.scalars(select(LLMRequestModel)).all()))


async def is_silent(_proxy: ProxyServer, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept the connection and send nothing."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_silent_proxy_has_carried_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """A deadline before the connection is made is a timeout, and nothing was sent."""
    async with proxying(is_silent) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        with pytest.raises(LLMTimeoutError, match="nothing was sent") as caught:
            await provider(session, f"https://{HOST}/api/v1", request_timeout=0.2).generate_response(
                MESSAGES, model=MODEL
            )
    assert caught.value.retryable


def says_nothing(visit: Visit) -> None:
    """Close the connection after a request."""
    del visit


@pytest.mark.parametrize(("scheme", "handle"), [("http", connect), ("socks5", socks)])
async def test_what_went_through_the_proxy_may_have_been_billed(
    session: Session, monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext, scheme: str, handle: proxies.Handler
) -> None:
    """A server that disconnects behind the proxy has received the request, so it is not repeated."""
    async with serving(says_nothing, tls) as server, proxying(handle, port_of(server.base_url)) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        with pytest.raises(LLMError, match="may have been billed") as caught:
            await provider(session, f"https://{HOST}/api/v1", retries=3).generate_response(MESSAGES, model=MODEL)
    assert (False, 1) == (caught.value.retryable, len(server.visits))


async def test_a_key_on_loopback_reaches_no_proxy(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to this machine is sent directly, whatever proxy the environment names."""
    async with serving(lambda visit: visit.answer(COMPLETION)) as server, proxying(connect) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL)
    assert ([], 1) == (proxy.asked, len(server.visits))
