"""The bodies of answers: fields as OpenRouter was recorded to send them, words of the stand-in's own.

A number below 0.0001 is written with an exponent (`5.4e-06`) where OpenRouter writes decimals; to a JSON
parser they are the same.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from .identity import tool_call_id, user_id
from .kinds import Completion, Content, Failure
from .request import CHARACTERS_PER_TOKEN, tokens
from .schema import instance, misfit
from .usage import usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from .request import Request

OK = 200
EXCERPT_CHARACTERS = 80
FLAGGED_CHARACTERS = 100
UNLIMITED_TOKENS = 65_536
RESET_SECONDS = 10 * 60 * 60
REASONING = "The stand-in does not reason: this text is where a model's reasoning would be."
FIVE_MEGABYTES = 5_000_000
NATIVE_LENGTH = {"end_turn": "max_tokens", "STOP": "MAX_TOKENS", "completed": "max_output_tokens"}


def encoded(body: dict[str, Any]) -> bytes:
    """Return the body as JSON on the wire: UTF-8, no spaces, lone surrogates escaped."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def failure(shape: Failure, status: int, request: Request) -> dict[str, Any]:
    """Return an error body, its blanks filled in from the request, `user_id` beside the error."""
    body: dict[str, Any] = {"error": _error(shape, status, request)}
    if shape.user_id:
        body["user_id"] = user_id(request.key)
    return body


def completion(shape: Completion, request: Request, generation: str) -> dict[str, Any]:
    """Return a completion body for the request, cut where its token limit or the scenario's falls."""
    limit = min((each for each in (request.token_limit, shape.token_limit) if each), default=UNLIMITED_TOKENS)
    message, spent = _message(shape, request, limit)
    body = {
        "id": generation,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model + shape.model_suffix,
        "provider": shape.provider,
        "system_fingerprint": None,
        "service_tier": shape.service_tier,
        "choices": [_choice(shape, request, message, cut=spent["wanted"] > limit)],
        "usage": usage(shape, request.prompt_tokens, spent["completion"], spent["reasoning"]),
    }
    body |= shape.overrides
    if shape.error:
        body |= failure(shape.error, OK, request)
    body = {name: body[name] for name in shape.fields or body}
    return {**dict.fromkeys(body), "provider": body} if shape.nested else body


def _choice(shape: Completion, request: Request, message: dict[str, Any], *, cut: bool) -> dict[str, Any]:
    finish, native = shape.finish_reason, shape.native_finish_reason
    if cut and finish == "stop":
        finish, native = "length", NATIVE_LENGTH.get(native or "", "length")
    elif message.get("tool_calls"):
        finish = "tool_calls"
    choice = {
        "index": 0,
        "logprobs": None,
        "finish_reason": finish,
        "native_finish_reason": native,
        "message": message,
    }
    return {**choice, "error": _error(shape.choice_error, OK, request)} if shape.choice_error else choice


def _message(shape: Completion, request: Request, limit: int) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the message and its tokens; reasoning is spent first, as a model spends it."""
    reasoning = REASONING if shape.reasoning else ""
    function = request.tool if shape.content is Content.TOOL_CALL else None
    text = _arguments(function) if function else _WRITERS[shape.content](request)
    wanted = tokens(reasoning) + tokens(text)
    reasoning = reasoning[: limit * CHARACTERS_PER_TOKEN]
    text = text[: (limit - tokens(reasoning)) * CHARACTERS_PER_TOKEN]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if function else text,
        "refusal": None,
        "reasoning": reasoning or None,
    }
    if function:
        called = {"name": function["name"], "arguments": text}
        message["tool_calls"] = [{"type": "function", "index": 0, "id": tool_call_id(), "function": called}]
    if reasoning:
        detail = {"type": "reasoning.text", "text": reasoning, "format": "unknown", "index": 0}
        message["reasoning_details"] = [detail]
    spent = {"wanted": wanted, "completion": tokens(reasoning) + tokens(text), "reasoning": tokens(reasoning)}
    return message, spent


def _text(request: Request) -> str:
    question = " ".join(request.question.split())
    excerpt = question if len(question) <= EXCERPT_CHARACTERS else f"{question[:EXCERPT_CHARACTERS]}..."
    return f'This is the stand-in for OpenRouter, not a model. It was asked: "{excerpt}"'


def _json(request: Request) -> str:
    schema = request.schema
    return _dumped({"answer": _text(request)} if schema is None else instance(schema), request)


def _misfit(request: Request) -> str:
    schema = request.schema
    return _dumped([] if schema is None else misfit(schema), request)


def _dumped(value: Any, request: Request) -> str:
    """Return JSON: an object where the request asks for any object at all."""
    enveloped = request.wants_object and not isinstance(value, dict)
    return json.dumps({"answer": value} if enveloped else value, ensure_ascii=False)


def _long_text(request: Request) -> str:
    words = f"{_text(request)} "
    return (words * (FIVE_MEGABYTES // len(words) + 1))[:FIVE_MEGABYTES]


def _arguments(function: dict[str, Any]) -> str:
    arguments = instance(function.get("parameters") or {"type": "object"})
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))


_WRITERS: dict[Content, Callable[[Request], str]] = {
    Content.TEXT: _text,
    Content.TOOL_CALL: _text,
    Content.NOTHING: lambda _request: "",
    Content.JSON: _json,
    Content.JSON_IN_PROSE: lambda request: f"Here is what was asked for: {_json(request)} The stand-in wrote it.",
    Content.JSON_IN_FENCE: lambda request: f"```json\n{_json(request)}\n```",
    Content.JSON_MISFIT: _misfit,
    Content.FIVE_MEGABYTES: _long_text,
}


def _error(shape: Failure, status: int, request: Request) -> dict[str, Any]:
    blanks = _blanks(request)
    error: dict[str, Any] = {"message": _filled(shape.message, blanks)}
    if shape.has_code:
        error["code"] = status if shape.code is None else shape.code
    if shape.metadata is not None:
        error["metadata"] = _filled(shape.metadata, blanks)
    return {**error, **_filled(dict(shape.members), blanks)}


def _blanks(request: Request) -> dict[str, str]:
    requested = request.token_limit or UNLIMITED_TOKENS
    return {
        "{model}": request.model,
        "{flagged}": _middle_cut(request.question),
        "{requested}": str(requested),
        "{affordable}": str(requested // 2),
        "{reset_ms}": str(int((time.time() + RESET_SECONDS) * 1000)),
    }


def _filled(value: Any, blanks: dict[str, str]) -> Any:
    if isinstance(value, str):
        for blank, filling in blanks.items():
            value = value.replace(blank, filling)
        return value
    if isinstance(value, dict):
        return {key: _filled(each, blanks) for key, each in value.items()}
    return [_filled(each, blanks) for each in value] if isinstance(value, list) else value


def _middle_cut(text: str) -> str:
    half = FLAGGED_CHARACTERS // 2
    return text if len(text) <= FLAGGED_CHARACTERS else f"{text[: half - 3]}...{text[-half:]}"
