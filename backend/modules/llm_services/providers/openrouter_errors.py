"""What OpenRouter says when a call fails (https://openrouter.ai/docs/api-reference/errors), in a 200 or outside one."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from .failures import Failure, server_wait
from .lenient import items, mapping, text

if TYPE_CHECKING:
    from .http import Exchange
    from .values import LLMCall

IN_FLIGHT: Final = frozenset({"in_flight_budget_exhausted", "openrouter_in_flight_budget"})
DAILY: Final = "openrouter_free_tier_daily"
DAILY_WORDS: Final = "per-day"
BALANCE: Final = re.compile(r"requested up to ([0-9]{1,12}) tokens, but can only afford ([0-9]{1,12})")
# Errors that may pass and errors that will not, by name; one that is not here is judged by its status.
PASSING: Final = (
    "rate_limit_exceeded provider_unavailable provider_overloaded timeout server capacity_exhausted "
    "temporarily_unavailable server_error internal_server_error overloaded_error"
)
LASTING: Final = (
    "invalid_request invalid_prompt context_length_exceeded max_tokens_exceeded token_limit_exceeded string_too_long "
    "content_policy_violation refusal authentication payment_required permission_denied not_found "
    "precondition_failed payload_too_large unprocessable"
)
ERROR_TYPES: Final = dict.fromkeys(PASSING.split(), True) | dict.fromkeys(LASTING.split(), False)
SLASHES: Final = 2  # in openrouter/<author>/<model>


def complaint(exchange: Exchange, call: LLMCall) -> Failure | None:
    """Return the error in a body, or in its first choice."""
    body = mapping(exchange.body)
    choice = mapping(next(iter(items(body.get("choices"))), None))
    if body.get("error"):
        return _told(body["error"], exchange, call)
    if choice.get("error") or choice.get("finish_reason") == "error":
        return _told(choice.get("error") or {"message": "the answer ended in an error"}, exchange, call)
    return None


def _told(said: object, exchange: Exchange, call: LLMCall) -> Failure:
    """Read an error object; its own numeric code comes before the HTTP status."""
    error = mapping(said) or {"message": str(said)}
    metadata, availability = mapping(error.get("metadata")), mapping(error.get("availability"))
    codes = (_numeric(error.get("code")), _numeric(error.get("http_status")))
    status = next((code for code in codes if code is not None), None)
    names = (
        *(metadata.get("error_type"), error.get("error_type"), availability.get("code"), error.get("code")),
        metadata.get("reason"),
    )
    name = next((name for name in map(text, names) if name and not name.isdigit()), None)
    limits = {key.lower(): value for key, value in mapping(metadata.get("headers")).items()}
    hint = availability.get("retry_after", limits.get("retry-after"))
    wait = server_wait(hint, limits.get("x-ratelimit-reset"), exchange.headers)
    is_daily, raw = _is_daily(error, metadata), metadata.get("raw")
    return Failure(
        status_code=(exchange.status_code or 0) if status is None else status,
        message=_words(error, metadata) + _hint(status, name, call),
        error_code=name,
        upstream=text(metadata.get("provider_name")),
        upstream_words=raw if isinstance(raw, str) else json.dumps(raw) if raw else None,
        retryable=False if is_daily else _retryable(status, name, metadata, availability),
        retry_after=_until_midnight() if is_daily and wait is None else wait,
    )


def _numeric(code: object) -> int | None:
    """Return a code that is a number, also one written as a string."""
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    return int(code) if isinstance(code, str) and re.fullmatch("[0-9]{1,4}", code) else None


def _words(error: dict[str, Any], metadata: dict[str, Any]) -> str:
    """Return OpenRouter's message: the balance in figures, and the reasons of a moderation."""
    message = text(error.get("message")) or ""
    if balance := BALANCE.search(message):
        asked, affordable = map(int, balance.groups())
        return f"it can afford {affordable:,} of the {asked:,} tokens requested"
    reasons = ", ".join(filter(None, map(text, items(metadata.get("reasons")))))
    return f"{message}, for {reasons}" if reasons else message


def _is_daily(error: dict[str, Any], metadata: dict[str, Any]) -> bool:
    return metadata.get("limit_source") == DAILY or DAILY_WORDS in (text(error.get("message")) or "")


def _until_midnight() -> float:
    """Return the seconds until the day ends in UTC, when daily limits begin anew."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - now).total_seconds()


def _retryable(
    status: int | None, name: str | None, metadata: dict[str, Any], availability: dict[str, Any]
) -> bool | None:
    """Return OpenRouter's own word on whether to try again: its flag, then the error's name; None without either."""
    if isinstance(availability.get("retryable"), bool):
        return bool(availability["retryable"])
    in_flight = {str(metadata.get("reason")), str(metadata.get("limit_source"))} & IN_FLIGHT
    if status == HTTPStatus.PAYMENT_REQUIRED and in_flight:
        return True
    return ERROR_TYPES.get(name or "")


def _hint(status: int | None, name: str | None, call: LLMCall) -> str:
    """Say what to do about a name that was sent whole, or a model that no endpoint serves with a schema."""
    if status == HTTPStatus.BAD_REQUEST and call.model_name.count("/") < SLASHES:
        return "; a model of another author is named openrouter/<author>/<model>"
    by_schema = call.response_model is not None and call.options.get("structured_output") == "json_schema"
    if by_schema and (status == HTTPStatus.NOT_FOUND or name == "constraint_filtered"):
        return "; no endpoint honours structured_output='json_schema' here: leave it out for JSON mode"
    return ""
