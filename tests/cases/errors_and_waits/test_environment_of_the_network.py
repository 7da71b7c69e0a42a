"""Errors and waits 02 and 03: unusable proxies and certificates are named, and the error says that nothing was sent."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest

from cases.bodies import completion
from modules.llm_services.exceptions import LLMError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cases.bodies import Vendor
    from cases.caller import Caller, Outcome

ELSEWHERE: Final = "https://llm.example/api/v1"
SECRET: Final = "hunter2"


class Proxy:
    """A listener that stores the first bytes of each connection, sends `answer`, and closes."""

    def __init__(self, answer: bytes = b"") -> None:
        """Listen on a free port."""
        self.answer = answer
        self.received: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    self.received.append(connection.recv(65536))
                    connection.sendall(self.answer)

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """Run a proxy that closes every connection after its first bytes."""
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Direct every vendor's calls to a host that only a proxy could reach."""
    for name in ("OPENROUTER_BASE_URL", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GEMINI_API_BASE_URL"):
        monkeypatch.setenv(name, ELSEWHERE)


def check_nothing_was_sent(outcome: Outcome, *names: str) -> None:
    """Assert an LLMError that names a variable, says nothing about a sent request, and shows no password."""
    words = str(outcome.failure)
    assert isinstance(outcome.failure, LLMError)
    assert any(name in words for name in names), words
    assert "was sent and" not in words
    assert "billed" not in words
    assert SECRET not in words
    assert SECRET not in str([row.error_message for row in outcome.rows])
    assert [] == list(outcome.requests)


NO_PROXIES: Final = (
    "localhost,fd07:b51a:cc66:f0::/64",
    "[::1]",
    "127.0.0.1,[::1]:8080",
    "localhost, 127.0.0.0/8, ::1",
    "*.local,169.254/16,127.0.0.1",
    "127.0.0.1,fe80::%eth0",
    "http://127.0.0.1,.example.com.",
    ",,127.0.0.1,,",
    "*",
    "127.0.0.1:*",
)


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("value", NO_PROXIES)
async def test_no_proxy_may_have_any_form(
    caller: Caller, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Malformed entries of NO_PROXY are ignored, and the call is sent."""
    monkeypatch.setenv(name, value)
    assert "Ghent" == (await caller.text(completion())).response.content


@pytest.mark.parametrize("value", ["127.0.0.1,fd07:b51a:cc66:f0::/64", "127.0.0.0/8", "[::1],127.0.0.1", "*"])
async def test_no_proxy_keeps_a_call_from_a_proxy(
    caller: Caller, value: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The valid entries of NO_PROXY apply."""
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", value)
    assert "Ghent" == (await caller.text(completion())).response.content
    assert [] == proxy.received


BROKEN: Final = {
    "GNOME's default": ("ALL_PROXY", "socks://127.0.0.1:7890"),
    "in small letters": ("all_proxy", "socks://127.0.0.1:7890"),
    "with a password": ("ALL_PROXY", f"socks://ann:{SECRET}@127.0.0.1:7890"),
    "an unknown scheme": ("HTTPS_PROXY", "foo://127.0.0.1:7890"),
    "an unknown scheme and a password": ("HTTPS_PROXY", f"foo://ann:{SECRET}@127.0.0.1:7890"),
    "a port that is none": ("HTTPS_PROXY", "http://127.0.0.1:port"),
    "a port beyond all ports": ("HTTPS_PROXY", "http://127.0.0.1:99999"),
    "no host": ("HTTPS_PROXY", "http://"),
    "an address that is none": ("HTTPS_PROXY", "http://[::1"),
}


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize(("name", "value"), BROKEN.values(), ids=BROKEN)
async def test_a_proxy_that_cannot_work_is_named(
    caller: Caller, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The LLMError names the variable, without its password, and says that nothing was sent."""
    monkeypatch.setenv(name, value)
    outcome = await caller.text(completion())
    check_nothing_was_sent(outcome, name, name.upper())
    assert "nothing was sent" in str(outcome.failure)


CERTIFICATES: Final = {
    "no such file": ("SSL_CERT_FILE", "/nonexistent.pem"),
    "no such file for the keys": ("SSLKEYLOGFILE", "/nonexistent/x"),
}


@pytest.mark.parametrize(("name", "value"), CERTIFICATES.values(), ids=CERTIFICATES)
async def test_a_missing_file_is_named(
    caller: Caller, vendor: Vendor, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing certificate file raises an LLMError that names the variable and the file."""
    for variable in ("OPENROUTER_BASE_URL", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GEMINI_API_BASE_URL"):
        monkeypatch.setenv(variable, "https://127.0.0.1:1/api/v1")
    monkeypatch.setenv(name, value)
    outcome = await caller.text(completion(), model=vendor.model)
    check_nothing_was_sent(outcome, name)
    assert value in str(outcome.failure)
    assert "nothing was sent" in str(outcome.failure)


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
async def test_a_file_without_certificates_is_named(
    caller: Caller, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does a file without certificates."""
    file = tmp_path / "own.pem"
    file.write_text(content)
    monkeypatch.setenv("OPENROUTER_BASE_URL", "https://127.0.0.1:1/api/v1")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    check_nothing_was_sent(await caller.text(completion()), "SSL_CERT_FILE")


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "socks4a"])
@pytest.mark.parametrize("name", ["ALL_PROXY", "HTTPS_PROXY"])
async def test_socks_is_spoken_or_refused(
    caller: Caller, scheme: str, name: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SOCKS proxy is used with SOCKS or refused by name; it never receives HTTP."""
    monkeypatch.setenv(name, f"{scheme}://{proxy.address}")
    outcome = await caller.text(completion())
    check_nothing_was_sent(outcome, name, "SOCKS", "socks")
    assert {received[:1] for received in proxy.received} <= {b"\x04", b"\x05"}


ANSWERS: Final = {
    "closes": b"",
    "wants a password": b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
    "refuses": b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
    "cannot reach it": b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
    "is no proxy": b"220 mail.example ESMTP\r\n",
    "closes in the middle": b"HTTP/1.1 20",
    "breaks off TLS": b"HTTP/1.1 200 Connection established\r\n\r\n",
}


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_a_tunnel_that_does_not_open_carries_no_request(
    caller: Caller, answer: bytes, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONNECT sends no request, so an error of the tunnel never says that one was sent."""
    proxy.answer = answer
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    outcome = await caller.text(completion())
    assert "was sent and" not in str(outcome.failure)
    assert "billed" not in str(outcome.failure)
    assert all(received.startswith(b"CONNECT ") for received in proxy.received)
    assert proxy.received


@pytest.mark.usefixtures("_elsewhere")
async def test_a_tunnel_that_broke_is_tried_again(
    caller: Caller, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """The call is retried, because nothing was sent."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("MAX_RETRIES", "1")
    outcome = await caller.text(completion())
    assert (True, 2, 2) == (outcome.failure.retryable, len(proxy.received), len(outcome.rows))
    assert 1 == len(slept)


@pytest.mark.usefixtures("_elsewhere")
async def test_a_proxys_password_stays_its_own(caller: Caller, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the proxy gets its password, and nothing warns."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{SECRET}@{proxy.address}")
    outcome = await caller.text(completion())
    assert b"proxy-authorization: basic " in proxy.received[0].lower()
    assert SECRET not in str(outcome.failure)
    assert SECRET not in str([row.error_message for row in outcome.rows])


async def test_a_proxy_that_is_not_there_may_come_back(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreachable proxy raises a retryable LLMError."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("OPENROUTER_BASE_URL", ELSEWHERE)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
    outcome = await caller.text(completion())
    assert outcome.failure.retryable
    assert "was sent and" not in str(outcome.failure)
