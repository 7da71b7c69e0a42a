"""A conversation as generateContent takes it (https://ai.google.dev/api/caching#Content)."""

from __future__ import annotations

import json
import mimetypes
import re
from typing import Any, Final

from .conversation import NATIVE, plain_text
from .lenient import arguments, items, mapping

Part = dict[str, Any]

DATA_URL: Final = re.compile(r"data:(?P<type>[^;,]+);base64,(?P<data>.*)", re.DOTALL)


def system_instruction(messages: list[Part]) -> Part | None:
    """Return what system and developer messages say, which stands outside the conversation there."""
    said = (plain_text(each.get("content")) for each in messages if each["role"] in {"system", "developer"})
    parts = [{"text": text} for text in said if text]
    return {"parts": parts} if parts else None


def contents(messages: list[Part]) -> list[Part]:
    """Map Chat Completions' messages to contents of user and model, what follows on the same side joined."""
    names = {call["id"]: call["function"].get("name") for each in messages for call in items(each.get("tool_calls"))}
    found: list[Part] = []
    for message in messages:
        if message["role"] in {"system", "developer"}:
            continue
        role = "model" if message["role"] == "assistant" else "user"
        parts = _result(message, names) if message["role"] == "tool" else _parts(message)
        if found and found[-1]["role"] == role:
            found[-1]["parts"] += parts
        else:
            found.append({"role": role, "parts": parts})
    return [content for content in found if content["parts"]]


def _result(message: Part, names: dict[str, Any]) -> list[Part]:
    """Return a tool's result, which the wire knows by the tool's name and wants as an object."""
    said = plain_text(message.get("content"))
    response = arguments(said)
    return [
        {
            "functionResponse": {
                "name": names.get(message["tool_call_id"]),
                "response": {"result": said} if response is None else response,
            }
        }
    ]


def _parts(message: Part) -> list[Part]:
    calls = items(message.get("tool_calls"))
    if NATIVE in message:
        return _native(message[NATIVE], [call["function"]["name"] for call in calls])
    content = message.get("content")
    given = [{"type": "text", "text": content}] if isinstance(content, str) else items(content)
    said = [_part(part) for part in given if part.get("type") != "text" or part.get("text")]
    return said + [
        {
            "functionCall": {
                "name": call["function"].get("name"),
                "args": arguments(call["function"].get("arguments")) or {},
            }
        }
        for call in calls
    ]


def _native(parts: list[Part], answered: list[str]) -> list[Part]:
    """Return what the model said word for word, signatures of its thoughts included, without unanswered calls."""
    left = list(answered)
    kept: list[Part] = []
    for part in parts:
        name = mapping(part.get("functionCall")).get("name")
        if name is None or name in left:
            kept.append(part)
            if name is not None:
                left.remove(name)
    return kept


def _part(part: Part) -> Part:
    match part.get("type"):
        case "text":
            return {"text": part["text"]}
        case "image_url":
            return _file(str(mapping(part.get("image_url")).get("url") or ""))
        case "file":
            return _file(str(mapping(part.get("file")).get("file_data") or ""))
        case "input_audio":
            sound = mapping(part.get("input_audio"))
            return {"inlineData": {"mimeType": f"audio/{sound.get('format')}", "data": sound.get("data")}}
        case _:
            return part


def _file(address: str) -> Part:
    if inline := DATA_URL.fullmatch(address):
        return {"inlineData": {"mimeType": inline["type"], "data": inline["data"]}}
    kind = mimetypes.guess_type(address.partition("?")[0])[0]
    return {"fileData": {"fileUri": address, **({"mimeType": kind} if kind else {})}}


# https://ai.google.dev/gemini-api/docs/structured-output: the keywords that the wire takes; others it refuses.
KEYWORDS: Final = frozenset(
    [
        "$defs",
        "$ref",
        "type",
        "format",
        "title",
        "description",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
        "oneOf",
        "properties",
        "additionalProperties",
        "required",
        "propertyOrdering",
    ]
)


def schema_of(schema: Any) -> Any:  # noqa: ANN401 - JSON Schema
    """Return a JSON Schema with what this wire has words for; the rest is checked when the answer is there."""
    if not isinstance(schema, dict):
        return schema
    said = {**schema, "enum": [schema["const"]]} if "const" in schema else schema
    return {key: _value(key, value) for key, value in said.items() if key in KEYWORDS}


def _value(key: str, value: Any) -> Any:  # noqa: ANN401 - a keyword's value
    if key in {"properties", "$defs"}:
        return {name: schema_of(each) for name, each in mapping(value).items()}
    if key in {"anyOf", "oneOf", "prefixItems"}:
        return [schema_of(each) for each in items(value)]
    if key == "enum":
        return [each if isinstance(each, str) else json.loads(json.dumps(each)) for each in items(value)]
    return schema_of(value) if key in {"items", "additionalProperties"} else value
