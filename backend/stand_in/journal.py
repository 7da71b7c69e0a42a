"""The requests that arrived and their responses: `GET /stand-in/requests?after=<number of earlier requests>`."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from .exchange import Response
from .scenario import OK, WITHOUT_STATUS

if TYPE_CHECKING:
    from .exchange import Received

PATH = "/stand-in/requests"
BYTES_KEPT = 64 * 1024 * 1024


@dataclass(slots=True)
class Entry:
    """A request, with the scenario that answers it and its status, or None if no status is sent.

    `hung_up` is True once the client has closed the connection before the end of the answer.
    """

    path: str
    body: bytes
    scenario: str
    status: int | None
    hung_up: bool = False

    def shown(self) -> dict[str, Any]:
        """Return the entry as JSON, the body as text."""
        text = self.body.decode("utf-8", "replace")
        shown = {"path": self.path, "text": text, "scenario": self.scenario, "status": self.status}
        return {**shown, "hung_up": self.hung_up}


@dataclass(slots=True)
class Journal:
    """The requests that were read completely, oldest first; the oldest are dropped. Headers (and keys) are left out."""

    count: int = 0
    size: int = 0
    entries: deque[Entry] = field(default_factory=deque)

    def note(self, received: Received, response: Response) -> Entry:
        """Add a request, with the scenario and the status that answer it."""
        scenario = dict(response.headers).get("x-stand-in", "")
        status = None if response.fault in WITHOUT_STATUS else response.status
        entry = Entry(received.path, received.body, scenario, status)
        self.entries.append(entry)
        self.count += 1
        self.size += len(received.body)
        while self.size > BYTES_KEPT and len(self.entries) > 1:
            self.size -= len(self.entries.popleft().body)
        return entry

    def read(self, query: str) -> Response:
        """Return the entries after the number that a query names, and the number of all requests."""
        after = parse_qs(query).get("after", ["0"])[0]
        first = self.count - len(self.entries)
        skipped = max(0, int(after) - first) if after.isdecimal() else 0
        entries = [entry.shown() for entry in list(self.entries)[skipped:]]
        body = json.dumps({"count": self.count, "forgotten": first, "requests": entries}).encode()
        return Response(OK, [("Content-Type", "application/json"), ("x-stand-in", "journal")], body)
