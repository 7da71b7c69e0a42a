"""How long a server asks a client to wait: https://openrouter.ai/docs/api-reference/limits."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import pytest

from support.openrouter_failures import error, failure


@pytest.mark.parametrize(
    ("said", "headers", "seconds"),
    [
        ({}, {}, None),
        ({}, {"retry-after": "3"}, 3.0),
        ({}, {"retry-after": "2.5"}, 2.5),
        ({}, {"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({}, {"retry-after": "soon"}, None),
        ({}, {"retry-after": "-3"}, None),
        ({}, {"retry-after": "inf"}, None),
        ({"availability": {"retry_after": 4}}, {"retry-after": "9"}, 4.0),
        ({"availability": {"retry_after": None}}, {"retry-after": "9"}, 9.0),
    ],
)
def test_the_wait_is_the_servers_own(said: dict[str, Any], headers: dict[str, str], seconds: float | None) -> None:
    """retry_after is from the body, otherwise from a header; a value that is not a number of seconds gives None."""
    found = failure(error(429, **said), 429, headers=headers)
    assert found is not None
    assert seconds == found.retry_after


def test_a_wait_may_be_a_date() -> None:
    """A Retry-After that is an HTTP date gives the seconds until then."""
    found = failure(error(503), 503, headers={"Retry-After": formatdate(time.time() + 30, usegmt=True)})
    assert found is not None
    assert 28 < (found.retry_after or 0) <= 30


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_reset_is_an_epoch_time(unit: int) -> None:
    """X-RateLimit-Reset, in the body's metadata, is an epoch time in seconds or milliseconds, by its size."""
    reset = str(round((time.time() + 50) * unit))
    found = failure(error(429, metadata={"headers": {"X-RateLimit-Reset": reset}}), 429)
    assert found is not None
    assert 45 < (found.retry_after or 0) <= 51


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (429, {"metadata": {"limit_source": "openrouter_free_tier_daily"}}),
        (429, {"message": "Rate limit exceeded: free-models-per-day. "}),
    ],
)
def test_a_daily_limit_is_over_at_midnight(code: int, said: dict[str, Any]) -> None:
    """A daily cap without a reset ends at midnight UTC, and is not retried before."""
    found = failure({"error": {"code": code, "message": "words", **said}}, code)
    now = datetime.now(UTC)
    left = 24 * 3600 - (now.hour * 3600 + now.minute * 60 + now.second)
    assert found is not None
    assert not found.retryable
    assert pytest.approx(left, abs=5) == found.retry_after
