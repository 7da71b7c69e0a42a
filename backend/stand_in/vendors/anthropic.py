"""Anthropic's Messages (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

import re
import secrets
from typing import Any, ClassVar

from .wire import Answer, InvalidRequestError, PlainWire, Request, VendorError, check_fields, tool_named

KNOWN = (
    "model max_tokens messages system temperature top_p top_k stop_sequences tools tool_choice thinking metadata "
    "service_tier"
)
STOP_REASONS = {"stop": "end_turn", "tool": "tool_use", "length": "max_tokens", "refused": "refusal"}


class Anthropic(PlainWire):
    """Anthropic's own."""

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
        """Read a request for a message."""
        del path
        check_fields(body, KNOWN, "model max_tokens messages")
        return read_message(str(body["model"]), body)

    def answer(self, request: Request, answer: Answer) -> dict[str, Any]:
        """Return a message."""
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

    def error(self, name: str, error: VendorError) -> tuple[dict[str, Any], dict[str, str]]:
        """Return an error; a rate limit says when to come back."""
        body = {"type": error.kind, "message": error.message}
        headers = {"retry-after": "2"} if name == "rate-limited" else {}
        return {"type": "error", "error": body, "request_id": "req_stand_in"}, headers


def read_message(model: str, body: dict[str, Any]) -> Request:
    """Read what a request asks of a model; raise InvalidRequestError for parameters that exclude one another."""
    prompt = _prompt(body)
    thinking = body.get("thinking") or {}
    choice = body.get("tool_choice") or {}
    budget = thinking.get("budget_tokens", 0)
    faults = {
        "`max_tokens` must be greater than `thinking.budget_tokens`.": budget >= body["max_tokens"],
        "`temperature` may only be set to 1 when thinking is enabled.": bool(thinking) and "temperature" in body,
        "Thinking may not be enabled when tool_choice forces tool use.": bool(thinking)
        and choice.get("type") in {"any", "tool"},
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block.": bool(thinking)
        and _lacks_thinking(body["messages"]),
        "`temperature` and `top_p` cannot both be specified for this model.": {"temperature", "top_p"} <= body.keys(),
    }
    for message, is_so in faults.items():
        if is_so:
            raise InvalidRequestError(message)
    return Request(model=model, text=prompt, tool=_tool(body), token_limit=body["max_tokens"], thinks=bool(thinking))


def _lacks_thinking(turns: list[dict[str, Any]]) -> bool:
    """Return True if tools' results answer a turn that does not begin with a thought (pydantic/pydantic-ai#2075)."""
    return _has_result(turns[-1]) and turns[-2]["content"][0]["type"] not in {"thinking", "redacted_thinking"}


def _prompt(body: dict[str, Any]) -> str:
    """Return all text; raise InvalidRequestError for turns in the wrong order, or a result that belongs to no call."""
    texts = [block["text"] for block in body.get("system") or []]
    open_calls: set[str] = set()
    if body["messages"][0]["role"] != "user":
        raise InvalidRequestError("messages: first message must use the user role")
    for turn in body["messages"]:
        results = {block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"}
        if results != open_calls:
            raise InvalidRequestError("messages: `tool_use` ids without `tool_result` blocks, or the reverse")
        open_calls = {block["id"] for block in turn["content"] if block["type"] == "tool_use"}
        for block in turn["content"]:
            if block["type"] == "text" and not block["text"]:
                raise InvalidRequestError("messages: text content blocks must be non-empty")
            texts.append(str(block.get("text") or block.get("content") or ""))
    return " ".join(texts)


def _tool(body: dict[str, Any]) -> tuple[str, Any] | None:
    choice = body.get("tool_choice") or {"type": "auto"}
    if _has_result(body["messages"][-1]) or choice["type"] == "none":
        return None
    return tool_named(choice.get("name"), {tool["name"]: tool["input_schema"] for tool in body.get("tools") or []})


def _has_result(turn: dict[str, Any]) -> bool:
    return any(block["type"] == "tool_result" for block in turn["content"])
