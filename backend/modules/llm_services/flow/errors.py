"""Error mapping: turn the status and body of a failed exchange into an exception.

Its message says what happened, who can fix it and what to do; `retryable` is True if a retry may succeed.
"""

from __future__ import annotations

from datetime import UTC, datetime
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
from ..sanitize import excerpt, redact
from ..wires.errors import server_wait
from ..wires.wire import ParsedError

if TYPE_CHECKING:
    from ..vendors import Vendor
    from ..wires.wire import Answer, Exchange, LLMCall

EDGE_TIMEOUT: Final = 524  # Cloudflare's
TIMEOUTS: Final = frozenset({408, 504, EDGE_TIMEOUT})
REFUSED_REQUESTS: Final = frozenset({400, 404, 412, 413, 422})
MAX_QUOTE_CHARACTERS: Final = 2000


def exception_for(
    error: ParsedError | None, vendor: Vendor, call: LLMCall, exchange: Exchange, answer: Answer
) -> LLMError:
    """Return the exception for an exchange without a usable answer; `error` is the error in its body, if it has one."""
    status = exchange.status_code or 0
    if error is None and not exchange.is_success:
        error = _error_of_status(exchange, vendor)
    if error:
        return to_exception(error, vendor, call.model)
    if exchange.incomplete:
        nothing_came = not (answer.content or answer.tool_calls or answer.reasoning)
        message = f"no whole answer of {call.model} from {vendor.name}: {exchange.incomplete}"
        return LLMError(message, status_code=status, retryable=nothing_came)
    if answer.tool_calls or answer.malformed:
        return LLMValidationError(_tool_call_problem(answer), status_code=status)
    if answer.is_without_end:
        reason = str(answer.details.get("native_finish_reason") or answer.finish_reason)
        ended = ParsedError(status, f"the answer is empty, and ended with {reason}", error_code=reason, retryable=True)
        return to_exception(ended, vendor, call.model)
    if answer.is_refused:
        refusal = answer.refusal or answer.details.get("native_finish_reason") or answer.finish_reason
        return LLMValidationError(f"{call.model} refused to answer: {refusal}", status_code=status)
    body = excerpt(exchange.body)
    message = f"{vendor.name} answered {status} for {call.model} without an answer in it: {body}"
    # What was accepted, with a 202, is done and billed later.
    return LLMError(message, status_code=status, retryable=status != HTTPStatus.ACCEPTED)


def _tool_call_problem(answer: Answer) -> str:
    if answer.is_cut:
        return (
            f"the answer was truncated in its tool calls ({answer.usage.output_tokens} output tokens): "
            "raise max_output_tokens"
        )
    if answer.is_refused:
        return f"the model refused the answer that its tool calls are part of: {answer.refusal or 'content filter'}"
    return answer.malformed or "the tool calls cannot be read"


def _error_of_status(exchange: Exchange, vendor: Vendor) -> ParsedError:
    """Return an error that has only the HTTP status."""
    status = exchange.status_code or 0
    message = excerpt(exchange.body)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        target = exchange.headers.get("location", "nowhere")
        message = f"it redirects the call to {target}, where the key is not sent: is {vendor.url_variable} right?"
    return ParsedError(status, message, retry_after=server_wait(None, None, exchange.headers))


def to_exception(error: ParsedError, vendor: Vendor, model: str) -> LLMError:
    """Return the exception for a vendor's error."""
    facts: dict[str, Any] = {
        "status_code": error.status_code,
        "error_code": error.error_code,
        "retryable": _may_pass(error.status_code) if error.retryable is None else error.retryable,
        "retry_after": error.retry_after,
    }
    return _exception_class(error)(_message(error, vendor, model), **facts)


def _may_pass(status: int) -> bool:
    """Return True if an error with this status may be transient."""
    return (
        status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _exception_class(error: ParsedError) -> type[LLMError]:
    status = error.status_code
    if error.is_key_refused or (status == HTTPStatus.UNAUTHORIZED and not error.upstream):
        return LLMAuthenticationError
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return LLMRateLimitError
    if status in TIMEOUTS:
        return LLMTimeoutError
    return LLMValidationError if status in REFUSED_REQUESTS else LLMProviderError


MESSAGES: Final = {
    HTTPStatus.BAD_REQUEST: "{who} refused the request for {model} {reason}",
    HTTPStatus.UNAUTHORIZED: "{who} refused the API key {reason}: check {key}",
    HTTPStatus.PAYMENT_REQUIRED: "the {service} account cannot pay for this call {reason}",
    HTTPStatus.FORBIDDEN: "{who} does not permit this request for {model} {reason}",
    HTTPStatus.NOT_FOUND: "{service} has no endpoint for {model} that takes this request {reason}",
    HTTPStatus.REQUEST_TIMEOUT: "{who} timed out {reason}",
    HTTPStatus.PRECONDITION_FAILED: "{who} refused the request for {model} {reason}",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "the request for {model} is too large for {who} {reason}: shorten the messages"
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: "{who} refused the request for {model} {reason}",
    HTTPStatus.TOO_MANY_REQUESTS: "{who} is limiting requests for {model} {reason}: {wait}",
    HTTPStatus.GATEWAY_TIMEOUT: "{who} timed out {reason}",
    EDGE_TIMEOUT: "{who} timed out {reason}",
}
TRANSIENT: Final = "{who} cannot take this call just now {reason}: {wait}"
UPSTREAM_KEY: Final = "{who} refused the key that {service} holds for it {reason}: {key} is not at fault"
UPSTREAM_PAYMENT: Final = "{who} demands payment of {service}, or of your key there {reason}"
LIMIT_REACHED: Final = "{service} declined to charge this call {reason}"
OTHER: Final = "{who} failed on {model} {reason}"
# The advice for errors to which the vendor adds none.
REMEDIES: Final[dict[str, str]] = {MESSAGES[HTTPStatus.PAYMENT_REQUIRED]: "add credits, or lower max_output_tokens"}


def _message(error: ParsedError, vendor: Vendor, model: str) -> str:
    template = _template(error)
    message = template.format(
        who=f"{error.upstream}, behind {vendor.name}," if error.upstream else vendor.name,
        service=vendor.name,
        model=model,
        key=vendor.key_variable,
        reason=f"({error.status_code}: {_quote(error)})",
        wait="retry later" if error.retry_after is None else f"retry after {error.retry_after:g} s",
    )
    retirement = "" if error.is_key_refused else _retirement(error.status_code, vendor, model)
    remedy = redact(error.remedy or REMEDIES.get(template, ""))[:MAX_QUOTE_CHARACTERS]
    if not remedy or remedy in message:
        return message + retirement
    return f"{message}{'; ' if template.endswith('{wait}') else ': '}{remedy}{retirement}"


def _template(error: ParsedError) -> str:
    """Return the advice for an error: by the most specific fact about it, otherwise by its status."""
    if error.is_key_refused:
        return MESSAGES[HTTPStatus.UNAUTHORIZED]
    match error.status_code:
        case HTTPStatus.UNAUTHORIZED if error.upstream:
            return UPSTREAM_KEY
        case HTTPStatus.PAYMENT_REQUIRED if error.retryable:
            return TRANSIENT
        case HTTPStatus.PAYMENT_REQUIRED if error.remedy:
            return LIMIT_REACHED
        case HTTPStatus.PAYMENT_REQUIRED if error.upstream:
            return UPSTREAM_PAYMENT
        case status:
            return MESSAGES.get(status, OTHER)


def _retirement(status: int, vendor: Vendor, model: str) -> str:
    """Return a sentence with the retirement date of a refused model; empty if the vendor still serves it."""
    is_refusal = status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}
    since = vendor.retired_since(model, datetime.now(UTC).date()) if is_refusal else None
    return f"; {model} was retired on {since}" if since else ""


def _quote(error: ParsedError) -> str:
    """Return the message of the vendor and, if there is one, of the vendor behind it; shortened and redacted."""
    message = error.message or "no reason given"
    if error.upstream_message and error.upstream_message not in message:
        message += f" [{error.upstream or 'upstream'}: {error.upstream_message}]"
    quote: str = redact(message)
    return quote if len(quote) <= MAX_QUOTE_CHARACTERS else quote[:MAX_QUOTE_CHARACTERS] + "…"
