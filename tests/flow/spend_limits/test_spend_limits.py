"""Once a limit is reached, calls are refused, and nothing is sent."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from flow.spend_limits.conftest import NOON, PRICED, write
from modules.llm_services import LLMError, LLMRateLimitError
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.pricing import price_of_tokens
from modules.llm_services.types import LLMProviderType
from modules.shared_models import Base
from support.calls import Held, ask, hide_table, rows

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from flow.conftest import OpenRouter
    from flow.spend_limits.conftest import Clock
    from support.server import Visit

DAY, MONTH, USER = "LLM_LIMIT_USD_DAY", "LLM_LIMIT_USD_MONTH", "LLM_LIMIT_USD_DAY_PER_USER"
HALF_A_DAY = 12 * 3600
LONG_QUESTION = "How? " * 4_000
QUESTION = [{"role": "user", "content": LONG_QUESTION}]


@pytest.fixture
def limited(openrouter: OpenRouter, engine: Engine, variable: str, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Set the test's `variable` to half a dollar."""
    assert 0 == openrouter.requests  # it clears the environment first
    monkeypatch.setenv(variable, "0.5")
    return engine


async def refusal(session: Session, **arguments: object) -> LLMRateLimitError:
    """Return the error of a call that a limit refuses."""
    with pytest.raises(LLMRateLimitError) as refused:
        await ask(session, **arguments)  # type: ignore[arg-type]  # options of any kind
    return refused.value


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("variable", "spender", "seconds"),
    [
        (DAY, "everybody", HALF_A_DAY),
        (MONTH, "everybody", HALF_A_DAY + 4 * 86_400),
        (USER, "user 7", HALF_A_DAY),
    ],
)
async def test_the_call_after_the_limit_is_refused(
    limited: Engine, openrouter: OpenRouter, variable: str, spender: str, seconds: float
) -> None:
    """Two calls reach the limit; the error of the third names the limit, the amount, the user and the wait."""
    with Session(limited) as session:
        for _ in range(2):
            await ask(session, user_id=7)
        error = await refusal(session, user_id=7)
    assert f"{variable} is reached: 0.5 USD of 0.5 were spent by {spender} since" in error.message
    assert (variable, seconds) == (error.error_code, error.retry_after)
    assert (error.request_id, error.retryable) == (None, False)
    assert (2, 2) == (openrouter.requests, len(rows(limited)))


@pytest.mark.usefixtures("clock")
async def test_a_users_limit_is_that_users_alone(
    engine: Engine, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When one user has reached the limit per user, other users and calls without a user go on."""
    monkeypatch.setenv(USER, "1")
    write(engine, user_id=1)
    with Session(engine) as session:
        await refusal(session, user_id=1)
        await ask(session, user_id=2)
        await ask(session)
    assert 2 == openrouter.requests


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("variable", "before", "is_counted"),
    [
        (DAY, timedelta(hours=12), True),
        (DAY, timedelta(hours=12, seconds=1), False),
        (MONTH, timedelta(days=25, hours=12), True),
        (MONTH, timedelta(days=25, hours=12, seconds=1), False),
        (USER, timedelta(hours=12), True),
        (USER, timedelta(hours=12, seconds=1), False),
    ],
)
async def test_a_limit_counts_the_rows_of_its_period(
    engine: Engine,
    openrouter: OpenRouter,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    before: timedelta,
    is_counted: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Days and months begin at midnight UTC; earlier costs do not count."""
    monkeypatch.setenv(variable, "1")
    write(engine, user_id=1, created_at=NOON - before)
    with Session(engine) as session:
        if is_counted:
            await refusal(session, user_id=1)
        else:
            await ask(session, user_id=1)
    assert (0 if is_counted else 1) == openrouter.requests


async def test_calls_go_on_when_the_limit_begins_anew(
    engine: Engine, openrouter: OpenRouter, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `retry_after` seconds, a new day begins with nothing spent."""
    monkeypatch.setenv(DAY, "1")
    write(engine)
    with Session(engine) as session:
        error = await refusal(session)
        clock.go_on(seconds=(error.retry_after or 0) - 1)
        await refusal(session)
        clock.go_on(seconds=1)
        await ask(session)
    assert 1 == openrouter.requests


def price(characters: int, answer_tokens: int | None = None) -> float:
    """Return the list price of a prompt with this many characters, and of an answer of the same length or shorter."""
    prompt = characters // 4
    usd = price_of_tokens(
        prompt, prompt if answer_tokens is None else answer_tokens, LLMProviderType.OPENROUTER, PRICED
    )
    assert usd
    return usd


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "columns",
    [
        {"status": "pending"},
        {"status": "failed", "error_type": "CancelledError", "response_raw": {"body": None}},
        {"status": "failed", "error_type": "abandoned"},
        {"status": "failed", "error_type": "LLMTimeoutError", "response_raw": {"status_code": 524, "retryable": True}},
        {"status": "failed", "error_type": "LLMTimeoutError", "response_raw": {"body": None, "retryable": False}},
        {"status": "failed", "error_type": "LLMValidationError", "response_raw": {"status_code": 200}},
        {"status": "pending", "messages": [], "additional_params": {"messages_characters": len(LONG_QUESTION)}},
        {"status": "pending", "additional_params": {"messages_characters": "many"}},
    ],
    ids=["pending", "cancelled", "abandoned", "server's timeout", "timeout", "unusable", "figures only", "odd"],
)
@pytest.mark.parametrize("cap", [None, 10])
async def test_an_unknown_cost_counts_as_the_price_table_says(
    engine: Engine, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch, columns: dict[str, object], cap: int | None
) -> None:
    """A row that may have been billed counts by the length of its messages, with an answer as long, or as the limit."""
    write(engine, **{"messages": QUESTION, "cost_estimate": None, "max_output_tokens": cap} | columns)
    expected = price(len(LONG_QUESTION), cap)
    with Session(engine) as session:
        monkeypatch.setenv(DAY, str(0.99 * expected))
        await refusal(session)
        monkeypatch.setenv(DAY, str(1.01 * expected))
        await ask(session)
    assert 1 == openrouter.requests


@pytest.mark.usefixtures("clock", "openrouter")
@pytest.mark.parametrize(
    "columns",
    [
        {"error_type": "LLMRateLimitError", "response_raw": {"status_code": 429, "retryable": True}},
        {"error_type": "LLMAuthenticationError", "response_raw": {"status_code": 401}},
        {"error_type": "LLMValidationError", "response_raw": {"status_code": 400}},
        {"error_type": "LLMProviderError", "response_raw": {"status_code": 503, "http_status": 200}},
        {"error_type": "LLMError", "response_raw": {"body": None, "retryable": True}},
    ],
    ids=["limited", "unauthorized", "refused", "failed", "never sent"],
)
async def test_what_nobody_bills_counts_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, columns: dict[str, object]
) -> None:
    """A vendor's error, or a request that was never sent, counts as zero, however long its messages."""
    messages = [{"role": "user", "content": LONG_QUESTION}]
    write(engine, messages=messages, cost_estimate=None, status="failed", **columns)
    monkeypatch.setenv(DAY, "0.0001")
    with Session(engine) as session:
        await ask(session)


async def test_a_hundred_calls_at_once_do_not_slip_under_the_limit(
    engine: Engine, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls in flight count with their estimate: of a hundred, only those that fit the limit start."""
    monkeypatch.setenv(DAY, str(9.5 * price(len(LONG_QUESTION) + 16)))
    held = Held(expected=10)
    openrouter.replies[:] = [held] * 100
    with Session(engine) as session:
        calls = [asyncio.ensure_future(ask(session, model=PRICED, question=LONG_QUESTION)) for _ in range(100)]
        await held.arrived.wait()
        held.let_go.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert 90 == len([outcome for outcome in outcomes if isinstance(outcome, LLMRateLimitError)])
    assert (10, 10) == (openrouter.requests, len(rows(engine)))


def refused(visit: Visit) -> None:
    """Answer 429, with a retry allowed at once."""
    visit.answer({"error": {"code": 429, "message": "slow down"}}, 429, retry_after="0")


@pytest.mark.usefixtures("clock")
async def test_what_a_failed_call_held_is_given_back(
    engine: Engine, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vendor's 429 costs nothing, so its estimate is released for the next call."""
    monkeypatch.setenv(DAY, str(0.5 * price(len(LONG_QUESTION))))
    openrouter.replies[:] = [refused]
    with Session(engine) as session:
        error = await refusal(session, model=PRICED, question=LONG_QUESTION)
        assert 429 == error.status_code
        await ask(session, model=PRICED, question=LONG_QUESTION)
    assert 2 == openrouter.requests


@pytest.mark.usefixtures("clock")
async def test_a_retry_that_would_pass_the_limit_is_refused(
    engine: Engine, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry is checked like a first attempt: another call may have reached the limit meanwhile."""
    monkeypatch.setenv(DAY, "0.25")
    monkeypatch.setenv("MAX_RETRIES", "1")
    monkeypatch.setattr("modules.llm_services.flow.loop.BACKOFF_SECONDS", 0.0)
    held = Held()

    async def refuse_late(visit: Visit) -> None:
        held.arrived.set()
        await held.let_go.wait()
        refused(visit)

    openrouter.replies[:] = [refuse_late]
    with Session(engine) as session:
        late = asyncio.ensure_future(ask(session))
        await held.arrived.wait()
        await ask(session)
        held.let_go.set()
        with pytest.raises(LLMRateLimitError, match=f"{DAY} is reached"):
            await late
    assert 2 == openrouter.requests


@pytest.mark.usefixtures("clock", "openrouter")
async def test_what_the_response_cache_answers_is_free(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """At the limit, the response cache still answers, because that costs nothing."""
    monkeypatch.setenv("LLM_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv(DAY, "0.25")
    with Session(engine) as session:
        for _ in range(3):
            await ask(session, use_cache=True)
        await refusal(session)
    assert [False, True, True] == sorted(row.cached for row in rows(engine))


async def test_a_refused_call_is_a_line_in_the_log(
    engine: Engine, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused call has no row, so it is logged."""
    monkeypatch.setenv(DAY, "1")
    write(engine, created_at=None)
    with Session(engine) as session, caplog.at_level(logging.INFO, "modules.llm_services.flow.spend_limits"):
        error = await refusal(session, user_id=7)
    assert f"a call of openrouter/stand-in/completion by user 7 was refused: {error}" in caplog.messages
    assert 0 == openrouter.requests


@pytest.mark.usefixtures("clock")
async def test_rows_that_cannot_be_read_let_nothing_out(
    engine: Engine, openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a limit cannot be checked, the call raises an LLMError instead of ignoring the limit."""
    monkeypatch.setenv(DAY, "1")
    hide_table(engine)
    with Session(engine) as session, pytest.raises(LLMError, match="nothing was sent, because the spend limits cannot"):
        await ask(session)
    assert 0 == openrouter.requests


async def test_a_database_in_memory_has_limits_too(openrouter: OpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database with only one connection is read on that connection."""
    monkeypatch.setenv(DAY, "0.25")
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        await ask(session)
        await refusal(session)
    engine.dispose()
    assert 1 == openrouter.requests


@pytest.mark.usefixtures("openrouter")
@pytest.mark.parametrize("variable", [DAY, MONTH, USER])
@pytest.mark.parametrize("value", ["0", "-1", "ten", "nan", "inf", "1,5"])
def test_a_limit_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """A limit that is not a positive number raises an error that names the variable."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"^{variable}: Input should be"):
        create_llm_config_from_env()
