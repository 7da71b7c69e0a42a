"""Errors and waits 05, 06 and 02: imports of a new process, and its errors for missing packages and certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from cases.bodies import CLAUDE, GEMINI, OPENAI, OPENROUTER, VENDORS, completion
from cases.errors_and_waits.processes import call_in_a_new_process

if TYPE_CHECKING:
    from pathlib import Path

    from cases.scripted_server import ScriptedServer

MODELS: Final = (OPENROUTER, OPENAI, CLAUDE, GEMINI)
# The packages of others that a call needs; small modules of the standard library are not counted.
HEAVY: Final = frozenset({"httpx", "httpcore", "aiohttp", "httpx_aiohttp", "genai_prices", "cachelib", "anyio", "ssl"})


def heavy(imported: list[str]) -> set[str]:
    """Return the packages among the imported modules that are slow to load."""
    return {name.partition(".")[0] for name in imported} & HEAVY


@pytest.mark.parametrize("model", MODELS)
def test_nothing_heavy_is_imported_within_the_call(server: ScriptedServer, tmp_path: Path, model: str) -> None:
    """What a call needs is imported before its time starts, or off the event loop."""
    vendor = next(vendor for vendor in VENDORS.values() if vendor.model == model)
    server.script(vendor.text("Ghent"))
    found = call_in_a_new_process(tmp_path, model=model)
    assert ("Ghent", ["completed"]) == (found.get("content"), found["statuses"])
    assert set() == heavy(found["imported"])


def test_the_response_cache_is_not_imported_within_the_call(server: ScriptedServer, tmp_path: Path) -> None:
    """The same is true of a call with the response cache."""
    server.script(completion())
    found = call_in_a_new_process(tmp_path, use_cache=True)
    assert "Ghent" == found.get("content")
    assert set() == heavy(found["imported"])


MISSING: Final = {
    "httpx-aiohttp": ("httpx_aiohttp",),
    "aiohttp": ("aiohttp",),
    "httpx": ("httpx",),
    "json-repair": ("json_repair",),
}


@pytest.mark.parametrize(("package", "modules"), MISSING.items(), ids=MISSING)
@pytest.mark.parametrize("model", MODELS)
def test_a_missing_package_is_named(
    server: ScriptedServer, tmp_path: Path, model: str, package: str, modules: tuple[str, ...]
) -> None:
    """The LLMError or RuntimeError has the package's name on the index, and no row stays pending."""
    server.script(completion())
    found = call_in_a_new_process(tmp_path, model=model, missing=modules)
    assert {"LLMError", "RuntimeError"} & set(found.get("error", ()))
    assert "import" != found["stage"]
    assert package in found["message"]
    assert "pending" not in found["statuses"]
    assert [] == server.requests


def test_a_missing_price_table_is_named(server: ScriptedServer, tmp_path: Path) -> None:
    """For a vendor that reports no cost, a missing price table is named before anything is sent."""
    server.script(VENDORS["openai"].text("Ghent"))
    found = call_in_a_new_process(tmp_path, model=OPENAI, missing=("genai_prices",))
    assert {"LLMError", "RuntimeError"} & set(found.get("error", ()))
    assert "genai-prices" in found["message"]
    assert [] == server.requests


def test_a_missing_cache_is_named_and_no_other_package(server: ScriptedServer, tmp_path: Path) -> None:
    """Without cachelib, a call with the response cache names cachelib, and not redis."""
    server.script(completion())
    found = call_in_a_new_process(tmp_path, missing=("cachelib",), use_cache=True)
    assert {"LLMError", "RuntimeError"} & set(found.get("error", ()))
    assert "cachelib" in found["message"]
    assert "redis" not in found["message"].lower()
    assert "LLM_CACHE_URL" not in found["message"]
    assert "pending" not in found["statuses"]


def test_a_missing_redis_is_named(server: ScriptedServer, tmp_path: Path) -> None:
    """If LLM_CACHE_URL needs redis, the error names redis."""
    server.script(completion())
    environment = {"LLM_CACHE_URL": "redis://127.0.0.1:1/0"}
    found = call_in_a_new_process(tmp_path, missing=("redis",), environment=environment, use_cache=True)
    assert {"LLMError", "RuntimeError", "ValueError"} & set(found.get("error", ()))
    assert "redis" in found["message"]


def test_a_missing_botocore_is_named(server: ScriptedServer, tmp_path: Path) -> None:
    """Bedrock names botocore, which signs its requests."""
    server.script(completion())
    environment = {
        "CLAUDE_PROVIDER": "bedrock",
        "AWS_ACCESS_KEY_ID": "AKIDX",
        "AWS_SECRET_ACCESS_KEY": "x/x",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url,
    }
    found = call_in_a_new_process(tmp_path, model="claude-sonnet-4-5", missing=("botocore",), environment=environment)
    assert {"LLMError", "RuntimeError"} & set(found.get("error", ()))
    assert "botocore" in found["message"]
    assert [] == server.requests


@pytest.mark.parametrize("missing", [("cachelib",), ("redis",), ("botocore",), ("opentelemetry",), ("fastapi",)])
def test_what_a_call_does_not_need_may_be_missing(
    server: ScriptedServer, tmp_path: Path, missing: tuple[str, ...]
) -> None:
    """A package that a call does not use may be missing."""
    server.script(completion())
    assert "Ghent" == call_in_a_new_process(tmp_path, missing=missing).get("content")


@pytest.mark.parametrize(
    ("name", "value"), [("SSL_CERT_FILE", "/nonexistent.pem"), ("SSLKEYLOGFILE", "/nonexistent/x")]
)
def test_a_missing_certificate_is_named_at_the_first_call(
    server: ScriptedServer, tmp_path: Path, name: str, value: str
) -> None:
    """A missing file raises an LLMError that names the variable, unless no certificate is needed."""
    server.script(completion())
    found = call_in_a_new_process(tmp_path, environment={name: value})
    if "error" in found:
        assert "LLMError" in found["error"]
        assert name in found["message"]
        assert "nothing was sent" in found["message"]
        assert [] == server.requests
    assert "pending" not in found["statuses"]


@pytest.mark.parametrize("value", ["localhost,fd07:b51a:cc66:f0::/64", "[::1]"])
def test_no_proxy_of_a_container_works_at_the_first_call(server: ScriptedServer, tmp_path: Path, value: str) -> None:
    """The NO_PROXY that OrbStack and Docker set does not fail a call."""
    server.script(completion())
    assert "Ghent" == call_in_a_new_process(tmp_path, environment={"NO_PROXY": value}).get("content")
