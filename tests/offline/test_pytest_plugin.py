"""The fixtures of the pytest plugin: which server tests call, with which keys, and what they can inspect."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from modules.infrastructure.public import Infrastructure
from modules.llm_services import LLMError, LLMMessage, llm_services_provider
from modules.llm_services.config import VARIABLE_NAMES, create_llm_config_from_env
from modules.llm_services.types import LLMProviderType
from stand_in import journal
from stand_in.exchange import Received, Response

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from stand_in.pytest_plugin import LLMStandIn

REAL = "https://real.example/a-real-key"
SECRETS = [name for name in VARIABLE_NAMES if name.endswith(("_KEY", "_TOKEN", "_URL", "_ENDPOINT", "_RUNTIME"))]
# These are not addresses: one names the application, one is the key of the hashes in the test's own rows.
HARMLESS = {"OPENROUTER_APP_URL", "LLM_STORE_HASH_KEY"}


async def asked(session: Session, scenario: str) -> None:
    """Call a scenario of OpenRouter, and ignore an LLMError."""
    messages = [LLMMessage(role="user", content=f"{scenario}, of a test of the plugin")]
    try:
        await llm_services_provider(session).generate_response(messages, model=f"openrouter/stand-in/{scenario}")
    except LLMError as error:
        assert error.request_id  # noqa: PT017 - either end is a good one


@pytest.mark.parametrize("where", ["environment", "file"])
def test_no_key_of_ones_own_and_no_other_address_is_left(
    where: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Keys and addresses from the environment, or from an application's .env, are overridden in the test."""
    monkeypatch.chdir(tmp_path)
    for name in SECRETS:
        if where == "environment":
            monkeypatch.setenv(name, REAL)
        else:
            monkeypatch.setenv(name, "")  # so that the variables of the file are removed after the test
            monkeypatch.delenv(name)
    if where == "file":
        (tmp_path / ".env").write_text("".join(f"{name}={REAL}\n" for name in SECRETS))
    request.getfixturevalue("llm_stand_in")
    Infrastructure().initialize()
    config = create_llm_config_from_env().model_dump()
    assert {"openrouter_app_url", "store_hash_key"} == {field for field, value in config.items() if value == REAL}
    assert {name for name in SECRETS if os.environ.get(name) == REAL} == HARMLESS


def test_every_provider_is_configured_and_at_the_stand_in(llm_stand_in: LLMStandIn) -> None:
    """Every provider has a key and an address at the stand-in, and OpenRouter is the default."""
    config = create_llm_config_from_env()
    assert [] == [provider for provider in LLMProviderType if not config.is_configured(provider)]
    addresses = {
        field: value for field, value in config.model_dump().items() if field.endswith(("base_url", "endpoint"))
    }
    root = llm_stand_in.url.removesuffix("/api/v1")
    assert [] == [field for field, value in addresses.items() if not value.startswith(root)]
    assert LLMProviderType.OPENROUTER == config.provider


def test_the_choice_of_the_application_stays(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default provider from the environment is also the default in the test."""
    monkeypatch.setenv("LLM_PROVIDER", "gemini")
    request.getfixturevalue("llm_stand_in")
    assert LLMProviderType.GEMINI == create_llm_config_from_env().provider


async def test_a_test_sees_what_it_asked(llm_stand_in: LLMStandIn, session: Session) -> None:
    """Each attempt is a request with its JSON, the scenario that answered and the status, or None if none was sent."""
    assert [] == llm_stand_in.requests
    await asked(session, "reset")
    await asked(session, "flaky")
    seen = llm_stand_in.requests
    assert [("reset", None), ("flaky", 503), ("completion", 200)] == [(each.scenario, each.status) for each in seen]
    assert ["stand-in/reset", "stand-in/flaky", "stand-in/flaky"] == [each.body["model"] for each in seen]
    assert {"/api/v1/chat/completions"} == {each.path for each in seen}


async def test_what_is_seen_holds_no_key(llm_stand_in: LLMStandIn, session: Session) -> None:
    """The request's key is nowhere in what the test can inspect."""
    llm_stand_in.monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-not-to-be-seen")
    await asked(session, "completion")
    assert 1 == len(llm_stand_in.requests)
    assert "not-to-be-seen" not in str(llm_stand_in.server.journal(after=0))


async def test_another_providers_scene(llm_stand_in: LLMStandIn, session: Session) -> None:
    """`scene` selects the scenario of one provider, and of no other."""
    llm_stand_in.scene("gemini", "bad-request")
    for model in ("gemini-2.5-flash", "claude-haiku-4-5"):
        try:
            await llm_services_provider(session).generate_response([LLMMessage(role="user", content="x")], model=model)
        except LLMError as error:
            assert model == error.model  # noqa: PT017 - the next one succeeds
    assert ["bad-request", "answer"] == [each.scenario for each in llm_stand_in.requests]


@pytest.mark.parametrize(("wire", "scene"), [("gemini", "no-such"), ("openrouter", "rate-limited")])
def test_a_scene_that_there_is_not_is_an_error(llm_stand_in: LLMStandIn, wire: str, scene: str) -> None:
    """An unknown wire or scenario raises a ValueError that names the known ones."""
    with pytest.raises(ValueError, match=r"'(no-such|openrouter)' is none of \w+"):
        llm_stand_in.scene(wire, scene)


@pytest.mark.parametrize("body", ["[" * 5000 + "]" * 5000, "no JSON", "\udcff"], ids=["deep", "words", "bytes"])
def test_whatever_is_sent_can_be_seen(llm_stand_in: LLMStandIn, body: str) -> None:
    """A body that is not JSON, not text, or endlessly nested breaks neither the journal nor later tests."""
    sent = body.encode("utf-8", "surrogateescape")
    address = f"{llm_stand_in.url}/chat/completions"
    httpx.post(address, content=sent, headers={"Authorization": "Bearer sk-or-v1-odd"}, trust_env=False)
    assert [sent.decode("utf-8", "replace")] == [each.text for each in llm_stand_in.requests]


def test_what_is_forgotten_is_told(llm_stand_in: LLMStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a test has sent more requests than the stand-in stores, it gets an error instead of some of them."""
    read = llm_stand_in.server.journal(after=0) | {"forgotten": llm_stand_in.before + 1}
    monkeypatch.setattr(type(llm_stand_in.server), "journal", lambda *_: read)
    with pytest.raises(RuntimeError, match="does not remember"):
        _ = llm_stand_in.requests


def test_the_oldest_are_forgotten_first() -> None:
    """A journal stores a limited number of bytes, but always the newest request, and keeps counting."""
    kept = journal.Journal()
    for size in (journal.BYTES_KEPT, 1, journal.BYTES_KEPT, journal.BYTES_KEPT + 1):
        kept.note(Received("POST", "/x", {}, bytes(size)), Response(200, [], b""))
    assert (4, 1) == (kept.count, len(kept.entries))
    body = httpx.Response(200, content=kept.read("after=x").body).json()
    assert (4, 3, 1) == (body["count"], body["forgotten"], len(body["requests"]))


def test_the_plugin_costs_nothing_until_it_is_used() -> None:
    """Loading the plugin imports only two small files."""
    code = "import pytest, sys; was = set(sys.modules); import stand_in.pytest_plugin; print(*set(sys.modules) - was)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"stand_in", "stand_in.pytest_plugin"} == set(found.stdout.split())
