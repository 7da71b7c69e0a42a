"""OpenRouter's Chat Completions (https://openrouter.ai/docs): requests parsed as leniently, and with its headers."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from ..exchange import Response
from ..scenario import OK, SERVER_ERROR, Page
from ..scenarios import SCENARIOS, find
from .openrouter_bodies import completion_body, encode, error_body, random_text, router_metadata, statistics
from .openrouter_errors import ERRORS
from .streams import chat_completions_events, streamed
from .wire import Request, RequestError, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..exchange import Received
    from ..scenario import Scenario

AUTHOR = "stand-in"
ENDED_ON, ENDS_ON = "2026-01-31", "2126-01-31"
MANAGEMENT = "management"  # a key that contains this may read the account
BRACES_TRIED = 100
COOKIE_LIFETIME_SECONDS = 30 * 60
KNOWN_PARTS = ("text", "image_url", "input_audio", "file", "video_url")
SCHEMA_KEYWORDS = {"properties", "items", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"}
SCHEMA_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


class OpenRouter(Wire):
    """OpenRouter's API."""

    path = re.compile("^/api/v1/chat/completions$")

    def check_key(self, received: Received) -> None:
        """Raise RequestError for a request without a key, and for a key that cannot be OpenRouter's."""
        super().check_key(received)
        if not self.key(received).startswith("sk-or-"):
            raise RequestError("unknown-key")

    def check_management_key(self, received: Received) -> None:
        """Raise RequestError for a key that may call models but not read the account."""
        self.check_key(received)
        if MANAGEMENT not in self.key(received):
            raise RequestError("not-a-management-key")

    def read(self, received: Received) -> Request:
        """Parse a request, and whether it asks for router metadata."""
        wants = received.header("x-openrouter-metadata").lower() == "enabled"
        return replace(super().read(received), wants_router_metadata=wants)

    def read_body(self, path: str, body: dict[str, Any]) -> Request:
        """Parse a request for a completion."""
        del path
        messages = _messages(body)
        model = str(body.get("model") or f"{AUTHOR}/completion")
        response_format = _object(body.get("response_format"))
        wants_json = response_format.get("type") in ("json_object", "json_schema")
        tool = _tool(body, messages)
        from_user = [message for message in messages if message.get("role") == "user"] or messages
        limits = [body.get(name) for name in ("max_tokens", "max_completion_tokens")]
        return Request(
            scenario=_scenario(model),
            plain="structured" if wants_json else "tool-call" if tool else "completion",
            identity=str(body.get("user") or _text(messages[0])),
            model=model,
            text="".join(map(_text, messages)) + (json.dumps(body["tools"]) if body.get("tools") else ""),
            question=_text(from_user[-1]),
            schema=_schema(response_format, messages),
            wants_object=response_format.get("type") == "json_object",
            tool=tool,
            streams=body.get("stream") is True,
            token_limit=min((limit for limit in limits if type(limit) is int and limit > 0), default=None),
        )

    def respond(self, request: Request, scenario: Scenario, message: str = "") -> Response:
        """Play a scenario; an error has OpenRouter's own message."""
        del message
        completion, error, kept = scenario.answer, ERRORS.get(scenario.name), None
        if isinstance(completion, Page):
            return _response(request, scenario, completion.text.encode(), completion.content_type, completion.headers)
        headers, generation = {}, f"gen-{int(time.time())}-{random_text(20)}"
        if scenario.status == OK:
            headers["X-Generation-Id"] = generation
        if error and not completion.error_in:
            body, headers = error_body(error, scenario.status, request), {**headers, **error.headers}
        else:
            body = completion_body(completion, request, generation, error)
            kept = statistics(completion, request, generation)
        if request.wants_router_metadata and scenario.status != SERVER_ERROR:
            body["openrouter_metadata"] = router_metadata(completion, request, scenario.status)
        if request.streams and scenario.status == OK:
            response = _response(request, scenario, b"", "text/event-stream", headers)
            response = streamed(response, chat_completions_events(body))
        else:
            response = _response(request, scenario, encode(body), "application/json", headers)
        return replace(response, padded=scenario.status == OK, statistics=kept, model=request.model)


def data_response(name: str, data: Mapping[str, Any] | list[dict[str, Any]]) -> Response:
    """Return account data: `GET /generation`, `GET /activity`, `GET /models`."""
    return Response(OK, _headers(name, "application/json"), encode({"data": data}))


def models() -> list[dict[str, Any]]:
    """Return the listed models: one for each scenario, `ended`, which has ended, and `ends-late`, which ends later.

    https://openrouter.ai/docs/api-reference/models/get-models
    """
    ends = {"ends-late": ENDS_ON, "ended": ENDED_ON}
    return [
        {
            "id": f"{AUTHOR}/{name}",
            "canonical_slug": f"{AUTHOR}/{name}",
            "name": f"Stand-in: {name}",
            "expiration_date": ends.get(name),
        }
        for name in [*SCENARIOS, *ends]
    ]


def _response(
    request: Request, scenario: Scenario, body: bytes, content_type: str, more: Mapping[str, str]
) -> Response:
    headers = [*_headers(request.scenario, content_type), *more.items()]
    return Response(scenario.status, headers, body, scenario.part, scenario.fault)


def _headers(scenario: str, content_type: str) -> list[tuple[str, str]]:
    """Return the headers of an answer, in their real form, without those that framing and encoding add."""
    now = time.time()
    expires = formatdate(now + COOKIE_LIFETIME_SECONDS, usegmt=True)
    cookie = f"{random_text(43)}-{now:.7f}-1.0.1.1-{random_text(128)}"
    return [
        ("Date", formatdate(usegmt=True)),
        ("Content-Type", content_type),
        ("Connection", "keep-alive"),
        ("CF-RAY", f"{secrets.token_hex(8)}-BOS"),
        ("Access-Control-Allow-Origin", "*"),
        (
            "set-cookie",
            f"__cf_bm={cookie}; HttpOnly; SameSite=None; Secure; Path=/; Domain=openrouter.ai; Expires={expires}",
        ),
        ("access-control-expose-headers", "X-Generation-Id,X-Provider-Name,cf-ray"),
        ("Permissions-Policy", 'payment=(self "https://checkout.stripe.com")'),
        ("Referrer-Policy", "no-referrer, strict-origin-when-cross-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("Server", "cloudflare"),
        ("x-stand-in", scenario),
    ]


def _scenario(model: str) -> str:
    """Return the scenario that a model's name selects; "" if the request decides."""
    author, _, slug = model.partition("/")
    if author == AUTHOR:
        return slug if find(slug) else "unknown-model"
    if not author or not slug:
        return "unknown-model"
    return "alpha-ended" if model == "openrouter/horizon-beta" else ""


def _messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages, of which there is at least one, with content; raise RequestError for others."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise RequestError("no-messages")
    parts = [part for message in messages for part in _parts(message)]
    if not any(part.get("type") in KNOWN_PARTS[1:] for part in parts) and not any(map(_text, messages)):
        raise RequestError("no-input")
    return messages


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _text(message: dict[str, Any]) -> str:
    """Return the text of a message; its content may be a string or a list of parts."""
    if isinstance(content := message.get("content"), str):
        return content
    return "".join(str(part.get("text") or "") for part in _parts(message) if part.get("type") == "text")


def _tool(body: dict[str, Any], messages: list[dict[str, Any]]) -> tuple[str, Any] | None:
    """Return the function to call, which tool_choice names, or the first; None if none is requested."""
    choice, tools = body.get("tool_choice"), body.get("tools")
    if choice == "none" or messages[-1].get("role") == "tool" or not isinstance(tools, list):
        return None
    wanted = _object(_object(choice).get("function")).get("name")
    for function in (_object(_object(tool).get("function")) for tool in tools):
        if isinstance(name := function.get("name"), str) and wanted in (None, name):
            return name, function.get("parameters") or {"type": "object"}
    return None


def _schema(response_format: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the JSON schema in response_format, otherwise the first one in a system message."""
    schema = _object(response_format.get("json_schema")).get("schema")
    if isinstance(schema, dict):
        return schema
    texts = (_text(message) for message in messages if message.get("role") in ("system", "developer"))
    return next((found for text in texts for found in _objects(text) if _is_schema(found)), None)


def _is_schema(found: dict[str, Any]) -> bool:
    """Return True for a schema rather than an example: it has a keyword or a type that only schemas have."""
    named = found.get("type")
    types = named if isinstance(named, list) else [named]
    return not SCHEMA_KEYWORDS.isdisjoint(found) or any(each in SCHEMA_TYPES for each in types)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    position = text.find("{")
    for _ in range(BRACES_TRIED):
        if position < 0:
            return
        try:
            found, end = decoder.raw_decode(text, position)
        except ValueError:
            end = position + 1
        else:
            yield found
        position = text.find("{", end)
