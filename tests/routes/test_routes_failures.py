"""What the routes return if the provider, its configuration or the database fails."""

from __future__ import annotations

import math
import socket
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy.exc import OperationalError

from modules.llm_services.exceptions import LLMError
from modules.llm_services.routes import NOT_RECORDED, FailedCall
from modules.llm_services.types import LLMResponse
from routes.mounted import asked, post
from support.calls import hide_table, only_row, rows
from support.outages import outage

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

    from support.outages import Pauses

NOT_SENT = "nothing was sent: the database did not take the row of this call"
UNREADABLE = {"detail": "the database is not available: try again later"}
READS = ("/requests?user_id=1", f"/requests/{uuid4()}")


@pytest.mark.parametrize(
    ("scenario", "error", "status", "wait"),
    [
        ("rate-limited", "LLMRateLimitError", 429, "1"),
        ("overloaded", "LLMProviderError", 503, "1"),
        ("server-error", "LLMProviderError", 500, None),
        ("no-credits", "LLMProviderError", 402, None),
        ("gateway-timeout", "LLMTimeoutError", 504, None),
        ("error-in-200", "LLMProviderError", 502, None),
        ("html", "LLMError", 200, None),
        ("nobody-knows-this", "LLMValidationError", 400, None),
    ],
)
def test_a_call_that_failed_is_a_502_that_says_why(
    database: Engine, client: httpx.Client, scenario: str, error: str, status: int, wait: str | None
) -> None:
    """A failed call is a 502 with the error's class, message and facts, its row, and a Retry-After if known."""
    answer = client.post("/responses", json=asked(f"openrouter/stand-in/{scenario}"))
    told, row = answer.json(), only_row(database)
    assert (502, error, status, wait) == (
        answer.status_code,
        told["error"],
        told["status_code"],
        answer.headers.get("Retry-After"),
    )
    assert (str(row.id), row.error_message, row.error_type) == (told["request_id"], told["detail"], error)
    assert wait == (None if told["retry_after"] is None else str(math.ceil(told["retry_after"])))
    assert ("failed", "openrouter", None) == (row.status, told["provider"], told["response"])


def test_a_provider_that_says_nothing_is_a_timeout(
    database: Engine, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that is silent for REQUEST_TIMEOUT is an LLMTimeoutError, and its row has failed."""
    monkeypatch.setenv("REQUEST_TIMEOUT", "0.2")
    answer = client.post("/responses", json=asked("openrouter/stand-in/silence"))
    assert (502, "LLMTimeoutError") == (answer.status_code, answer.json()["error"])
    assert ("failed", answer.json()["request_id"]) == (only_row(database).status, str(only_row(database).id))


def test_a_provider_that_refuses_the_connection(
    database: Engine, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nothing listens, the error is a retryable LLMError, and its row has failed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused, and no other process can bind it
        monkeypatch.setenv("OPENROUTER_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/api/v1")
        answer = client.post("/responses", json=asked())
    assert (502, "LLMError", True) == (answer.status_code, answer.json()["error"], answer.json()["retryable"])
    assert "nothing was sent" in answer.json()["detail"]
    assert "failed" == only_row(database).status


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("OPENROUTER_API_KEY", "", "OPENROUTER_API_KEY"),
        ("TEMPERATURE", "hot", "TEMPERATURE"),
        ("LLM_PROVIDER", "nobody", "LLM_PROVIDER"),
    ],
)
def test_what_the_deployment_has_not_set_is_a_503(
    database: Engine, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    """A provider without a key, or a malformed setting, is a 503 that names the variable; reads still work."""
    monkeypatch.setenv(variable, value)
    answer = client.post("/responses", json=asked())
    assert 503 == answer.status_code
    assert named in answer.json()["detail"]
    assert ([], []) == (rows(database), client.get(READS[0]).json())


@pytest.mark.parametrize("database_url", ["postgresql://me:pass@word:word@host/db", "nonsense"])
def test_a_database_that_has_no_address_is_a_503(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    """An invalid DATABASE_URL is a 503 on every route, without showing it."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    answers = [client.post("/responses", json=asked()), *map(client.get, READS)]
    told = {"detail": "the database is not configured: check DATABASE_URL"}
    assert [(503, told)] * 3 == [(answer.status_code, answer.json()) for answer in answers]


@pytest.mark.parametrize(
    "database_url", ["postgresql+psycopg://me:hidden-word@127.0.0.1:1/db", "sqlite:////no/such/folder/hidden-word.db"]
)
def test_a_database_that_was_never_there(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    """Without a database, nothing is sent; a call is a 502, a read a 503, and neither shows its address."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    call, *reads = client.post("/responses", json=asked()), *map(client.get, READS)
    assert (502, "LLMError", NOT_SENT) == (call.status_code, call.json()["error"], call.json()["detail"])
    assert [(503, UNREADABLE)] * 2 == [(read.status_code, read.json()) for read in reads]


def test_a_database_that_is_down_and_comes_back(
    postgres_engine: Engine, client: httpx.Client, monkeypatch: pytest.MonkeyPatch, pauses: Pauses
) -> None:
    """While PostgreSQL is down, calls are 502 and not sent, reads 503; when it is back, both work again."""
    monkeypatch.setenv("DATABASE_URL", postgres_engine.url.render_as_string(hide_password=False))
    assert 200 == client.post("/responses", json=asked(user_id=1)).status_code
    with outage(postgres_engine.url) as down:
        down.begin()
        call, *reads = client.post("/responses", json=asked()), *map(client.get, READS)
    assert (502, NOT_SENT, None) == (call.status_code, call.json()["detail"], call.json()["request_id"])
    assert [(503, UNREADABLE)] * 2 == [(read.status_code, read.json()) for read in reads]
    assert [0.2, 1.0, 2.0] == pauses.lengths
    assert 200 == client.post("/responses", json=asked(user_id=1)).status_code
    assert 2 == len(client.get(READS[0]).json())


def test_a_table_that_is_missing(database: Engine, client: httpx.Client) -> None:
    """Without its table, a call is a 502 and a read a 503, with the same messages as without a database."""
    assert 200 == client.post("/responses", json=asked()).status_code
    hide_table(database)
    call, *reads = client.post("/responses", json=asked()), *map(client.get, READS)
    assert (502, NOT_SENT) == (call.status_code, call.json()["detail"])
    assert [(503, UNREADABLE)] * 2 == [(read.status_code, read.json()) for read in reads]


def test_a_paid_answer_that_was_not_recorded_is_handed_over() -> None:
    """If the database fails after the answer, the error has the answer, without the database's message."""
    response = LLMResponse(content="Paris", provider="openrouter", model="openrouter/a/b")
    error = LLMError("the answer came: connection to host 10.0.0.1 failed", response=response)
    error.__cause__ = OperationalError("INSERT", {}, ConnectionError("10.0.0.1"))
    told = FailedCall.of(error)
    assert (NOT_RECORDED, response) == (told.detail, told.response)


DEEP_CONTENT = b'{"messages": [{"role": "user", "content": [' + b'{"a":[' * 400 + b"0" + b"]}" * 400 + b"]}]}"
DEEP_OPTION = b'{"messages": [{"role": "user", "content": "x"}], "provider_kwargs": {"a": %s}}'


@pytest.mark.parametrize(
    ("nonsense", "status"),
    [
        (b"", 422),
        (b"not json", 422),
        (b'{"messages": [', 422),
        (b"null", 422),
        (b"[]", 422),
        (b"\xff\xfe\x00", 400),
        (b"[" * 1_000_000, 400),
        (b'{"messages": "' + b"x" * 5_000_000 + b'"}', 422),
        (b'{"messages": [' + b"0," * 500_000 + b"0]}", 422),
        (DEEP_CONTENT, 400),
        (DEEP_OPTION % (b"[" * 900 + b"]" * 900), 400),
    ],
    ids=["nothing", "words", "cut", "null", "list", "bytes", "deep", "long", "many", "deep-content", "deep-options"],
)
def test_nonsense_is_refused(client: httpx.Client, nonsense: bytes, status: int) -> None:
    """An invalid body of any size or depth is refused with a short message, and the next request works."""
    answer = post(client, nonsense)
    assert status == answer.status_code
    assert answer.json()["detail"]
    assert 3_000 > len(answer.content)
    assert 200 == client.post("/responses", json=asked()).status_code


def test_a_list_of_nonsense_is_not_read_to_its_end(client: httpx.Client) -> None:
    """Only the first invalid message is reported, and later ones are not validated."""
    told = client.post("/responses", json=asked(messages=[0] * 100)).json()["detail"]
    assert [["body", "messages", 0]] == [problem["loc"] for problem in told]
