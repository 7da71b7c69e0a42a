"""What an error says, turned into the exception to raise: whose fault it is, what to do, whether to try again."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from ..exceptions import (
    LLMAuthenticationError,
    LLMError,
    LLMProviderError,
    LLMRateLimitError,
    LLMTimeoutError,
    LLMValidationError,
)
from ..redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

EDGE_TIMEOUT: Final = 524  # Cloudflare's
TIMEOUTS: Final = frozenset({408, 504, EDGE_TIMEOUT})
REFUSALS: Final = frozenset({400, 404, 412, 413, 422})
LONGEST_QUOTE: Final = 2000
MILLISECONDS_FROM: Final = 1e11  # an epoch time this large counts milliseconds: in seconds it is the year 5138


@dataclass(frozen=True)
class Failure:
    """What a wire says of a failure, whatever it spells it.

    `is_key_refused` says so where the status does not: some services refuse a key with a 400 or a 403.
    """

    status_code: int
    message: str
    error_code: str | None = None
    upstream: str | None = None
    upstream_words: str | None = None
    retryable: bool | None = None
    retry_after: float | None = None
    is_key_refused: bool = False

    @property
    def words(self) -> str:
        """The service's words and, where there are any, those of the provider behind it; bounded, and redacted."""
        said = self.message or "no reason given"
        if self.upstream_words and self.upstream_words not in said:
            said += f" [{self.upstream or 'upstream'}: {self.upstream_words}]"
        quote: str = redact(said)
        return quote if len(quote) <= LONGEST_QUOTE else quote[:LONGEST_QUOTE] + "…"


def to_exception(failure: Failure, service: str, model: str, key_variable: str) -> LLMError:
    """Return the exception for `failure` of `service`, whose key is in the environment variable `key_variable`."""
    status = failure.status_code
    kind = _kind(failure)
    message = _sentence(failure, service, model, key_variable)
    facts: dict[str, Any] = {
        "status_code": status,
        "error_code": failure.error_code,
        "retryable": may_pass(status) if failure.retryable is None else failure.retryable,
        "retry_after": failure.retry_after,
    }
    return kind(message, **facts)


def may_pass(status: int) -> bool:
    """Say whether an error of this status may be gone on the next attempt."""
    return (
        status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _kind(failure: Failure) -> type[LLMError]:
    status = failure.status_code
    if failure.is_key_refused or (status == HTTPStatus.UNAUTHORIZED and not failure.upstream):
        return LLMAuthenticationError
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return LLMRateLimitError
    if status in TIMEOUTS:
        return LLMTimeoutError
    return LLMValidationError if status in REFUSALS else LLMProviderError


SENTENCES: Final = {
    HTTPStatus.BAD_REQUEST: "{who} refused the request for {model} {said}",
    HTTPStatus.UNAUTHORIZED: "{who} refused the API key {said}: check {key}",
    HTTPStatus.PAYMENT_REQUIRED: (
        "the {service} account cannot pay for this call {said}: add credits, or lower max_output_tokens"
    ),
    HTTPStatus.FORBIDDEN: "{who} does not permit this request for {model} {said}",
    HTTPStatus.NOT_FOUND: "{service} has no endpoint for {model} that takes this request {said}",
    HTTPStatus.REQUEST_TIMEOUT: "{who} timed out {said}",
    HTTPStatus.PRECONDITION_FAILED: "{who} refused the request for {model} {said}",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request for {model} is too large for {who} {said}: shorten the messages",
    HTTPStatus.UNPROCESSABLE_ENTITY: "{who} refused the request for {model} {said}",
    HTTPStatus.TOO_MANY_REQUESTS: "{who} is limiting requests for {model} {said}: {wait}",
    HTTPStatus.GATEWAY_TIMEOUT: "{who} timed out {said}",
    EDGE_TIMEOUT: "{who} timed out {said}",
}
FOR_NOW: Final = "{who} cannot take this call just now {said}: {wait}"
UPSTREAM_KEY: Final = "{who} refused the key that {service} holds for it {said}: {key} is not at fault"
ANY_OTHER: Final = "{who} failed on {model} {said}"


def _sentence(failure: Failure, service: str, model: str, key_variable: str) -> str:
    status = HTTPStatus.UNAUTHORIZED if failure.is_key_refused else failure.status_code
    template = SENTENCES.get(status, ANY_OTHER)
    if failure.upstream and failure.status_code == HTTPStatus.UNAUTHORIZED:
        template = UPSTREAM_KEY
    if failure.retryable and failure.status_code == HTTPStatus.PAYMENT_REQUIRED:
        template = FOR_NOW
    return template.format(
        who=f"{failure.upstream}, behind {service}," if failure.upstream else service,
        service=service,
        model=model,
        key=key_variable,
        said=f"({failure.status_code}: {failure.words})",
        wait="retry later" if failure.retry_after is None else f"retry after {failure.retry_after:g} s",
    )


def seconds_to_wait(hint: object) -> float | None:
    """Read a Retry-After: seconds, or an HTTP date; None when it is neither."""
    if isinstance(hint, bool):
        return None
    try:
        return _seconds(float(hint))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        pass
    try:
        return max(0.0, parsedate_to_datetime(str(hint)).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def seconds_until_reset(hint: object) -> float | None:
    """Read an X-RateLimit-Reset: an epoch time, in milliseconds or seconds by its size."""
    try:
        epoch = float(hint)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return _seconds((epoch / 1000 if epoch >= MILLISECONDS_FROM else epoch) - time.time())


def _seconds(number: float) -> float | None:
    return max(0.0, number) if math.isfinite(number) else None


def server_wait(body_hint: object, reset_hint: object, headers: Mapping[str, str]) -> float | None:
    """Return the server's own figure for the wait, in seconds: from the body, a header, or the rate limit's reset."""
    milliseconds = seconds_to_wait(headers.get("retry-after-ms"))
    waits = (
        seconds_to_wait(body_hint),
        None if milliseconds is None else milliseconds / 1000,
        seconds_to_wait(headers.get("retry-after")),
        seconds_until_reset(reset_hint),
        seconds_until_reset(headers.get("x-ratelimit-reset")),
    )
    return next((wait for wait in waits if wait is not None), None)
