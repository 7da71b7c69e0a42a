"""What OpenAI says when a call fails (https://platform.openai.com/docs/guides/error-codes), in a 200 or outside one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from .failures import Failure, server_wait
from .lenient import mapping, text

if TYPE_CHECKING:
    from .http import Exchange

# A response that failed after its 200 has no status but this name.
STATUSES: Final = {
    "rate_limit_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "server_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "invalid_prompt": HTTPStatus.BAD_REQUEST,
}
# A 429 that no waiting cures.
LASTING: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


def complaint(exchange: Exchange) -> Failure | None:
    """Return the error in a body."""
    body = mapping(exchange.body)
    if not body.get("error") and body.get("status") != "failed":
        return None
    error = mapping(body.get("error")) or {"message": str(body.get("error") or "the response failed")}
    status = exchange.status_code or 0
    name = text(error.get("code")) or text(error.get("type"))
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        status = STATUSES.get(name or "", status)
    return Failure(
        int(status),
        text(error.get("message")) or "",
        error_code=name,
        retryable=False if name in LASTING else None,
        retry_after=server_wait(None, None, exchange.headers),
    )
