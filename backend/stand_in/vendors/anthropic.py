"""Anthropic's Messages (https://docs.anthropic.com/en/api/messages), at Anthropic and on Amazon Bedrock."""

from __future__ import annotations

import secrets
from typing import Any

from .scenes import Ask, RefusedError, Said, needs

KNOWN = (
    "model max_tokens messages system temperature top_p top_k stop_sequences tools tool_choice thinking metadata "
    "service_tier"
)
BEDROCK_VERSION = "bedrock-2023-05-31"
ENDS = {"stop": "end_turn", "tool": "tool_use", "length": "max_tokens", "refused": "refusal"}
ERRORS = {
    "rate-limited": (429, "rate_limit_error", "This request would exceed your rate limit."),
    "out-of-quota": (403, "permission_error", "Your organization may not use this model."),
    "server-error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "unauthorized": (401, "authentication_error", "invalid x-api-key"),
    "unknown-model": (404, "not_found_error", "model: not found"),
    "bad-request": (400, "invalid_request_error", "The request is not one that Anthropic takes."),
}
BEDROCK_ERRORS = {
    "rate-limited": (429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "out-of-quota": (403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    "server-error": (500, "InternalServerException", "The system encountered an unexpected error."),
    "overloaded": (503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    "unauthorized": (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    "unknown-model": (404, "ResourceNotFoundException", "Could not resolve the foundation model."),
    "bad-request": (400, "ValidationException", "Malformed input request, please reformat your input."),
}


def key(header: Any) -> str:
    """Return the key that a request carries."""
    return str(header("x-api-key"))


def read(path: str, body: dict[str, Any]) -> Ask:
    """Read a request; raise RefusedError for one that Anthropic would not take."""
    if not path.endswith("/v1/messages"):
        raise RefusedError("unknown-model", f"Not found: {path}")
    needs(body, KNOWN, "model max_tokens messages")
    return _read(str(body["model"]), body)


def read_bedrock(path: str, body: dict[str, Any]) -> Ask:
    """Read a request to Bedrock, whose model stands in the path."""
    parts = path.strip("/").split("/")
    if parts[-1] != "invoke" or parts[-3] != "model":
        raise RefusedError("unknown-model", f"Not found: {path}")
    needs(body, KNOWN.replace("model ", "anthropic_version "), "anthropic_version max_tokens messages")
    if body["anthropic_version"] != BEDROCK_VERSION:
        raise RefusedError("bad-request", f"anthropic_version: expected {BEDROCK_VERSION}")
    return _read(parts[-2].partition("anthropic.")[2].partition("-v")[0], body)


def _read(model: str, body: dict[str, Any]) -> Ask:
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
        and _has_lost_its_thoughts(body["messages"]),
        "`temperature` and `top_p` cannot both be specified for this model.": {"temperature", "top_p"} <= body.keys(),
    }
    for words, is_so in faults.items():
        if is_so:
            raise RefusedError("bad-request", words)
    tool = _tool(body)
    return Ask(model=model, prompt=prompt, tool=tool, limit=body["max_tokens"], thinks=bool(thinking))


def _has_lost_its_thoughts(turns: list[dict[str, Any]]) -> bool:
    """Say whether tools' results answer a turn that does not begin with a thought (pydantic/pydantic-ai#2075)."""
    answered = any(block["type"] == "tool_result" for block in turns[-1]["content"])
    return answered and turns[-2]["content"][0]["type"] not in {"thinking", "redacted_thinking"}


def _prompt(body: dict[str, Any]) -> str:
    """Return all text; raise RefusedError for turns in the wrong order, or a result that belongs to no call."""
    words = [block["text"] for block in body.get("system") or []]
    asked: set[str] = set()
    if body["messages"][0]["role"] != "user":
        raise RefusedError("bad-request", "messages: first message must use the user role")
    for turn in body["messages"]:
        results = {block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"}
        if results != asked:
            raise RefusedError("bad-request", "messages: `tool_use` ids without `tool_result` blocks, or the reverse")
        asked = {block["id"] for block in turn["content"] if block["type"] == "tool_use"}
        for block in turn["content"]:
            if block["type"] == "text" and not block["text"]:
                raise RefusedError("bad-request", "messages: text content blocks must be non-empty")
            words.append(str(block.get("text") or block.get("content") or ""))
    return " ".join(words)


def _tool(body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    tools, choice = body.get("tools") or [], body.get("tool_choice") or {"type": "auto"}
    answered = any(block["type"] == "tool_result" for block in body["messages"][-1]["content"])
    if not tools or answered or choice["type"] == "none":
        return None
    wanted = choice.get("name", tools[0]["name"])
    return next((each["name"], each["input_schema"]) for each in tools if each["name"] == wanted)


def answer(_path: str, ask: Ask, said: Said) -> dict[str, Any]:
    """Return the body of an answer."""
    thought = [{"type": "thinking", "thinking": "The stand-in thinks.", "signature": secrets.token_hex(32)}]
    content: list[dict[str, Any]] = thought if ask.thinks else []
    if said.call:
        name, given = said.call
        content = [*content, {"type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}", "name": name, "input": given}]
    elif said.text:
        content = [*content, {"type": "text", "text": said.text, "citations": None}]
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": content,
        "stop_reason": ENDS[said.ended],
        "stop_sequence": None,
        "usage": {
            "input_tokens": said.fresh,
            "cache_creation_input_tokens": said.written,
            "cache_read_input_tokens": said.read,
            "cache_creation": {"ephemeral_5m_input_tokens": said.written, "ephemeral_1h_input_tokens": 0},
            "output_tokens": said.output,
            "service_tier": "standard",
        },
    }


def error(name: str, words: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return status, body and headers of an error."""
    status, kind, usual = ERRORS[name]
    told = {"type": "error", "error": {"type": kind, "message": words or usual}, "request_id": "req_stand_in"}
    return status, told, {"retry-after": "2"} if name == "rate-limited" else {}


def bedrock_error(name: str, words: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return status, body and headers of an error of Bedrock's."""
    status, kind, usual = BEDROCK_ERRORS[name]
    return status, {"message": words or usual}, {"x-amzn-ErrorType": f"{kind}:http://internal.amazon.com/coral/"}
