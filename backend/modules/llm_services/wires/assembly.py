"""An answer that comes as a stream of events, put together as the API would have sent it in one piece."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SURROGATE: Final = re.compile("[\ud800-\udfff]")
HIGH_SURROGATES: Final = ("\ud800", "\udbff")
# Beside the fields of the API: the body did not come in one piece.
ASSEMBLED: Final = "assembled_from_events"


class Assembly(ABC):
    """The events of one stream, taken in their order; it never raises, whatever the events are.

    `has_begun` is True once anything of the answer has come: text, reasoning, a refusal, a tool call or an image.
    `is_complete` is True once the stream has said how the answer ended, `is_over` once nothing more can come.
    """

    def __init__(self) -> None:
        """Begin with no event."""
        self.events = 0
        self.has_begun = False
        self.is_complete = False
        self.is_over = False

    def take(self, event: object) -> str:
        """Add an event, which is decoded JSON; return the text that it adds to the answer's content, or ""."""
        self.events += 1
        return self._take(event if isinstance(event, dict) else {})

    def end(self) -> None:
        """Note the event that ends the streams of several APIs, `[DONE]`."""
        self.is_complete = self.is_over = True

    def body(self) -> dict[str, Any]:
        """Return what has come so far in the shape of a whole answer, which `Wire.parse` and `parse_error` read."""
        return {**self._body(), ASSEMBLED: self.events}

    @abstractmethod
    def _take(self, event: dict[str, Any]) -> str:
        """Add an event; return the text in it."""

    @abstractmethod
    def _body(self) -> dict[str, Any]:
        """Return the answer so far."""


def joined(pieces: Iterable[str]) -> str:
    """Join pieces of a text; halves of a character that two pieces had between them become the character."""
    return whole_characters("".join(pieces))


def whole_characters(text: str) -> str:
    """Return a text in which JSON's pairs of surrogates are characters, and a lone one is U+FFFD."""
    if text.isascii() or not SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def split_character(text: str) -> tuple[str, str]:
    """Return a text without the half of a character that it ends in, and that half."""
    if text and HIGH_SURROGATES[0] <= text[-1] <= HIGH_SURROGATES[1]:
        return text[:-1], text[-1]
    return text, ""
