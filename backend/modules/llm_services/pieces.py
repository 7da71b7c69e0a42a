"""Process large texts and documents piece by piece, in threads.

A regular expression or the JSON encoder blocks all threads until it is done. Even in a thread it would stop the event
loop, for a tenth of a second on ten megabytes. Between pieces, the loop can run.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import json
    from collections.abc import Callable, Iterator

PIECE_LENGTH: Final = 2**16  # characters or bytes: a regular expression takes about a millisecond
# A cut at one of these characters is not inside a key, an id or a token; if there is none nearby, the cut is made
# anyway.
CUT: Final = re.compile(r'["\',;{}()<>|]')
CUT_WINDOW: Final = 4096
# A value with fewer fields than this, all of them short, is encoded at once.
FEW: Final = 32
SHORT: Final = 256
BATCH: Final = 64
LARGE_TEXT: Final = 50_000  # characters
LEVELS_OF_DATA: Final = 20  # large texts are not expected deeper in JSON


def of_text(text: str) -> Iterator[str]:
    """Yield a text in pieces, cut between words if possible."""
    start = 0
    while len(text) - start > PIECE_LENGTH:
        end = start + PIECE_LENGTH
        found = CUT.search(text, end, end + CUT_WINDOW)
        end = found.end() if found else end
        yield text[start:end]
        start = end
    yield text[start:] if start else text


def mapped(work: Callable[[str], str], text: str) -> str:
    """Return the result of `work` on a text, which is called with pieces if the text is large."""
    return work(text) if len(text) <= PIECE_LENGTH else "".join(map(work, of_text(text)))


def replaced(work: Callable[[str, str], str], value: Any, name: str = "", level: int = 0) -> Any:  # noqa: ANN401 - JSON
    """Return JSON with the result of `work` in place of each large text; it is called with the field and the text."""
    match value:
        case str():
            return work(name, value) if len(value) > LARGE_TEXT else value
        case dict() if level < LEVELS_OF_DATA:
            return {key: replaced(work, item, key, level + 1) for key, item in value.items()}
        case list() | tuple() if level < LEVELS_OF_DATA:
            return [replaced(work, item, name, level + 1) for item in value]
        case _:
            return value


def digested(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return JSON with the SHA-256 of each large text, which takes less time than its encoding."""
    return replaced(lambda _name, text: sha256(text), value)


def sha256(text: str) -> str:
    """Return the SHA-256 of a text, which may have lone surrogates; other threads run while it is computed."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def encoded(encoder: json.JSONEncoder, value: Any) -> str:  # noqa: ANN401 - JSON
    """Return a value, which may be large, encoded as JSON by `encoder`."""
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
    """Yield the items of a list, small ones in batches."""
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
