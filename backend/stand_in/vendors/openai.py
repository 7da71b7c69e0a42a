"""OpenAI's Responses API, images and speech, and Azure's copy of them (https://platform.openai.com/docs/api-reference)."""

from __future__ import annotations

import base64
import json
import math
import re
import secrets
import time
from typing import TYPE_CHECKING, Any, ClassVar

from .streams import responses_events, server_sent
from .wire import Answer, InvalidRequestError, PlainWire, Request, VendorError, check_fields, tool_named

if TYPE_CHECKING:
    from collections.abc import Iterable

KNOWN = (
    "model input max_output_tokens temperature top_p reasoning text tools tool_choice parallel_tool_calls store "
    "metadata user service_tier safety_identifier prompt_cache_key truncation include stream"
)
SNAPSHOTS = dict.fromkeys(("gpt-5", "gpt-5-mini", "gpt-5-nano"), "-2025-08-07")
# Models without reasoning; other names, including deployments, count as the newest model.
NOT_THINKING = re.compile(r"gpt-(3|4)|gpt-5(\.\d)?-chat|chat-latest")
WITHOUT_SCHEMA = re.compile(r"gpt-3\.5|gpt-4(?![.o])|gpt-4o-2024-05-13")
# Efforts that a generation does not accept (https://developers.openai.com/api/docs/guides/reasoning).
EFFORTS_REFUSED = (
    (re.compile(r"o\d"), "none minimal xhigh max"),
    (re.compile(r"gpt-5(?![.\d])"), "none xhigh max"),
    (re.compile(r"gpt-5\.1"), "minimal xhigh max"),
    (re.compile(r"gpt-5\.[2-5]"), "minimal max"),
    (re.compile(r"gpt-5\.6|gpt-6-(sol|luna)"), "minimal"),
    (re.compile(""), "none minimal"),
)
SIZES = ("256x256", "512x512", "1024x1024", "1792x1024", "1024x1792")
QUALITIES = ("auto", "low", "medium", "high")
SIZES_OF_GPT_IMAGE_1 = ("auto", "1024x1024", "1536x1024", "1024x1536")
SIDE_STEP = 16
MIN_PIXELS = 655_360
TOKENS_OF_AN_IMAGE = 1056
# Sixteen frames of silence: an MPEG layer III header, 32 kbit/s at 44.1 kHz, and nothing in the frame.
SILENCE = (b"\xff\xfb\x10\xc4" + bytes(100)) * 16
# The path that images are downloaded from, and the only image: a single grey point.
IMAGE_PATH = "/openai/image.png"
IMAGE = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")


class OpenAI(PlainWire):
    """OpenAI's API."""

    path = re.compile("/(responses|images/generations|audio/speech)$")
    errors: ClassVar = {
        "rate-limited": VendorError(
            429, "requests", "Rate limit reached for the stand-in. Try again in 2s.", "rate_limit_exceeded"
        ),
        "no-credits": VendorError(429, "insufficient_quota", "You exceeded your current quota.", "insufficient_quota"),
        "server-error": VendorError(500, "server_error", "The server had an error while processing your request."),
        "overloaded": VendorError(503, "service_unavailable_error", "The server is overloaded or not ready yet."),
        "unknown-key": VendorError(401, "invalid_request_error", "Incorrect API key provided.", "invalid_api_key"),
        "unknown-model": VendorError(404, "invalid_request_error", "The model does not exist.", "model_not_found"),
        "invalid-request": VendorError(
            400, "invalid_request_error", "The request is not one that OpenAI takes.", "invalid_value"
        ),
    }

    def read_body(self, path: str, body: dict[str, Any]) -> Request:
        """Parse a request for a response, an image or speech."""
        if path.endswith("/images/generations"):
            return _image(body)
        if path.endswith("/audio/speech"):
            check_fields(body, "model input voice response_format speed instructions", "model input voice")
            return Request(model=body["model"], text=body["input"])
        check_fields(body, KNOWN, "model input")
        model = str(body["model"])
        thinks = not NOT_THINKING.match(model)
        _check_parameters(model, body, thinks=thinks)
        wanted = body.get("text", {}).get("format", {})
        if wanted.get("type") == "json_schema" and WITHOUT_SCHEMA.match(model):
            raise InvalidRequestError("Invalid parameter: 'text.format' of type 'json_schema' is not supported.")
        if wanted.get("type") == "json_object" and "json" not in str(body["input"]).lower():
            raise InvalidRequestError("'input' must contain the word 'json' to use 'json_object'.")
        return Request(
            model=model,
            text=_prompt(body["input"]),
            schema=wanted.get("schema") or ({"type": "object"} if wanted.get("type") == "json_object" else None),
            tool=_tool(body),
            token_limit=body.get("max_output_tokens"),
            thinks=thinks,
            streams=body.get("stream") is True,
        )

    def events(self, body: dict[str, Any]) -> Iterable[bytes]:
        """Return the stream events of a response."""
        return map(server_sent, responses_events(body))

    def answer(self, request: Request, answer: Answer) -> dict[str, Any] | bytes:
        """Return the body of a response, an image or speech."""
        if request.path.endswith("/images/generations"):
            return _image_answer(request)
        return SILENCE if request.path.endswith("/audio/speech") else _response(request, answer)

    def error(self, name: str, error: VendorError) -> tuple[dict[str, Any], dict[str, str]]:
        """Return an error; a rate limit has a Retry-After header."""
        body = {"message": error.message, "type": error.kind, "param": None, "code": error.code}
        return {"error": body}, {"retry-after": "2"} if name == "rate-limited" else {}


class Azure(OpenAI):
    """Azure's API, which takes the key in another header."""

    key_header = "api-key"


def _check_parameters(model: str, body: dict[str, Any], *, thinks: bool) -> None:
    """Raise InvalidRequestError for sampling parameters beside reasoning, and for efforts unknown to a model."""
    effort = (body.get("reasoning") or {}).get("effort")
    refused = ("temperature", "top_p") if thinks and effort != "none" else () if thinks else ("reasoning",)
    for name in refused:
        if name in body:
            raise InvalidRequestError(f"Unsupported parameter: '{name}' is not supported with this model.")
    unknown = next(words for name, words in EFFORTS_REFUSED if name.match(model))
    if effort in unknown.split():
        raise InvalidRequestError(f"Unsupported value: '{effort}' is not supported with the '{model}' model.")


def _image(body: dict[str, Any]) -> Request:
    model = str(body.get("model"))
    if model.startswith("dall-e"):
        check_fields(body, "model prompt n size quality style response_format user", "model prompt")
        if body.get("size", SIZES[2]) not in SIZES:
            raise InvalidRequestError(f"size: {body['size']!r} is not one of {', '.join(SIZES)}")
        if model == "dall-e-2" and {"quality", "style"} & body.keys():
            raise InvalidRequestError("Unknown parameter: 'quality'.")
    else:
        known = "model prompt n size quality user background moderation output_format output_compression"
        check_fields(body, known, "model prompt")
        _check_gpt_image(model, body.get("size", "auto"), body.get("quality", "auto"))
    return Request(model=model, text=body["prompt"])


def _check_gpt_image(model: str, size: str, quality: str) -> None:
    """Raise InvalidRequestError for a quality of the old models, or a size that the model does not accept."""
    if quality not in QUALITIES:
        raise InvalidRequestError(f"Invalid value: '{quality}'. Supported values are: {', '.join(QUALITIES)}.")
    sides = [int(side) for side in size.split("x")] if re.fullmatch(r"\d+x\d+", size) else []
    is_any = bool(sides) and not any(side % SIDE_STEP for side in sides) and math.prod(sides) >= MIN_PIXELS
    if size not in SIZES_OF_GPT_IMAGE_1 and (model.startswith("gpt-image-1") or not is_any):
        raise InvalidRequestError(f"Invalid size: '{size}' is not supported for this model.")


def _image_answer(request: Request) -> dict[str, Any]:
    """Return an image: as a URL from old models, otherwise in base64 with its token counts."""
    if request.model.startswith("dall-e"):
        image = {"url": f"http://{request.host}{IMAGE_PATH}", "revised_prompt": f"{request.text}, says the stand-in"}
        return {"created": int(time.time()), "data": [image]}
    prompt = request.prompt_tokens
    return {
        "created": int(time.time()),
        "background": "opaque",
        "data": [{"b64_json": base64.b64encode(IMAGE).decode()}],
        "output_format": "png",
        "quality": "medium",
        "size": "1024x1024",
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": prompt},
            "output_tokens": TOKENS_OF_AN_IMAGE,
            "output_tokens_details": {"image_tokens": TOKENS_OF_AN_IMAGE, "text_tokens": 0},
            "total_tokens": prompt + TOKENS_OF_AN_IMAGE,
        },
    }


def _prompt(items: list[dict[str, Any]]) -> str:
    """Return all text; raise InvalidRequestError for an unknown part, or a result without a call."""
    calls = {item.get("call_id") for item in items if item.get("type") == "function_call"}
    words = []
    for item in items:
        if item.get("type") == "function_call_output":
            if item.get("call_id") not in calls:
                raise InvalidRequestError(f"No tool call found for function call output {item.get('call_id')}.")
            words.append(str(item["output"]))
        content = item.get("content")
        for part in content if isinstance(content, list) else [{"type": "input_text", "text": content or ""}]:
            if part["type"] == "input_image" and not str(part.get("image_url")).startswith(("http", "data:")):
                raise InvalidRequestError(f"Invalid image_url: {part.get('image_url')!r}")
            words.append(str(part.get("text") or ""))
    return " ".join(filter(None, words))


def _tool(body: dict[str, Any]) -> tuple[str, Any] | None:
    choice = body.get("tool_choice")
    if body["input"][-1].get("type") == "function_call_output" or choice == "none":
        return None
    tools = {tool["name"]: tool["parameters"] for tool in body.get("tools") or []}
    return tool_named(choice["name"] if isinstance(choice, dict) else None, tools)


def _response(request: Request, answer: Answer) -> dict[str, Any]:
    cut = "max_output_tokens" if answer.finish == "length" else None
    return {
        "id": f"resp_{secrets.token_hex(24)}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "instructions": None,
        "max_output_tokens": request.token_limit,
        "model": request.model + SNAPSHOTS.get(request.model, ""),
        "output": _output(request, answer),
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
            "input_tokens": answer.prompt,
            "input_tokens_details": {"cached_tokens": answer.read, "cache_write_tokens": 0},
            "output_tokens": answer.output,
            "output_tokens_details": {"reasoning_tokens": answer.reasoning},
            "total_tokens": answer.prompt + answer.output,
        },
        "user": None,
        "metadata": {},
    }


def _output(request: Request, answer: Answer) -> list[dict[str, Any]]:
    thought = [{"id": f"rs_{secrets.token_hex(16)}", "type": "reasoning", "summary": []}] if request.thinks else []
    if answer.call:
        name, arguments = answer.call
        call = {
            "id": f"fc_{secrets.token_hex(16)}",
            "type": "function_call",
            "status": "completed",
            "arguments": json.dumps(arguments),
            "call_id": f"call_{secrets.token_hex(12)}",
            "name": name,
        }
        return [*thought, call]
    part: dict[str, Any] = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
    if answer.finish == "refused":
        part = {"type": "refusal", "refusal": answer.text}
    message = {
        "id": f"msg_{secrets.token_hex(16)}",
        "type": "message",
        "status": "incomplete" if answer.finish == "length" else "completed",
        "content": [part],
        "role": "assistant",
    }
    return [*thought, message]
