"""Assemble a streamed answer in the form that the API has without a stream."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SURROGATE: Final = re.compile("[\ud800-\udfff]")
HIGH_SURROGATES: Final = ("\ud800", "\udbff")
# A field of our own in the body: it was assembled from events.
ASSEMBLED: Final = "assembled_from_events"


class Assembly(ABC):
    """The events of one stream, in their order; it never raises.

    `has_begun` is True once a part of the answer has arrived: text, reasoning, a refusal, a tool call or an image.
    `is_complete` is True once the finish reason has arrived, `is_over` once no more events can follow.
    """

    def __init__(self) -> None:
        """Start without events."""
        self.events = 0
        self.has_begun = False
        self.is_complete = False
        self.is_over = False

    def take(self, event: object) -> str:
        """Add an event, which is decoded JSON; return the text that it adds to the content, or ""."""
        self.events += 1
        return self._take(event if isinstance(event, dict) else {})

    def end(self) -> None:
        """Note `[DONE]`, the event at the end of several APIs' streams."""
        self.is_complete = self.is_over = True

    def body(self) -> dict[str, Any]:
        """Return what has arrived in the form of a whole answer, for `Wire.parse` and `parse_error`."""
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
    """Return a text with pairs of surrogates as characters, and U+FFFD for a lone surrogate."""
    if text.isascii() or not SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def split_character(text: str) -> tuple[str, str]:
    """Return a text without half a character at its end, and that half."""
    if text and HIGH_SURROGATES[0] <= text[-1] <= HIGH_SURROGATES[1]:
        return text[:-1], text[-1]
    return text, ""
