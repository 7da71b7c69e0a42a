"""What Google says when a call fails (https://ai.google.dev/gemini-api/docs/troubleshooting)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .failures import Failure, server_wait
from .lenient import count, items, mapping, text

if TYPE_CHECKING:
    from .http import Exchange

RETRY_INFO: Final = "RetryInfo"
DAILY: Final = "PerDay"
BAD_KEYS: Final = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "ACCESS_TOKEN_EXPIRED"})


def complaint(exchange: Exchange) -> Failure | None:
    """Return the error in a body; also where it comes in a list, as it does from some of Google's doors."""
    body = exchange.body
    body = mapping(body[0]) if isinstance(body, list) and body else mapping(body)
    if not body.get("error"):
        return None
    error = mapping(body["error"]) or {"message": str(body["error"])}
    details = [mapping(each) for each in items(error.get("details"))]
    reasons = {text(each.get("reason")) for each in details}
    code = count(error.get("code"))
    return Failure(
        (exchange.status_code or 0) if code is None else code,
        text(error.get("message")) or "",
        error_code=text(error.get("status")),
        retryable=False if _is_daily(details) else None,
        retry_after=server_wait(_delay(details), None, exchange.headers),
        is_key_refused=bool(reasons & BAD_KEYS),
    )


def _delay(details: list[dict[str, Any]]) -> str | None:
    """Return the seconds of a RetryInfo, which come as `12.5s`."""
    delays = (text(each.get("retryDelay")) for each in details if RETRY_INFO in str(each.get("@type")))
    return next((delay.removesuffix("s") for delay in delays if delay), None)


def _is_daily(details: list[dict[str, Any]]) -> bool:
    violations = (mapping(each) for detail in details for each in items(detail.get("violations")))
    return any(DAILY in str(each.get("quotaId")) for each in violations)
