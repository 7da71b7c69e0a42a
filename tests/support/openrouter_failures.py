"""OpenRouter's error bodies as exceptions, for the tests of failures and waits."""

from __future__ import annotations

from typing import Any

from modules.llm_services.exceptions import LLMError
from modules.llm_services.flow.attempt import Attempt
from modules.llm_services.flow.http import Endpoint
from modules.llm_services.providers.openrouter import OpenRouterWire
from modules.llm_services.sanitize import JSONText
from modules.llm_services.types import LLMMessage, LLMProviderType, MessageRole
from modules.llm_services.vendors import VENDORS
from modules.llm_services.wires.wire import Exchange, LLMCall

CALL = LLMCall([LLMMessage(role=MessageRole.USER, content="hi")], model="openrouter/author/model")
UPSTREAM = {"provider_name": "Google", "raw": "quota exhausted"}


def failure(
    body: object, status: int = 200, call: LLMCall = CALL, headers: dict[str, str] | None = None
) -> LLMError | None:
    """Return the exception for a body with a status, or None for an answer."""
    exchange = Exchange(body=body)
    exchange.note(status, headers or {})
    attempt = Attempt(
        vendor=VENDORS[LLMProviderType.OPENROUTER],
        wire=OpenRouterWire(),
        endpoint=Endpoint("https://openrouter.ai/api/v1", "/chat/completions", {}),
        call=call,
        payload={},
        body=JSONText("{}"),
        exchange=exchange,
    )
    try:
        attempt.parse()
    except LLMError as raised:
        return raised
    return None


def error(code: object, message: str = "words", **fields: Any) -> dict[str, Any]:
    """Return an error body in OpenRouter's shape."""
    return {"error": {"code": code, "message": message, **fields}, "user_id": "user_" + "2a" * 13}
