"""What was asked and what was answered, for a test to look at: `GET /stand-in/requests?after=<how many before>`."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from .kinds import HEADLESS, Answer

if TYPE_CHECKING:
    from .wire import Received

METHOD, PATH = "GET", "/stand-in/requests"
OK = 200
BYTES_KEPT = 64 * 1024 * 1024


def is_read(received: Received) -> bool:
    """Say whether a request wants to read the journal."""
    return (received.method, received.target.partition("?")[0]) == (METHOD, PATH)


@dataclass(slots=True)
class Journal:
    """The requests that were read whole, newest last, the oldest forgotten; headers, and so keys, are not in it."""

    count: int = 0
    size: int = 0
    entries: deque[tuple[str, bytes, str, int | None]] = field(default_factory=deque)

    def note(self, received: Received, answer: Answer) -> None:
        """Write a request down, and what answers it; the status is None where none is sent."""
        scenario = dict(answer.headers).get("x-stand-in", "")
        status = None if answer.fault in HEADLESS else answer.status
        self.entries.append((received.target.partition("?")[0], received.body, scenario, status))
        self.count += 1
        self.size += len(received.body)
        while self.size > BYTES_KEPT and len(self.entries) > 1:
            self.size -= len(self.entries.popleft()[1])

    def read(self, target: str) -> Answer:
        """Return the entries after those that a request's target names, and how many there have been in all."""
        after = parse_qs(target.partition("?")[2]).get("after", ["0"])[0]
        first = self.count - len(self.entries)
        skipped = max(0, int(after) - first) if after.isdecimal() else 0
        entries = [_shown(*entry) for entry in list(self.entries)[skipped:]]
        body = json.dumps({"count": self.count, "forgotten": first, "requests": entries}).encode()
        return Answer(OK, [("Content-Type", "application/json"), ("x-stand-in", "journal")], body)


def _shown(path: str, body: bytes, scenario: str, status: int | None) -> dict[str, Any]:
    return {"path": path, "text": body.decode("utf-8", "replace"), "scenario": scenario, "status": status}
