"""A conversation as the Responses API takes it (https://platform.openai.com/docs/api-reference/responses/create)."""

from __future__ import annotations

import json
from typing import Any

from .conversation import NATIVE, plain_text
from .lenient import items, mapping

Item = dict[str, Any]


def response_input(messages: list[Item]) -> list[Item]:
    """Map Chat Completions' messages to input items."""
    return [item for message in messages for item in _items(message)]


def _items(message: Item) -> list[Item]:
    content = message.get("content")
    if message["role"] == "tool":
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": plain_text(content)}]
    if message["role"] != "assistant":
        parts = [_part(part) for part in content] if isinstance(content, list) else content
        return [{"role": message["role"], "content": parts}]
    calls = items(message.get("tool_calls"))
    if NATIVE in message:
        return native(message[NATIVE], {call["id"] for call in calls})
    said = plain_text(content)
    spoken = [{"role": "assistant", "content": said}] if said or not calls else []
    return spoken + [_call(call) for call in calls]


def native(output: list[Item], answered: set[str]) -> list[Item]:
    """Return what the model said word for word, without the calls that nobody answered."""
    return [item for item in output if item.get("type") != "function_call" or item.get("call_id") in answered]


def _call(call: Item) -> Item:
    function = mapping(call.get("function"))
    arguments = function.get("arguments") or "{}"
    return {
        "type": "function_call",
        "call_id": call["id"],
        "name": function.get("name"),
        "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
    }


def _part(part: Item) -> Item:
    match part.get("type"):
        case "text":
            return {"type": "input_text", "text": part.get("text") or ""}
        case "image_url":
            image = mapping(part.get("image_url"))
            return {"type": "input_image", "image_url": image.get("url"), "detail": image.get("detail") or "auto"}
        case "file":
            file = mapping(part.get("file"))
            data = str(file.get("file_data") or "")
            if data.startswith("http"):
                return {"type": "input_file", "file_url": data}
            return {"type": "input_file", "filename": file.get("filename") or "file", "file_data": data}
        case _:
            return part
