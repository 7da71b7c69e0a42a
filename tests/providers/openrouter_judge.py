"""Checks requests and the stand-in's answers with OpenRouter's official SDK.

The package `openrouter` is generated from OpenRouter's own description of its API. Its models drop unknown keys and
keep parts of an unknown type unparsed, as a client should; the checks report both. Keys are named by their path without
list indexes: `messages.content.type`. The package (1.x) is used here only, never in the path of a request.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from openrouter import errors
from openrouter.components import ChatRequest, ChatResult
from openrouter.types.basemodel import Unset
from pydantic import BaseModel, ValidationError

from modules.llm_services.providers.openrouter import OpenRouterWire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modules.llm_services.wires.wire import LLMCall

Body = dict[str, Any]

PAGES: Final = "https://openrouter.ai/docs"
# Keys that are sent although the SDK does not know them, with the page that documents each. A test fails when the SDK
# has learnt one.
BEYOND_THE_SDK: Final = {
    "audio": f"{PAGES}/guides/overview/multimodal/audio",
    "messages.content.cache_control": f"{PAGES}/guides/best-practices/prompt-caching",  # on parts other than text
    "preset": f"{PAGES}/guides/features/presets",
    "reasoning.enabled": f"{PAGES}/guides/best-practices/reasoning-tokens",
    "reasoning.exclude": f"{PAGES}/guides/best-practices/reasoning-tokens",
    "reasoning.max_tokens": f"{PAGES}/guides/best-practices/reasoning-tokens",
    "transforms": f"{PAGES}/guides/features/message-transforms",
    "verbosity": f"{PAGES}/api-reference/parameters",
    "web_search_options": f"{PAGES}/api-reference/parameters",
}
# Made-up keys that the tests send in place of future ones.
MADE_UP: Final = frozenset({"brand_new", "messages.content.weight", "reasoning.new_key"})

ERRORS: Final[dict[int, type[BaseModel]]] = {
    400: errors.BadRequestResponseErrorData,
    401: errors.UnauthorizedResponseErrorData,
    402: errors.PaymentRequiredResponseErrorData,
    403: errors.ForbiddenResponseErrorData,
    404: errors.NotFoundResponseErrorData,
    408: errors.RequestTimeoutResponseErrorData,
    413: errors.PayloadTooLargeResponseErrorData,
    422: errors.UnprocessableEntityResponseErrorData,
    429: errors.TooManyRequestsResponseErrorData,
    500: errors.InternalServerResponseErrorData,
    502: errors.BadGatewayResponseErrorData,
    503: errors.ServiceUnavailableResponseErrorData,
    524: errors.EdgeNetworkTimeoutResponseErrorData,
    529: errors.ProviderOverloadedResponseErrorData,
}


@pytest.fixture(autouse=True)
def judge_what_is_rendered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check every request that a test renders for OpenRouter, when the test is over."""
    rendered: list[Body] = []
    render = OpenRouterWire.render

    def noting(wire: OpenRouterWire, call: LLMCall) -> Body:
        rendered.append(render(wire, call))
        return rendered[-1]

    monkeypatch.setattr(OpenRouterWire, "render", noting)
    yield
    for body in rendered:
        # Requests that are refused as no JSON after rendering are not checked.
        problems, unknown = judge_request(json.loads(json.dumps(body, default=str)))
        assert ([], set()) == (problems, unknown - BEYOND_THE_SDK.keys() - MADE_UP)


def judge_request(body: Body) -> tuple[list[str], set[str]]:
    """Return what is wrong with a body of POST /chat/completions, and the paths of keys that the SDK does not know."""
    provider = body.get("provider") or {}
    if prices := provider.get("max_price"):
        # The SDK has text here; the page has numbers: https://openrouter.ai/docs/features/provider-routing
        written = {name: str(price) for name, price in prices.items()}
        body = {**body, "provider": {**provider, "max_price": written}}
    return _judge(ChatRequest, body)


def judge_answer(status: int, body: Body) -> tuple[list[str], set[str]]:
    """Return the same for a response: a completion with status 200, an error with another status."""
    return _judge(ChatResult if status == 200 else ERRORS[status], body)


def _judge(kind: type[BaseModel], body: Body) -> tuple[list[str], set[str]]:
    try:
        read = kind.model_validate(body)
    except ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()], set()
    return list(_unread(body, read, "")), set(_unknown(body, read, ""))


def _unread(raw: object, read: object, path: str) -> Iterator[str]:
    """Yield the path of every part that fits no type of the SDK, which keeps it unparsed or treats it as unset."""
    if isinstance(raw, dict) and (isinstance(read, Unset) or getattr(read, "is_unknown", False)):
        yield f"{path}: fits no type"
    else:
        for name, item, value in _pairs(raw, read):
            yield from _unread(item, value, _joined(path, name))


def _unknown(raw: object, read: object, path: str) -> Iterator[str]:
    """Yield the path of every key of `raw` that the SDK's model does not have."""
    if isinstance(raw, dict):
        yield from (_joined(path, name) for name in raw.keys() - _members(read).keys())
    for name, item, value in _pairs(raw, read):
        yield from _unknown(item, value, _joined(path, name))


def _pairs(raw: object, read: object) -> Iterator[tuple[str, object, object]]:
    """Yield the items that both have, in pairs, with the key if they are objects."""
    if isinstance(raw, list) and isinstance(read, list):
        yield from (("", item, value) for item, value in zip(raw, read, strict=True))
    elif isinstance(raw, dict):
        known = _members(read)
        yield from ((name, raw[name], known[name]) for name in raw.keys() & known.keys())


def _members(read: object) -> dict[str, object]:
    """Return the fields of an object that the SDK knows, by their names in JSON."""
    if isinstance(read, BaseModel):
        values = vars(read)  # reading a deprecated field as an attribute warns
        named = {field.alias or name: values[name] for name, field in type(read).model_fields.items()}
        return named | (read.model_extra or {})
    return read if isinstance(read, dict) else {}


def _joined(path: str, name: str) -> str:
    return ".".join(filter(None, (path, name)))
