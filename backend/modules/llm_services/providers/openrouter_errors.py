"""What OpenRouter says when a call fails (https://openrouter.ai/docs/api-reference/errors), in a 200 or outside one."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from ..exceptions import LLMError, LLMValidationError
from ..redaction import redact
from .failures import Failure, server_wait, to_exception
from .lenient import arguments, items, mapping, text

if TYPE_CHECKING:
    from ..types import LLMCall
    from .http import Exchange

SERVICE: Final = "OpenRouter"
KEY_VARIABLE: Final = "OPENROUTER_API_KEY"
IN_FLIGHT: Final = frozenset({"in_flight_budget_exhausted", "openrouter_in_flight_budget"})
DAILY: Final = "openrouter_free_tier_daily"
LONGEST_EXCERPT: Final = 200
SLASHES: Final = 2  # in openrouter/<author>/<model>


def failure(exchange: Exchange, call: LLMCall) -> LLMError | None:
    """Return what is wrong with an exchange, None when it holds an answer."""
    body = mapping(exchange.body)
    status = exchange.status_code or 0
    choices = items(body.get("choices"))
    choice = mapping(choices[0]) if choices else {}
    if body.get("error"):
        return _told(body["error"], exchange, call)
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return _told({"message": _excerpt(exchange.body)}, exchange, call)
    if choice.get("error") or choice.get("finish_reason") == "error":
        return _told(choice.get("error") or {"message": "the answer ended in an error"}, exchange, call)
    if not isinstance(choice.get("message"), dict):
        message = (
            f"{SERVICE} answered {status} for {call.model_name} without an answer in it: {_excerpt(exchange.body)}"
        )
        return LLMError(message, status_code=status, retryable=True)
    return _undecodable(choice["message"], status)


def _undecodable(message: dict[str, Any], status: int) -> LLMError | None:
    for item in items(message.get("tool_calls")):
        function = mapping(mapping(item).get("function"))
        if arguments(function.get("arguments")) is None:
            complaint = (
                f"the arguments of the call to tool {function.get('name')!r} are not a JSON object: "
                f"{_excerpt(function.get('arguments'))}"
            )
            return LLMValidationError(complaint, status_code=status)
    return None


def _told(said: object, exchange: Exchange, call: LLMCall) -> LLMError:
    """Read an error object; its own numeric code comes before the HTTP status, and words before numbers."""
    error = mapping(said) or {"message": str(said)}
    metadata, availability = mapping(error.get("metadata")), mapping(error.get("availability"))
    status = next(
        (code for code in map(_numeric, (error.get("code"), error.get("http_status"))) if code is not None), None
    )
    names = (metadata.get("error_type"), error.get("error_type"), availability.get("code"), error.get("code"))
    raw = metadata.get("raw")
    limits = {name.lower(): value for name, value in mapping(metadata.get("headers")).items()}
    found = Failure(
        status_code=(exchange.status_code or 0) if status is None else status,
        message=(text(error.get("message")) or "") + _hint(status, call.model_name),
        error_code=next((name for name in map(text, names) if name and not name.isdigit()), None),
        upstream=text(metadata.get("provider_name")),
        upstream_words=raw if isinstance(raw, str) else json.dumps(raw) if raw else None,
        retryable=_retryable(status, metadata, availability),
        retry_after=server_wait(availability.get("retry_after"), limits.get("x-ratelimit-reset"), exchange.headers),
    )
    return to_exception(found, SERVICE, call.model_name, KEY_VARIABLE)


def _numeric(code: object) -> int | None:
    """Return a code that is a number, also one written as a string."""
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    return int(code) if isinstance(code, str) and re.fullmatch("[0-9]{1,4}", code) else None


def _retryable(status: int | None, metadata: dict[str, Any], availability: dict[str, Any]) -> bool | None:
    """Return OpenRouter's own word on whether to try again, None where it has none."""
    if isinstance(availability.get("retryable"), bool):
        return bool(availability["retryable"])
    if metadata.get("limit_source") == DAILY:
        return False
    in_flight = {str(metadata.get("reason")), str(metadata.get("limit_source"))} & IN_FLIGHT
    return True if status == HTTPStatus.PAYMENT_REQUIRED and in_flight else None


def _hint(status: int | None, model: str) -> str:
    """Tell a name of one segment, which was sent whole, what a name looks like."""
    if status == HTTPStatus.BAD_REQUEST and model.count("/") < SLASHES:
        return "; a model of another author is named openrouter/<author>/<model>"
    return ""


def _excerpt(body: object) -> str:
    words = body if isinstance(body, str) else json.dumps(body)
    excerpt: str = redact(" ".join(words.split())[:LONGEST_EXCERPT])
    return excerpt or "an empty body"
