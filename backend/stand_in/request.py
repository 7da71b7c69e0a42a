"""A Chat Completions request as the stand-in reads it: leniently, the way OpenRouter does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_MODEL = "stand-in/completion"
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_REQUEST = 8
BRACES_TRIED = 100
KNOWN_PARTS = ("text", "image_url", "input_audio", "file", "video_url")
SCHEMA_WORDS = {"properties", "items", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"}
SCHEMA_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


class FaultyRequestError(Exception):
    """A request that no model sees; its text is the name of the refusal that answers it."""


def tokens(text: str) -> int:
    """Count tokens the stand-in's way: one for every four characters begun, no tokenizer's figure."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Request:
    """The body of a request, and the questions that scenarios ask of it."""

    body: dict[str, Any]
    key: str

    @classmethod
    def read(cls, body: bytes, key: str) -> Request:
        """Parse and check a body; raise FaultyRequestError for one that OpenRouter would refuse."""
        try:
            fields = json.loads(body)
        except ValueError as error:
            refusal = "bad-json"
            raise FaultyRequestError(refusal) from error
        if not isinstance(fields, dict):
            refusal = "bad-json"
            raise FaultyRequestError(refusal)
        request = cls(fields, key)
        refusal = request._refusal()
        if refusal:
            raise FaultyRequestError(refusal)
        return request

    @classmethod
    def blank(cls, key: str) -> Request:
        """Return the request that stands for one that could not be read."""
        return cls({"messages": [{}]}, key)

    def _refusal(self) -> str:
        messages = self.body.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
            return "no-messages"
        if self.body.get("stream"):
            return "streaming"
        if not any(_has_input(each) for each in messages):
            return "no-input"
        return ""

    @property
    def model(self) -> str:
        """Return the requested model, or the stand-in's default when none is named."""
        return str(self.body.get("model") or DEFAULT_MODEL)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Return the messages, at least one."""
        messages: list[dict[str, Any]] = self.body["messages"]
        return messages

    @property
    def question(self) -> str:
        """Return the text of the last user message, or of the last message when no user speaks."""
        spoken = [each for each in self.messages if each.get("role") == "user"] or self.messages
        return text_of(spoken[-1])

    @property
    def identity(self) -> str:
        """Return what a scenario that remembers knows a request by: `user`, else the first text."""
        return str(self.body.get("user") or text_of(self.messages[0]))

    @property
    def prompt_tokens(self) -> int:
        """Count the tokens of messages and tools together."""
        tools = json.dumps(self.body["tools"]) if self.body.get("tools") else ""
        return TOKENS_PER_REQUEST + tokens("".join(map(text_of, self.messages)) + tools)

    @property
    def token_limit(self) -> int | None:
        """Return the smallest positive limit the request sets for the answer, in tokens."""
        limits = [self.body.get(name) for name in ("max_tokens", "max_completion_tokens")]
        return min((each for each in limits if type(each) is int and each > 0), default=None)

    @property
    def wants_json(self) -> bool:
        """Tell whether the request asks for JSON by response_format."""
        return self._response_format.get("type") in ("json_object", "json_schema")

    @property
    def wants_object(self) -> bool:
        """Tell whether the request asks for any JSON object at all, by response_format."""
        return self._response_format.get("type") == "json_object"

    @property
    def schema(self) -> dict[str, Any] | None:
        """Return the JSON schema of response_format, else the first one inside a system message."""
        json_schema = self._response_format.get("json_schema")
        schema = json_schema.get("schema") if isinstance(json_schema, dict) else None
        if isinstance(schema, dict):
            return schema
        spoken = (text_of(each) for each in self.messages if each.get("role") in ("system", "developer"))
        return next((found for text in spoken for found in _objects(text) if _is_schema(found)), None)

    @property
    def tool(self) -> dict[str, Any] | None:
        """Return the function to call, named by tool_choice or the first; None when none is wanted."""
        choice = self.body.get("tool_choice")
        if choice == "none" or self.messages[-1].get("role") == "tool":
            return None
        tools = self.body.get("tools")
        functions = [_function(each) for each in tools] if isinstance(tools, list) else []
        wanted = _function(choice).get("name")
        named = (each for each in functions if isinstance(each.get("name"), str))
        return next((each for each in named if wanted in (None, each["name"])), None)

    @property
    def _response_format(self) -> dict[str, Any]:
        asked = self.body.get("response_format")
        return asked if isinstance(asked, dict) else {}


def text_of(message: dict[str, Any]) -> str:
    """Return the text of a message, whether its content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(
        str(part.get("text") or "") for part in parts if isinstance(part, dict) and part.get("type") == "text"
    )


def _has_input(message: dict[str, Any]) -> bool:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    kinds = [part.get("type") for part in parts if isinstance(part, dict)]
    return any(kind in KNOWN_PARTS and kind != "text" for kind in kinds) or bool(text_of(message))


def _function(tool: object) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, dict) else None
    return function if isinstance(function, dict) else {}


def _is_schema(found: dict[str, Any]) -> bool:
    """Tell a schema from an example: by a word that only schemas have, or a type that is one of theirs."""
    named = found.get("type")
    types = named if isinstance(named, list) else [named]
    return not SCHEMA_WORDS.isdisjoint(found) or any(each in SCHEMA_TYPES for each in types)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    position = text.find("{")
    for _ in range(BRACES_TRIED):
        if position < 0:
            return
        try:
            found, end = decoder.raw_decode(text, position)
        except ValueError:
            end = position + 1
        else:
            yield found
        position = text.find("{", end)
