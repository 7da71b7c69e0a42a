"""A conversation as the contents of generateContent (https://ai.google.dev/api/caching#Content)."""

from __future__ import annotations

import mimetypes
from typing import Any, Final

from .conversation import NATIVE, SYSTEM_ROLES, plain_text, text_parts
from .lenient import arguments, items, json_object, mapping
from .parts import inline

Part = dict[str, Any]

# The signature for a call that another model made, or that was made up, because some models require a signature for
# every step: https://ai.google.dev/gemini-api/docs/thought-signatures.
NO_SIGNATURE: Final = "skip_thought_signature_validator"
# A field of this API's parts that the reasoning details of other vendors do not have.
OWN_PART_KEYS: Final = frozenset({"thoughtSignature", "functionCall", "thought"})
# Further fields of this API's parts, which a caller may put beside an image or a video.
KEPT_KEYS: Final = ("videoMetadata", "mediaResolution", "mediaProcessing", "partMetadata")


def contents_of(messages: list[Part], *, signs_calls: bool) -> list[Part]:
    """Map Chat Completions messages to the contents of user and model; adjacent ones of the same role are joined."""
    calls = [call for message in messages for call in items(message.get("tool_calls"))]
    names = {call["id"]: call["function"].get("name") for call in calls}
    own_ids = {mapping(part.get("functionCall")).get("id") for message in messages for part in _own_parts(message)} - {
        None
    }
    joined: list[Part] = []
    for message in messages:
        if message["role"] in SYSTEM_ROLES:
            continue
        role = "model" if message["role"] == "assistant" else "user"
        parts = _result(message, names, own_ids) if message["role"] == "tool" else _parts(message)
        if signs_calls and role == "model":
            parts = _signed(parts)
        if joined and joined[-1]["role"] == role:
            joined[-1]["parts"] += parts
        else:
            joined.append({"role": role, "parts": parts})
    return [content for content in joined if content["parts"]]


def _result(message: Part, names: dict[str, Any], own_ids: set[Any]) -> list[Part]:
    """Return a tool's result as the API expects it: an object, under the tool's name."""
    result = plain_text(message.get("content"))
    decoded = json_object(result)
    response = {"result": result} if decoded is None else decoded
    own_id = {"id": message["tool_call_id"]} if message["tool_call_id"] in own_ids else {}
    media = [part_of(part) for part in items(message.get("content")) if part.get("type") != "text"]
    answer = {**own_id, "name": names.get(message["tool_call_id"]), "response": response}
    return [{"functionResponse": answer | ({"parts": media} if media else {})}]


def _parts(message: Part) -> list[Part]:
    calls = items(message.get("tool_calls"))
    if own := _own_parts(message):
        return _native(own, [call["function"]["name"] for call in calls])
    return [part_of(part) for part in text_parts(message.get("content"))] + [_function_call(call) for call in calls]


def _signed(parts: list[Part]) -> list[Part]:
    """Return a turn with a signature on its first call, which is where the model puts its own."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is None or any("thoughtSignature" in part for part in parts):
        return parts
    return [{**part, "thoughtSignature": NO_SIGNATURE} if part is first else part for part in parts]


def _function_call(call: Part) -> Part:
    function = call["function"]
    return {"functionCall": {"name": function.get("name"), "args": arguments(function.get("arguments")) or {}}}


def _own_parts(message: Part) -> list[Part]:
    """Return an assistant's turn in this API's form, which is remembered or was sent by the caller."""
    details = items(message.get("reasoning_details"))
    is_own = any(OWN_PART_KEYS & mapping(part).keys() for part in details)
    return items(message.get(NATIVE)) or (details if is_own else [])


def _native(parts: list[Part], answered: list[str]) -> list[Part]:
    """Return the model's own parts, with thought signatures, but without calls that have no result."""
    left = list(answered)
    kept: list[Part] = []
    for part in parts:
        name = mapping(part.get("functionCall")).get("name")
        if name is None or name in left:
            kept.append(part)
            if name is not None:
                left.remove(name)
    return kept


def part_of(part: Part) -> Part:
    """Return a content part in this API's form."""
    kept: Part = {name: part[name] for name in KEPT_KEYS if name in part}
    return {**_part(part), **kept} if kept else _part(part)


def _part(part: Part) -> Part:
    match part.get("type"):
        case "text":
            return {"text": part["text"]}
        case "image_url" | "video_url" as kind:
            return _file(str(mapping(part.get(kind)).get("url") or ""))
        case "file" | "input_image":
            file = mapping(part.get("file")) or part
            return _file(str(file.get("file_data") or file.get("file_id") or ""))
        case "input_audio":
            sound = mapping(part.get("input_audio"))
            return {"inlineData": {"mimeType": f"audio/{sound.get('format')}", "data": sound.get("data")}}
        case _:
            return part


def _file(address: str) -> Part:
    if inlined := inline(address):
        return {"inlineData": {"mimeType": inlined[0], "data": inlined[1]}}
    kind = mimetypes.guess_type(address.partition("?")[0])[0]
    return {"fileData": {"fileUri": address, **({"mimeType": kind} if kind else {})}}
