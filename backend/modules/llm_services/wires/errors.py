"""Parse errors in a form that several APIs share, and the wait that a server demands."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from .lenient import mapping, text
from .wire import ParsedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .wire import Exchange

MILLISECONDS_FROM: Final = 1e11  # a larger number is in milliseconds: in seconds it would be the year 5138
# A response that fails after its 200 has only one of these codes and no status.
# https://platform.openai.com/docs/api-reference/responses/object
STATUS_BY_CODE: Final = {
    "rate_limit_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "invalid_prompt": HTTPStatus.BAD_REQUEST,
}
# The codes of a 429 that no wait can fix: https://platform.openai.com/docs/guides/error-codes.
LASTING_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


def openai_error(exchange: Exchange) -> ParsedError | None:
    """Return the error in a body in OpenAI's form, which Chat Completions, Responses, images and speech share."""
    body = mapping(exchange.body)
    if not body.get("error") and body.get("status") != "failed":
        return None
    error = mapping(body.get("error")) or {"message": str(body.get("error") or "the response failed")}
    status = exchange.status_code or 0
    code = text(error.get("code")) or text(error.get("type"))
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        status = STATUS_BY_CODE.get(code or "", status)
    return ParsedError(
        int(status),
        text(error.get("message")) or "",
        error_code=code,
        retryable=False if code in LASTING_CODES else should_retry(exchange.headers),
        retry_after=server_wait(None, None, exchange.headers),
    )


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Return what the server states about a retry, as the clients of OpenAI and Anthropic read it; None for nothing."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())


def server_wait(body_hint: object, reset_hint: object, headers: Mapping[str, str]) -> float | None:
    """Return the wait that the server states, in seconds: from the body, a header, or the rate limit's reset.

    `body_hint` is one hint, or a tuple of hints in order of preference. A hint that is zero, negative, infinite, or was
    already past when the answer was sent is ignored.
    """
    sent_at = answered_at(headers)
    milliseconds = _seconds_to_wait(headers.get("retry-after-ms"), sent_at)
    hints = body_hint if isinstance(body_hint, tuple) else (body_hint,)
    waits = (
        *(_seconds_to_wait(hint, sent_at) for hint in hints),
        None if milliseconds is None else milliseconds / 1000,
        _seconds_to_wait(headers.get("retry-after"), sent_at),
        seconds_until_reset(reset_hint, headers),
        seconds_until_reset(headers.get("x-ratelimit-reset"), headers),
    )
    return next((wait for wait in waits if wait is not None), None)


def seconds_until_reset(hint: object, headers: Mapping[str, str]) -> float | None:
    """Parse a reset: an epoch time, in milliseconds or seconds by its size, or an ISO date; None if it is past."""
    try:
        epoch = float(hint)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        epoch = _epoch_of(datetime.fromisoformat, hint)
    return _time_to_come((epoch / 1000 if epoch >= MILLISECONDS_FROM else epoch) - answered_at(headers))


def answered_at(headers: Mapping[str, str]) -> float:
    """Return the epoch time at which the server answered: by its own clock, otherwise by ours.

    A server states times by its own clock, which may differ from ours by more than the wait.
    """
    epoch = _epoch_of(parsedate_to_datetime, headers.get("date"))
    return epoch if math.isfinite(epoch) else time.time()


def _seconds_to_wait(hint: object, sent_at: float) -> float | None:
    """Parse a Retry-After: seconds or an HTTP date; None for anything else."""
    if isinstance(hint, bool):
        return None
    try:
        return _time_to_come(float(hint))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return _time_to_come(_epoch_of(parsedate_to_datetime, hint) - sent_at)


def _epoch_of(read: Callable[[str], datetime], date: object) -> float:
    """Return the epoch time of a date, in UTC unless it names a zone; NaN for anything else."""
    try:
        moment = read(str(date))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan


def _time_to_come(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) and seconds > 0 else None
