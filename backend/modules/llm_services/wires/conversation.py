"""Conversations in a neutral form, that of Chat Completions, from which every wire renders its request.

It has one form of content parts, and tool results have the ids of their calls. Nothing in the caller's messages is
lost.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from .. import pieces
from . import parts
from .lenient import arguments, items, json_object, mapping, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import LLMMessage, ToolCall

ChatMessage = dict[str, Any]

MAX_REMEMBERED_KEYS: Final = 1024
# The field for an assistant's content in a vendor's own form, which only that vendor is sent.
NATIVE: Final = "native"
ID_DIGEST_CHARACTERS: Final = 8
API_VARIANT: Final = "api_variant"
OF_ONE_WIRE: Final = ("reasoning_details", "reasoning", NATIVE)
RESULT_ROLES: Final = frozenset({"tool", "function"})
SYSTEM_ROLES: Final = frozenset({"system", "developer"})
# The pattern and the length of the ids of tool calls: https://docs.anthropic.com/en/api/messages,
# https://platform.openai.com/docs/api-reference/responses.
CLAUDES_IDS: Final = (re.compile("[a-zA-Z0-9_-]+"), 256)
OPENAIS_IDS: Final = (re.compile(r"[^\s]+"), 64)
# The fields of a call that is no Chat Completions call: Claude's arguments are its `input`, Gemini's its `args`.
FIELDS_OF_CALLS: Final = {"name": "name", "arguments": "arguments", "input": "arguments", "args": "arguments"}
# Anthropic's and Google's name for `required` is `any`.
CHOICE_MODES: Final = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


class ToolCallMemory:
    """Remembers recent assistant messages with tool calls, by call id and by the messages before them.

    Consumers send a tool's result with the tool's name only, without the message that requested it. APIs require that
    message, and matching ids. If it is remembered, it is added unchanged; otherwise it is made up from the name. A
    message that the caller sends is completed with the fields that only its vendor needs.
    """

    def __init__(self) -> None:
        self._turns: OrderedDict[str, ChatMessage] = OrderedDict()

    def remember(self, messages: Sequence[LLMMessage], tool_turn: ChatMessage, api_variant: str) -> None:
        """Remember the assistant message with tool calls that answered `messages` through the wire `api_variant`."""
        ids = [_id_key(call.get("id")) for call in items(tool_turn.get("tool_calls")) if mapping(call).get("id")]
        for key in (_fingerprint(messages), *ids):
            self._turns[key] = {**tool_turn, API_VARIANT: api_variant}
            self._turns.move_to_end(key)
        while len(self._turns) > MAX_REMEMBERED_KEYS:
            self._turns.popitem(last=False)

    def to_chat_messages(self, messages: Sequence[LLMMessage], api_variant: str) -> list[ChatMessage]:
        """Return `messages` in the neutral form, with tool results after the messages that requested them.

        Content in a vendor's own form is kept only if `api_variant` is the wire that it came from.
        """
        chat_messages: list[ChatMessage] = []
        open_calls: list[ChatMessage] = []
        for position, message in enumerate(messages):
            if message.role not in RESULT_ROLES:
                chat_messages.append(self._message(messages, position, api_variant))
                open_calls = list(chat_messages[-1].get("tool_calls", ()))
                continue
            call = _take_call(open_calls, message)
            if call is None:
                chat_messages.append(self._tool_turn(messages, position, api_variant))
                open_calls = list(chat_messages[-1]["tool_calls"])
                call = _take_call(open_calls, message)
            chat_messages.append(_result(message, call or {}))
        return chat_messages

    def _message(self, messages: Sequence[LLMMessage], position: int, api_variant: str) -> ChatMessage:
        """Return a message other than a tool result; a message with tool calls gets the form that its vendor needs."""
        message = messages[position]
        chat_message = _message(message, position)
        calls = chat_message.get("tool_calls")
        if not calls or not self._turns:
            return chat_message
        keys = (_id_key(call["id"]) for call in calls)
        remembered = next((self._turns[key] for key in keys if key in self._turns), None)
        remembered = remembered or self._remembered(messages, position)
        its_calls = items(remembered.get("tool_calls"))
        is_same = [_function_name(call) for call in calls] == [_function_name(call) for call in its_calls]
        # Another vendor may have answered the same messages, with other ids.
        ids = {call.get("call_id") or call.get("id") for call in message.tool_calls or []} - {None, ""}
        if message.reasoning_details or not is_same or ids - {mapping(call).get("id") for call in its_calls}:
            return chat_message
        return chat_message | _of_one_wire(remembered, api_variant)

    def _tool_turn(self, messages: Sequence[LLMMessage], position: int, api_variant: str) -> ChatMessage:
        """Return the assistant message that requested the tool results at `position`."""
        results: list[LLMMessage] = []
        for message in messages[position:]:
            if message.role not in RESULT_ROLES or (results and self._remembered(messages, position + len(results))):
                break
            results.append(message)
        remembered = self._by_result(results[0]) or self._remembered(messages, position)
        known = list(items(remembered.get("tool_calls")))
        calls = [_take_call(known, result) for result in results] if remembered else []
        answered = [_call(call, position) for call in calls if call is not None]
        if not answered or calls[0] is None:
            synthesised = [_synthesised_call(result, position + index) for index, result in enumerate(results)]
            return {"role": "assistant", "content": None, "tool_calls": synthesised}
        kept = _of_one_wire(remembered, api_variant)
        return {"role": "assistant", "content": remembered.get("content"), "tool_calls": answered, **kept}

    def _by_result(self, result: LLMMessage) -> ChatMessage:
        return self._turns.get(_id_key(result.tool_call_id), {}) if result.tool_call_id else {}

    def _remembered(self, messages: Sequence[LLMMessage], position: int) -> ChatMessage:
        return self._turns.get(_fingerprint(messages[:position]), {}) if self._turns else {}


def _of_one_wire(remembered: ChatMessage, api_variant: str) -> ChatMessage:
    names = OF_ONE_WIRE if remembered.get(API_VARIANT) == api_variant else ()
    return {name: remembered[name] for name in names if remembered.get(name)}


def _id_key(call_id: object) -> str:
    return f"id {call_id}"


def _fingerprint(messages: Sequence[LLMMessage]) -> str:
    """Return the key of a conversation: all of it except the system prompt, which may contain the time of day."""
    said = [message.model_dump(mode="json") for message in messages if message.role not in SYSTEM_ROLES]
    # Python keeps the hash of a text, and a conversation has several fingerprints.
    short = pieces.replaced(lambda _name, text: f"{len(text)} {hash(text)}", said)
    return hashlib.sha256(json.dumps(short).encode()).hexdigest()


def _function_name(call: object) -> object:
    return mapping(mapping(call).get("function")).get("name")


def _take_call(calls: list[ChatMessage], result: LLMMessage) -> ChatMessage | None:
    """Remove and return the call that `result` answers: by id, otherwise the first with its name."""
    for index, call in enumerate(calls):
        is_answered = result.name in (None, _function_name(call))
        if result.tool_call_id == mapping(call).get("id") if result.tool_call_id else is_answered:
            return calls.pop(index)
    return None


def _synthesised_call(result: LLMMessage, position: int) -> ChatMessage:
    name = result.name or "tool"
    own_id = result.tool_call_id or f"call_{position}_{name}"
    return {"id": own_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def _result(message: LLMMessage, call: ChatMessage) -> ChatMessage:
    return {"role": "tool", "tool_call_id": message.tool_call_id or call.get("id"), "content": _content(message)}


def _message(message: LLMMessage, position: int) -> ChatMessage:
    chat_message: ChatMessage = {"role": str(message.role), "content": _content(message)}
    if message.name:
        chat_message["name"] = message.name
    given = message.tool_calls or ([message.function_call] if message.function_call else [])
    calls = [_call(call, position + index) for index, call in enumerate(given)]
    if calls:
        chat_message |= {"tool_calls": calls, "content": chat_message["content"] or None}
    if message.reasoning_details:
        chat_message["reasoning_details"] = message.reasoning_details
    return chat_message


def _call(call: ChatMessage, position: int) -> ChatMessage:
    """Return a call in the neutral form, with its arguments as JSON text.

    Dumped ToolCalls, legacy `function_call`s, and the calls in the bodies of Claude, Gemini and the Responses API have
    other forms. Vendors expect text, but some send calls without arguments, or with an object
    (Significant-Gravitas/AutoGPT#12289).
    """
    call = mapping(call.get("functionCall")) or call
    function = mapping(call.get("function")) or {
        name: call[own_name] for own_name, name in FIELDS_OF_CALLS.items() if own_name in call
    }
    given = function.get("arguments")
    decoded = arguments(given)
    is_written = isinstance(given, str) and (decoded is None or json_object(given) is not None)
    text_given = given if is_written else json.dumps(decoded or {})
    own_id = call_id(call.get("call_id") or call.get("id"), position, str(function.get("name")))
    return {"id": own_id, "type": "function", "function": {**function, "arguments": text_given}}


def _content(message: LLMMessage) -> str | list[ChatMessage]:
    content: str | list[ChatMessage] = message.content or ""
    if isinstance(content, list):
        content = [parts.translated(part) for part in content]
    if not message.cache_control:
        return content
    given = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*given[:-1], {**given[-1], "cache_control": message.cache_control}] if given else given


def chosen_tool(choice: object) -> str | None:
    """Return the name of the function that a tool choice requires, in the form of any API; None if it names none."""
    named = mapping(choice)
    if named.get("type") not in {"function", "tool"}:
        return None
    return text(mapping(named.get("function")).get("name")) or text(named.get("name"))


def choice_mode(choice: object) -> str | None:
    """Return how a choice that names no tool restricts the model: auto, none or required; another choice is None."""
    mode = text(mapping(choice).get("type")) if mapping(choice).keys() == {"type"} else choice
    return CHOICE_MODES.get(mode) if isinstance(mode, str) else None


def tool_turn(calls: Sequence[ToolCall], native: list[Any]) -> ChatMessage | None:
    """Return an answer's tool calls as an assistant message; `native` is its content in the vendor's own form."""
    if not calls:
        return None
    functions = ({"name": call.name, "arguments": call.arguments} for call in calls)
    tool_calls = [
        {"id": call.id, "type": "function", "function": function}
        for call, function in zip(calls, functions, strict=True)
    ]
    return {"role": "assistant", "content": None, "tool_calls": tool_calls, NATIVE: native}


def plain_text(content: object) -> str:
    """Return the text of a message's content: its text parts, joined."""
    if isinstance(content, list):
        return "".join(str(mapping(part).get("text") or "") for part in content)
    return str(content or "")


def system_parts(messages: list[ChatMessage]) -> list[ChatMessage]:
    """Return the parts of system and developer messages, for APIs that put them outside the conversation."""
    contents = (message.get("content") for message in messages if message["role"] in SYSTEM_ROLES)
    return [part for content in contents for part in text_parts(content)]


def text_parts(content: object) -> list[ChatMessage]:
    """Return content as parts, without empty texts."""
    given = [{"type": "text", "text": content}] if isinstance(content, str) else items(content)
    return [part for part in given if part.get("type") != "text" or part.get("text")]


def call_id(given: object, index: int, name: str) -> str:
    """Return a tool call's id, or one made from its position and name."""
    return text(given) or f"call_{index}_{name}"


def safe_id(own_id: str, allowed: re.Pattern[str], max_characters: int) -> str:
    """Return the id if the vendor accepts it, otherwise one that is always derived from it in the same way.

    A conversation may continue with another vendor (langchain-ai/langchain#37756, MoonshotAI/kimi-code#327).
    """
    if len(own_id) <= max_characters and allowed.fullmatch(own_id):
        return own_id
    digest = hashlib.sha256(own_id.encode("utf-8", "surrogatepass")).hexdigest()[:ID_DIGEST_CHARACTERS]
    readable = re.sub(r"[^a-zA-Z0-9_-]", "_", own_id)[: max_characters - ID_DIGEST_CHARACTERS - 1]
    return f"{readable}_{digest}"


def join_instruction(messages: list[ChatMessage], instruction: str) -> list[ChatMessage]:
    """Return `messages` with an instruction appended to the first system message, or in a new one.

    Some chat templates accept only one system message (BerriAI/litellm#26879). The caller's text stays at the
    beginning, because it may be in a prompt cache.
    """
    for index, message in enumerate(messages):
        if message["role"] in SYSTEM_ROLES:
            content = message["content"]
            if isinstance(content, list):
                joined: object = [*content, {"type": "text", "text": instruction}]
            else:
                joined = f"{content}\n\n{instruction}" if content else instruction
            return [*messages[:index], {**message, "content": joined}, *messages[index + 1 :]]
    return [{"role": "system", "content": instruction}, *messages]
