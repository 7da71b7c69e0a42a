"""Which proxy the environment's variables choose for an address."""

from __future__ import annotations

import pytest

from modules.llm_services import packages
from modules.llm_services.exceptions import LLMError
from modules.llm_services.flow.network import proxy_for

HOST = "https://api.example.com/v1"


@pytest.fixture
def _proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a proxy for everything."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:3128")


@pytest.mark.usefixtures("_proxied")
@pytest.mark.parametrize(
    ("no_proxy", "base_url"),
    [
        ("*", HOST),
        ("localhost, *", HOST),
        ("example.com", HOST),
        (".example.com", HOST),
        ("*.example.com", HOST),
        ("API.Example.COM", HOST),
        ("example.com.", HOST),
        ("api.example.com:443", HOST),
        ("example.com:8443", "https://api.example.com:8443"),
        ("https://api.example.com", HOST),
        ("all://example.com", HOST),
        ("localhost example.com", HOST),
        ("localhost,\texample.com\n", HOST),
        ("[not an entry,fd07:b51a:cc66:f0::/64,example.com", HOST),
        ("10.1.2.3", "https://10.1.2.3/v1"),
        ("10.1.2.3:443", "https://10.1.2.3/v1"),
        ("10.0.0.0/8", "https://10.1.2.3/v1"),
        ("10.1.2.*", "https://10.1.2.3/v1"),
        ("10.0.0.0/8", "https://[::ffff:10.1.2.3]/v1"),
        ("fd07::1", "https://[fd07::1]/v1"),
        ("[fd07::1]", "https://[fd07::1]/v1"),
        ("[fd07:0::1]:443", "https://[fd07::1]/v1"),
        ("fd07:b51a:cc66:f0::/64", "https://[fd07:b51a:cc66:f0::7]/v1"),
        ("[fd07::]/16", "https://[fd07::7]/v1"),
    ],
)
def test_no_proxy_names_the_host(monkeypatch: pytest.MonkeyPatch, no_proxy: str, base_url: str) -> None:
    """A host in NO_PROXY, in any form that systems write, is reached directly."""
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert None is proxy_for(base_url)


@pytest.mark.usefixtures("_proxied")
@pytest.mark.parametrize(
    ("no_proxy", "base_url"),
    [
        ("", HOST),
        (",, ,", HOST),
        ("localhost,fd07:b51a:cc66:f0::/64,[::1]", HOST),
        ("[::1", HOST),
        ("10.0.0.0/99", "https://10.1.2.3/v1"),
        ("10.0.0.0/8", "https://11.1.2.3/v1"),
        ("ample.com", HOST),
        ("api.example.com:8443", HOST),
        ("api.example.com:port", HOST),
        ("http://api.example.com", HOST),
        ("api.example.com/24", HOST),
        ("<local>", HOST),
        (".", HOST),
        ("*.", HOST),
        ("fd07::1:443", "https://[fd07::2]/v1"),
        ("]:[", "https://[fd07::2]/v1"),
        ("api.example.com:" + "4" * 5000, HOST),
        ("::::", "https://[fd07::2]/v1"),
    ],
)
def test_no_proxy_names_another_host(monkeypatch: pytest.MonkeyPatch, no_proxy: str, base_url: str) -> None:
    """A host that is not in NO_PROXY is reached through the proxy, and malformed entries are ignored."""
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert "http://127.0.0.1:3128 (ALL_PROXY)" == str(proxy_for(base_url))


@pytest.mark.usefixtures("_proxied")
@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8000/api/v1",
        "https://127.0.0.1:8000/api/v1",
        "https://127.8.0.1",
        "http://[::1]:8000",
        "https://[::ffff:127.0.0.1]:8000",
        "http://localhost:8000",
        "https://localhost.:8000",
        "https://stand-in.localhost",
    ],
)
def test_loopback_is_reached_directly(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    """No proxy sees a request to this machine, nor a key in plain http."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    assert None is proxy_for(base_url)


@pytest.mark.parametrize(
    ("settings", "proxy"),
    [
        ({}, "None"),
        ({"HTTP_PROXY": "http://one"}, "None"),
        ({"HTTPS_PROXY": " "}, "None"),
        ({"HTTPS_PROXY": " ", "ALL_PROXY": " http://two "}, "http://two:80 (ALL_PROXY)"),
        ({"HTTPS_PROXY": "http://one", "ALL_PROXY": "http://two"}, "http://one:80 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://one", "https_proxy": "two:3128"}, "http://two:3128 (https_proxy)"),
        ({"all_proxy": "https://user:secret@one"}, "https://one:443 (all_proxy)"),
        ({"ALL_PROXY": "socks://127.0.0.1:7890"}, "socks://127.0.0.1:7890 (ALL_PROXY)"),
        ({"ALL_PROXY": "SOCKS5H://[::1]"}, "socks5h://[::1]:1080 (ALL_PROXY)"),
        ({"ALL_PROXY": "socks4a://one:9"}, "socks4a://one:9 (ALL_PROXY)"),
    ],
)
def test_the_variable_of_the_scheme_comes_first(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], proxy: str
) -> None:
    """HTTPS_PROXY takes precedence over ALL_PROXY, lower case over upper; the proxy is shown without its password."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert proxy == str(proxy_for(HOST))
    assert "secret" not in repr(proxy_for(HOST))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://user:secret@[::1", "http://[redacted]@[::1"),
        ("htp://user:secret@proxy:80", "htp://[redacted]@proxy:80"),
        ("http://user:secret@", "http://[redacted]@"),
        ("http://user:se@cret@proxy:none", "http://[redacted]@proxy:[redacted]"),
        ("http://user:secret", "http://user:[redacted]"),
        ("http://proxy:99999", "http://proxy:99999"),
        ("http://", "http://"),
        ("http://proxy\x1b[2J:80:secret", "http://proxy\\x1b[2J:80:[redacted]"),
        ("http://pro xy", "http://pro xy"),
        ("http://pro<>xy:80", "http://pro<>xy:80"),
        ("http://pro\x07xy:80", "http://pro\\x07xy:80"),
        ("socks6://proxy/?token=secret", "socks6://proxy"),
    ],
)
def test_a_proxy_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, value: str, shown: str) -> None:
    """A malformed proxy URL raises an LLMError that names the variable and its value, without credentials."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(LLMError) as caught:
        proxy_for(HOST)
    assert f"HTTPS_PROXY={shown} is not the URL of a proxy; nothing was sent" == str(caught.value)
    assert not caught.value.retryable


def test_a_socks_proxy_without_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, a SOCKS proxy raises an error that says what to install."""
    monkeypatch.setattr(packages, "is_installed", lambda module: module != "aiohttp_socks")
    monkeypatch.setenv("ALL_PROXY", "socks5://user:secret@127.0.0.1:7890")
    with pytest.raises(LLMError, match=r"^ALL_PROXY=socks5://\[redacted\]@127.0.0.1:7890 .*pip install aiohttp-socks"):
        proxy_for(HOST)
