"""Keys: a string type that masks itself, and functions that mask all keys that this process has read.

A key is recognised by its value, not by its shape: whole, in base64 or URL encoding, and by the parts that vendors
quote (`sk-or-v1-0a1b...9f`).
"""

from __future__ import annotations

import base64
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from . import pieces

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

MASK: Final = "[redacted]"
MAX_KEYS: Final = 256
# A shorter value is a placeholder ("none", "EMPTY"), which may occur in any text.
MIN_KEY_LENGTH: Final = 6
MIN_LENGTH_WITHOUT_DIGITS: Final = 10
PART_LENGTH: Final = 8
PART_LENGTH_WITHOUT_DIGITS: Final = 16
BASE64_LENGTH: Final = 12
MIN_QUOTED_AT_ONE_END: Final = 4
MIN_QUOTED: Final = 6
# The prefix that keys of one kind share, such as sk-or-v1-.
FAMILY: Final = re.compile(r"(?:[A-Za-z0-9]{1,6}[-_])*")
# In JSON, the characters U+2026 and U+2022 may be escaped.
ELLIPSIS: Final = re.compile(r"\*{3,}|\.{3,}|(?:\u2026|\\u2026)+|(?:\u2022|\\u2022){3,}")
DOTS: Final = ("***", "...", "\u2026", "\u2022", "\\u2026", "\\u2022")  # every match of ELLIPSIS has one
ESCAPED_BYTE: Final = re.compile("%[0-9A-F]{2}")
QUOTE_LENGTH: Final = 16
KEY_HEADERS: Final = frozenset({"authorization", "api-key", "x-api-key", "x-goog-api-key", "x-amz-security-token"})


class Secret(str):
    """A key: a string with a masked repr. A pickle has None in its place."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a mask, because tracebacks with local variables and error trackers call repr."""
        return f"'{MASK}'"

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the key out of a pickle."""
        return type(None), ()

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: object) -> Secret:
        return self


class _Forms:
    """The parts of a key that are searched for in a text."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.head = _shortest_part(key, _family(key))
        reverse = _shortest_part(key[::-1], "")
        self.tail = reverse and reverse[::-1]
        urls = {quote(key), once := quote(key, safe=""), quote(once, safe="")}
        urls |= {ESCAPED_BYTE.sub(lambda found: found[0].lower(), url) for url in urls}
        whole = {key, *urls, key.replace("/", "\\/"), key.replace("\\", "\\\\").replace('"', '\\"')}
        self.whole = sorted(whole | set(_base64_cores(key)), key=len, reverse=True)


def _is_random(part: str) -> bool:
    """Return True if a part of a key is too long to occur in a text by chance."""
    return any(character.isdigit() for character in part)


def _family(key: str) -> str:
    found = FAMILY.match(key)
    return found[0] if found else ""


def _shortest_part(key: str, family: str) -> str | None:
    """Return the shortest prefix of a key that does not occur by chance; None if only the whole key is long enough."""
    digits = (index for index, character in enumerate(key) if index >= len(family) and character.isdigit())
    longest = len(family) + PART_LENGTH_WITHOUT_DIGITS
    end = max(len(family) + PART_LENGTH, min(next(digits, len(key)) + 1, longest))
    return key[:end] if end < len(key) else None


def _base64_cores(key: str) -> list[str]:
    """Return the base64 forms of a key at every offset, without the characters that depend on its neighbours."""
    cores = []
    for offset in range(3):
        encoded = base64.b64encode(b"\x00" * offset + key.encode()).decode().rstrip("=")
        core = encoded[-(-offset * 8 // 6) : (offset + len(key)) * 8 // 6]
        if len(core) >= BASE64_LENGTH:
            cores += [core, core.replace("+", "-").replace("/", "_")]
    return cores


_keys: dict[str, None] = {}


def remember(key: str) -> Secret:
    """Mask this key from now on wherever text is stored or shown, and return it as a Secret."""
    if key not in _keys and len(key) >= (MIN_KEY_LENGTH if _is_random(key) else MIN_LENGTH_WITHOUT_DIGITS):
        _keys[key] = None
        if len(_keys) > MAX_KEYS:
            del _keys[next(iter(_keys))]
    return Secret(key)


def hide_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers as Secrets, and mask the keys in them from now on."""
    for name, value in headers.items():
        if name.lower() in KEY_HEADERS and not value.startswith("AWS4-"):
            remember(value.rpartition(" ")[2])
    return {name: Secret(value) for name, value in headers.items()}


_forms = lru_cache(maxsize=MAX_KEYS)(_Forms)


def mask(text: str) -> str:
    """Return `text` with every known key masked, whole or in part."""
    for key in list(_keys):
        forms = _forms(key)
        for form in forms.whole:
            if form in text:
                text = text.replace(form, MASK)
        if forms.head and forms.head in text:
            text = _without_heads(text, key, forms.head)
        if forms.tail and forms.tail in text:
            text = _without_heads(text[::-1], key[::-1], forms.tail[::-1], MASK[::-1])[::-1]
    if _keys and any(dots in text for dots in DOTS):
        text = pieces.mapped(_without_quotes, text)
    return text


def mask_all(texts: dict[str, str]) -> dict[str, str]:
    """Return texts with every known key masked; short texts are searched together, because most have no key."""
    if sum(map(len, texts.values())) <= pieces.PIECE_LENGTH:
        joined = "\0".join(texts.values())
        if mask(joined) == joined:
            return texts
    return {name: mask(text) for name, text in texts.items()}


def mask_record(record: logging.LogRecord) -> bool:
    """Mask the keys in the message of a log record; a logging filter that accepts every record."""
    message = record.getMessage()
    if (masked := mask(message)) != message:
        vars(record).update(msg=masked, args=None)
    return True


def without_frames(error: BaseException) -> BaseException | None:
    """Return an error and its causes without the frames of libraries, which have the key as plain text.

    Returns None if the message itself has a key.
    """
    error = error.with_traceback(None)
    for chained in (error.__cause__, error.__context__):
        if chained and without_frames(chained) is None:
            error.__cause__ = error.__context__ = None
    return error if mask(str(error)) == str(error) else None


def _without_heads(text: str, key: str, head: str, in_its_place: str = MASK) -> str:
    """Return a text without prefixes of a key, each as long as it matches."""
    beginning, *rest = text.split(head)
    masked = [beginning]
    for piece in rest:
        more = os.path.commonprefix([piece, key[len(head) :]])  # noqa: RUF071 - characters are what is compared
        masked.append(in_its_place + piece[len(more) :])
    return "".join(masked)


def _without_quotes(text: str) -> str:
    """Return a text without abbreviated keys: a key's beginning and end around dots or asterisks."""
    kept: list[str] = []
    start = 0
    for found in ELLIPSIS.finditer(text):
        before = text[max(start, found.start() - QUOTE_LENGTH) : found.start()]
        after = text[found.end() : found.end() + QUOTE_LENGTH]
        for key in _keys:
            beginning = next((before[i:] for i in range(len(before)) if key.startswith(before[i:])), "")
            end = next((after[:i] for i in range(len(after), 0, -1) if key.endswith(after[:i])), "")
            if _is_quoted(key, beginning, end):
                kept += [text[start : found.start() - len(beginning)], MASK]
                start = found.end() + len(end)
                break
    return "".join([*kept, text[start:]]) if kept else text


def _is_quoted(key: str, beginning: str, end: str) -> bool:
    """Return True if an abbreviated key shows more than the prefix of its kind, and too much for chance."""
    own = beginning.removeprefix(_family(key)) if len(beginning) >= len(_family(key)) else ""
    if own and end:
        return len(beginning) + len(end) >= MIN_QUOTED
    return len(own + end) >= MIN_QUOTED_AT_ONE_END and _is_random(own + end)
