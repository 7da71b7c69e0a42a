"""Problems of the cache cause a miss, never an error; only invalid settings are refused."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flow.response_cache.conftest import SERVER, completion, started_server
from flow.response_cache.test_cache_hits import MODEL, QUESTION
from modules.llm_services import cache
from modules.llm_services.cache import ResponseCache
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.public import llm_services_provider
from support.processes import bare_environment, run_python

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis
    from sqlalchemy.orm import Session

    from flow.response_cache.conftest import Asked

ROOT = Path(__file__).resolve().parents[3]
EXPIRY = 4  # the bytes before the JSON in cachelib's files


async def ask(session: Session) -> str:
    """Ask the same question, and return the answer."""
    response, _request_id = await llm_services_provider(session).generate_response(QUESTION, model=MODEL)
    return response.content


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Return a function that changes an entry in the middle of its file."""

    def damage(whole: bytes) -> bytes:
        entry = json.loads(whole[EXPIRY:])
        change(entry)
        return whole[:EXPIRY] + json.dumps(entry).encode()

    return damage


def only_file(directory: Path) -> Path:
    """Return the only entry."""
    (file,) = directory.iterdir()
    return file


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def spoil(directory: Path, damage: Callable[[bytes], bytes]) -> None:
    """Damage the only entry."""
    file = only_file(directory)
    file.write_bytes(damage(file.read_bytes()))


@pytest.mark.parametrize(
    "damage",
    [
        lambda _whole: b"",
        lambda whole: whole[:2],
        lambda whole: whole[:-9],
        lambda whole: whole[:EXPIRY] + b"\xff" + whole[EXPIRY + 1 :],
        lambda whole: whole[:EXPIRY] + b"[" * 100_000,
        lambda whole: whole[:EXPIRY] + b"[1]",
        changed(lambda entry: entry.pop("request_id")),
        changed(lambda entry: entry.update(request_id="7")),
        changed(lambda entry: entry.update(body="<html>")),
        changed(lambda entry: entry.update(body={"error": {"code": 500, "message": "no"}})),
        changed(lambda entry: entry.update(status_code=503)),
    ],
    ids=["empty", "torn", "cut", "not UTF-8", "nested", "a list", "no id", "no UUID", "HTML", "an error", "a status"],
)
async def test_a_damaged_entry_is_a_miss(
    session: Session, asked: Asked, directory: Path, damage: Callable[[bytes], bytes]
) -> None:
    """For a damaged entry, the request is sent, and the answer replaces the entry."""
    await ask(session)
    spoil(directory, damage)
    assert ["Paris.", "Paris."] == [await ask(session) for _ in range(2)]
    assert 2 == len(asked.payloads)


@pytest.fixture
def in_the_way(directory: Path) -> None:
    """Put a file in the place of the cache's directory."""
    directory.write_text("in the way", encoding="utf-8")


@pytest.mark.usefixtures("in_the_way")
async def test_a_file_where_the_directory_should_be(
    session: Session, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    """If the cache cannot be created, every call goes on without it, and the log says so."""
    assert ["Paris.", "Paris."] == [await ask(session) for _ in range(2)]
    assert 2 == len(asked.payloads)
    assert "the response cache was skipped" in caplog.text


async def test_only_its_owner_reads_an_entry(session: Session, asked: Asked, directory: Path) -> None:
    """No other user can read an entry."""
    await ask(session)
    assert (1, 0o700, 0o600) == (len(asked.payloads), mode(directory), mode(only_file(directory)))


async def test_a_value_of_somebody_elses(session: Session, asked: Asked, server: Redis) -> None:
    """A key with a value that is not JSON, or of another type, is a miss."""
    await ask(session)
    (key,) = server.keys()
    server.set(key, b"\x80")
    assert "Paris." == await ask(session)
    server.delete(key)
    server.lpush(key, "a list")
    assert "Paris." == await ask(session)
    assert (3, b"llm_services:") == (len(asked.payloads), key[:13])


async def test_a_server_that_goes_and_comes(
    session: Session, asked: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While its server is down, the cache is skipped; the password is not logged."""
    with started_server() as url:
        monkeypatch.setenv("LLM_CACHE_URL", url)
        for _ in range(2):
            await ask(session)
    assert 1 == len(asked.payloads), SERVER
    monkeypatch.setenv("LLM_CACHE_URL", url.replace("//", "//user:hunter2@"))
    for gone in (2, 3):
        assert ("Paris.", gone) == (await ask(session), len(asked.payloads))
    assert "the response cache was skipped" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_server_that_hangs(session: Session, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the server does not respond, the call goes on without it."""
    monkeypatch.setattr(cache, "PATIENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("LLM_CACHE_URL", f"redis://127.0.0.1:{silent.getsockname()[1]}")
        assert "Paris." == await ask(session)
    assert 1 == len(asked.payloads)


async def test_valkey_is_spoken_to_in_redis_words(
    session: Session, asked: Asked, server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """valkey:// connects to the same server as redis://."""
    monkeypatch.setenv("LLM_CACHE_URL", os.environ["LLM_CACHE_URL"].replace("redis://", "valkey://"))
    for _ in range(2):
        await ask(session)
    assert (1, 1) == (len(asked.payloads), server.dbsize())


async def test_a_missing_package_is_named(session: Session, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """LLM_CACHE_URL without the package for it raises a RuntimeError that says what to install."""
    monkeypatch.setenv("LLM_CACHE_URL", "redis://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(RuntimeError, match="pip install redis"):
        await ask(session)
    assert [] == asked.payloads


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LLM_CACHE_ENABLED", "maybe"),
        ("LLM_CACHE_URL", "http://cache.example.com"),
        ("LLM_CACHE_URL", "redis://"),
        ("LLM_CACHE_URL", "redis://:hunter2@host:port"),
        ("LLM_CACHE_URL", "cache.example.com:6379"),
    ],
)
def test_a_malformed_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """An invalid setting raises a ValueError that names the variable and not its value."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"^{name}: ") as raised:
        create_llm_config_from_env()
    assert value not in str(raised.value)


def test_the_password_of_the_cache_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration's repr does not show LLM_CACHE_URL, which may contain a password."""
    monkeypatch.setenv("LLM_CACHE_URL", "rediss://:hunter2@cache.example.com/0")
    config = create_llm_config_from_env()
    assert "hunter2" in str(config.cache_url)
    assert "hunter2" not in repr(config)


async def test_many_ask_at_once(
    session: Session, asked: Asked, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Hundreds of calls that read and write at the same time leave one valid entry."""
    with caplog.at_level(logging.WARNING):
        assert 200 * ["Paris."] == await asyncio.gather(*(ask(session) for _ in range(200)))
    sent = len(asked.payloads)
    assert ("Paris.", sent, "") == (await ask(session), len(asked.payloads), caplog.text)
    assert directory == only_file(directory).parent


@pytest.mark.usefixtures("place")
def test_a_script_with_a_cache_just_ends(tmp_path: Path) -> None:
    """A script that uses the cache ends without a warning, with every warning an error."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("LLM_CACHE")}
    lines = f"""
import asyncio, stand_in
from modules.llm_services import LLMMessage, llm_services_provider

async def main():
    asyncio.get_running_loop().slow_callback_duration = 60
    llm = llm_services_provider()
    for _ in range(2):
        answer, _id = await llm.generate_response([LLMMessage(role="user", content="Hi")], model="{MODEL}")
    print(answer.cached)

with stand_in.running() as url:
    import os
    os.environ |= dict(OPENROUTER_BASE_URL=url, OPENROUTER_API_KEY="sk-or-ends", LLM_CACHE_ENABLED="true")
    asyncio.run(main())
"""
    environment = bare_environment(PYTHONPATH=str(ROOT / "backend"), **settings)
    done = run_python(["-c", lines], environment, tmp_path)
    assert (0, "True\n", "") == (done.returncode, done.stdout, done.stderr)


def test_what_is_kept_is_readable(directory: Path) -> None:
    """An entry is JSON, which any tool can read and which runs no code."""

    async def kept() -> Any:  # noqa: ANN401 - JSON
        store = cache.ResponseCache(str(directory))
        await store.put("a key", completion("Paris."))
        return await store.get("a key")

    assert completion("Paris.") == asyncio.run(kept())
    assert completion("Paris.") == json.loads(only_file(directory).read_bytes()[EXPIRY:])


async def test_a_process_may_change_its_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative directory is resolved in the current working directory, and created there."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        cache = ResponseCache(".cache")
        assert await cache.get("key") is None
        await cache.put("key", {"in": name})
        assert {"in": name} == await cache.get("key")
