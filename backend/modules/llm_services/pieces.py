"""Work on large texts and documents piece by piece, for threads.

One call of a regular expression or of the JSON encoder holds the interpreter until it is done: in a thread, too, it
keeps the event loop from everything else, for a tenth of a second and more on ten megabytes. Between pieces the loop
goes on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import json
    from collections.abc import Callable, Iterator

PIECE_LENGTH: Final = 2**16  # characters or bytes: about a millisecond of a regular expression
# What is cut between these is cut in no key, id or token; where none is near, it is cut all the same.
CUT: Final = re.compile(r'["\',;{}()<>|]')
CUT_WINDOW: Final = 4096
# A value with fewer fields than this, each of them short, is encoded in one go.
FEW: Final = 32
SHORT: Final = 256
BATCH: Final = 64


def of_text(text: str) -> Iterator[str]:
    """Yield a text in pieces, cut where nothing is that belongs together."""
    start = 0
    while len(text) - start > PIECE_LENGTH:
        end = start + PIECE_LENGTH
        found = CUT.search(text, end, end + CUT_WINDOW)
        end = found.end() if found else end
        yield text[start:end]
        start = end
    yield text[start:] if start else text


def mapped(work: Callable[[str], str], text: str) -> str:
    """Return what `work` makes of a text, done in pieces where it is large."""
    return work(text) if len(text) <= PIECE_LENGTH else "".join(map(work, of_text(text)))


def encoded(encoder: json.JSONEncoder, value: Any) -> str:  # noqa: ANN401 - JSON
    """Return the JSON that `encoder` makes of a value that may be large."""
    return "".join(_encoded(encoder, value))


def _encoded(encoder: json.JSONEncoder, value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    match value:
        case str() if len(value) > PIECE_LENGTH:
            yield '"'
            yield from (encoder.encode(piece)[1:-1] for piece in of_text(value))
            yield '"'
        case dict() if not _is_small(value):
            yield "{"
            for number, (key, item) in enumerate(value.items()):
                yield (encoder.item_separator if number else "") + encoder.encode({key: 0})[1:-2]
                yield from _encoded(encoder, item)
            yield "}"
        case list() | tuple() if not _is_small(value):
            yield "["
            yield from _encoded_items(encoder, value)
            yield "]"
        case _:
            yield encoder.encode(value)


def _encoded_items(encoder: json.JSONEncoder, items: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    """Yield a list's items, those that are small in batches."""
    separator = ""
    batch: list[Any] = []
    for item in items:
        if _is_small(item):
            batch.append(item)
            if len(batch) < BATCH:
                continue
        if batch:
            yield separator + encoder.encode(batch)[1:-1]
            separator = encoder.item_separator
        if not _is_small(item):
            yield separator
            yield from _encoded(encoder, item)
            separator = encoder.item_separator
        batch = []
    if batch:
        yield separator + encoder.encode(batch)[1:-1]


def _is_small(value: Any, depth: int = 0) -> bool:  # noqa: ANN401 - JSON
    match value:
        case str():
            return len(value) <= SHORT
        case dict():
            return len(value) <= FEW and depth <= 1 and all(_is_small(item, depth + 1) for item in value.values())
        case list() | tuple():
            return len(value) <= FEW and depth <= 1 and all(_is_small(item, depth + 1) for item in value)
        case _:
            return True
