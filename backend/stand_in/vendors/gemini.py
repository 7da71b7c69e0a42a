"""Google's generateContent (https://ai.google.dev/api/generate-content)."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from .scenes import Ask, RefusedError, Said, needs

KNOWN = "contents systemInstruction generationConfig tools toolConfig safetySettings"
CONFIG = (
    "temperature topP topK seed maxOutputTokens stopSequences presencePenalty frequencyPenalty responseMimeType "
    "responseJsonSchema thinkingConfig responseModalities speechConfig"
)
KEYWORDS = (
    "$defs $ref type format title description enum items prefixItems minItems maxItems minimum maximum anyOf oneOf "
    "properties additionalProperties required propertyOrdering"
)
ENDS = {"stop": "STOP", "tool": "STOP", "length": "MAX_TOKENS", "refused": "SAFETY"}
TYPE = "type.googleapis.com/google.rpc."
ERRORS = {
    "rate-limited": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota. Please retry in 2s."),
    "out-of-quota": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota for the day."),
    "server-error": (500, "INTERNAL", "An internal error has occurred."),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "unauthorized": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "unknown-model": (404, "NOT_FOUND", "The model is not found for API version v1beta."),
    "bad-request": (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
}
DETAILS: dict[str, list[dict[str, Any]]] = {
    "rate-limited": [{"@type": f"{TYPE}RetryInfo", "retryDelay": "2s"}],
    "out-of-quota": [
        {
            "@type": f"{TYPE}QuotaFailure",
            "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel", "quotaValue": "250"}],
        },
        {"@type": f"{TYPE}RetryInfo", "retryDelay": "30s"},
    ],
    "unauthorized": [{"@type": f"{TYPE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}],
}
SILENCE = bytes(48_000)  # one second of 16-bit samples at 24 kHz


def key(header: Any) -> str:
    """Return the key that a request carries."""
    return str(header("x-goog-api-key"))


def read(path: str, body: dict[str, Any]) -> Ask:
    """Read a request; raise RefusedError for one that Google would not take."""
    model, _, method = path.rpartition("/models/")[2].partition(":")
    if method != "generateContent":
        raise RefusedError("unknown-model", f"Not found: {path}")
    config = body.get("generationConfig") or {}
    needs(body, KNOWN, "contents")
    needs(config, CONFIG)
    schema = config.get("responseJsonSchema")
    _check_schema(schema)
    speaks = "speechConfig" in config
    if speaks != ("AUDIO" in config.get("responseModalities", [])):
        raise RefusedError("bad-request", "speechConfig and the AUDIO modality go together")
    return Ask(
        model=model,
        prompt=_prompt(body),
        schema=schema,
        tool=_tool(body),
        limit=config.get("maxOutputTokens"),
        thinks=config.get("thinkingConfig", {}).get("thinkingBudget", 0) > 0,
    )


def _check_schema(schema: Any) -> None:
    if not isinstance(schema, dict):
        return
    for name, value in schema.items():
        if name not in KEYWORDS.split():
            raise RefusedError("bad-request", f"responseJsonSchema: unknown keyword {name!r}")
        if name in {"properties", "$defs"}:
            for each in value.values():
                _check_schema(each)
        if name in {"items", "additionalProperties"}:
            _check_schema(value)


def _prompt(body: dict[str, Any]) -> str:
    parts = list((body.get("systemInstruction") or {}).get("parts", []))
    asked: list[str] = []
    for content in body["contents"]:
        if content.get("role") not in {"user", "model"}:
            raise RefusedError("bad-request", "Please use a valid role: user, model.")
        results = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        if sorted(results) != sorted(asked):
            raise RefusedError("bad-request", "the number of function response parts does not equal that of calls")
        asked = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        parts += content["parts"]
    return " ".join(str(part.get("text") or part.get("functionResponse") or "") for part in parts)


def _tool(body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    declared = [each for tool in body.get("tools") or [] for each in tool["functionDeclarations"]]
    config = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    answered = any("functionResponse" in part for part in body["contents"][-1]["parts"])
    if not declared or answered or config.get("mode") == "NONE":
        return None
    wanted = (config.get("allowedFunctionNames") or [declared[0]["name"]])[0]
    return next((each["name"], each["parametersJsonSchema"]) for each in declared if each["name"] == wanted)


def answer(path: str, ask: Ask, said: Said) -> dict[str, Any]:
    """Return the body of an answer; a prompt that is refused has no candidate."""
    prompt = said.fresh + said.read + said.written
    usage: dict[str, Any] = {
        "promptTokenCount": prompt,
        "totalTokenCount": prompt + said.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
    }
    body: dict[str, Any] = {"usageMetadata": usage, "modelVersion": ask.model, "responseId": secrets.token_urlsafe(16)}
    if said.ended == "refused":
        usage["totalTokenCount"] = prompt
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **body}
    usage["candidatesTokenCount"] = said.output - said.reasoning
    if said.reasoning:
        usage["thoughtsTokenCount"] = said.reasoning
    if said.read:
        usage |= {
            "cachedContentTokenCount": said.read,
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": said.read}],
        }
    parts = _parts(ask, said)
    if path.endswith("-tts:generateContent"):
        usage["candidatesTokensDetails"] = [{"modality": "AUDIO", "tokenCount": said.output}]
        sound = base64.b64encode(SILENCE).decode()
        parts = [{"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": sound}}]
    return {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": ENDS[said.ended], "index": 0}],
        **body,
    }


def _parts(ask: Ask, said: Said) -> list[dict[str, Any]]:
    if said.call:
        name, given = said.call
        signature = base64.b64encode(secrets.token_bytes(16)).decode()
        return [{"functionCall": {"name": name, "args": given}, "thoughtSignature": signature}]
    thought = [{"text": "The stand-in thinks.", "thought": True}] if ask.thinks else []
    return [*thought, {"text": said.text}] if said.text else thought


def error(name: str, words: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return status, body and headers of an error."""
    status, kind, usual = ERRORS[name]
    told: dict[str, Any] = {"code": status, "message": words or usual, "status": kind}
    return status, {"error": told | ({"details": DETAILS[name]} if name in DETAILS else {})}, {}
