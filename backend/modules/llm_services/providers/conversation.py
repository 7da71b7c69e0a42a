"""A conversation as Chat Completions has it: one spelling of content parts, and tool results that name their calls.

Every vendor's wire is mapped from this form, which says all that callers can say.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from .lenient import items, mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import LLMMessage, ToolCall

Wire = dict[str, Any]

MOST_REMEMBERED: Final = 256
NATIVE: Final = "native"
RESULT_ROLES: Final = frozenset({"tool", "function"})


class ToolTurns:
    """The assistant messages with tool calls that a provider has got, by the conversation that they answered.

    Consumers send a tool's result with its name alone, and without the message that asked for it; the wire wants
    both, and ids that match. What was answered is put back word for word; what is not known is made up.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._answers: OrderedDict[str, Wire] = OrderedDict()

    def remember(self, asked: Sequence[LLMMessage], answer: Wire) -> None:
        """Keep the message that answered `asked` with calls of tools; under `NATIVE` as its vendor said it."""
        if items(answer.get("tool_calls")):
            self._answers[_fingerprint(asked)] = answer
            while len(self._answers) > MOST_REMEMBERED:
                self._answers.popitem(last=False)

    def wire(self, messages: Sequence[LLMMessage]) -> list[Wire]:
        """Return `messages` as the wire takes them."""
        wire: list[Wire] = []
        open_calls: list[Wire] = []
        for position, message in enumerate(messages):
            if message.role not in RESULT_ROLES:
                wire.append(_message(message, position))
                open_calls = list(items(wire[-1].get("tool_calls")))
                continue
            call = _taken(open_calls, message)
            if call is None:
                wire.append(self._asking(messages, position))
                open_calls = list(wire[-1]["tool_calls"])
                call = _taken(open_calls, message)
            wire.append(_result(message, call or {}))
        return wire

    def _asking(self, messages: Sequence[LLMMessage], position: int) -> Wire:
        """Return the assistant message that asked for the results which begin at `position`."""
        results: list[LLMMessage] = []
        for message in messages[position:]:
            if message.role not in RESULT_ROLES or (results and self._answer(messages, position + len(results))):
                break
            results.append(message)
        answer = self._answer(messages, position)
        known = list(items(answer.get("tool_calls")))
        calls = [_taken(known, result) for result in results] if answer else []
        asked = [call for call in calls if call is not None]
        if not asked or calls[0] is None:
            made_up = [_made_up(result, position + index) for index, result in enumerate(results)]
            return {"role": "assistant", "content": None, "tool_calls": made_up}
        kept = {name: answer[name] for name in ("reasoning_details", "reasoning", NATIVE) if answer.get(name)}
        return {"role": "assistant", "content": answer.get("content"), "tool_calls": asked, **kept}

    def _answer(self, messages: Sequence[LLMMessage], position: int) -> Wire:
        return self._answers.get(_fingerprint(messages[:position]), {}) if self._answers else {}


def _fingerprint(messages: Sequence[LLMMessage]) -> str:
    told = json.dumps([message.model_dump(mode="json") for message in messages])
    return hashlib.sha256(told.encode()).hexdigest()


def _taken(calls: list[Wire], result: LLMMessage) -> Wire | None:
    """Take out of `calls` the one that `result` answers: by its id, else the first of its name."""
    for index, call in enumerate(calls):
        name = mapping(mapping(call).get("function")).get("name")
        if result.tool_call_id == mapping(call).get("id") if result.tool_call_id else result.name in (None, name):
            return calls.pop(index)
    return None


def _made_up(result: LLMMessage, position: int) -> Wire:
    name = result.name or "tool"
    call_id = result.tool_call_id or f"call_{position}_{name}"
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def _result(message: LLMMessage, call: Wire) -> Wire:
    return {"role": "tool", "tool_call_id": message.tool_call_id or call.get("id"), "content": _content(message)}


def _message(message: LLMMessage, position: int) -> Wire:
    wire: Wire = {"role": str(message.role), "content": _content(message)}
    if message.name:
        wire["name"] = message.name
    asked = message.tool_calls or ([message.function_call] if message.function_call else [])
    calls = [_call(call, position) for call in asked]
    if calls:
        wire |= {"tool_calls": calls, "content": wire["content"] or None}
    if message.reasoning_details:
        wire["reasoning_details"] = message.reasoning_details
    return wire


def _call(call: Wire, position: int) -> Wire:
    """Return a call in the wire's shape; a dumped ToolCall and a legacy `function_call` come without it."""
    if "function" in call:
        return call
    arguments = call.get("arguments") or {}
    function = {
        "name": call.get("name"),
        "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
    }
    return {"id": call.get("id") or f"call_{position}_{call.get('name')}", "type": "function", "function": function}


def _content(message: LLMMessage) -> str | list[Wire]:
    if isinstance(message.content, list):
        return [_part(part) for part in message.content]
    return message.content or ""


def _part(part: Wire) -> Wire:
    """Translate a Responses-style part; Chat Completions parts go as they are."""
    match part.get("type"):
        case "input_text" | "output_text":
            return {"type": "text", "text": part.get("text") or ""}
        case "input_image" | "image_url" if isinstance(part.get("image_url"), str):
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
        case "input_file":
            data = part.get("file_data") or part.get("file_url")
            return {"type": "file", "file": {"filename": part.get("filename") or "file", "file_data": data}}
        case "input_audio" if "input_audio" not in part:
            return {"type": "input_audio", "input_audio": {name: part.get(name) for name in ("data", "format")}}
        case _:
            return part


def as_call(call: ToolCall) -> dict[str, Any]:
    """Return a tool call as Chat Completions has it, its arguments left to the vendor's own words."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def plain_text(content: object) -> str:
    """Return a content's text: of the parts that are text, one after the other."""
    if isinstance(content, list):
        return "".join(str(mapping(part).get("text") or "") for part in content)
    return str(content or "")
