"""A conversation as the Messages API takes it (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

import re
from typing import Any, Final

from .conversation import NATIVE, plain_text
from .lenient import arguments, items, mapping

Block = dict[str, Any]

DATA_URL: Final = re.compile(r"data:(?P<type>[^;,]+);base64,(?P<data>.*)", re.DOTALL)
THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})


def system_blocks(messages: list[Block]) -> list[Block]:
    """Return what system and developer messages say, which stands outside the conversation there."""
    said = (plain_text(each.get("content")) for each in messages if each["role"] in {"system", "developer"})
    return [{"type": "text", "text": text} for text in said if text]


def turns(messages: list[Block]) -> list[Block]:
    """Map Chat Completions' messages to turns of user and assistant, what follows on the same side joined."""
    found: list[Block] = []
    for message in messages:
        if message["role"] in {"system", "developer"}:
            continue
        role = "assistant" if message["role"] == "assistant" else "user"
        if found and found[-1]["role"] == role:
            found[-1]["content"] += _blocks(message)
        else:
            found.append({"role": role, "content": _blocks(message)})
    return [turn for turn in found if turn["content"]]


def thoughts_are_missing(found: list[Block]) -> bool:
    """Say whether the results at the end follow a turn without its thoughts, as one that was made up is.

    Thinking is refused there: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking.
    """
    asking, answering = found[-2:] if len(found) > 1 else ({}, {})
    is_loop = any(block.get("type") == "tool_result" for block in items(answering.get("content")))
    return is_loop and asking["content"][0].get("type") not in THOUGHTS


def _blocks(message: Block) -> list[Block]:
    content = message.get("content")
    if message["role"] == "tool":
        result = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": plain_text(content)}
        return [result]
    calls = items(message.get("tool_calls"))
    if NATIVE in message:
        answered = {call["id"] for call in calls}
        return [block for block in message[NATIVE] if block.get("type") != "tool_use" or block.get("id") in answered]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else items(content)
    blocks = [_part(part) for part in parts if part.get("type") != "text" or part.get("text")]
    return blocks + [_use(call) for call in calls]


def _use(call: Block) -> Block:
    function = mapping(call.get("function"))
    given = arguments(function.get("arguments")) or {}
    return {"type": "tool_use", "id": call["id"], "name": function.get("name"), "input": given}


def _part(part: Block) -> Block:
    match part.get("type"):
        case "text":
            return {"type": "text", "text": part["text"]}
        case "image_url":
            return {"type": "image", "source": _source(str(mapping(part.get("image_url")).get("url") or ""))}
        case "file":
            file = mapping(part.get("file"))
            return {"type": "document", "source": _source(str(file.get("file_data") or ""))}
        case "input_audio":
            raise ValueError("Claude does not listen: a message holds an input_audio part")
        case _:
            return part


def _source(address: str) -> Block:
    if inline := DATA_URL.fullmatch(address):
        return {"type": "base64", "media_type": inline["type"], "data": inline["data"]}
    return {"type": "url", "url": address}
