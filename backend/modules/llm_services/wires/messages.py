"""Anthropic's Messages API (https://docs.anthropic.com/en/api/messages), which Bedrock offers too.

Requests are checked against the types of Anthropic's own package, 0.x and 2.x (`nox -s claude-types`), and answers
against exchanges that others recorded live (`tests/wires/test_recorded_exchanges.py`).
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

from ..sanitize import excerpt
from ..types import ToolCall, Usage
from .abilities import claude
from .conversation import (
    CLAUDES_IDS,
    NATIVE,
    SYSTEM_ROLES,
    call_id,
    join_instruction,
    plain_text,
    safe_id,
    system_parts,
    tool_turn,
)
from .errors import server_wait, should_retry
from .lenient import arguments, count, items, mapping, rates, text, total, undecodable
from .messages_parameters import ANSWER_TOOL, MessagesOptions, object_parameters, parameters
from .messages_stream import MessagesAssembly
from .parts import inline
from .schemas import instruction
from .wire import Answer, LLMCall, ParsedError, Wire, defaults_of, with_extra_body

if TYPE_CHECKING:
    from .wire import Exchange

Block = dict[str, Any]

FINISH_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
INPUT_COUNTS: Final = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
# Fields besides the model that affect the price: https://platform.claude.com/docs/en/about-claude/pricing.
RATES: Final = ("service_tier", "speed", "inference_geo")
# Requests of server tools: those with a price, under the price table's names, and those that cost only tokens.
PIECES: Final = {"web_search_requests": "web_searches"}
# The iterations that the token counts include; a compaction is billed besides:
# https://platform.claude.com/docs/en/build-with-claude/compaction.
COUNTED_ITERATION: Final = "message"
FREE_REQUESTS: Final = frozenset({"web_fetch_requests", "tool_search_requests"})
# An error in a stream follows its 200 and has a type but no status: https://docs.anthropic.com/en/api/errors, and
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html.
STATUS_BY_TYPE: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
    "validationException": 400,
    "modelTimeoutException": 408,
    "modelStreamErrorException": 424,
    "throttlingException": 429,
    "internalServerException": 500,
    "serviceUnavailableException": 503,
}
# Blocks to send back unchanged: thinking with its signatures, and the calls of server tools with their results.
RETURNED_TYPES: Final = re.compile("thinking|redacted_thinking|[a-z_]+_tool_use|[a-z_]+_tool_result")
TEXT_TYPES: Final = ("text/", "application/json", "application/xml")
PAUSED: Final = "the model paused before the object was complete (pause_turn)"
THINKING_TYPES: Final = frozenset({"thinking", "redacted_thinking"})


class MessagesWire(Wire):
    """Text, objects and tool calls; the system prompt is a separate field."""

    api_variant = "messages"
    options = MessagesOptions
    assembly = MessagesAssembly

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /v1/messages."""
        options = cast("MessagesOptions", call.options)
        messages = call.chat_messages
        requested = object_parameters(call, options)
        if call.response_model is not None and not requested:
            messages = join_instruction(messages, instruction(call.response_model))
        conversation = _turns(messages)
        _check_end(conversation, call.model)
        if options.cache_control and conversation:
            conversation[-1]["content"][-1]["cache_control"] = options.cache_control
        system = [_part(part) for part in _without_blank(system_parts(messages))]
        payload = {
            "model": call.model,
            **({"system": system} if system else {}),
            "messages": conversation,
            **({"stream": True} if call.is_streamed else {}),
            **parameters(call, options, requested, thoughts_are_missing=_thinking_is_missing(conversation)),
        }
        return with_extra_body(payload, options.extra_body, defaults_of(call))

    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Parse a message, including a partial one; in a structured call, the forced tool's input is the answer."""
        body = mapping(exchange.body)
        blocks = [mapping(block) for block in items(body.get("content"))]
        uses = [block for block in blocks if block.get("type") == "tool_use"]
        is_answer = call.response_model is not None  # otherwise the tool is the caller's own (vercel/ai#17758)
        answers = [block for block in uses if is_answer and block.get("name") == ANSWER_TOOL]
        spoken = "".join(text(block.get("text")) or "" for block in blocks if block.get("type") == "text")
        kept = [block for block in blocks if text(block.get("type")) not in {"text", "tool_use"}]
        calls = tuple(
            _tool_call(use, index) for index, use in enumerate(uses) if use not in answers and _problem(use) is None
        )
        reason = text(body.get("stop_reason"))
        is_paused = is_answer and reason == "pause_turn"  # the object may be complete, but the answer goes on
        return Answer(
            content="\n".join(json.dumps(use.get("input"), ensure_ascii=False) for use in answers) or spoken,
            finish_reason="stop" if answers and reason == "tool_use" else FINISH_REASONS.get(reason or "", reason),
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
            malformed=PAUSED if is_paused else next(filter(None, map(_problem, uses)), None),
            tool_turn=tool_turn(calls, blocks),
            reasoning="\n".join(filter(None, (text(block.get("thinking")) for block in blocks))) or None,
            reasoning_details=kept or None,
            annotations=tuple(
                filter(None, (mapping(mark) for block in blocks for mark in items(block.get("citations"))))
            ),
        )

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error in a body (https://docs.anthropic.com/en/api/errors)."""
        del call
        body = mapping(exchange.body)
        if not body.get("error"):
            return None
        error = mapping(body["error"]) or {"message": str(body["error"])}
        kind, status = text(error.get("type")), exchange.status_code or 0
        return ParsedError(
            STATUS_BY_TYPE.get(kind or "", status) if exchange.is_success else status,
            text(error.get("message")) or "",
            error_code=kind,
            retryable=should_retry(exchange.headers),
            retry_after=server_wait(None, None, exchange.headers),
        )


def _breakpoint(*parts: Block) -> Block:
    """Return the cache breakpoint of the last part that has one."""
    marks = [part["cache_control"] for part in parts if part.get("cache_control")]
    return {"cache_control": marks[-1]} if marks else {}


def _id(own_id: object) -> str:
    """Return a tool call's id in the form that the API accepts."""
    return safe_id(str(own_id), *CLAUDES_IDS)


def _turns(messages: list[Block]) -> list[Block]:
    """Map Chat Completions messages to the turns of user and assistant; adjacent ones of the same role are joined."""
    turns: list[Block] = []
    for message in messages:
        if message["role"] in SYSTEM_ROLES:
            continue
        role, blocks = "assistant" if message["role"] == "assistant" else "user", _without_blank(_blocks(message))
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return turns


def _without_blank(blocks: list[Block]) -> list[Block]:
    """Return blocks without blank texts, which models write before a tool call and the API refuses.

    anomalyco/opencode#31259: "text content blocks must contain non-whitespace text". The last block gets the cache
    breakpoint of one that is left out.
    """
    written = [block for block in blocks if not _is_blank(block)]
    if not written or len(written) == len(blocks):
        return written
    return [*written[:-1], {**_breakpoint(*filter(_is_blank, blocks)), **written[-1]}]


def _is_blank(block: Block) -> bool:
    return block.get("type") == "text" and not str(block.get("text") or "").strip()


def _check_end(turns: list[Block], model: str) -> None:
    """Raise ValueError if a conversation ends in an assistant's text and the model cannot continue it.

    https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6: a prefill is refused.
    """
    ends_in_text = turns and turns[-1]["role"] == "assistant" and turns[-1]["content"][-1].get("type") == "text"
    if ends_in_text and not claude(model).takes_prefill:
        raise ValueError(f"{model} does not accept an assistant message at the end: end with a user message")


def _thinking_is_missing(turns: list[Block]) -> bool:
    """Return True if the last tool results follow a turn without its thinking, such as one made up from a name.

    The API then refuses thinking: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking.
    """
    calling, answering = turns[-2:] if len(turns) > 1 else ({}, {})
    is_loop = any(block.get("type") == "tool_result" for block in items(answering.get("content")))
    return is_loop and text(calling["content"][0].get("type")) not in THINKING_TYPES


def _blocks(message: Block) -> list[Block]:
    content = message.get("content")
    if message["role"] == "tool":
        result = {"type": "tool_result", "tool_use_id": _id(message["tool_call_id"]), "content": _result(content)}
        return [{**result, **_breakpoint(*items(content))}]
    calls = items(message.get("tool_calls"))
    if NATIVE in message:
        answered = {call["id"] for call in calls}
        return [
            block for block in message[NATIVE] if block.get("type") != "tool_use" or text(block.get("id")) in answered
        ]
    own = [
        detail
        for detail in items(message.get("reasoning_details"))
        if RETURNED_TYPES.fullmatch(text(mapping(detail).get("type")) or "")
    ]
    written = [{"type": "text", "text": content}] if isinstance(content, str) else items(content)
    return own + [_part(part) for part in written] + [_use(call) for call in calls]


def _use(call: Block) -> Block:
    function = mapping(call.get("function"))
    given = arguments(function.get("arguments")) or {}
    return {"type": "tool_use", "id": _id(call["id"]), "name": function.get("name"), "input": given}


def _result(content: object) -> str | list[Block]:
    """Return a tool's result: a text, or blocks if it contains images or files."""
    if all(part.get("type") == "text" for part in items(content)):
        return plain_text(content)
    blocks = _without_blank([_part(part) for part in items(content)])
    return [{name: value for name, value in block.items() if name != "cache_control"} for block in blocks]


def _part(part: Block) -> Block:
    match part.get("type"):
        case "text":
            return {**part, "text": part["text"]}
        case "image_url":
            source = _source(str(mapping(part.get("image_url")).get("url") or ""))
            return {**_beside(part, "image_url"), "type": "image", "source": source}
        case "file":
            file = mapping(part.get("file"))
            by_id = {"type": "file", "file_id": file.get("file_id")}
            source = by_id if file.get("file_id") else _source(str(file.get("file_data") or ""))
            kind = "image" if str(source.get("media_type")).startswith("image/") else "document"
            return {**_beside(part, "file"), "type": kind, "source": _text_source(source)}
        case "input_image":
            source = {"type": "file", "file_id": part.get("file_id")}
            return {**_beside(part, "file_id", "detail"), "type": "image", "source": source}
        case "input_audio" | "video_url" as kind:
            raise ValueError(f"Claude models accept neither audio nor video: messages contain a part of type {kind}")
        case _:
            return part


def _beside(part: Block, *used: str) -> Block:
    """Return the keys of a part that its translation does not use, such as `cache_control`, `title` or `citations`."""
    return {name: value for name, value in part.items() if name not in used}


def _source(address: str) -> Block:
    if inlined := inline(address):
        return {"type": "base64", "media_type": inlined[0], "data": inlined[1]}
    return {"type": "url", "url": address}


def _text_source(source: Block) -> Block:
    """Return the source of a text file as text: the API takes base64 of PDF only.

    https://platform.claude.com/docs/en/build-with-claude/files#file-types-and-content-blocks
    """
    if not str(source.get("media_type")).startswith(TEXT_TYPES):
        return source
    try:
        written = base64.b64decode(source["data"]).decode()
    except ValueError:
        return source
    return {"type": "text", "media_type": "text/plain", "data": written}


def _problem(use: dict[str, Any]) -> str | None:
    given = use.get("input")
    if not (text(use.get("name")) or "").strip():
        return f"the model called a tool without a name: {excerpt(use)}"
    return undecodable(use.get("name"), given) if arguments(given) is None else None


def _tool_call(use: dict[str, Any], index: int) -> ToolCall:
    name = text(use.get("name")) or ""
    return ToolCall(id=call_id(use.get("id"), index, name), name=name, arguments=arguments(use.get("input")) or {})


def _usage(usage: dict[str, Any]) -> Usage:
    """Parse the token counts; the API counts cached tokens separately, the result's `input_tokens` includes them."""
    fresh, read, written = (usage.get(name) for name in INPUT_COUNTS)
    requests = mapping(usage.get("server_tool_use"))
    used = {PIECES.get(name, name): count(given) for name, given in requests.items() if name not in FREE_REQUESTS}
    kinds = [text(mapping(iteration).get("type")) for iteration in items(usage.get("iterations"))]
    used |= {kind: kinds.count(kind) for kind in kinds if kind and kind != COUNTED_ITERATION}
    return Usage(
        input_tokens=None if fresh is None else total(fresh, read, written),
        output_tokens=count(usage.get("output_tokens")),
        cached_input_tokens=count(read),
        cache_creation_tokens=count(written),
        rates=rates(**{name: usage.get(name) for name in RATES}),
        pieces={name: number for name, number in used.items() if number},
        cached=bool(count(read)),
    )
