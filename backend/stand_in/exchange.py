"""What comes in and what goes out, in no vendor's terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .journal import Entry
    from .scenario import Fault, Part


@dataclass(frozen=True, slots=True)
class Received:
    """A whole request as it came in; `headers` by their lower-case names."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Return the target without its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """Return what follows the path's question mark."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str:
        """Return a header by its lower-case name, "" when it is not there."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class Response:
    """What goes out: status, headers, a body, how much of that is sent, and what breaks on the way.

    A padded one is preceded by keep-alive padding: its status is out before the provider has answered. A stream is sent
    in `events`, one by one, which together are the body. `statistics` is what OpenRouter keeps of the generation in it,
    which is one of `model`; `entry` is where the journal notes that its client hung up.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    part: Part = "whole"
    fault: Fault | None = None
    padded: bool = False
    statistics: Mapping[str, Any] | None = None
    model: str = ""
    events: tuple[bytes, ...] = ()
    entry: Entry | None = None
