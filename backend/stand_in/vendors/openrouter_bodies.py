"""OpenRouter's bodies: fields as they were recorded, the stand-in's own text, and invented prices.

A number below 0.0001 is written with an exponent (`5.4e-06`) where OpenRouter writes decimals; a JSON parser gives the
same value for both.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import string
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..scenario import OK
from ..schema import instance, misfit
from .wire import CHARACTERS_PER_TOKEN, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..scenario import Completion, Content
    from .openrouter_errors import Error
    from .wire import Request

ALPHANUMERIC = string.ascii_letters + string.digits
EXCERPT_CHARACTERS = 80
FLAGGED_CHARACTERS = 100
UNLIMITED_TOKENS = 65_536
RESET_SECONDS = 10 * 60 * 60
REASONING = "The stand-in does not reason: this text is where a model's reasoning would be."
FIVE_MEGABYTES = 5_000_000
AS_REQUESTED: dict[str, Content] = {"structured": "json", "tool-call": "tool call"}
NATIVE_LENGTH = {"end_turn": "max_tokens", "STOP": "MAX_TOKENS", "completed": "max_output_tokens"}
# Invented prices, in USD per token. The factors for cached prompt tokens are Anthropic's.
PROMPT_PRICE = 0.000002
COMPLETION_PRICE = 0.000008
CACHE_READ_FACTOR = 0.1
CACHE_WRITE_FACTOR = 1.25
PRICE_DIGITS = 12


def encode(body: dict[str, Any]) -> bytes:
    """Return the body as encoded JSON: UTF-8, no spaces, lone surrogates escaped."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def random_text(length: int, alphabet: str = ALPHANUMERIC) -> str:
    """Return random characters, as in OpenRouter's ids."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def user_id(key: str) -> str:
    """Return the account's id, `user_<27 alphanumerics>`, which is derived from the key."""
    digest = hashlib.sha256(key.encode()).digest()
    return "user_" + "".join(ALPHANUMERIC[byte % len(ALPHANUMERIC)] for byte in digest[:27])


def error_body(error: Error, status: int, request: Request) -> dict[str, Any]:
    """Return an error body, with its placeholders filled in from the request, and with `user_id` beside the error."""
    body: dict[str, Any] = {"error": _error(error, status, request)}
    return {**body, "user_id": user_id(request.key)} if error.user_id else body


def completion_body(
    completion: Completion, request: Request, generation: str, error: Error | None = None
) -> dict[str, Any]:
    """Return a completion body, truncated at the token limit of request or scenario, with the scenario's error."""
    limit = min((each for each in (request.token_limit, completion.token_limit) if each), default=UNLIMITED_TOKENS)
    message, spent = _message(completion, request, limit)
    choice = _choice(completion, message, cut=spent["wanted"] > limit)
    body = {
        "id": generation,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model + completion.model_suffix,
        "provider": completion.provider,
        "system_fingerprint": None,
        "service_tier": completion.service_tier,
        "choices": [choice],
        "usage": _usage(completion, request, spent["completion"], spent["reasoning"]),
    }
    if error and completion.error_in == "choice":
        choice["error"] = _error(error, OK, request)
    body |= completion.overrides
    if error and completion.error_in == "body":
        body |= error_body(error, OK, request)
    body = {name: body[name] for name in completion.fields or body}
    return {**dict.fromkeys(body), "provider": body} if completion.nested else body


def router_metadata(completion: Completion, request: Request, status: int) -> dict[str, Any]:
    """Return the router metadata: the endpoints that were tried in order, the last one with the status that is sent.

    https://openrouter.ai/docs/guides/features/router-metadata
    """
    tried = [*completion.tried, (completion.provider, status)]
    attempts = [{"provider": provider, "model": request.model, "status": each} for provider, each in tried]
    available = [
        {"provider": provider, "model": request.model, "selected": each == OK and status == OK}
        for provider, each in tried
    ]
    return {
        "requested": request.model,
        "strategy": "direct",
        "region": "iad",
        "summary": f"available={len(tried)}, selected={completion.provider}",
        "attempt": len(tried),
        "is_byok": completion.billing == "own key",
        "endpoints": {"total": len(tried), "available": available},
        "attempts": attempts,
        "generation_time": 1,
    }


def statistics(completion: Completion, request: Request, generation: str) -> dict[str, Any]:
    """Return what `GET /generation` returns; an answer without usage is not billed.

    An answer with usage but without a cost is billed. https://openrouter.ai/docs/api-reference/get-a-generation
    """
    billing = "credits" if completion.billing == "unreported" else completion.billing
    billing = "free" if "usage" in completion.overrides else billing
    whole = replace(completion, billing=billing, overrides={}, fields=(), nested=False)
    body = completion_body(whole, request, generation)
    usage, (choice,) = body["usage"], body["choices"]
    own_key = usage["is_byok"]
    return {
        "id": generation,
        "upstream_id": None,
        "total_cost": usage["cost"],
        "usage": usage["cost"],
        "cache_discount": None,
        "upstream_inference_cost": usage["cost_details"]["upstream_inference_cost"] if own_key else 0,
        "is_byok": own_key,
        "created_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "model": body["model"],
        "provider_name": body["provider"],
        "streamed": False,
        "cancelled": False,
        "finish_reason": choice["finish_reason"],
        "native_finish_reason": choice["native_finish_reason"],
        # Counted by a tokenizer that is not the model's: close to the billed number, but not the same.
        "tokens_prompt": usage["prompt_tokens"] + 1,
        "tokens_completion": usage["completion_tokens"] + 1,
        "native_tokens_prompt": usage["prompt_tokens"],
        "native_tokens_completion": usage["completion_tokens"],
        "native_tokens_reasoning": usage["completion_tokens_details"]["reasoning_tokens"],
        "native_tokens_cached": usage["prompt_tokens_details"]["cached_tokens"],
        "native_tokens_completion_images": 0,
        "latency": 1,
        "generation_time": 1,
        "moderation_latency": None,
    }


def _usage(completion: Completion, request: Request, output: int, reasoning: int) -> dict[str, Any]:
    """Return the usage of a completion of this many tokens, some of them reasoning."""
    prompt = request.prompt_tokens
    counts = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    if completion.billing == "unreported":
        return counts
    read, written = request.cached_tokens(completion)
    weighed = prompt - written - read + written * CACHE_WRITE_FACTOR + read * CACHE_READ_FACTOR
    free = completion.billing == "free"
    prompt_cost = 0 if free else round(weighed * PROMPT_PRICE, PRICE_DIGITS)
    completion_cost = 0 if free else round(output * COMPLETION_PRICE, PRICE_DIGITS)
    upstream = round(prompt_cost + completion_cost, PRICE_DIGITS)
    own_key = completion.billing == "own key"
    return {
        **counts,
        "cost": 0 if own_key else upstream,
        "is_byok": own_key,
        "prompt_tokens_details": {
            "cached_tokens": read,
            "cache_write_tokens": written,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "cost_details": {
            "upstream_inference_cost": upstream,
            "upstream_inference_prompt_cost": prompt_cost,
            "upstream_inference_completions_cost": completion_cost,
        },
        "completion_tokens_details": {"reasoning_tokens": reasoning, "image_tokens": 0, "audio_tokens": 0},
    }


def _choice(completion: Completion, message: dict[str, Any], *, cut: bool) -> dict[str, Any]:
    finish, native = completion.finish_reason, completion.native_finish_reason
    if cut and finish == "stop":
        finish, native = "length", NATIVE_LENGTH.get(native or "", "length")
    elif message.get("tool_calls"):
        finish = "tool_calls"
    return {
        "index": 0,
        "logprobs": None,
        "finish_reason": finish,
        "native_finish_reason": native,
        "message": message,
    }


def _message(completion: Completion, request: Request, limit: int) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the message and its tokens; reasoning uses tokens first, as in a model."""
    reasoning = REASONING if completion.reasoning else ""
    content, tool = completion.content, None
    if content == "as requested":
        content = AS_REQUESTED.get(request.plain, "text")
    if content == "tool call":
        tool = request.tool
    text = _arguments(tool[1]) if tool else _WRITERS[content](request)
    wanted = tokens(reasoning) + tokens(text)
    reasoning = reasoning[: limit * CHARACTERS_PER_TOKEN]
    text = text[: (limit - tokens(reasoning)) * CHARACTERS_PER_TOKEN]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if tool else text,
        "refusal": None,
        "reasoning": reasoning or None,
    }
    if tool:
        call_id = f"call_{random_text(8, string.digits)}"
        function = {"name": tool[0], "arguments": text}
        message["tool_calls"] = [{"type": "function", "index": 0, "id": call_id, "function": function}]
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
    """Return JSON; if the request accepts any object, an object."""
    enveloped = request.wants_object and not isinstance(value, dict)
    return json.dumps({"answer": value} if enveloped else value, ensure_ascii=False)


def _long_text(request: Request) -> str:
    text = f"{_text(request)} "
    return (text * (FIVE_MEGABYTES // len(text) + 1))[:FIVE_MEGABYTES]


def _arguments(parameters: Any) -> str:
    return json.dumps(instance(parameters), ensure_ascii=False, separators=(",", ":"))


_WRITERS: dict[Content, Callable[[Request], str]] = {
    "text": _text,
    "prose": _text,
    "tool call": _text,
    "nothing": lambda _request: "",
    "json": _json,
    "json in prose": lambda request: f"Here is what was asked for: {_json(request)} The stand-in wrote it.",
    "json in a fence": lambda request: f"```json\n{_json(request)}\n```",
    "json that does not fit": _misfit,
    "five megabytes": _long_text,
}


def _error(error: Error, status: int, request: Request) -> dict[str, Any]:
    requested = request.token_limit or UNLIMITED_TOKENS
    half = FLAGGED_CHARACTERS // 2
    flagged = request.question
    if len(flagged) > FLAGGED_CHARACTERS:
        flagged = f"{flagged[: half - 3]}...{flagged[-half:]}"
    blanks = {
        "{model}": request.model,
        "{flagged}": flagged,
        "{requested}": str(requested),
        "{affordable}": str(requested // 2),
        "{reset_ms}": str(int((time.time() + RESET_SECONDS) * 1000)),
    }
    body: dict[str, Any] = {"message": error.message}
    if error.has_code:
        body["code"] = status if error.code is None else error.code
    if error.metadata is not None:
        body["metadata"] = error.metadata
    return {name: _filled(value, blanks) for name, value in {**body, **error.members}.items()}


def _filled(value: Any, blanks: dict[str, str]) -> Any:
    if isinstance(value, str):
        for blank, filling in blanks.items():
            value = value.replace(blank, filling)
        return value
    if isinstance(value, dict):
        return {key: _filled(each, blanks) for key, each in value.items()}
    return [_filled(each, blanks) for each in value] if isinstance(value, list) else value
