"""Assemble the events of a stream into the body that the API returns without streaming."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from .lenient import LONE_SURROGATE

if TYPE_CHECKING:
    from collections.abc import Iterable

HIGH_SURROGATES: Final = ("\ud800", "\udbff")
# A field that is added to the body, to show that it was assembled from events.
ASSEMBLED: Final = "assembled_from_events"


class Assembly(ABC):
    """Collects the events of one stream in order; it never raises.

    `has_begun` is True once a part of the answer has arrived: text, reasoning, a refusal, a tool call or an image.
    `is_complete` is True once the finish reason has arrived, and `is_over` once no more events can follow.
    """

    def __init__(self) -> None:
        self.events = 0
        self.has_begun = False
        self.is_complete = False
        self.is_over = False

    def take(self, event: object) -> str:
        """Add a decoded event; return the text that it adds to the content, or ""."""
        self.events += 1
        return self._take(event if isinstance(event, dict) else {})

    def end(self) -> None:
        """Note `[DONE]`, the last event of several APIs' streams."""
        self.is_complete = self.is_over = True

    def body(self) -> dict[str, Any]:
        """Return what has arrived as the body of a whole answer, for `Wire.parse` and `parse_error`."""
        return {**self._body(), ASSEMBLED: self.events}

    @abstractmethod
    def _take(self, event: dict[str, Any]) -> str:
        """Add an event; return the text in it."""

    @abstractmethod
    def _body(self) -> dict[str, Any]:
        """Return the answer so far."""


def joined(pieces: Iterable[str]) -> str:
    """Join pieces of a text; a character that was split between two pieces is restored."""
    return whole_characters("".join(pieces))


def whole_characters(text: str) -> str:
    """Return a text with surrogate pairs as characters, and with U+FFFD for a lone surrogate."""
    if text.isascii() or not LONE_SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def split_character(text: str) -> tuple[str, str]:
    """Return a text without the first half of a surrogate pair at its end, and that half."""
    if text and HIGH_SURROGATES[0] <= text[-1] <= HIGH_SURROGATES[1]:
        return text[:-1], text[-1]
    return text, ""
