"""A request and a response in neutral form, the same for every vendor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .journal import Entry
    from .scenario import Fault, Part


@dataclass(frozen=True, slots=True)
class Received:
    """A whole request as it arrived; `headers` are by lower-case name."""

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
        """Return the query string of the target."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str:
        """Return a header by its lower-case name; "" if it is missing."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent: status, headers, a body, how much of the body is sent, and what breaks on the way.

    A padded response is preceded by keep-alive padding, so its status is sent before the provider has answered. A
    stream is sent as `events`, one by one; together they are the body. `statistics` is what OpenRouter stores about the
    generation, which `model` wrote. `entry` is the journal's entry, where a client that hangs up is noted.
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
