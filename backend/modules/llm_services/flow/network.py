"""Network settings from the environment: the proxy for an address, and the trusted certificates.

They are read when a client is made. A wrong value is an LLMError that names the variable.
"""

from __future__ import annotations

import base64
import os
import re
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import httpx

from .. import packages
from ..exceptions import LLMError
from ..sanitize import redact
from ..secret import MASK, Secret

if TYPE_CHECKING:
    import ssl
    from urllib.parse import SplitResult

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
SOCKS_PORT: Final = 1080
# GNOME's socks:// means version 5. The suffixes h and a let the proxy resolve names, which it always does here.
SOCKS_VERSIONS: Final = {"socks": 5, "socks5": 5, "socks5h": 5, "socks4": 4, "socks4a": 4}
HOST: Final = re.compile(r"[\w.-]+|[0-9a-f:.]+")
CERTIFICATE_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
ENTRY_OF_NO_PROXY: Final = re.compile(
    r"""(?:(?P<scheme>[a-z]+)://)?
        (?:\[(?P<bracketed>[0-9a-f:.]+)\](?P<prefix>/[0-9]+)?   # [::1], [fd07::]/64
          |(?P<address>[0-9a-f]*:[0-9a-f.]*:[0-9a-f:./]*)       # ::1, fd07::/64
          |(?P<name>[^:\[\]]+))                                 # example.com, .example.com, 10.0.0.0/8
        (?::(?P<port>[0-9]{1,5}))?""",
    re.VERBOSE,
)

_certificates_lock: Final = threading.Lock()


@dataclass(frozen=True)
class Proxy:
    """A proxy; `socks_version` is None for an HTTP proxy. `str()` gives its address without credentials."""

    variable: str
    scheme: str
    host: str
    port: int
    username: str
    password: str

    @property
    def socks_version(self) -> int | None:
        """The version of SOCKS, None for HTTP."""
        return SOCKS_VERSIONS.get(self.scheme)

    def for_httpx(self) -> httpx.Proxy:
        """Return the proxy for httpx; raise LLMError for a SOCKS proxy."""
        if self.socks_version:
            raise LLMError(f"the proxy {self} is a SOCKS proxy, which cannot be used here; nothing was sent")
        url = httpx.URL(scheme=self.scheme, host=self.host, port=self.port)
        if not self.username:
            return httpx.Proxy(url)
        # As a header, because aiohttp 3.14 warns about httpx-aiohttp's use of `auth`.
        credentials = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return httpx.Proxy(url, headers={"Proxy-Authorization": f"Basic {credentials}"})

    def __str__(self) -> str:
        """Return the address, and the variable that sets it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port} ({self.variable})"

    def __repr__(self) -> str:
        """Return the address without the password."""
        return f"<{self}>"


def proxy_for(base_url: str) -> Proxy | None:
    """Return the proxy that the environment sets for an address, or None.

    A loopback address never uses a proxy. Plain http is allowed on loopback only, because a proxy would see the key.
    """
    url = urlsplit(base_url)
    # From the environment, lower case before upper case; on systems other than Linux also from the system's settings.
    settings = {scheme: Secret(value) for scheme, value in getproxies().items() if value.strip()}
    if url.scheme != "https" or _is_loopback(url.hostname or "") or _is_exempt(url, settings.get("no", "")):
        return None
    scheme = next((scheme for scheme in ("https", "all") if settings.get(scheme)), None)
    return _proxy(scheme, settings[scheme]) if scheme else None


def _proxy(scheme: str, value: Secret) -> Proxy:
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    variable = next((name for name in names if os.environ.get(name)), "the system's proxy")
    proxy = _parsed(variable, value)
    if proxy is None:
        raise _unusable(variable, value, "is not the URL of a proxy")
    if proxy.socks_version and not packages.is_installed("aiohttp_socks"):
        raise _unusable(variable, value, "is a SOCKS proxy, which needs a package: pip install aiohttp-socks")
    return proxy


def _parsed(variable: str, value: str) -> Proxy | None:
    """Return the proxy at this address, or None if it is malformed; an exception would show its password."""
    address = value.strip() if "://" in value else f"http://{value.strip()}"
    try:
        url = urlsplit(address)
        port, host = url.port, httpx.URL(scheme="http", host=url.hostname or "").host
    except (ValueError, httpx.InvalidURL):
        return None
    if not HOST.fullmatch(host) or url.scheme not in DEFAULT_PORTS | SOCKS_VERSIONS:
        return None
    return Proxy(
        variable,
        url.scheme,
        host,
        port or DEFAULT_PORTS.get(url.scheme, SOCKS_PORT),
        unquote(url.username or ""),
        unquote(url.password or ""),
    )


def _unusable(variable: str, value: str, reason: str) -> LLMError:
    return LLMError(f"{variable}={_without_credentials(value)} {reason}; nothing was sent")


def _without_credentials(value: str) -> str:
    """Return a proxy's address up to its port; a malformed port is left out, because it may be a password."""
    scheme, separator, rest = value.strip().rpartition("://")
    user, at, host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    name, colon, port = host.rpartition(":")
    if colon and not port.isdigit() and "]" not in port:
        host = f"{name}:{MASK}"
    shown: str = redact(f"{scheme}{separator}{MASK if user else ''}{at}{host}")
    return repr(shown)[1:-1]  # control characters are escaped


def _is_loopback(host: str) -> bool:
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):  # https://www.rfc-editor.org/rfc/rfc6761#section-6.3
        return True
    address = _address(name)
    return address is not None and address.is_loopback


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_exempt(url: SplitResult, no_proxy: str) -> bool:
    """Return True if NO_PROXY lists the host: as `*`, a name, a domain, an address or a network, with an optional port.

    Malformed entries are ignored (https://curl.se/libcurl/c/CURLOPT_NOPROXY.html).
    """
    entries = map(ENTRY_OF_NO_PROXY.fullmatch, re.split(r"[,\s]+", no_proxy.lower()))
    return any(_names(entry, url) for entry in entries if entry)


def _names(entry: re.Match[str], url: SplitResult) -> bool:
    if (entry["scheme"] or "all") not in {"all", url.scheme}:
        return False
    if entry["port"] and int(entry["port"]) != (url.port or DEFAULT_PORTS[url.scheme]):
        return False
    host = (url.hostname or "").rstrip(".")
    address = _address(host)
    if address is None:
        name = (entry["name"] or "").removeprefix("*.").strip(".")
        return bool(name) and (host.endswith(f".{name}") or fnmatchcase(host, name))
    network = entry["name"] or entry["address"] or entry["bracketed"] + (entry["prefix"] or "")
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return fnmatchcase(host, network)  # 192.168.*


def certificates() -> ssl.SSLContext:
    """Return the TLS context with the certificates of SSL_CERT_FILE, SSL_CERT_DIR or certifi; loaded once, in 20 ms."""
    with _certificates_lock:
        return _certificates(*(os.environ.get(name, "") for name in CERTIFICATE_VARIABLES))


@lru_cache(maxsize=4)
def _certificates(file: str, directory: str, key_log: str) -> ssl.SSLContext:
    if key_log:
        _check_key_log(key_log)
    # OpenSSL reads the directory only when it checks a host, and treats a missing one as empty.
    if directory and not file and not any(map(os.path.isdir, directory.split(os.pathsep))):
        raise LLMError(f"SSL_CERT_DIR={redact(directory)} is not a directory; nothing was sent")
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        source = f"SSL_CERT_FILE={redact(file)}" if file else "certifi's certificate file"
        raise LLMError(f"{source} cannot be read ({error.strerror or error}); nothing was sent") from error


def _check_key_log(path: str) -> None:
    """Open the file for TLS session keys as `ssl` will open it, to find errors early."""
    try:
        with Path(path).open("ab"):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LLMError(f"SSLKEYLOGFILE={redact(path)} cannot be written to ({reason}); nothing was sent") from error
