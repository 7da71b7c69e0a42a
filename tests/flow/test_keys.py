"""A configured key is never shown, neither in an upstream's echo nor by an object that has it."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import re
import socket
import traceback
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest
from sqlalchemy import text

from flow.paid import completion
from modules.llm_services.config import LLMConfig, create_llm_config_from_env
from modules.llm_services.exceptions import LLMError
from modules.llm_services.flow import network
from modules.llm_services.flow.http import Endpoint, post, prepare
from modules.llm_services.providers.factory import create_llm_provider
from modules.llm_services.sanitize import encode_payload
from modules.llm_services.secret import MASK, Secret, mask, remember
from modules.llm_services.types import LLMProviderType
from modules.llm_services.wires.wire import Exchange
from support.attempts import KEY, MESSAGES, MODEL, provider
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

HEX: Final = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TOKEN: Final = "FwoGZXIvYXdzEBYaDH7+bN/qK3x=" * 12
GATEWAY: Final = "corp.gateway~77/Zx9+Q"
LETTERS: Final = "correct.horse~battery/staple+gate"
KEYS: Final = {"Azure's": HEX, "a session token": TOKEN, "a gateway's": GATEWAY, "one without digits": LETTERS}

ECHOES: Final[dict[str, Callable[[str], str]]] = {
    "whole": lambda key: key,
    "in a word": lambda key: f"<key={key}>",
    "in a URL": lambda key: quote(key, safe=""),
    "in a path": quote,
    "in a URL, with lower-case digits": lambda key: re.sub("%..", lambda byte: byte[0].lower(), quote(key, safe="")),
    "in a URL in a URL": lambda key: quote(quote(key, safe=""), safe=""),
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
    "in base64, behind a name": lambda key: base64.b64encode(f"me:{key}".encode()).decode(),
    "in base64 of a URL": lambda key: base64.urlsafe_b64encode(f"u:{key}".encode()).decode(),
    "its beginning": lambda key: key[: len(key) * 3 // 4],
    "its end": lambda key: key[-len(key) * 3 // 4 :],
    "both ends": lambda key: f"{key[:6]}...{key[-4:]}",
    "both ends of stars": lambda key: f"{key[:5]}**********{key[-4:]}",
    "both ends of an ellipsis": lambda key: f"{key[:6]}\u2026{key[-4:]}",
}


def leaks(shown: str, key: str) -> list[str]:
    """Return the parts of a key, eight characters long, that a text contains in any encoding."""
    forms = [key, quote(key, safe=""), *(base64.b64encode(b" " * n + key.encode()).decode()[4:-4] for n in range(3))]
    return [part for form in forms for i in range(len(form) - 7) if (part := form[i : i + 8]) in shown]


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("status", [401, 200])
async def test_a_key_that_comes_back_is_masked(
    session: Session, caplog: pytest.LogCaptureFixture, key: str, echo: Callable[[str], str], status: int
) -> None:
    """If an upstream quotes the key in an error or an answer, it is masked in the exception and in the row."""
    caplog.set_level(logging.DEBUG)
    said = f"no access with {echo(key)}, sorry"
    error = {"error": {"message": said, "code": status, "metadata": {"raw": said}}}
    body = completion(said, reasoning=said) if status == 200 else error
    async with serving(lambda visit: visit.answer(body, status)) as server:
        called = provider(session, server.base_url)
        called.config = LLMConfig(**{**called.config.model_dump(), "openrouter_api_key": key})
        with nullcontext() if status == 200 else pytest.raises(LLMError) as caught:
            await called.generate_response(MESSAGES, model=MODEL)
    shown = "".join(traceback.format_exception(caught.value)) if caught else MASK
    assert MASK in shown
    stored = " ".join(map(str, session.execute(text("SELECT * FROM llm_requests")).one()))
    assert MASK in stored
    assert "no access with" in stored
    assert [] == leaks(shown + stored + caplog.text, key)
    for quoted in (echo(key), json.dumps(echo(key))[1:-1]):
        assert quoted not in shown + stored + caplog.text


async def test_a_key_in_a_prompt_is_masked_in_the_row(session: Session) -> None:
    """A key in a prompt is sent, but masked in the row; the caller's answer is unchanged."""
    async with serving(lambda visit: visit.answer(completion(f"It is {KEY}."))) as server:
        messages = [{"role": "user", "content": f"My key is {KEY}."}]
        response, _id = await provider(session, server.base_url, retries=3).generate_response(messages, model=MODEL)  # type: ignore[arg-type]
    assert f"It is {KEY}." == response.content
    assert KEY in str(server.visits[0].payload)
    assert KEY not in str(session.execute(text("SELECT * FROM llm_requests")).all())


@pytest.mark.parametrize("placeholder", ["none", "EMPTY", "ollama", "lm-studio", "sk-x"])
def test_a_placeholder_is_not_masked(placeholder: str) -> None:
    """A placeholder for a key that is not needed may occur in any text."""
    remember(placeholder)
    assert f"this is {placeholder}" == mask(f"this is {placeholder}")


@pytest.mark.parametrize("prose", ["wait...then", "sk-or-v1-...", "a***b", "0f1e", "corp.gateway", "and so on…"])
def test_what_is_no_key_is_not_masked(prose: str) -> None:
    """The prefix that keys of a kind share, and dots in a sentence, are not masked."""
    for key in (*KEYS.values(), "sk-or-v1-" + "0a9b" * 16):
        remember(key)
    assert prose == mask(prose)


@pytest.fixture
def config() -> LLMConfig:
    """Return a configuration with every key set."""
    fields: dict[str, Any] = {name: f"{HEX}.{name}" for name in LLMConfig.model_fields if "key" in name}
    return LLMConfig(**fields, aws_session_token=TOKEN, cache_url="redis://:pass4711word@127.0.0.1/0")


def test_a_configuration_shows_no_key(config: LLMConfig) -> None:
    """Neither its repr, variables and dumps nor its pickle show a key; a configuration can be made from its dump."""
    dumps = [repr(config), str(vars(config)), str(config.model_dump()), config.model_dump_json(), str(dict(config))]
    dumps += [str(config.model_dump(mode="json")), pickle.dumps(config).decode("latin-1"), repr(copy.copy(config))]
    for shown in dumps:
        assert not any(secret in shown for secret in (HEX, TOKEN, "pass4711word"))
    assert config == LLMConfig(**config.model_dump()) == copy.deepcopy(config)
    assert pickle.loads(pickle.dumps(config)).openai_api_key is None  # noqa: S301 - our own


def test_a_key_is_a_string(config: LLMConfig) -> None:
    """Consumers can compare and send a key like any other string."""
    assert f"{HEX}.openai_api_key" == config.openai_api_key == f"{config.openai_api_key}"
    assert isinstance(config.openai_api_key, str)


def locals_of(error: BaseException) -> str:
    """Return a traceback as error trackers print it, with the local variables of each frame except this file's."""
    frame = error.__traceback__
    while frame and frame.tb_frame.f_code.co_filename == __file__:
        frame = frame.tb_next
    error.__traceback__ = frame
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True, compact=True).format())


@pytest.mark.parametrize("kind", list(LLMProviderType))
async def test_a_traceback_shows_no_key(session: Session, config: LLMConfig, kind: LLMProviderType) -> None:
    """The traceback of a refused connection, with local variables, shows no key."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        urls = {name: address for name in LLMConfig.model_fields if name.endswith(("_base_url", "_endpoint"))}
        settings = {**config.model_dump(), **urls, "cache_url": None, "provider": kind, "max_retries": 0}
        called = create_llm_provider(LLMConfig(**settings), session)
        with pytest.raises(LLMError, match="nothing was sent") as caught:
            await called.generate_response(MESSAGES)
    shown = locals_of(caught.value)
    assert HEX not in shown
    assert TOKEN not in shown


async def test_a_connection_that_breaks_shows_no_key(session: Session) -> None:
    """The traceback of a connection that breaks after sending, or of a cancelled call, shows no key."""
    async with serving(lambda _visit: None) as server:
        called = provider(session, server.base_url, retries=3)
        called.config = called.config.model_copy(update={"openrouter_api_key": remember(HEX)})
        with pytest.raises(LLMError, match="may have been billed") as caught:
            await called.generate_response(MESSAGES, model=MODEL)
    assert HEX not in locals_of(caught.value)


async def test_a_key_that_comes_back_is_not_in_a_traceback(session: Session) -> None:
    """The traceback of an error whose body quotes the key, with local variables, does not show it."""
    error = {"error": {"message": f"no {HEX}", "code": 401, "metadata": {"raw": HEX}}}
    async with serving(lambda visit: visit.answer(error, 401)) as server:
        called = provider(session, server.base_url)
        called.config = called.config.model_copy(update={"openrouter_api_key": remember(HEX)})
        with pytest.raises(LLMError, match="refused the API key") as caught:
            await called.generate_response(MESSAGES, model=MODEL)
    assert HEX not in locals_of(caught.value)


def test_a_refused_address_is_not_in_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback for an address with a password in it, with local variables, does not show the address."""
    monkeypatch.setenv("OPENROUTER_BASE_URL", f"https://me:{HEX}@openrouter.ai")
    with pytest.raises(ValueError, match="OPENROUTER_BASE_URL") as caught:
        create_llm_config_from_env()
    assert HEX not in locals_of(caught.value)


def test_a_malformed_variable_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback for a malformed variable, next to valid keys, shows no key."""
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.setenv(name, f"{HEX}.{name}")
    monkeypatch.setenv("TEMPERATURE", "abc")
    with pytest.raises(ValueError, match="TEMPERATURE") as caught:
        create_llm_config_from_env()
    shown = locals_of(caught.value)
    assert "texts = " in shown
    assert HEX not in shown


@pytest.mark.parametrize(
    "value", ["http://me:pass4711word@[proxy", "socks9://me:pass4711word@proxy", "http://me:pass4711word@a b"]
)
def test_a_proxy_that_is_none_shows_no_password(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The error for a malformed proxy address does not show its password."""
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(LLMError, match="HTTPS_PROXY") as caught:
        network.proxy_for("https://example.org")
    assert "pass4711word" not in locals_of(caught.value)


async def test_what_signs_logs_no_token(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    """The session token is masked in botocore's DEBUG log of what it signs, and is sent in full."""
    caplog.set_level(logging.DEBUG)
    keys = {"aws_access_key_id": "AKIA0123456789ABCDEF", "aws_secret_access_key": HEX, "aws_session_token": TOKEN}
    async with serving(lambda visit: visit.answer({}, 400)) as server:
        settings: dict[str, Any] = {**keys, "bedrock_base_url": server.base_url.removesuffix("/api/v1")}
        called = create_llm_provider(LLMConfig(provider=LLMProviderType.BEDROCK, **settings), session)
        with pytest.raises(LLMError):
            await called.generate_response(MESSAGES)
    assert "x-amz-security-token:" in caplog.text.lower()
    assert TOKEN in server.visits[0].head
    assert TOKEN not in caplog.text
    assert HEX not in caplog.text


async def test_headers_are_secrets_wherever_they_come_from() -> None:
    """A key in an endpoint's headers is masked even if no configuration has it, and is sent unchanged."""
    key = "of-nobody-0815-4711"

    def answer(visit: Visit) -> None:
        visit.answer({"echo": key})

    async with serving(answer) as server:
        endpoint = Endpoint(
            server.base_url, "/x", {"Authorization": f"Bearer {key}"}, sign=lambda *_: {"x-api-key": HEX}
        )
        await prepare(endpoint, 5)
        await post(endpoint, {}, encode_payload({}), 5, Exchange(), 1000)
    assert key not in repr(endpoint.headers)
    assert f"Bearer {key}" in server.visits[0].head
    assert f"say {MASK}" == mask(f"say {key}")
    assert isinstance(endpoint.headers["Authorization"], Secret)


@pytest.mark.parametrize("url", ["https://:PW@example.org/api", "https://me@example.org", "https://@example.org"])
def test_an_address_holds_no_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """A base URL with a user or a password is refused, and the error names the variable."""
    monkeypatch.setenv("OPENROUTER_BASE_URL", url)
    with pytest.raises(ValueError, match="OPENROUTER_BASE_URL"):
        create_llm_config_from_env()


@pytest.mark.parametrize("region", ["evil.com/x?", "us-west-2.evil", "EU-west-1", "us west", "a@b", "a#"])
def test_a_region_is_a_region(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    """AWS_REGION cannot change the host."""
    monkeypatch.setenv("AWS_REGION", region)
    with pytest.raises(ValueError, match="AWS_REGION: must be a region"):
        create_llm_config_from_env()
