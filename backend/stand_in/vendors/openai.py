"""OpenAI's Responses API, images and speech, and Azure's copy of them (https://platform.openai.com/docs/api-reference)."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

from .scenes import Ask, RefusedError, Said, needs

KNOWN = (
    "model input max_output_tokens temperature top_p reasoning text tools tool_choice parallel_tool_calls store "
    "metadata user service_tier safety_identifier prompt_cache_key truncation include"
)
THINKERS = ("gpt-5", "o1", "o3", "o4")
SIZES = ("256x256", "512x512", "1024x1024", "1792x1024", "1024x1792")
# Sixteen frames of silence: an MPEG header of layer III, 32 kbit/s at 44.1 kHz, and nothing in the frame.
SILENCE = (b"\xff\xfb\x10\xc4" + bytes(100)) * 16
# Where images are fetched, and the one that is there: a single grey point.
IMAGE_PATH = "/openai/image.png"
IMAGE = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")

ERRORS: dict[str, tuple[int, str, str | None, str]] = {
    "rate-limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached for the stand-in. Try again in 2s."),
    "out-of-quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "server-error": (500, "server_error", None, "The server had an error while processing your request."),
    "overloaded": (503, "service_unavailable_error", None, "The server is overloaded or not ready yet."),
    "unauthorized": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "unknown-model": (404, "invalid_request_error", "model_not_found", "The model does not exist."),
    "bad-request": (400, "invalid_request_error", "invalid_value", "The request is not one that OpenAI takes."),
}


def key(header: Any) -> str:
    """Return the key that a request carries."""
    return str(header("authorization").removeprefix("Bearer "))


def azure_key(header: Any) -> str:
    """Return the key of a request to Azure."""
    return str(header("api-key"))


def read(path: str, body: dict[str, Any]) -> Ask:
    """Read a request; raise RefusedError for one that OpenAI would not take."""
    if path.endswith("/images/generations"):
        return _image(body)
    if path.endswith("/audio/speech"):
        needs(body, "model input voice response_format speed instructions", "model input voice")
        return Ask(model=body["model"], prompt=body["input"])
    if not path.endswith("/responses"):
        raise RefusedError("unknown-model", f"Invalid URL (POST {path})")
    needs(body, KNOWN, "model input")
    model = str(body["model"])
    thinks = model.startswith(THINKERS)
    for name in ("temperature", "top_p") if thinks else ("reasoning",):
        if name in body:
            raise RefusedError("bad-request", f"Unsupported parameter: '{name}' is not supported with this model.")
    wanted = body.get("text", {}).get("format", {})
    if wanted.get("type") == "json_object" and "json" not in str(body["input"]).lower():
        raise RefusedError("bad-request", "'input' must contain the word 'json' to use 'json_object'.")
    return Ask(
        model=model,
        prompt=_prompt(body["input"]),
        schema=wanted.get("schema") or ({"type": "object"} if wanted.get("type") == "json_object" else None),
        tool=_tool(body),
        limit=body.get("max_output_tokens"),
        thinks=thinks,
    )


def _image(body: dict[str, Any]) -> Ask:
    needs(body, "model prompt n size quality style response_format user", "model prompt")
    if body.get("size", SIZES[2]) not in SIZES:
        raise RefusedError("bad-request", f"size: {body['size']!r} is not one of {', '.join(SIZES)}")
    if body["model"] == "dall-e-2" and {"quality", "style"} & body.keys():
        raise RefusedError("bad-request", "Unknown parameter: 'quality'.")
    return Ask(model=body["model"], prompt=body["prompt"])


def _prompt(items: list[dict[str, Any]]) -> str:
    """Return all text; raise RefusedError for a part or a result that belongs to nothing."""
    calls = {item.get("call_id") for item in items if item.get("type") == "function_call"}
    words = []
    for item in items:
        if item.get("type") == "function_call_output":
            if item.get("call_id") not in calls:
                raise RefusedError("bad-request", f"No tool call found for function call output {item.get('call_id')}.")
            words.append(str(item["output"]))
        content = item.get("content")
        for part in content if isinstance(content, list) else [{"type": "input_text", "text": content or ""}]:
            if part["type"] == "input_image" and not str(part.get("image_url")).startswith(("http", "data:")):
                raise RefusedError("bad-request", f"Invalid image_url: {part.get('image_url')!r}")
            words.append(str(part.get("text") or ""))
    return " ".join(filter(None, words))


def _tool(body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    tools = body.get("tools") or []
    if not tools or body["input"][-1].get("type") == "function_call_output" or body.get("tool_choice") == "none":
        return None
    choice = body.get("tool_choice")
    wanted = choice.get("name") if isinstance(choice, dict) else tools[0]["name"]
    return next((each["name"], each["parameters"]) for each in tools if each["name"] == wanted)


def answer(path: str, ask: Ask, said: Said) -> dict[str, Any] | bytes:
    """Return the body of an answer."""
    if path.endswith("/images/generations"):
        image = {"url": f"http://{ask.host}{IMAGE_PATH}", "revised_prompt": f"{ask.prompt}, says the stand-in"}
        return {"created": int(time.time()), "data": [image]}
    if path.endswith("/audio/speech"):
        return SILENCE
    cut = "max_output_tokens" if said.ended == "length" else None
    return {
        "id": f"resp_{secrets.token_hex(24)}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "instructions": None,
        "max_output_tokens": ask.limit,
        "model": f"{ask.model}-2025-08-07" if ask.model.startswith("gpt-5") else ask.model,
        "output": _output(ask, said),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "service_tier": "default",
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": said.fresh + said.read + said.written,
            "input_tokens_details": {"cached_tokens": said.read, "cache_write_tokens": 0},
            "output_tokens": said.output,
            "output_tokens_details": {"reasoning_tokens": said.reasoning},
            "total_tokens": said.fresh + said.read + said.written + said.output,
        },
        "user": None,
        "metadata": {},
    }


def _output(ask: Ask, said: Said) -> list[dict[str, Any]]:
    thought = [{"id": f"rs_{secrets.token_hex(16)}", "type": "reasoning", "summary": []}] if ask.thinks else []
    if said.call:
        name, arguments = said.call
        call = {
            "id": f"fc_{secrets.token_hex(16)}",
            "type": "function_call",
            "status": "completed",
            "arguments": json.dumps(arguments),
            "call_id": f"call_{secrets.token_hex(12)}",
            "name": name,
        }
        return [*thought, call]
    part: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": [], "text": said.text}
    if said.ended == "refused":
        part = {"type": "refusal", "refusal": said.text}
    message = {
        "id": f"msg_{secrets.token_hex(16)}",
        "type": "message",
        "status": "incomplete" if said.ended == "length" else "completed",
        "content": [part],
        "role": "assistant",
    }
    return [*thought, message]


def error(name: str, words: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return status, body and headers of an error."""
    status, kind, code, usual = ERRORS[name]
    told = {"message": words or usual, "type": kind, "param": None, "code": code}
    return status, {"error": told}, {"retry-after": "2"} if name == "rate-limited" else {}
