"""LOG_LEVEL and LOG_REQUESTS."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from modules.llm_services import LLMError, LLMMessage, llm_services_provider
from modules.llm_services.config import VARIABLE_NAMES
from modules.llm_services.providers import base
from modules.llm_services.providers.factory import LOGGERS
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

MODEL = "openrouter/author/model"
ENDED = "o1-preview"
COMPLETION = {"choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}


@pytest.fixture(autouse=True)
def _level_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-logging")
    before = LOGGERS.level
    yield
    LOGGERS.setLevel(before)


async def ask(session: Session, monkeypatch: pytest.MonkeyPatch, status: int = 200, **options: Any) -> None:
    """Make a call that is answered, or refused with `status`."""

    def answer(visit: Visit) -> None:
        visit.answer(COMPLETION if status == 200 else {"error": {"code": status, "message": "no"}}, status)

    async with serving(answer) as server:
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        llm = llm_services_provider(session)
        await llm.generate_response([LLMMessage(role="user", content="hi")], model=MODEL, **options)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines that attempts have logged."""
    return [each.getMessage() for each in caplog.records if each.getMessage().startswith("llm_request id=")]


@pytest.mark.parametrize(
    ("option", "ending"),
    [
        ("max_output_token", "sent; did you mean max_output_tokens?"),
        ("temperature_", "sent; did you mean temperature?"),
        ("qqqqq", "not sent"),
    ],
)
async def test_an_unknown_option_is_logged_with_the_nearest(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, option: str, ending: str
) -> None:
    """The warning about an option that is not sent names the argument or option that is spelled most like it."""
    monkeypatch.setattr(base, "_logged_options", set())
    await ask(session, monkeypatch, **{option: 5})
    (line,) = [line for line in caplog.messages if "is unknown" in line]
    assert line.endswith(ending)


async def test_log_level_sets_the_level_of_the_module(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With LOG_LEVEL=info, in any case, lines are logged that the application's level, WARNING, would suppress."""
    assert logging.WARNING == LOGGERS.getEffectiveLevel()
    await ask(session, monkeypatch)
    assert [] == lines(caplog)
    monkeypatch.setenv("LOG_LEVEL", "info")
    await ask(session, monkeypatch)
    assert 1 == len(lines(caplog))
    assert logging.INFO == logging.getLogger("modules.llm_services").level


async def test_without_log_level_the_application_decides(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without LOG_LEVEL, the module's loggers keep the application's level."""
    LOGGERS.setLevel(logging.CRITICAL)
    await ask(session, monkeypatch)
    assert logging.CRITICAL == LOGGERS.level


@pytest.mark.parametrize("value", ["false", "0", "off"])
async def test_log_requests_silences_the_line_of_an_attempt(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    """With LOG_REQUESTS=false, neither an answer nor a failure logs a line."""
    monkeypatch.setenv("LOG_REQUESTS", value)
    with caplog.at_level(logging.DEBUG):
        await ask(session, monkeypatch)
        with pytest.raises(LLMError):
            await ask(session, monkeypatch, status=400)
    assert [] == lines(caplog)


async def test_an_answer_that_is_not_recorded_is_an_error_in_any_log(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With LOG_REQUESTS=false, a paid answer without a completed row is still logged."""
    monkeypatch.setenv("LOG_REQUESTS", "false")

    async def refuse(*_arguments: object, **_columns: object) -> None:
        raise LLMError("the disk is full")

    monkeypatch.setattr("modules.llm_services.ledger.ledger.Ledger.settle", refuse)
    with pytest.raises(LLMError, match="not recorded"):
        await ask(session, monkeypatch)
    assert [("ERROR", 1)] == [(each.levelname, len(lines(caplog))) for each in caplog.records]


def ends(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log lines about models that end."""
    return [each.getMessage() for each in caplog.records if each.getMessage().startswith("model ")]


async def test_a_model_that_ends_is_logged_once(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two calls of a model that has ended log one line, with the date."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-logging")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    for _ in range(2):
        with pytest.raises(LLMError):
            await llm_services_provider(session).generate_response([LLMMessage(role="user", content="hi")], model=ENDED)
    assert [f"model {ENDED} ended on 2025-07-28: name another (docs/providers.md lists them all)"] == ends(caplog)


async def test_a_model_of_openrouter_has_no_end_here(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """For a name of OpenRouter, which has its own end dates, nothing is logged."""
    await ask(session, monkeypatch)
    assert [] == ends(caplog)


@pytest.mark.parametrize(
    ("days", "expected"), [(91, []), (90, ["ends"]), (1, ["ends"]), (0, ["ended"]), (-30, ["ended"])]
)
def test_an_end_is_logged_when_it_is_near(caplog: pytest.LogCaptureFixture, days: int, expected: list[str]) -> None:
    """From 90 days before the end on, it is logged once for each day and model."""
    today = date(2027, 1, 31)
    for _ in range(2):
        base._log_end("gpt-mortal", today + timedelta(days=days), today)
    assert expected == [line.split()[2] for line in ends(caplog)]
    base._log_end("gpt-mortal", today + timedelta(days=days), today + timedelta(days=1))
    assert len(expected) + (days <= 91) == len(ends(caplog))
