"""Streams of the Responses API (https://platform.openai.com/docs/api-reference/responses-streaming)."""

from __future__ import annotations

from typing import Any, Final

from .assembly import Assembly, joined
from .lenient import count, items, mapping, text

ENDS: Final = frozenset({"response.completed", "response.failed", "response.incomplete", "response.cancelled"})
# By the type of a delta: the list of the item that it continues, the field with the index, the part's type, and its
# field.
PARTS: Final = {
    "response.output_text": ("content", "content_index", "output_text", "text"),
    "response.refusal": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text": ("content", "content_index", "reasoning_text", "text"),
    "response.reasoning_summary_text": ("summary", "summary_index", "summary_text", "text"),
}
ARGUMENTS: Final = "response.function_call_arguments"
IN_PROGRESS: Final = "in_progress"


class ResponsesAssembly(Assembly):
    """Builds a response: the one in the last event, otherwise one made from the items so far."""

    def __init__(self) -> None:
        super().__init__()
        self._response: dict[str, Any] = {}
        self._items: dict[int, _Item] = {}
        self._error: Any = None

    def _take(self, event: dict[str, Any]) -> str:
        kind = text(event.get("type")) or ""
        if mapping(event.get("response")):
            self._response = event["response"]
            if kind in ENDS:
                self.is_complete = self.is_over = True
            return ""
        if kind == "error" or event.get("error"):
            self._error = event.get("error") or {name: event.get(name) for name in ("code", "message", "param")}
            return ""
        index = count(event.get("output_index"))
        if index is None:
            return ""
        item = self._items.setdefault(index, _Item())
        added = item.take(kind, event)
        self.has_begun = self.has_begun or kind.endswith((".delta", ".done"))
        return added

    def _body(self) -> dict[str, Any]:
        body = dict(self._response)
        if not items(body.get("output")) and self._items:
            body["output"] = [item.body() for _, item in sorted(self._items.items())]
        if not (self.is_complete or body.get("background") is True) and body.get("status") == IN_PROGRESS:
            del body["status"]  # otherwise that of a job in the background, which goes on without the stream
        return {**body, "error": self._error} if self._error else body


class _Item:
    """An item of the output: as announced and continued by its deltas, or as its final event has it."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._is_done = False
        self._pieces: dict[tuple[str, int], list[str]] = {}
        self._parts: dict[tuple[str, int], dict[str, Any]] = {}
        self._arguments: list[str] = []

    def take(self, kind: str, event: dict[str, Any]) -> str:
        """Add an event; return the answer's text in it."""
        name, _, stage = kind.rpartition(".")
        if name == "response.output_item":
            self._fields, self._is_done = mapping(event.get("item")), stage == "done"
        elif name == ARGUMENTS and stage == "delta":
            self._arguments.append(text(event.get("delta")) or "")
        elif name == ARGUMENTS:
            self._arguments = [text(event.get("arguments")) or ""]
        elif name in PARTS:
            return self._take_text(name, stage, event)
        elif kind == "response.output_text.annotation.added":
            self._part("content", count(event.get("content_index")) or 0, "output_text").setdefault(
                "annotations", []
            ).append(event.get("annotation"))
        return ""

    def _take_text(self, name: str, stage: str, event: dict[str, Any]) -> str:
        place, index_name, part_type, field = PARTS[name]
        index = count(event.get(index_name)) or 0
        self._part(place, index, part_type)["field"] = field
        pieces = self._pieces.setdefault((place, index), [])
        if stage == "delta" or not pieces:
            pieces.append(text(event.get("delta" if stage == "delta" else field)) or "")
            return pieces[-1] if name == "response.output_text" else ""
        return ""

    def _part(self, place: str, index: int, part_type: str) -> dict[str, Any]:
        return self._parts.setdefault((place, index), {"type": part_type})

    def body(self) -> dict[str, Any]:
        """Return the item as it appears in a response."""
        if self._is_done:
            return self._fields
        body: dict[str, Any] = dict(self._fields) or {"type": "message", "role": "assistant"}
        body.pop("status", None)
        lists: dict[str, list[Any]] = {}
        for (place, index), part in sorted(self._parts.items()):
            whole = dict(part)
            field = whole.pop("field", "text")
            lists.setdefault(place, []).append({**whole, field: joined(self._pieces.get((place, index), ()))})
        arguments = {"arguments": joined(self._arguments)} if self._arguments else {}
        return {**body, **lists, **arguments}
