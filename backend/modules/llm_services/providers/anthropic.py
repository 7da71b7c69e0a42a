"""Anthropic's Messages API (https://docs.anthropic.com/en/api/messages).

Requests and answers here have been checked against the types of Anthropic's own package, and not against the live
API.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ..types import LLMProviderType, ToolCall, Usage
from .anthropic_input import system_blocks, thoughts_are_missing, turns
from .anthropic_options import MessagesOptions
from .base import LLMProvider
from .conversation import NATIVE, as_call
from .failures import Failure, server_wait
from .http import Endpoint
from .lenient import count, items, mapping, text
from .values import Answer, LLMCall
from .verdict import undecodable
from .wire import Service

if TYPE_CHECKING:
    from .http import Exchange

# The version of the models routed here; the next one, 2026-10-21, refuses temperature, top_p and top_k.
VERSION: Final = "2023-06-01"
# The wire wants a cap where callers need none: what a model can say, and no more than fits into three minutes.
LONGEST_ANSWERS: Final = {"claude-3-5-": 8192, "claude-3-": 4096}
LONGEST_ANSWER: Final = 16_000
BUDGETS: Final = {"low": 1024, "medium": 4096, "high": 10_000, "xhigh": 16_000, "max": 24_000}
FINISH_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


class AnthropicProvider(LLMProvider):
    """Claude, from its maker; the system prompt stands apart, and a structured answer is a tool that must be used."""

    provider_type = LLMProviderType.ANTHROPIC
    api_variant = "messages"
    options = MessagesOptions
    service = Service(
        "Anthropic",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "https://console.anthropic.com/settings/keys",
    )

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return Messages, with the key."""
        del call
        headers = {"x-api-key": self.config.anthropic_api_key or "", "anthropic-version": VERSION}
        return Endpoint(self.config.anthropic_base_url, "/v1/messages", headers)

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Map a call to Messages."""
        options = MessagesOptions.read(call.options)
        messages = self.turns.wire(call.messages)
        conversation = turns(messages)
        thinking = {} if thoughts_are_missing(conversation) else _thinking(call, options)
        cap = call.max_output_tokens or _longest_answer(call.model_name)
        payload: dict[str, Any] = {
            "model": call.model_name,
            "max_tokens": cap + (thinking.get("budget_tokens") or 0),
            "system": system_blocks(messages) or None,
            "messages": conversation,
            "thinking": thinking or None,
            **options.body(),
            "stop_sequences": options.stops,
        }
        # With thinking the wire takes no temperature, and beside top_p the newer models do not either.
        if not thinking and (options.top_p is None or call.temperature_is_given):
            payload["temperature"] = call.temperature
        payload |= _tools(call, options)
        if options.cache_control and conversation:
            conversation[-1]["content"][-1]["cache_control"] = options.cache_control
        return {name: value for name, value in payload.items() if value is not None} | (options.extra_body or {})

    def parse(self, exchange: Exchange) -> Answer:
        """Read a message, or what there is of one; a forced tool's input is the structured answer's text."""
        body = mapping(exchange.body)
        blocks = [mapping(block) for block in items(body.get("content"))]
        uses = [block for block in blocks if block.get("type") == "tool_use"]
        forced = [block for block in uses if block.get("name") == ANSWER_TOOL]
        spoken = "".join(text(block.get("text")) or "" for block in blocks if block.get("type") == "text")
        calls = tuple(_tool_call(use, index) for index, use in enumerate(uses) if use not in forced)
        reason = text(body.get("stop_reason"))
        turn = {"role": "assistant", "content": None, "tool_calls": [as_call(call) for call in calls], NATIVE: blocks}
        return Answer(
            content=json.dumps(forced[0].get("input"), ensure_ascii=False) if forced else spoken,
            finish_reason="stop" if forced and reason == "tool_use" else FINISH_REASONS.get(reason or "", reason),
            tool_calls=calls,
            usage=_usage(mapping(body.get("usage"))),
            response_id=text(body.get("id")),
            details={
                "served_model": text(body.get("model")),
                "native_finish_reason": reason,
                "service_tier": text(mapping(body.get("usage")).get("service_tier")),
                "vendor_request_id": exchange.headers.get("request-id") or exchange.headers.get("x-amzn-requestid"),
            },
            is_found=isinstance(body.get("content"), list) and (bool(blocks) or bool(reason)),
            malformed=next(filter(None, map(_malformed, uses)), None),
            turn=turn if calls else None,
        )

    def complaint(self, exchange: Exchange, call: LLMCall) -> Failure | None:
        """Return what Anthropic says is wrong (https://docs.anthropic.com/en/api/errors)."""
        del call
        body = mapping(exchange.body)
        if not body.get("error"):
            return None
        error = mapping(body["error"]) or {"message": str(body["error"])}
        return Failure(
            exchange.status_code or 0,
            text(error.get("message")) or "",
            error_code=text(error.get("type")),
            retry_after=server_wait(None, None, exchange.headers),
        )


ANSWER_TOOL: Final = "answer"


def _longest_answer(model: str) -> int:
    return next((most for begin, most in LONGEST_ANSWERS.items() if begin in model), LONGEST_ANSWER)


def _thinking(call: LLMCall, options: MessagesOptions) -> dict[str, Any]:
    """Return how much is to be thought: nothing by a model that cannot, or with a forced tool, which rules it out."""
    if options.thinking:
        return options.thinking
    budget = (options.reasoning and options.reasoning.max_tokens) or BUDGETS.get(options.effort or "")
    if not budget or call.response_model or "claude-3" in call.model_name:
        return {}
    return {"type": "enabled", "budget_tokens": budget}


def _tools(call: LLMCall, options: MessagesOptions) -> dict[str, Any]:
    if call.response_model:
        schema = call.response_model.model_json_schema()
        tool = {"name": ANSWER_TOOL, "description": "Give the answer, in this shape.", "input_schema": _object(schema)}
        return {"tools": [tool], "tool_choice": {"type": "tool", "name": ANSWER_TOOL}}
    if not call.tools:
        return {}
    tools = [
        {"name": tool.name, "description": tool.description, "input_schema": _object(tool.parameters)}
        for tool in call.tools
    ]
    choice = _tool_choice(options.tool_choice)
    if options.parallel_tool_calls is False:
        choice = {"type": "auto", **(choice or {}), "disable_parallel_tool_use": True}
    return {"tools": tools, "tool_choice": choice}


def _object(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose outermost type is said: the wire wants it to be an object."""
    return {"type": "object", **schema}


def _tool_choice(choice: str | dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a choice as this wire spells it."""
    if isinstance(choice, dict):
        function = mapping(choice.get("function"))
        return {"type": "tool", "name": function["name"]} if function.get("name") else choice
    return {"type": {"required": "any"}.get(choice, choice)} if choice else None


def _malformed(use: dict[str, Any]) -> str | None:
    given = use.get("input")
    return None if isinstance(given, dict) else undecodable(use.get("name"), given)


def _tool_call(use: dict[str, Any], index: int) -> ToolCall:
    name = text(use.get("name")) or ""
    return ToolCall(id=text(use.get("id")) or f"call_{index}_{name}", name=name, arguments=mapping(use.get("input")))


def _usage(usage: dict[str, Any]) -> Usage:
    """Read tokens; what was read from and written to the prompt cache is counted apart there, and is input here."""
    read, written = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    fresh = count(usage.get("input_tokens"))
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=count(usage.get("output_tokens")),
        cached_input_tokens=read,
        cache_creation_tokens=written,
        cached=bool(read),
    )
