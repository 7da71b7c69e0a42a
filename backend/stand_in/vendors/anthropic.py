"""Anthropic's Messages (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from .streams import messages_events, server_sent
from .wire import Answer, InvalidRequestError, PlainWire, Request, VendorError, check_fields, tool_named

if TYPE_CHECKING:
    from collections.abc import Iterable

KNOWN = (
    "model max_tokens messages system temperature top_p top_k stop_sequences tools tool_choice thinking metadata "
    "service_tier output_config stream"
)
# claude-haiku-4-5-20251001 is 4.5; a name without a version is treated as the newest.
VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
NEWEST = (99, 0)
# The last version of a generation, and the token limit of its models.
MAX_TOKENS = (((3, 4), 4096), ((3, 6), 8192), ((4, 4), 32_000), ((4, 5), 64_000), (NEWEST, 128_000))
MIN_TOP_P_BESIDE_THINKING = 0.95
MIN_THINKING_BUDGET = 1024
BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems"}
STOP_REASONS = {"stop": "end_turn", "tool": "tool_use", "length": "max_tokens", "refused": "refusal"}


class Anthropic(PlainWire):
    """Anthropic's Messages API."""

    path = re.compile("/v1/messages$")
    key_header = "x-api-key"
    errors: ClassVar = {
        "rate-limited": VendorError(429, "rate_limit_error", "This request would exceed your rate limit."),
        "no-credits": VendorError(403, "permission_error", "Your organization may not use this model."),
        "server-error": VendorError(500, "api_error", "Internal server error"),
        "overloaded": VendorError(529, "overloaded_error", "Overloaded"),
        "unknown-key": VendorError(401, "authentication_error", "invalid x-api-key"),
        "unknown-model": VendorError(404, "not_found_error", "model: not found"),
        "invalid-request": VendorError(400, "invalid_request_error", "The request is not one that Anthropic takes."),
    }

    def read_body(self, path: str, body: dict[str, Any]) -> Request:
        """Parse a request for a message."""
        del path
        check_fields(body, KNOWN, "model max_tokens messages")
        return replace(read_message(str(body["model"]), body), streams=body.get("stream") is True)

    def answer(self, request: Request, answer: Answer) -> dict[str, Any]:
        """Return the body of a message."""
        thought = [{"type": "thinking", "thinking": "The stand-in thinks.", "signature": secrets.token_hex(32)}]
        content: list[dict[str, Any]] = thought if request.thinks else []
        if answer.call:
            name, given = answer.call
            content = [
                *content,
                {"type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}", "name": name, "input": given},
            ]
        elif answer.text:
            content = [*content, {"type": "text", "text": answer.text, "citations": None}]
        return {
            "id": f"msg_{secrets.token_hex(12)}",
            "type": "message",
            "role": "assistant",
            "model": request.model,
            "content": content,
            "stop_reason": STOP_REASONS[answer.finish],
            "stop_sequence": None,
            "usage": {
                "input_tokens": answer.prompt - answer.read - answer.written,
                "cache_creation_input_tokens": answer.written,
                "cache_read_input_tokens": answer.read,
                "cache_creation": {"ephemeral_5m_input_tokens": answer.written, "ephemeral_1h_input_tokens": 0},
                "output_tokens": answer.output,
                "service_tier": "standard",
            },
        }

    def events(self, body: dict[str, Any]) -> Iterable[bytes]:
        """Return the stream events of a message."""
        return map(server_sent, messages_events(body))

    def error(self, name: str, error: VendorError) -> tuple[dict[str, Any], dict[str, str]]:
        """Return an error; a rate limit has a Retry-After header."""
        body = {"type": error.kind, "message": error.message}
        headers = {"retry-after": "2"} if name == "rate-limited" else {}
        return {"type": "error", "error": body, "request_id": "req_stand_in"}, headers


def read_message(model: str, body: dict[str, Any]) -> Request:
    """Parse what a request asks of a model; raise InvalidRequestError for parameters that the model does not accept."""
    prompt, version = _prompt(body), _version(model)
    thinking, config = body.get("thinking") or {}, body.get("output_config") or {}
    faults = _exclusions(body, thinking) | _faults_of_version(body, thinking, config, version)
    for message, is_so in faults.items():
        if is_so:
            raise InvalidRequestError(message)
    schema = (config.get("format") or {}).get("schema")
    if schema is not None:
        _check_schema(schema)
    thinks = bool(thinking) or version >= (5, 0)
    return Request(
        model=model, text=prompt, schema=schema, tool=_tool(body), token_limit=body["max_tokens"], thinks=thinks
    )


def _version(model: str) -> tuple[int, int]:
    found = VERSION.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else NEWEST


def _exclusions(body: dict[str, Any], thinking: dict[str, Any]) -> dict[str, bool]:
    """Return the combinations of two parameters that no model accepts."""
    budget, choice, is_on = thinking.get("budget_tokens", 0), body.get("tool_choice") or {}, bool(thinking)
    is_narrow = "top_k" in body or body.get("top_p", 1) < MIN_TOP_P_BESIDE_THINKING
    return {
        "`max_tokens` must be greater than `thinking.budget_tokens`.": budget >= body["max_tokens"],
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024": 0
        < budget
        < MIN_THINKING_BUDGET,
        "`temperature` may only be set to 1 when thinking is enabled.": is_on and body.get("temperature", 1) != 1,
        "`top_k` must be unset, and `top_p` at least 0.95, when thinking is enabled.": is_on and is_narrow,
        "Thinking may not be enabled when tool_choice forces tool use.": is_on
        and choice.get("type") in {"any", "tool"},
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block.": budget > 0
        and _lacks_thinking(body["messages"]),
        "`temperature` and `top_p` cannot both be specified for this model.": {"temperature", "top_p"} <= body.keys(),
    }


def _faults_of_version(
    body: dict[str, Any], thinking: dict[str, Any], config: dict[str, Any], version: tuple[int, int]
) -> dict[str, bool]:
    """Return the parameters that a model of this version does not accept."""
    last, kind, effort = body["messages"][-1], thinking.get("type"), config.get("effort")
    is_prefill = last["role"] == "assistant" and last["content"][-1]["type"] == "text"
    is_forced = (body.get("tool_choice") or {}).get("type") in {"any", "tool"}
    limit = next(most for newest, most in MAX_TOKENS if version <= newest)
    is_sampled = body.get("temperature", 1) != 1 or "top_p" in body or "top_k" in body
    return {
        "`temperature`, `top_p` and `top_k` are not supported for this model.": version >= (4, 7) and is_sampled,
        '"thinking.type.enabled" is not supported for this model.': version >= (4, 7) and kind == "enabled",
        '"thinking.type.disabled" is not supported for this model.': version >= (5, 1) and kind == "disabled",
        "adaptive thinking is not supported on this model": version < (4, 6) and kind == "adaptive",
        "thinking is not supported on this model": version < (3, 7) and bool(thinking),
        "tool_choice: forced tool use is not supported for this model": version >= (5, 1) and is_forced,
        "This model does not support assistant message prefill.": version >= (4, 6) and is_prefill,
        "output_config: this model does not support the effort parameter": version < (4, 5) and effort is not None,
        "output_config.effort: not one of low, medium, high, xhigh, max": effort
        not in {None, "low", "medium", "high", "xhigh", "max"},
        "output_config.effort: xhigh is not supported for this model": version == (4, 6) and effort == "xhigh",
        "output_config.format: this model does not support structured outputs": version < (4, 5) and "format" in config,
        f"max_tokens: {body['max_tokens']} > {limit}, the most this model writes": body["max_tokens"] > limit,
    }


def _check_schema(schema: Any) -> None:
    """Raise InvalidRequestError for a schema with an open object, or with a bound."""
    if isinstance(schema, list):
        for child in schema:
            _check_schema(child)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise InvalidRequestError("output_config.format.schema: 'additionalProperties' must be false")
    for keyword, value in schema.items():
        if keyword in BOUNDS and not isinstance(value, dict):
            raise InvalidRequestError(f"output_config.format.schema: property '{keyword}' is not supported")
        _check_schema(value)


def _lacks_thinking(turns: list[dict[str, Any]]) -> bool:
    """Return True if tool results answer a turn that does not begin with thinking (pydantic/pydantic-ai#2075)."""
    return _has_result(turns[-1]) and turns[-2]["content"][0]["type"] not in {"thinking", "redacted_thinking"}


def _prompt(body: dict[str, Any]) -> str:
    """Return all text; raise InvalidRequestError for turns in the wrong order, or for a result without a call."""
    texts = [block["text"] for block in body.get("system") or []]
    _check_blank(texts)
    open_calls: set[str] = set()
    if body["messages"][0]["role"] != "user":
        raise InvalidRequestError("messages: first message must use the user role")
    for turn in body["messages"]:
        results = {block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"}
        if results != open_calls:
            raise InvalidRequestError("messages: `tool_use` ids without `tool_result` blocks, or the reverse")
        open_calls = {block["id"] for block in turn["content"] if block["type"] == "tool_use"}
        for block in turn["content"]:
            _check_blank([block["text"]] if block["type"] == "text" else [])
            texts.append(str(block.get("text") or block.get("content") or ""))
    return " ".join(texts)


def _check_blank(texts: list[str]) -> None:
    if not all(text.strip() for text in texts):
        raise InvalidRequestError("messages: text content blocks must contain non-whitespace text")


def _tool(body: dict[str, Any]) -> tuple[str, Any] | None:
    choice = body.get("tool_choice") or {"type": "auto"}
    if _has_result(body["messages"][-1]) or choice["type"] == "none":
        return None
    return tool_named(choice.get("name"), {tool["name"]: tool["input_schema"] for tool in body.get("tools") or []})


def _has_result(turn: dict[str, Any]) -> bool:
    return any(block["type"] == "tool_result" for block in turn["content"])
