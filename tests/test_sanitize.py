"""The key appears nowhere except in the header that authenticates the request."""

from __future__ import annotations

import json
import logging
import traceback
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.sanitize import encode_redacted_json, redact, without_account
from modules.llm_services.secret import MASK, mask, mask_all, remember
from modules.llm_services.types import MessageRole
from modules.shared_models import Base
from support.server import Visit, serving

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = (
    "sk-or-v1-0123456789abcdef",
    "sk-ant-api03-abcdefgh",
    "sk-proj-abcdefgh",
    "AIzaSyA1234567890abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "Bearer abcdefgh12345678",
    "user_2abcdefghijklmnop1",
    "org-a1b2c3d4e5f6g7",
)
KEY = "sk-or-v1-this-is-the-secret-0123456789"
MESSAGES = [LLMMessage(role=MessageRole.USER, content="hi")]


@pytest.mark.parametrize("status", [200, 401, 500])
async def test_the_key_is_in_no_log_no_error_and_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Even if a server echoes the key, it is in no DEBUG log, exception, repr or row."""
    caplog.set_level(logging.DEBUG)
    engine = create_engine(f"sqlite:///{tmp_path}/rows.db", echo="debug")
    Base.metadata.create_all(engine)

    def echo(visit: Visit) -> None:
        assert f"Bearer {KEY}" in visit.head
        visit.answer({"error": {"message": f"bad key {KEY}", "code": status, "metadata": {"raw": KEY}}}, status)

    async with serving(echo) as server:
        monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        monkeypatch.setenv("MAX_RETRIES", "0")
        with Session(engine) as session:
            llm = llm_services_provider(session)
            with pytest.raises(LLMError) as caught:
                await llm.generate_response(MESSAGES, model="openrouter/author/model", api_key=KEY)
            (row,) = session.scalars(select(LLMRequestModel))
            columns = {column.name: getattr(row, column.name) for column in LLMRequestModel.__table__.columns}
    engine.dispose()
    error = caught.value
    shown = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error)), repr(llm)]
    assert "failed" == columns["status"]
    assert KEY not in json.dumps(columns, default=str)
    assert KEY not in "".join(shown)
    assert KEY not in caplog.text
    assert KEY.encode() not in (tmp_path / "rows.db").read_bytes()


@pytest.mark.parametrize("secret", SECRETS)
def test_keys_and_account_ids_are_masked(secret: str) -> None:
    """Keys of every vendor and account ids are masked in any string, at any depth."""
    assert {"error": [f"({MASK}) seen"]} == redact({"error": [f"({secret}) seen"]})


@pytest.mark.parametrize("before", ["", "\n", "\t", '"', "\\", "\u2028", "ä ", "/"])
@pytest.mark.parametrize("secret", SECRETS)
def test_what_is_encoded_is_masked_before(secret: str, before: str) -> None:
    """A secret in encoded JSON is recognised, however the character before it is escaped."""
    said = {"error": [{"message": f"{before}{secret.replace(' ', before or ' ')}"}]}
    encoded = encode_redacted_json(said)
    assert encoded
    assert redact(said) == json.loads(encoded)


def test_texts_are_masked_together_as_they_are_one_by_one() -> None:
    """A key in one of several texts is masked in that text, even at its end, and in no other."""
    key = remember("7Hk2Lm9Xw4Tb1VrZq8Ny")
    texts = {"a": f"begins {key}", "b": key[len(key) // 2 :], "c": f"{key[:8]}...", "d": key[-6:], "e": ""}
    assert {name: mask(text) for name, text in texts.items()} == mask_all(texts)
    assert f"begins {MASK}" == mask_all(texts)["a"]


@pytest.mark.parametrize(
    "words",
    ["task-oriented", "a user-friendly key-value store", "gen-1784218677-naXC565Rfw", "org_internationalization"],
)
def test_plain_words_are_not_masked(words: str) -> None:
    """Text that is not secret stays, including the generation ids by which rows are found."""
    assert words == redact(words)


def test_a_models_own_words_are_not_masked() -> None:
    """A model's answer is kept unchanged, even if it looks like a key; the account id beside it is masked."""
    said = {"content": "export KEY=sk-example-1234567890", "user_id": 7}
    body = {
        "choices": [{"message": said}],
        "content": [{"input": said}],
        "parts": [{"args": said}],
        "user_id": "user_x",
    }
    assert body | {"user_id": MASK} == redact(without_account(body))


def test_an_account_is_masked_by_its_place() -> None:
    """An account id beside or inside an error is masked; a field of that name elsewhere is data."""
    data = {"properties": {"user_id": {"type": "integer"}, "organization": {"type": "string"}}}
    error = {"message": "no", "metadata": {"organization": "acme", "org_id": "o-1"}}
    body = {"error": error, "user_id": "u", "echo": data}
    masked = {"message": "no", "metadata": {"organization": MASK, "org_id": MASK}}
    assert {"error": masked, "user_id": MASK, "echo": data} == redact(without_account(body))
    assert data == redact(data)


def test_a_schema_in_an_error_is_kept() -> None:
    """An error may quote the schema of the request, which may have a property that is named like an account id."""
    schema = {"properties": {"user_id": {"type": "integer"}, "organization": {"type": "string"}}}
    body = {"error": {"message": "invalid schema", "metadata": {"schema": schema, "user_id": 7}}, "user_id": 7}
    masked = {"message": "invalid schema", "metadata": {"schema": schema, "user_id": MASK}}
    assert {"error": masked, "user_id": MASK} == redact(without_account(body))
