"""How long a call waits before its next attempt, and when it does not wait."""

from __future__ import annotations

import pytest

from modules.llm_services.exceptions import LLMRateLimitError
from modules.llm_services.flow.loop import BACKOFF_SECONDS, WAIT_BUDGET_SECONDS, wait_seconds


def waits(retry_after: float | None, number: int = 1) -> list[float]:
    """Return the waits of a hundred callers of one limit."""
    error = LLMRateLimitError("later", retry_after, retryable=True)
    return [wait for _ in range(100) if (wait := wait_seconds(error, number, 0.0)) is not None]


@pytest.mark.parametrize("retry_after", [None, 0.001, 0.3, 2.0, 26.0])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_wait_is_the_servers_figure_and_the_backoff(retry_after: float | None, number: int) -> None:
    """No wait is shorter than the backoff, and callers that get the same figure do not return together."""
    longest = BACKOFF_SECONDS * 2.0 ** (number - 1)
    seconds = waits(retry_after, number)
    told = retry_after or 0.0
    assert told + longest / 2 <= min(seconds) < max(seconds) <= told + longest
    assert 100 == len(set(seconds))


@pytest.mark.parametrize(("retry_after", "waited"), [(60.0, 0.0), (59.6, 0.0), (20.0, 40.0), (None, 59.8)])
def test_a_wait_beyond_the_budget_is_not_begun(retry_after: float | None, waited: float) -> None:
    """Whether the waits of a call fit into a minute does not depend on the jitter of the last one."""
    error = LLMRateLimitError("later", retry_after, retryable=True)
    assert [None] * 100 == [wait_seconds(error, 1, waited) for _ in range(100)]
    assert retry_after == error.retry_after


def test_the_longest_wait_fits_the_budget() -> None:
    """A wait is not shortened if it leaves time for the backoff."""
    assert 100 == len(waits(WAIT_BUDGET_SECONDS - BACKOFF_SECONDS))
    assert WAIT_BUDGET_SECONDS >= max(waits(WAIT_BUDGET_SECONDS - BACKOFF_SECONDS))
