"""Google's generateContent (https://ai.google.dev/api/generate-content)."""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING, Any, ClassVar

from .streams import generate_content_events, server_sent
from .wire import Answer, InvalidRequestError, PlainWire, Request, VendorError, check_fields, tool_named

if TYPE_CHECKING:
    from collections.abc import Iterable

KNOWN = "contents systemInstruction generationConfig tools toolConfig safetySettings"
CONFIG = (
    "temperature topP topK seed maxOutputTokens stopSequences presencePenalty frequencyPenalty responseMimeType "
    "responseJsonSchema thinkingConfig responseModalities speechConfig"
)
KEYWORDS = (
    "$defs $ref type format title description enum items prefixItems minItems maxItems minimum maximum anyOf oneOf "
    "properties additionalProperties required propertyOrdering"
)
FINISH_REASONS = {"stop": "STOP", "tool": "STOP", "length": "MAX_TOKENS", "refused": "SAFETY"}
TYPE = "type.googleapis.com/google.rpc."
DETAILS: dict[str, list[dict[str, Any]]] = {
    "rate-limited": [{"@type": f"{TYPE}RetryInfo", "retryDelay": "2s"}],
    "no-credits": [
        {
            "@type": f"{TYPE}QuotaFailure",
            "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel", "quotaValue": "250"}],
        },
        {"@type": f"{TYPE}RetryInfo", "retryDelay": "30s"},
    ],
    "unknown-key": [{"@type": f"{TYPE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}],
}
# Models that take a thinking budget, and the levels that a generation does not take; other names count as the newest.
BUDGETED = re.compile(r"gemini-2\.5-(pro|flash|flash-lite)(-preview)?$")
TOLD_NOTHING = re.compile(r"gemini-(1|2)|tts|image|audio|live")
LEVELS = (
    (re.compile("gemini-3-pro"), ("low", "high")),
    (re.compile(r"gemini-3\.[1-5]-pro"), ("low", "medium", "high")),
    (re.compile(r"gemini-3(\.[1-6])?-"), ("minimal", "low", "medium", "high")),
    (re.compile(""), ("low", "medium", "high")),
)
SIGNING = re.compile(r"gemini-(1|2)")
SILENCE = bytes(48_000)  # one second of 16-bit samples at 24 kHz


class Gemini(PlainWire):
    """Google's generateContent API."""

    path = re.compile(":(generateContent|streamGenerateContent)$")
    key_header = "x-goog-api-key"
    errors: ClassVar = {
        "rate-limited": VendorError(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota. Please retry in 2s."),
        "no-credits": VendorError(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota for the day."),
        "server-error": VendorError(500, "INTERNAL", "An internal error has occurred."),
        "overloaded": VendorError(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        "unknown-key": VendorError(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        "unknown-model": VendorError(404, "NOT_FOUND", "The model is not found for API version v1beta."),
        "invalid-request": VendorError(400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    }

    def read_body(self, path: str, body: dict[str, Any]) -> Request:
        """Parse a request for content; the model is in the path."""
        config = body.get("generationConfig") or {}
        check_fields(body, KNOWN, "contents")
        check_fields(config, CONFIG)
        schema = config.get("responseJsonSchema")
        _check_schema(schema)
        speaks = "speechConfig" in config
        if speaks != ("AUDIO" in config.get("responseModalities", [])):
            raise InvalidRequestError("speechConfig and the AUDIO modality go together")
        model, _, method = path.rpartition("/models/")[2].partition(":")
        thinking = config.get("thinkingConfig") or {}
        _check_thinking(model, thinking)
        if not SIGNING.match(model):
            _check_signatures(body["contents"])
        return Request(
            model=model,
            text=_prompt(body),
            schema=schema,
            tool=_tool(body),
            token_limit=config.get("maxOutputTokens"),
            thinks=thinking.get("thinkingBudget", 0) != 0 or "thinkingLevel" in thinking,
            streams=method == "streamGenerateContent",
        )

    def events(self, body: dict[str, Any]) -> Iterable[bytes]:
        """Return the responses of a stream."""
        return map(server_sent, generate_content_events(body))

    def answer(self, request: Request, answer: Answer) -> dict[str, Any]:
        """Return the body of an answer; a refused prompt has no candidate."""
        usage: dict[str, Any] = {
            "promptTokenCount": answer.prompt,
            "totalTokenCount": answer.prompt + answer.output,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": answer.prompt}],
        }
        body: dict[str, Any] = {
            "usageMetadata": usage,
            "modelVersion": request.model,
            "responseId": secrets.token_urlsafe(16),
        }
        if answer.finish == "refused":
            usage["totalTokenCount"] = answer.prompt
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **body}
        usage["candidatesTokenCount"] = answer.output - answer.reasoning
        if answer.reasoning:
            usage["thoughtsTokenCount"] = answer.reasoning
        if answer.read:
            usage |= {
                "cachedContentTokenCount": answer.read,
                "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": answer.read}],
            }
        parts = _parts(request, answer)
        if request.path.endswith("-tts:generateContent"):
            usage["candidatesTokensDetails"] = [{"modality": "AUDIO", "tokenCount": answer.output}]
            sound = base64.b64encode(SILENCE).decode()
            parts = [{"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": sound}}]
        return {
            "candidates": [
                {
                    "content": {"parts": parts, "role": "model"},
                    "finishReason": FINISH_REASONS[answer.finish],
                    "index": 0,
                }
            ],
            **body,
        }

    def error(self, name: str, error: VendorError) -> tuple[dict[str, Any], dict[str, str]]:
        """Return an error; the details of a rate limit have a retry delay."""
        body: dict[str, Any] = {"code": error.status, "message": error.message, "status": error.kind}
        return {"error": body | ({"details": DETAILS[name]} if name in DETAILS else {})}, {}


def _check_thinking(model: str, thinking: dict[str, Any]) -> None:
    """Raise InvalidRequestError for a thinking setting of another generation."""
    if not thinking:
        return
    is_budgeted, level = BUDGETED.match(model), thinking.get("thinkingLevel")
    if TOLD_NOTHING.search(model) and not is_budgeted:
        raise InvalidRequestError("Thinking level is not supported for this model.")
    if is_budgeted and level is not None:
        raise InvalidRequestError("Thinking level is not supported for this model.")
    if not is_budgeted and "thinkingBudget" in thinking:
        raise InvalidRequestError("Thinking budget is not supported for this model. Use thinking level.")
    levels = next(taken for name, taken in LEVELS if name.match(model))
    if level is not None and level.lower() not in levels:
        raise InvalidRequestError(f"Thinking level {level} is not supported for this model.")


def _check_signatures(contents: list[dict[str, Any]]) -> None:
    """Raise InvalidRequestError for a step without a signature on its first call."""
    for content in contents:
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls and "thoughtSignature" not in calls[0]:
            raise InvalidRequestError("Function call is missing a thought_signature in functionCall parts.")


def _check_schema(schema: Any) -> None:
    """Raise InvalidRequestError for a keyword that the API does not know, or does not accept in that form."""
    if not isinstance(schema, dict):
        return
    if unknown := schema.keys() - set(KEYWORDS.split()):
        raise InvalidRequestError(f"responseJsonSchema: unknown keyword {min(unknown)!r}")
    if "$ref" in schema and any(not name.startswith("$") for name in schema):
        raise InvalidRequestError("responseJsonSchema: beside $ref only keys that begin with $ may be set")
    if any(member is None or isinstance(member, bool) for member in schema.get("enum") or []):
        raise InvalidRequestError("responseJsonSchema: enum is for strings and numbers")
    for child in _children(schema):
        _check_schema(child)


def _children(schema: dict[str, Any]) -> list[Any]:
    named = [child for name in ("properties", "$defs") for child in schema.get(name, {}).values()]
    listed = [child for name in ("anyOf", "oneOf", "prefixItems") for child in schema.get(name, [])]
    return [*named, *listed, *(schema.get(name) for name in ("items", "additionalProperties"))]


def _prompt(body: dict[str, Any]) -> str:
    parts = list((body.get("systemInstruction") or {}).get("parts", []))
    open_calls: list[str] = []
    for content in body["contents"]:
        if content.get("role") not in {"user", "model"}:
            raise InvalidRequestError("Please use a valid role: user, model.")
        results = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        if sorted(results) != sorted(open_calls):
            raise InvalidRequestError("the number of function response parts does not equal that of calls")
        open_calls = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        parts += content["parts"]
    return " ".join(str(part.get("text") or part.get("functionResponse") or "") for part in parts)


def _tool(body: dict[str, Any]) -> tuple[str, Any] | None:
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    if any("functionResponse" in part for part in body["contents"][-1]["parts"]) or config.get("mode") == "NONE":
        return None
    declared = [function for tool in body.get("tools") or [] for function in tool["functionDeclarations"]]
    tools = {function["name"]: function["parametersJsonSchema"] for function in declared}
    return tool_named((config.get("allowedFunctionNames") or [None])[0], tools)


def _parts(request: Request, answer: Answer) -> list[dict[str, Any]]:
    if answer.call:
        name, given = answer.call
        signature = base64.b64encode(secrets.token_bytes(16)).decode()
        return [{"functionCall": {"name": name, "args": given}, "thoughtSignature": signature}]
    thought = [{"text": "The stand-in thinks.", "thought": True}] if request.thinks else []
    return [*thought, {"text": answer.text}] if answer.text else thought
