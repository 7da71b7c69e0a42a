"""Streams of generateContent (https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent)."""

from __future__ import annotations

from typing import Any, Final

from .assembly import Assembly, joined
from .lenient import count, items, mapping, text

# A part with no other fields continues the part before it.
TEXT_KEYS: Final = frozenset({"text", "thought"})


class GenerateContentAssembly(Assembly):
    """Builds a response from those of the stream: parts are appended; of other fields the last value is kept."""

    def __init__(self) -> None:
        super().__init__()
        self._fields: dict[str, Any] = {}
        self._candidates: dict[int, _Candidate] = {}

    def _take(self, event: dict[str, Any]) -> str:
        added = ""
        for name, value in event.items():
            if name == "candidates":
                added = "".join(
                    [self._take_candidate(place, mapping(given)) for place, given in enumerate(items(value))]
                )
            elif value is not None:
                self._fields[name] = value
        if text(mapping(event.get("promptFeedback")).get("blockReason")):
            self.is_complete = True
        return added

    def _take_candidate(self, place: int, given: dict[str, Any]) -> str:
        number = count(given.get("index"))
        number = place if number is None else number
        added = self._candidates.setdefault(number, _Candidate()).take(given)
        self.is_complete = self.is_complete or bool(text(given.get("finishReason")))
        self.has_begun = self.has_begun or bool(items(mapping(given.get("content")).get("parts")))
        return added if number == min(self._candidates) else ""

    def _body(self) -> dict[str, Any]:
        candidates = [candidate.body() for _, candidate in sorted(self._candidates.items())]
        return {**self._fields, **({"candidates": candidates} if candidates else {})}


class _Candidate:
    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._content: dict[str, Any] = {}
        self._parts: list[tuple[dict[str, Any], list[str]]] = []

    def take(self, given: dict[str, Any]) -> str:
        """Add this candidate's part of an event; return the answer's text in it."""
        self._fields |= {name: value for name, value in given.items() if value is not None and name != "content"}
        content = mapping(given.get("content"))
        self._content |= {name: value for name, value in content.items() if name != "parts"}
        return "".join([self._take_part(mapping(part)) for part in items(content.get("parts"))])

    def _take_part(self, part: dict[str, Any]) -> str:
        piece = text(part.get("text")) or ""
        last, pieces = self._parts[-1] if self._parts else ({}, [])
        if piece and last and _is_text(part) and _is_text(last) and part.get("thought") == last.get("thought"):
            pieces.append(piece)
        elif part and (piece or not _is_text(part)):
            self._parts.append((part, [piece]))
        return "" if part.get("thought") is True else piece

    def body(self) -> dict[str, Any]:
        """Return the candidate as it appears in a response."""
        parts = [{**part, "text": joined(pieces)} if "text" in part else part for part, pieces in self._parts]
        return {**self._fields, "content": {**self._content, "parts": parts}} if parts else dict(self._fields)


def _is_text(part: dict[str, Any]) -> bool:
    return "text" in part and part.keys() <= TEXT_KEYS
