"""Ids of requests: random, drawn many at a time, and kept by every database as they are."""

from __future__ import annotations

import os
import uuid
from collections import deque
from typing import Final

ID_BYTES: Final = 16
DRAWN_AT_ONCE: Final = 256

_drawn: deque[uuid.UUID] = deque()
os.register_at_fork(after_in_child=_drawn.clear)


def new_request_id() -> uuid.UUID:
    """Return a random id (UUID 4) that SQLite keeps as text.

    A column of type UUID has numeric affinity there: some three ids in a million, all digits or digits
    around one `e`, would be stored as a float and lost. The system's random numbers are asked for once in
    a while, for each asking takes longer than all the rest.
    """
    while True:
        try:
            request_id = _drawn.popleft()
        except IndexError:
            _drawn.extend(_draw())
            continue
        if set("abcdf") & set(request_id.hex):
            return request_id


def _draw() -> list[uuid.UUID]:
    drawn = os.urandom(ID_BYTES * DRAWN_AT_ONCE)
    return [uuid.UUID(bytes=drawn[at : at + ID_BYTES], version=4) for at in range(0, len(drawn), ID_BYTES)]
