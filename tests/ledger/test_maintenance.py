"""Looking up unknown costs: OpenRouter's generation statistics, as the stand-in has them, and reconcile_costs.py."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from modules.llm_services import LLMError
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole
from modules.llm_services.wires.wire import Exchange
from support.calls import rows
from support.databases import apart
from support.processes import run_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

    from stand_in.pytest_plugin import LLMStandIn

BACKEND = Path(__file__).resolve().parents[2] / "backend"
KEY = "sk-or-v1-maintenance"
UNKNOWN = "gen-1700000000-nobodyknowsthisone00"
COLUMNS = [column.name for column in LLMRequestModel.__table__.columns]


@pytest.fixture(scope="module")
def books(base_url: str) -> Iterator[httpx.Client]:
    """Connect to the statistics of the stand-in with a valid key."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=base_url, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture(autouse=True)
def _stand_in(llm_stand_in: LLMStandIn) -> None:
    """Call only the stand-in, with one attempt per call."""
    llm_stand_in.monkeypatch.setenv("MAX_RETRIES", "0")


async def asked(engine: Engine, scenario: str) -> None:
    """Call a scenario of the stand-in, and ignore an LLMError."""
    message = LLMMessage(role=MessageRole.USER, content="What is the capital of France?")
    with Session(engine) as session:
        try:
            await llm_services_provider(session).generate_response([message], model=f"openrouter/stand-in/{scenario}")
        except LLMError as error:
            assert error.request_id  # noqa: PT017 - either end is a good one


async def cancelled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start a call that is never answered, and cancel it when its headers have arrived."""
    arrived, note = asyncio.Event(), Exchange.note

    def noted(exchange: Exchange, status_code: int, headers: object) -> None:
        note(exchange, status_code, headers)
        arrived.set()

    with monkeypatch.context() as patch:
        patch.setattr(Exchange, "note", noted)
        call = asyncio.ensure_future(asked(engine, "slow"))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


def columns(found: Sequence[LLMRequestModel], *but: str) -> list[dict[str, Any]]:
    """Return the rows without some of their columns."""
    return [{name: getattr(row, name) for name in COLUMNS if name not in but} for row in found]


def booked(books: httpx.Client, row: LLMRequestModel) -> dict[str, Any]:
    """Return the statistics of a row's generation, which are available after this call."""
    for _ in range(2):
        response = books.get("/generation", params={"id": row.provider_response_id})
    data: dict[str, Any] = response.json()["data"]
    return data


def change(engine: Engine, row: LLMRequestModel, **values: object) -> None:
    """Change a row directly."""
    with apart(engine.url) as connection:
        connection.execute(update(LLMRequestModel).where(LLMRequestModel.id == row.id).values(**values))


def reconcile(engine: Engine, folder: Path, *arguments: str, key: str = KEY) -> tuple[int, list[str], str]:
    """Run reconcile_costs.py as a process, with warnings as errors; return its exit code, lines and errors."""
    url = engine.url.render_as_string(hide_password=False)
    environment = os.environ | {"PYTHONPATH": str(BACKEND), "DATABASE_URL": url, "OPENROUTER_API_KEY": key}
    done = run_python([str(BACKEND / "scripts/reconcile_costs.py"), *arguments], environment, folder)
    assert not key or key not in done.stdout + done.stderr
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_a_generation_is_in_the_books_a_little_later(books: httpx.Client) -> None:
    """The first request for a generation is a 404; the next returns what its usage says."""
    body = {"model": "stand-in/byok", "messages": [{"role": "user", "content": "Hello"}]}
    answer = books.post("/chat/completions", json=body).json()
    first, second = (books.get("/generation", params={"id": answer["id"]}) for _ in range(2))
    assert (404, 404) == (first.status_code, first.json()["error"]["code"])
    data, usage = second.json()["data"], answer["usage"]
    assert {
        "id": answer["id"],
        "model": answer["model"],
        "is_byok": True,
        "total_cost": usage["cost"],
        "upstream_inference_cost": usage["cost_details"]["upstream_inference_cost"],
        "native_tokens_prompt": usage["prompt_tokens"],
        "native_tokens_completion": usage["completion_tokens"],
    }.items() <= data.items()


@pytest.mark.parametrize(
    ("query", "key", "status"),
    [(f"?id={UNKNOWN}", KEY, 404), ("", KEY, 404), ("", "sk-or-invalid", 401), ("", "", 401)],
)
def test_the_books_say_no(books: httpx.Client, query: str, key: str, status: int) -> None:
    """An unknown generation is always a 404, and without a valid key every request is a 401."""
    for _ in range(2):
        response = books.get(f"/generation{query}", headers={"Authorization": f"Bearer {key}".strip()})
        assert status == response.status_code == response.json()["error"]["code"]


async def test_what_broke_off_is_settled(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, books: httpx.Client
) -> None:
    """Calls that broke off after the headers, and one without a cost, get the reported cost; nothing else changes.

    The first of them is not found at first, and is requested again.
    """
    monkeypatch.setenv("REQUEST_TIMEOUT", "2")
    await asked(engine, "slow")
    monkeypatch.delenv("REQUEST_TIMEOUT")
    await cancelled(engine, monkeypatch)
    for scenario in ("half-body", "cut-json", "whitespace", "no-cost", "byok"):
        await asked(engine, scenario)
    before = rows(engine)
    assert [None] * 5 + [0.0] == [row.cost_estimate for row in before[:-1]]
    ends = ["LLMTimeoutError", "CancelledError", "LLMError", "LLMError", "LLMError", None, None]
    assert ends == [row.error_type for row in before]
    known = [booked(books, row) for row in before[1:-1]]
    code, lines, errors = reconcile(engine, tmp_path)
    known = [booked(books, before[0]), *known]
    found = sum(each["total_cost"] for each in known)
    assert (0, [f"6 of 6 settled, {found:.8f} USD found"], "") == (code, lines, errors)
    after = rows(engine)
    for old, row, entry in zip(before, after, known, strict=False):
        assert_reconciled(old, row, entry)
    assert columns(before[-1:]) == columns(after[-1:])


def assert_reconciled(old: LLMRequestModel, row: LLMRequestModel, entry: dict[str, Any]) -> None:
    """Check that a row has the reported values and the time of the report, and is otherwise unchanged."""
    assert 0 < entry["total_cost"] == row.cost_estimate
    tokens = entry["native_tokens_prompt"], entry["native_tokens_completion"]
    assert (*tokens, sum(tokens)) == (row.input_tokens, row.output_tokens, row.tokens_used)
    raw = dict(row.response_raw or {})
    assert old.updated_at.replace(microsecond=0) <= row.updated_at  # SQLite's clock shows whole seconds
    assert timedelta(minutes=2) > datetime.now(UTC) - datetime.fromisoformat(raw.pop("reconciled_at"))
    assert {**(old.response_raw or {}), "cost_source": "reconciled"} == raw
    said = {"cost_estimate", "input_tokens", "output_tokens", "tokens_used", "response_raw", "updated_at"}
    assert columns([old], *said) == columns([row], *said)


async def test_what_the_books_do_not_know_is_told(sqlite_engine: Engine, tmp_path: Path, books: httpx.Client) -> None:
    """A row with an unknown generation is named and unchanged, the others are settled, the exit code is 1."""
    await asked(sqlite_engine, "no-cost")
    await asked(sqlite_engine, "no-cost")
    unknown, known = rows(sqlite_engine)
    change(sqlite_engine, unknown, provider_response_id=UNKNOWN)
    before, cost = rows(sqlite_engine), booked(books, known)["total_cost"]
    code, lines, errors = reconcile(sqlite_engine, tmp_path)
    assert (1, "") == (code, errors)
    assert [
        f"{unknown.id} {UNKNOWN} not settled: OpenRouter answered 404: Generation not found",
        f"1 of 2 settled, {cost:.8f} USD found",
    ] == lines
    after = rows(sqlite_engine)
    assert columns(before[:1]) == columns(after[:1])
    assert cost == after[1].cost_estimate


async def test_a_key_that_is_refused_settles_nothing(sqlite_engine: Engine, tmp_path: Path) -> None:
    """With an invalid key, the reason is OpenRouter's 401, no row changes, and the exit code is 1."""
    await asked(sqlite_engine, "no-cost")
    before = rows(sqlite_engine)
    code, lines, errors = reconcile(sqlite_engine, tmp_path, key="sk-or-v1-invalid")
    assert (1, "") == (code, errors)
    (row,) = before
    reason = "not settled: OpenRouter answered 401: User not found."
    assert [f"{row.id} {row.provider_response_id} {reason}", "0 of 1 settled, 0.00000000 USD found"] == lines
    assert columns(before) == columns(rows(sqlite_engine))


async def test_an_audit_reports_and_changes_nothing(engine: Engine, tmp_path: Path, books: httpx.Client) -> None:
    """The audit reports a changed cost, and an unknown generation; the exit code is 1 until all agree."""
    for scenario in ("byok", "completion", "completion"):
        await asked(engine, scenario)
    _right, wrong, too_new = rows(engine)
    cost = [booked(books, row) for row in (_right, wrong)][1]["total_cost"]
    change(engine, wrong, cost_estimate=0.5)
    before = rows(engine)
    lines = [
        f"{wrong.id} {wrong.provider_response_id} recorded 0.50000000 USD, booked {cost:.8f} USD",
        f"{too_new.id} {too_new.provider_response_id} not audited: OpenRouter answered 404: Generation not found",
        "2 of 3 audited, 1 differ",
    ]
    assert (1, lines, "") == reconcile(engine, tmp_path, "--audit")
    assert columns(before) == columns(rows(engine))
    change(engine, wrong, cost_estimate=cost)
    assert (0, ["3 of 3 audited, 0 differ"], "") == reconcile(engine, tmp_path, "--audit")


def test_without_a_key_nobody_is_asked(sqlite_engine: Engine, tmp_path: Path) -> None:
    """Without a key, the exit code is 2, and one sentence names the variable."""
    code, lines, errors = reconcile(sqlite_engine, tmp_path, key="")
    assert (2, [], 1) == (code, lines, len(errors.splitlines()))
    assert errors.startswith("reconcile_costs.py: OPENROUTER_API_KEY is not set")
