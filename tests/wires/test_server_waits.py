"""Which hints of a server are waits, and on which clock: https://openrouter.ai/docs/api-reference/limits."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from modules.llm_services.wires.errors import server_wait
from modules.llm_services.wires.messages import MessagesWire
from modules.llm_services.wires.responses import ResponsesWire
from modules.llm_services.wires.wire import Exchange, LLMCall, Wire
from support.openrouter_failures import error, failure

if TYPE_CHECKING:
    from modules.llm_services.exceptions import LLMError

ANSWERED_AT = 1_786_190_400.0  # 2026-08-08T12:00:00Z, which is not the time of this machine
DATE = {"date": formatdate(ANSWERED_AT, usegmt=True)}
IN_30_SECONDS = formatdate(ANSWERED_AT + 30, usegmt=True)
HALF_A_DAY = 43_200.0


def limited(
    code: int = 429, message: str = "limited", *, headers: dict[str, str] | None = None, **fields: Any
) -> LLMError:
    """Return an OpenRouter error answered at ANSWERED_AT."""
    raised = failure(error(code, message, **fields), code, headers=DATE | (headers or {}))
    assert raised is not None
    return raised


@pytest.mark.parametrize("hint", ["0", "-1", "0.0", "nan", "inf", "-inf", "soon", "", "9" * 400, "1e999"])
@pytest.mark.parametrize("header", ["retry-after", "retry-after-ms", "x-ratelimit-reset"])
def test_what_is_no_time_to_come_is_no_hint(header: str, hint: str) -> None:
    """A zero, negative, infinite or malformed value is ignored in each header that may have it."""
    assert None is server_wait(None, None, DATE | {header: hint})


@pytest.mark.parametrize("hint", [0, -1, float("nan"), float("inf"), 10**400, True, "later", [], {}])
def test_a_body_may_hold_no_hint_either(hint: object) -> None:
    """Such a value is also ignored in a body, and the next hint is used."""
    assert None is server_wait(hint, hint, DATE)
    assert 7.0 == server_wait((None, hint, 7), hint, DATE)
    assert 9.0 == server_wait(hint, hint, DATE | {"retry-after": "9"})


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": formatdate(ANSWERED_AT - 1, usegmt=True)}, None),
        ({"retry-after": DATE["date"]}, None),
        ({"retry-after": IN_30_SECONDS}, 30.0),
        ({"x-ratelimit-reset": str(int(ANSWERED_AT - 1))}, None),
        ({"x-ratelimit-reset": str(int(ANSWERED_AT + 30))}, 30.0),
        ({"x-ratelimit-reset": str(int((ANSWERED_AT + 2) * 1000))}, 2.0),
    ],
)
def test_a_moment_is_one_of_the_servers_clock(headers: dict[str, str], seconds: float | None) -> None:
    """Dates and resets are compared with the answer's own Date, whatever this machine's clock says."""
    assert seconds == server_wait(None, None, DATE | headers)


def test_a_date_that_is_none_leaves_our_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a valid Date header, times are compared with this machine's clock."""
    monkeypatch.setattr("time.time", lambda: ANSWERED_AT + 10)
    for date in ({}, {"date": "yesterday"}):
        assert 20.0 == server_wait(None, None, date | {"retry-after": IN_30_SECONDS})


def test_the_date_of_an_answer_is_kept() -> None:
    """A reset in the body is compared with the Date header of the same answer."""
    reset = {"headers": {"X-RateLimit-Reset": str(int((ANSWERED_AT + 45) * 1000))}}
    assert 45.0 == limited(metadata=reset).retry_after


@pytest.mark.parametrize("hint", [26, "26.0"])
def test_openrouter_names_the_wait_in_the_metadata(hint: object) -> None:
    """`metadata.retry_after_seconds` is used after `availability.retry_after` and before the headers."""
    metadata = {"raw": "limited", "provider_name": "Venice", "retry_after_seconds": hint}
    assert 26.0 == limited(metadata=metadata, headers={"retry-after": "40"}).retry_after
    assert 5.0 == limited(metadata=metadata, availability={"retry_after": 5}).retry_after
    assert 26.0 == limited(metadata=metadata, availability={"retry_after": 0}).retry_after


@pytest.mark.parametrize(
    "named",
    [
        {"message": "Rate limit exceeded: limit_rpd/google/gemini-2.5-pro. Limited to 50 requests."},
        {"message": "Rate limit exceeded: free-models-per-day-high-balance. "},
        {"message": "You have used your 50 requests per day"},
        {"message": "Daily limit reached"},
        {"metadata": {"limit_source": "openrouter_free_tier_daily"}},
        {"metadata": {"remedy_hint": "Wait for the daily reset"}},
    ],
)
def test_a_cap_on_the_day_is_waited_for_by_the_caller(named: dict[str, Any]) -> None:
    """A daily cap is not retried; it ends at the server's reset, otherwise at midnight UTC."""
    capped = limited(**named)
    assert (False, HALF_A_DAY) == (capped.retryable, capped.retry_after)
    headers = {"retry-after": "5", "x-ratelimit-reset": str(int(ANSWERED_AT + 900))}
    metadata = named.get("metadata", {}) | {"headers": {"X-RateLimit-Reset": str(int(ANSWERED_AT + 600))}}
    assert 600.0 == limited(**named | {"metadata": metadata}, headers=headers).retry_after


@pytest.mark.parametrize(
    "message",
    [
        "Rate limit exceeded: limit_rpm/google/gemini-2.5-pro. High demand: limited to 8 requests per minute.",
        "google/gemma-4-31b-it:free is temporarily rate-limited upstream. Please retry shortly.",
    ],
)
def test_a_cap_on_the_minute_passes(message: str) -> None:
    """A limit that is not a daily cap is retried."""
    assert limited(message=message).retryable


def test_the_providers_own_day_is_not_yours() -> None:
    """A provider's daily cap concerns its own pool, so the call is retried, perhaps with another provider."""
    assert limited(metadata={"provider_name": "Groq", "raw": "1000 requests per day (RPD)"}).retryable


def test_a_spent_budget_names_its_reset() -> None:
    """The `resets_at` of a key's spent budget, a date or an epoch time, gives the wait."""
    for moment in ("2026-08-08T12:10:00Z", "2026-08-08T12:10:00", str(int(ANSWERED_AT + 600))):
        spent = limited(403, "Key limit exceeded (daily limit)", metadata={"limit_usd": 5, "resets_at": moment})
        assert (False, 600.0) == (spent.retryable, spent.retry_after)


@pytest.mark.parametrize("wire", [ResponsesWire(), MessagesWire()])
@pytest.mark.parametrize(("header", "retryable"), [("true", True), ("False", False), ("", None), ("maybe", None)])
def test_a_server_may_say_whether_to_retry(wire: Wire, header: str, retryable: object) -> None:
    """`x-should-retry` decides, whatever the status; another value says nothing."""
    exchange = Exchange(body={"error": {"type": "x", "message": "busy"}})
    exchange.note(429, {"X-Should-Retry": header})
    parsed = wire.parse_error(exchange, LLMCall([]))
    assert parsed is not None
    assert retryable is parsed.retryable
