"""Streams of Chat Completions (https://platform.openai.com/docs/api-reference/chat-streaming).

Tested with OpenRouter streams that others recorded (`tests/wires/test_recorded_streams.py`).
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from .assembly import Assembly, joined
from .conversation import plain_text
from .lenient import count, items, json_object, mapping, present, text

# The fields of a delta that are strings to append, and those that are lists to extend.
TEXTS: Final = ("content", "refusal", "reasoning", "reasoning_content")
LISTS: Final = ("images", "annotations")
# Parts of the content that are thoughts, as Mistral has them: https://docs.mistral.ai/capabilities/reasoning/.
THOUGHT_TYPES: Final = frozenset({"thinking", "reasoning"})
# Fields of a reasoning detail that arrive in pieces; `data` is encrypted and arrives whole.
DETAIL_TEXTS: Final = ("text", "summary")
BEGINNINGS: Final = (*TEXTS, *LISTS, "tool_calls", "function_call", "reasoning_details", "audio")


class ChatCompletionsAssembly(Assembly):
    """Builds a completion from its chunks: choices by index, and the last value that is not null of every other field.

    An error in a chunk becomes the body's error.
    """

    def __init__(self) -> None:
        super().__init__()
        self._fields: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}

    def _take(self, event: dict[str, Any]) -> str:
        added = ""
        for name, value in event.items():
            if name == "choices":
                added = "".join([self._take_choice(position, choice) for position, choice in enumerate(items(value))])
            elif value is not None:
                self._fields[name] = value
        return added

    def _take_choice(self, position: int, given: object) -> str:
        """Add a choice's delta; return its text if it belongs to the first choice, as the others are not used."""
        choice = mapping(given)
        number = count(choice.get("index"))
        number = position if number is None else number
        if number not in self._choices:
            self._choices[number] = _Choice(number)
        added = self._choices[number].take(choice)
        if text(choice.get("finish_reason")):
            self.is_complete = True
        if not self.has_begun:
            delta = mapping(choice.get("delta") or choice.get("message"))
            self.has_begun = any(delta.get(name) for name in BEGINNINGS)
        return added if number == min(self._choices) else ""

    def _body(self) -> dict[str, Any]:
        choices = [choice.body() for _, choice in sorted(self._choices.items())]
        return {**self._fields, "object": "chat.completion", "choices": choices}


class _Choice:
    def __init__(self, number: int) -> None:
        self._fields: dict[str, Any] = {"index": number, "finish_reason": None}
        self._message: _Message | None = None
        self._logprobs: dict[str, list[Any]] = {}

    def take(self, choice: dict[str, Any]) -> str:
        """Add this choice's part of a chunk; return its text."""
        for name, value in choice.items():
            if name == "logprobs":
                for part, tokens in mapping(value).items():
                    self._logprobs.setdefault(part, []).extend(items(tokens))
            elif value is not None and name not in {"delta", "message", "index"}:
                self._fields[name] = value
        delta = choice.get("delta") or choice.get("message")  # some servers end with the whole message
        if not isinstance(delta, dict):
            return ""
        if self._message is None:
            self._message = _Message()
        elif "delta" not in choice:
            return ""
        return self._message.take(delta)

    def body(self) -> dict[str, Any]:
        """Return the choice in the form of a completion."""
        logprobs = {"logprobs": self._logprobs} if self._logprobs else {}
        message = {} if self._message is None else {"message": self._message.body()}
        return {**self._fields, **logprobs, **message}


class _Message:
    def __init__(self) -> None:
        self._fields: dict[str, Any] = {"role": "assistant", "content": None}
        self._texts: dict[str, list[str]] = {}
        self._parts: list[Any] = []
        self._calls = _ToolCalls()
        self._details = _Details()
        self._audio: dict[str, list[str]] = {}

    def take(self, delta: dict[str, Any]) -> str:
        """Add a delta; return its text."""
        added = ""
        for name, value in delta.items():
            if value is None:
                continue
            if name in TEXTS and isinstance(value, str):
                self._texts.setdefault(name, []).append(value)
                added = value if name == "content" else added
            else:
                added += self._take_other(name, value)
        return added

    def _take_other(self, name: str, value: Any) -> str:  # noqa: ANN401 - JSON
        match name:
            case "content":
                return self._take_parts(items(value))
            case "tool_calls":
                self._calls.take(items(value))
            case "reasoning_details":
                self._details.take(items(value))
            case "function_call":  # the older field, for a single call
                self._calls.take([{"index": 0, "type": "function", "function": value}])
            case "audio":
                return self._take_audio(mapping(value))
            case "images" | "annotations":
                known = self._fields.setdefault(name, [])
                known += [item for item in items(value) if item not in known]
            case _:
                self._fields[name] = value
        return ""

    def _take_parts(self, parts: list[Any]) -> str:
        """Add content that is given as parts; their texts are appended to the content."""
        thoughts = [part for part in map(mapping, parts) if part.get("type") in THOUGHT_TYPES]
        if thoughts:
            self._texts.setdefault("reasoning", []).extend(map(thought_in, thoughts))
        parts = [part for part in parts if part not in thoughts]
        added = "".join(text(mapping(part).get("text")) or "" for part in parts)
        self._parts += [part for part in parts if not text(mapping(part).get("text"))]
        self._texts.setdefault("content", []).append(added)
        return added

    def _take_audio(self, audio: dict[str, Any]) -> str:
        """Add audio; its transcript is the text if the answer has no other text."""
        for name, value in audio.items():
            if isinstance(value, str):
                self._audio.setdefault(name, []).append(value)
        return "" if any(self._texts.get("content", ())) else text(audio.get("transcript")) or ""

    def body(self) -> dict[str, Any]:
        """Return the message in the form of a completion."""
        texts: dict[str, Any] = {name: joined(pieces) for name, pieces in self._texts.items()}
        if self._parts:
            texts["content"] = [{"type": "text", "text": texts.get("content", "")}, *self._parts]
        calls, details = self._calls.body(), self._details.body()
        return {
            **self._fields,
            **texts,
            **({"tool_calls": calls} if calls else {}),
            **({"reasoning_details": details} if details else {}),
            **({"audio": self._sound()} if self._audio else {}),
        }

    def _sound(self) -> dict[str, str]:
        known = {name: pieces[-1] for name, pieces in self._audio.items()}
        if "transcript" in known:
            known["transcript"] = joined(self._audio["transcript"])
        if "data" in known:
            known["data"] = _joined_base64(self._audio["data"])
        return known


def thought_in(part: dict[str, Any]) -> str:
    """Return the text of a part of the content that is a thought."""
    return plain_text(part.get("thinking") or part.get("text"))


def _joined_base64(pieces: list[str]) -> str:
    """Join base64 that was encoded in pieces, any of which may end in padding."""
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)


class _ToolCall:
    def __init__(self, index: object) -> None:
        self.index = index
        self.own_id: str | None = None
        self.name: str | None = None
        self.pieces: list[str] = []
        self._arguments: Any = None
        self._fields: dict[str, Any] = {}
        self._function: dict[str, Any] = {}

    def take(self, given: dict[str, Any]) -> None:
        """Add a piece of a call: an id, a name or part of one, or part of the arguments."""
        self.own_id = self.own_id or text(given.get("id"))
        self._fields |= {name: value for name, value in given.items() if value is not None and name != "function"}
        function = mapping(given.get("function"))
        self._function |= present(function)
        name = text(function.get("name"))
        if name and name != self.name:
            self.name = (self.name or "") + name
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            self.pieces.append(arguments)
        elif arguments is not None:
            self._arguments = arguments

    def is_another(self, given: dict[str, Any]) -> bool:
        """Return True if a piece with this call's index begins another call, which Gemini behind OpenRouter sends."""
        own_id, name = text(given.get("id")), text(mapping(given.get("function")).get("name"))
        if not name or not self.name:
            return False
        if own_id and self.own_id:
            return own_id != self.own_id
        if name != self.name:
            return any(self.pieces)
        is_closed = bool(self.pieces) and self.pieces[-1].rstrip().endswith("}")
        return is_closed and json_object(joined(self.pieces)) is not None

    def body(self) -> dict[str, Any]:
        """Return the call in the form of a message."""
        arguments = joined(self.pieces) if self._arguments is None else self._arguments
        own_id = {"id": self.own_id} if self.own_id else {}
        if not self._function:  # the call of a server tool, or nothing at all
            return {**self._fields, **own_id}
        function = {**self._function, "arguments": arguments, **({"name": self.name} if self.name else {})}
        return {**self._fields, **own_id, "function": function}


class _ToolCalls:
    """Tool calls by index; a piece without an index continues the last call, unless it names another one."""

    def __init__(self) -> None:
        self._calls: list[_ToolCall] = []

    def take(self, pieces: list[Any]) -> None:
        """Add the pieces in a delta."""
        for piece in map(mapping, pieces):
            call = self._call_of(piece)
            if call is None or call.is_another(piece):
                call = _ToolCall(piece.get("index"))
                self._calls.append(call)
            call.take(piece)

    def _call_of(self, piece: dict[str, Any]) -> _ToolCall | None:
        if piece.get("index") is None:
            own_id = text(piece.get("id"))
            same = (call for call in reversed(self._calls) if call.own_id == own_id)
            last = self._calls[-1] if self._calls else None
            return next(same, last) if own_id else last
        return next((call for call in reversed(self._calls) if call.index == piece["index"]), None)

    def body(self) -> list[dict[str, Any]]:
        """Return the calls in the order in which they began."""
        return [call.body() for call in self._calls]


class _Details:
    """OpenRouter's `reasoning_details`, joined by index and type; encrypted details arrive whole.

    https://openrouter.ai/docs/use-cases/reasoning-tokens
    """

    def __init__(self) -> None:
        self._details: list[tuple[dict[str, Any], dict[str, list[str]]]] = []

    def take(self, details: list[Any]) -> None:
        """Add the details in a delta."""
        for detail in details:
            if mapping(detail):
                self._take(detail)

    def _take(self, detail: dict[str, Any]) -> None:
        known, texts = self._one_of(detail)
        for name, value in detail.items():
            if name in DETAIL_TEXTS and isinstance(value, str):
                texts.setdefault(name, []).append(value)
            elif value is not None or name not in known:
                known[name] = value

    def _one_of(self, detail: dict[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """Return the detail that this piece continues, or a new one."""
        last = self._details[-1:] if detail.get("index") is None else reversed(self._details)
        for known, texts in last:
            if _continues(detail, known):
                return known, texts
        self._details.append(({}, {}))
        return self._details[-1]

    def body(self) -> list[dict[str, Any]]:
        """Return the details in the order in which they began."""
        return [{**known, **{name: joined(pieces) for name, pieces in texts.items()}} for known, texts in self._details]


def _continues(detail: dict[str, Any], known: dict[str, Any]) -> bool:
    """Return True if a piece has the index and the type of a detail, and the same id if both have one."""
    is_same = all(detail.get(name) == known.get(name) for name in ("index", "type"))
    is_other = detail.get("id") and known.get("id") and detail["id"] != known["id"]
    is_whole = detail.get("data") and known.get("data") and detail["data"] != known["data"]
    return is_same and not is_other and not is_whole
