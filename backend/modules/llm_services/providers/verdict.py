"""Whether an exchange is an answer, by rules that hold for every vendor."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from ..exceptions import LLMError, LLMValidationError
from ..redaction import redact
from .failures import Failure, server_wait, to_exception

if TYPE_CHECKING:
    from .http import Exchange
    from .values import Answer, LLMCall
    from .wire import Service, Wire

LONGEST_EXCERPT: Final = 200


def verdict(wire: Wire, service: Service, exchange: Exchange, call: LLMCall, answer: Answer) -> LLMError | None:
    """Return what is wrong with an exchange, None when it holds an answer."""
    status = exchange.status_code or 0
    told = wire.complaint(exchange, call) or _by_status(service, exchange)
    if told:
        return to_exception(told, service.name, call.model_name, service.key_variable)
    if not answer.is_found:
        body = excerpt(exchange.body)
        message = f"{service.name} answered {status} for {call.model_name} without an answer in it: {body}"
        return LLMError(message, status_code=status, retryable=True)
    return LLMValidationError(answer.malformed, status_code=status) if answer.malformed else None


def _by_status(service: Service, exchange: Exchange) -> Failure | None:
    """Return the failure that the status alone tells of."""
    status = exchange.status_code or 0
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    words = excerpt(exchange.body)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        elsewhere = exchange.headers.get("location", "nowhere")
        words = f"it sends the call on to {elsewhere}, where the key does not go: is {service.url_variable} right?"
    return Failure(status, words, retry_after=server_wait(None, None, exchange.headers))


def undecodable(tool: object, arguments: object) -> str:
    """Say that a tool call's arguments are no JSON object."""
    return f"the arguments of the call to tool {tool!r} are not a JSON object: {excerpt(arguments)}"


def excerpt(body: object) -> str:
    """Quote the beginning of a body."""
    words = body if isinstance(body, str) else json.dumps(body)
    begun: str = redact(" ".join(words.split())[:LONGEST_EXCERPT])
    return begun or "an empty body"
