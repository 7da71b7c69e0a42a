"""Streams of the Messages API (https://docs.anthropic.com/en/api/messages-streaming), Bedrock's included."""

from __future__ import annotations

from typing import Any, Final

from .assembly import Assembly, joined
from .lenient import count, json_object, mapping, text

# By the type of a delta: the field of the block that it continues, and the delta's own field.
CONTINUED: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("input", "partial_json"),
    "signature_delta": ("signature", "signature"),
}


class MessagesAssembly(Assembly):
    """Builds a message from its blocks by index, with the usage from the last event."""

    def __init__(self) -> None:
        super().__init__()
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        self._error: Any = None

    def _take(self, event: dict[str, Any]) -> str:
        match event.get("type"):
            case "message_start":
                self._message = dict(mapping(event.get("message")))
                # The number of output tokens is known only at the end; the figure here is not a count.
                self._count(mapping(self._message.pop("usage", None)), without="output_tokens")
            case "content_block_start" | "content_block_delta" as kind:
                return self._take_block(kind, event)
            case "message_delta":
                self._message |= mapping(event.get("delta"))
                self._count(mapping(event.get("usage")))
                self.is_complete = self.is_complete or bool(text(mapping(event.get("delta")).get("stop_reason")))
            case "message_stop":
                self.is_complete = self.is_over = True
            case _ if event.get("error"):
                self._error = event["error"]
        return ""

    def _count(self, usage: dict[str, Any], without: str = "") -> None:
        self._usage |= {name: value for name, value in usage.items() if value is not None and name != without}

    def _take_block(self, kind: str, event: dict[str, Any]) -> str:
        index = count(event.get("index")) or 0
        if kind == "content_block_start" or index not in self._blocks:
            self._blocks[index] = _Block(mapping(event.get("content_block")))
        added = self._blocks[index].take(mapping(event.get("delta")))
        self.has_begun = self.has_begun or kind == "content_block_delta" or self._blocks[index].is_whole
        return added

    def _body(self) -> dict[str, Any]:
        content = [block.body() for _, block in sorted(self._blocks.items())]
        usage = {"usage": self._usage} if self._usage else {}
        error = {"error": self._error} if self._error else {}
        return {**self._message, "content": content, **usage, **error}


class _Block:
    def __init__(self, block: dict[str, Any]) -> None:
        self._fields = dict(block)
        self._pieces: dict[str, list[str]] = {}
        # The results of a server tool and hidden thoughts arrive whole.
        self.is_whole = text(block.get("type")) not in {"text", "thinking", "tool_use", "server_tool_use"}
        for name in ("text", "thinking"):
            if beginning := text(block.get(name)):
                self._pieces[name] = [beginning]

    def take(self, delta: dict[str, Any]) -> str:
        """Add a delta; return the answer's text in it."""
        kind = text(delta.get("type")) or ""
        if kind == "citations_delta":
            self._fields["citations"] = [*(self._fields.get("citations") or []), delta.get("citation")]
        if kind not in CONTINUED:
            return ""
        field, name = CONTINUED[kind]
        piece = text(delta.get(name)) or ""
        self._pieces.setdefault(field, []).append(piece)
        if kind == "text_delta":
            self._fields.setdefault("type", "text")
        return piece if kind == "text_delta" else ""

    def body(self) -> dict[str, Any]:
        """Return the block as it appears in a message."""
        body = {**self._fields, **{name: joined(pieces) for name, pieces in self._pieces.items()}}
        given = body.get("input")
        if isinstance(given, str):
            decoded = json_object(given)
            body["input"] = (decoded if decoded is not None else given) if given.strip() else {}
        return body
