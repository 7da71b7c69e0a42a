"""What the text of a setting may be: keys, URLs, header values, levels; checked before anything is sent."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from .types import LONGEST_MODEL_NAME


def _header_value(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII: it travels in an HTTP header")
    return text


def _api_key(text: str) -> str:
    if " " in text:
        raise ValueError("must not contain spaces")
    return _header_value(text)


def _base_url(text: str) -> str:
    message = "must be an http(s) URL with a host and without user, query or fragment"
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(message) from error
    plain = parts.scheme in {"http", "https"} and host and not (parts.username or parts.query or parts.fragment)
    if not plain or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(message)
    if parts.scheme == "http" and not _is_loopback(host or ""):
        raise ValueError("must be https: a key is not sent in the clear to another machine")
    return text.rstrip("/")


def _cache_url(text: str) -> str:
    message = f"must be the URL of a Redis or Valkey server: {', '.join(CACHE_SCHEMES)}, then ://host:port/database"
    try:
        parts = urlsplit(text)
        named = parts.path if parts.scheme == "unix" else parts.hostname
        _port = parts.port
    except ValueError as error:
        raise ValueError(message) from error
    if parts.scheme not in CACHE_SCHEMES or not named:
        raise ValueError(message)
    return text


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


CACHE_SCHEMES: Final = ("redis", "rediss", "valkey", "valkeys", "unix")

ApiKey = Annotated[str, AfterValidator(_api_key)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
CacheUrl = Annotated[str, AfterValidator(_cache_url)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
ModelName = Annotated[str, Field(max_length=LONGEST_MODEL_NAME)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
