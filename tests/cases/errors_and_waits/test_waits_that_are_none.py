"""Errors and waits 01: a wait that is not positive is ignored, and a reset is compared with the answer's own Date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.bodies import CLAUDE, GEMINI, OPENAI, OPENROUTER, VENDORS, completion
from cases.scripted_server import Reply
from modules.llm_services.exceptions import LLMProviderError, LLMRateLimitError

if TYPE_CHECKING:
    from cases.bodies import Vendor
    from cases.caller import Caller

# Wednesday 1 January 2020, 00:00 UTC, which is not the time of this machine.
DATE: Final = "Wed, 01 Jan 2020 00:00:00 GMT"
EPOCH: Final = 1_577_836_800
PAST: Final = "Tue, 01 Jan 2019 00:00:00 GMT"


def limited(status: int = 429, headers: dict[str, str] | None = None, **error: Any) -> Reply:
    """Return an OpenRouter error; `error` has its further fields."""
    return Reply({"error": {"code": status, "message": "Rate limit exceeded", **error}}, status, headers or {})


def reset_in_body(moment: float, **headers: str) -> dict[str, Any]:
    """Return the metadata in which OpenRouter repeats the headers of its rate limit."""
    return {"metadata": {"headers": {"X-RateLimit-Reset": str(moment), **headers}}}


NO_WAIT: Final = {
    "zero": limited(headers={"Retry-After": "0"}),
    "zero as a fraction": limited(headers={"Retry-After": "0.0"}),
    "negative": limited(headers={"Retry-After": "-1"}),
    "a date in the past": limited(headers={"Retry-After": PAST}),
    "its own date": limited(headers={"Retry-After": DATE, "Date": DATE}),
    "words": limited(headers={"Retry-After": "soon"}),
    "not a number": limited(headers={"Retry-After": "nan"}),
    "empty": limited(headers={"Retry-After": ""}),
    "zero milliseconds": limited(headers={"retry-after-ms": "0"}),
    "a reset in the past": limited(headers={"X-RateLimit-Reset": "1577836800000"}),
    "a reset of zero": limited(headers={"X-RateLimit-Reset": "0"}),
    "a reset before its Date": limited(headers={"X-RateLimit-Reset": str((EPOCH - 1) * 1000), "Date": DATE}),
    "a reset in the past, in the body": limited(**reset_in_body(EPOCH * 1000)),
    "an availability of zero": limited(availability={"retry_after": 0, "retryable": True}),
    "an availability below zero": limited(availability={"retry_after": -5}),
    "metadata of zero": limited(metadata={"retry_after_seconds": 0}),
}
WAITS: Final = {
    "a reset in milliseconds": (limited(headers={"X-RateLimit-Reset": str((EPOCH + 26) * 1000), "Date": DATE}), 26),
    "a reset in seconds": (limited(headers={"X-RateLimit-Reset": str(EPOCH + 26), "Date": DATE}), 26),
    "a reset two seconds ahead": (limited(headers={"X-RateLimit-Reset": str((EPOCH + 2) * 1000), "Date": DATE}), 2),
    "a reset of half a second": (limited(headers={"X-RateLimit-Reset": str(EPOCH * 1000 + 500), "Date": DATE}), 0.5),
    "a reset in the body": (limited(headers={"Date": DATE}, **reset_in_body((EPOCH + 45) * 1000)), 45),
    "a date": (limited(headers={"Retry-After": "Wed, 01 Jan 2020 00:00:26 GMT", "Date": DATE}), 26),
    "seconds": (limited(headers={"Retry-After": "26", "Date": DATE}), 26),
    "milliseconds": (limited(headers={"retry-after-ms": "2600"}), 2.6),
    "metadata": (limited(metadata={"retry_after_seconds": 26}), 26),
    "metadata, as text": (limited(metadata={"retry_after_seconds": "26"}), 26),
    "metadata, in a 200": (
        Reply({"error": {"code": 429, "message": "limited", "metadata": {"retry_after_seconds": 26}}}),
        26,
    ),
    "metadata before a header": (
        limited(headers={"Retry-After": "9"}, metadata={"raw": "limited", "retry_after_seconds": 26}),
        26,
    ),
    "a header where the body's is zero": (
        limited(headers={"Retry-After": "9"}, metadata={"retry_after_seconds": 0}),
        9,
    ),
    "a reset where the header is zero": (
        limited(headers={"Retry-After": "0", "X-RateLimit-Reset": str((EPOCH + 26) * 1000), "Date": DATE}),
        26,
    ),
}


@pytest.mark.parametrize("reply", NO_WAIT.values(), ids=NO_WAIT)
async def test_a_wait_that_is_not_positive_is_none(caller: Caller, reply: Reply) -> None:
    """The error has no wait, and is still retryable."""
    outcome = await caller.text(reply)
    assert isinstance(outcome.failure, LLMRateLimitError)
    assert (None, True) == (outcome.failure.retry_after, outcome.failure.retryable)
    assert "after 0" not in str(outcome.failure)


@pytest.mark.parametrize("reply", NO_WAIT.values(), ids=NO_WAIT)
async def test_backoff_takes_its_place(
    caller: Caller, reply: Reply, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """Every retry waits, and the second at least as long as the first."""
    monkeypatch.setenv("MAX_RETRIES", "2")
    outcome = await caller.text(reply, reply, completion())
    assert ("Ghent", 3) == (outcome.response.content, len(outcome.requests))
    assert 2 == len(slept)
    assert all(seconds >= 0.2 for seconds in slept)


@pytest.mark.parametrize(("reply", "seconds"), WAITS.values(), ids=WAITS)
async def test_a_wait_is_the_servers_own(caller: Caller, reply: Reply, seconds: float) -> None:
    """A time is compared with the answer's Date, independently of our clock."""
    outcome = await caller.text(reply)
    assert isinstance(outcome.failure, LLMRateLimitError)
    assert pytest.approx(seconds, abs=0.01) == outcome.failure.retry_after
    assert outcome.failure.retryable
    assert pytest.approx(seconds, abs=0.01) == (outcome.row.response_raw or {})["retry_after"]


@pytest.mark.parametrize(("reply", "seconds"), WAITS.values(), ids=WAITS)
async def test_no_retry_waits_less(
    caller: Caller, reply: Reply, seconds: float, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """No wait is shorter than the server's figure or the backoff."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    outcome = await caller.text(reply, completion())
    assert "Ghent" == outcome.response.content
    (waited,) = slept
    assert max(seconds, 0.2) - 0.01 <= waited


async def test_callers_of_one_limit_do_not_wake_together(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """If all callers get the same figure, each waits a little longer than it says, and no two equally long."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    for _ in range(5):
        await caller.text(limited(headers={"Retry-After": "9"}), completion())
    assert 5 == len(set(slept))
    assert 9 <= min(slept)


@pytest.mark.parametrize("seconds", [61, 3600])
async def test_a_wait_beyond_a_minute_fails_at_once(
    caller: Caller, seconds: int, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """If the wait would exceed a minute, the call fails, and the caller decides."""
    monkeypatch.setenv("MAX_RETRIES", "3")
    reply = limited(headers={"X-RateLimit-Reset": str((EPOCH + seconds) * 1000), "Date": DATE})
    outcome = await caller.text(reply)
    assert (seconds, 1, []) == (outcome.failure.retry_after, len(outcome.requests), slept)


@pytest.mark.parametrize("status", [503, 502, 408, 529])
@pytest.mark.parametrize("hint", ["0", "-1", PAST])
async def test_other_errors_that_pass_are_read_alike(caller: Caller, status: int, hint: str) -> None:
    """The same is true of every retried error."""
    outcome = await caller.text(limited(status, {"Retry-After": hint}))
    assert (None, True) == (outcome.failure.retry_after, outcome.failure.retryable)


ERRORS: Final[dict[str, dict[str, Any]]] = {
    OPENROUTER: {"error": {"code": 429, "message": "limited"}},
    OPENAI: {"error": {"type": "requests", "code": "rate_limit_exceeded", "message": "limited"}},
    CLAUDE: {"type": "error", "error": {"type": "rate_limit_error", "message": "limited"}},
    GEMINI: {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "limited"}},
}


@pytest.mark.parametrize("hint", ["0", "-1", PAST])
async def test_it_is_so_at_every_vendor(caller: Caller, vendor: Vendor, hint: str) -> None:
    """Zero, negative and past waits are ignored, for every vendor."""
    reply = Reply(ERRORS[vendor.model], 429, {"Retry-After": hint})
    outcome = await caller.text(reply, model=vendor.model)
    assert isinstance(outcome.failure, LLMRateLimitError)
    assert (None, True) == (outcome.failure.retry_after, outcome.failure.retryable)


async def test_a_date_is_read_against_every_vendors_date(caller: Caller, vendor: Vendor) -> None:
    """A Retry-After that is a date counts from the answer's Date."""
    headers = {"Retry-After": "Wed, 01 Jan 2020 00:00:26 GMT", "Date": DATE}
    outcome = await caller.text(Reply(ERRORS[vendor.model], 429, headers), model=vendor.model)
    assert 26 == outcome.failure.retry_after


@pytest.mark.parametrize(("delay", "seconds"), [("0s", None), ("26s", 26), ("1.5s", 1.5), ("-3s", None)])
async def test_geminis_own_hint(caller: Caller, delay: str, seconds: float | None) -> None:
    """Google's RetryInfo follows the same rule."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    body = {"error": {**ERRORS[GEMINI]["error"], "details": [info]}}
    outcome = await caller.text(Reply(body, 429), model=GEMINI)
    assert (seconds, True) == (outcome.failure.retry_after, outcome.failure.retryable)


async def test_a_date_that_is_none_does_not_fail_a_call(caller: Caller) -> None:
    """An answer with a malformed Date still raises the right error."""
    reply = limited(headers={"X-RateLimit-Reset": str((EPOCH + 26) * 1000), "Date": "yesterday"})
    assert isinstance((await caller.text(reply)).failure, LLMRateLimitError)
    assert "completed" == (await caller.text(VENDORS["openrouter"].text("Ghent"))).row.status


async def test_a_402_that_passes_has_its_wait(caller: Caller) -> None:
    """For an in-flight budget, the wait is the server's figure."""
    reply = limited(402, {"Retry-After": "7"}, metadata={"reason": "in_flight_budget_exhausted"})
    outcome = await caller.text(reply)
    assert isinstance(outcome.failure, LLMProviderError)
    assert (7, True) == (outcome.failure.retry_after, outcome.failure.retryable)
