"""A conversation in its neutral form, that of Chat Completions: every wire is rendered from it.

It has one spelling of content parts, and tool results that name their calls by id; it holds all that callers can give.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from .lenient import items, mapping, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import LLMMessage, ToolCall

ChatMessage = dict[str, Any]

MAX_REMEMBERED_TURNS: Final = 256
# Where an assistant's turn keeps its content as the vendor sent it, for that vendor alone.
NATIVE: Final = "native"
API_VARIANT: Final = "api_variant"
OF_ONE_WIRE: Final = ("reasoning_details", "reasoning", NATIVE)
RESULT_ROLES: Final = frozenset({"tool", "function"})
SYSTEM_ROLES: Final = frozenset({"system", "developer"})


class ToolCallMemory:
    """The assistant messages with tool calls that have come back lately, by the conversation that they answered.

    Consumers send a tool's result with its name alone, and without the message that asked for it; wires want both,
    and ids that match. A remembered message is put back unchanged; an unknown one is synthesised from the name.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._turns: OrderedDict[str, ChatMessage] = OrderedDict()

    def remember(self, messages: Sequence[LLMMessage], tool_turn: ChatMessage, api_variant: str) -> None:
        """Keep the assistant message that answered `messages` with tool calls, by the wire named `api_variant`."""
        if items(tool_turn.get("tool_calls")):
            self._turns[_fingerprint(messages)] = {**tool_turn, API_VARIANT: api_variant}
            while len(self._turns) > MAX_REMEMBERED_TURNS:
                self._turns.popitem(last=False)

    def to_chat_messages(self, messages: Sequence[LLMMessage], api_variant: str) -> list[ChatMessage]:
        """Return `messages` in the neutral form, each tool result behind the message that asked for it.

        What only one wire understands goes to the wire that sent it, `api_variant`, and to no other.
        """
        chat_messages: list[ChatMessage] = []
        open_calls: list[ChatMessage] = []
        for position, message in enumerate(messages):
            if message.role not in RESULT_ROLES:
                chat_messages.append(_message(message, position))
                open_calls = list(chat_messages[-1].get("tool_calls", ()))
                continue
            call = _take_call(open_calls, message)
            if call is None:
                chat_messages.append(self._tool_turn(messages, position, api_variant))
                open_calls = list(chat_messages[-1]["tool_calls"])
                call = _take_call(open_calls, message)
            chat_messages.append(_result(message, call or {}))
        return chat_messages

    def _tool_turn(self, messages: Sequence[LLMMessage], position: int, api_variant: str) -> ChatMessage:
        """Return the assistant message that asked for the results which begin at `position`."""
        results: list[LLMMessage] = []
        for message in messages[position:]:
            if message.role not in RESULT_ROLES or (results and self._remembered(messages, position + len(results))):
                break
            results.append(message)
        remembered = self._remembered(messages, position)
        known = list(items(remembered.get("tool_calls")))
        calls = [_take_call(known, result) for result in results] if remembered else []
        answered = [call for call in calls if call is not None]
        if not answered or calls[0] is None:
            synthesised = [_synthesised_call(result, position + index) for index, result in enumerate(results)]
            return {"role": "assistant", "content": None, "tool_calls": synthesised}
        own = OF_ONE_WIRE if remembered.get(API_VARIANT) == api_variant else ()
        kept = {name: remembered[name] for name in own if remembered.get(name)}
        return {"role": "assistant", "content": remembered.get("content"), "tool_calls": answered, **kept}

    def _remembered(self, messages: Sequence[LLMMessage], position: int) -> ChatMessage:
        return self._turns.get(_fingerprint(messages[:position]), {}) if self._turns else {}


def _fingerprint(messages: Sequence[LLMMessage]) -> str:
    dump = json.dumps([message.model_dump(mode="json") for message in messages])
    return hashlib.sha256(dump.encode()).hexdigest()


def _take_call(calls: list[ChatMessage], result: LLMMessage) -> ChatMessage | None:
    """Take out of `calls` the one that `result` answers: by its id, else the first of its name."""
    for index, call in enumerate(calls):
        name = mapping(mapping(call).get("function")).get("name")
        if result.tool_call_id == mapping(call).get("id") if result.tool_call_id else result.name in (None, name):
            return calls.pop(index)
    return None


def _synthesised_call(result: LLMMessage, position: int) -> ChatMessage:
    name = result.name or "tool"
    call_id = result.tool_call_id or f"call_{position}_{name}"
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def _result(message: LLMMessage, call: ChatMessage) -> ChatMessage:
    return {"role": "tool", "tool_call_id": message.tool_call_id or call.get("id"), "content": _content(message)}


def _message(message: LLMMessage, position: int) -> ChatMessage:
    chat_message: ChatMessage = {"role": str(message.role), "content": _content(message)}
    if message.name:
        chat_message["name"] = message.name
    given = message.tool_calls or ([message.function_call] if message.function_call else [])
    calls = [_call(call, position) for call in given]
    if calls:
        chat_message |= {"tool_calls": calls, "content": chat_message["content"] or None}
    if message.reasoning_details:
        chat_message["reasoning_details"] = message.reasoning_details
    return chat_message


def _call(call: ChatMessage, position: int) -> ChatMessage:
    """Return a call in the neutral form; a dumped ToolCall and a legacy `function_call` come in another."""
    if "function" in call:
        return call
    arguments = call.get("arguments") or {}
    function = {
        "name": call.get("name"),
        "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
    }
    return {"id": call.get("id") or f"call_{position}_{call.get('name')}", "type": "function", "function": function}


def _content(message: LLMMessage) -> str | list[ChatMessage]:
    if isinstance(message.content, list):
        return [_part(part) for part in message.content]
    return message.content or ""


def _part(part: ChatMessage) -> ChatMessage:
    """Translate a Responses-style part; Chat Completions parts stay as they are."""
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


def tool_turn(calls: Sequence[ToolCall], native: list[Any]) -> ChatMessage | None:
    """Return an answer's tool calls as an assistant message, `native` being its content as the vendor sent it."""
    if not calls:
        return None
    functions = ({"name": call.name, "arguments": call.arguments} for call in calls)
    tool_calls = [
        {"id": call.id, "type": "function", "function": function}
        for call, function in zip(calls, functions, strict=True)
    ]
    return {"role": "assistant", "content": None, "tool_calls": tool_calls, NATIVE: native}


def plain_text(content: object) -> str:
    """Return a content's text: of the parts that are text, one after the other."""
    if isinstance(content, list):
        return "".join(str(mapping(part).get("text") or "") for part in content)
    return str(content or "")


def system_texts(messages: list[ChatMessage]) -> list[str]:
    """Return the texts of system and developer messages, for wires that keep them outside the conversation."""
    texts = (plain_text(message.get("content")) for message in messages if message["role"] in SYSTEM_ROLES)
    return list(filter(None, texts))


def text_parts(content: object) -> list[ChatMessage]:
    """Return a content as parts, without empty texts."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else items(content)
    return [part for part in parts if part.get("type") != "text" or part.get("text")]


def call_id(given: object, index: int, name: str) -> str:
    """Return a tool call's own id, else one made of its place and name."""
    return text(given) or f"call_{index}_{name}"
