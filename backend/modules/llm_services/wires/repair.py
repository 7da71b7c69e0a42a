"""Find malformed JSON in a model's text, and repair it.

Objects and tool calls are repaired in the same way. Prose never becomes a value: only text between brackets that begins
like JSON is repaired, and only if no content has to be invented.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

OPENING: Final = re.compile(r"[{\[]")
STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*(?P<end>")?|[{}\[\]]', re.DOTALL)
STRING_OR_TRAILING_COMMA: Final = re.compile(r'("(?:[^"\\]|\\.)*"?)|,(?=\s*[}\]])', re.DOTALL)
STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
# The beginning of text that is meant as a JSON object or list, also with other quotes, bare keys or comments.
BEGINNING: Final = re.compile(
    r"""\{\s*(?: ["'\u201c\u2018`{}/#] | \\" | [\w$-]+["'\u201d]?\s*: )
      | \[\s*(?: ["'\u201c\u2018{\[\]/#\d-] | \\" | (?:true|false|null|None|True|False)\b )""",
    re.VERBOSE,
)
# What json-repair would invent or misread: missing values, ellipses, joined strings, other quotes.
BEYOND_REPAIR: Final = re.compile(r""":\s*[,}\]] | \.\.\. | … | ""\s*\+ | \+\s*"" | ` | \bundefined\b""", re.VERBOSE)
TRIPLE_QUOTE: Final = '"""'
WHOLE_TOKEN: Final = re.compile(r'(?:["}\]]|\b(?:true|false|null))$')
MARKUP: Final = re.compile(r"</?[\w|]+[^<>]*>|```(?:json)?", re.IGNORECASE)
CLOSING: Final = {"{": "}", "[": "]"}
OPENER: Final = {"}": "{", "]": "["}
DECODER: Final = json.JSONDecoder(strict=False)  # line breaks inside strings are accepted
MAX_BROKEN: Final = 20
# json-repair takes 5 ms for a thousand characters; in the worst case, time grows with the square of the length.
MAX_REPAIR_CHARACTERS: Final = 16_000


@dataclass(frozen=True)
class Bracketed:
    """A bracketed part of a text; `value` is None if it is malformed, and `is_open` is True if it never closes."""

    start: int
    end: int
    value: Any = None
    is_open: bool = False


def bracketed(text: str) -> list[Bracketed]:
    """Return the outermost parts of `text` that are, or begin like, a JSON object or list, in order."""
    found: list[Bracketed] = []
    position = broken = 0
    while broken < MAX_BROKEN and (opening := OPENING.search(text, position)):
        start = opening.start()
        try:
            value, position = DECODER.raw_decode(text, start)
            found.append(Bracketed(start, position, value))
        except (ValueError, RecursionError):
            broken += 1
            end, is_open = _end(text, start)
            if BEGINNING.match(text, start):
                found.append(Bracketed(start, end, is_open=is_open))
                position = end  # skipped as a whole, because a child of it is not the answer
            else:
                position = start + 1 if is_open else end
    return found


def _end(text: str, start: int) -> tuple[int, bool]:
    """Return the end of the bracket at `start`, or of the text, and whether the bracket is still open there.

    A closing bracket also closes unclosed ones inside. If the quotes are unbalanced, the last bracket counts.
    """
    stack: list[str] = []
    opened = {"{": 0, "[": 0}
    for token in STRING_OR_BRACKET.finditer(text, start):
        bracket = token[0]
        if bracket in opened:
            stack.append(bracket)
            opened[bracket] += 1
        elif bracket in OPENER and opened[OPENER[bracket]]:
            while (last := stack.pop()) != OPENER[bracket]:
                opened[last] -= 1
            opened[last] -= 1
            if not stack:
                return token.end(), False
        elif bracket.startswith('"') and not token["end"]:
            last_bracket = text.rstrip().removesuffix("```").rstrip()
            return len(last_bracket), not last_bracket.endswith(CLOSING[text[start]])
    return len(text), True


def without_trailing_commas(text: str) -> str:
    """Return JSON without trailing commas; commas inside strings stay."""
    return STRING_OR_TRAILING_COMMA.sub(lambda found: found[1] or "", text)


def lacks_closing_alone(text: str) -> bool:
    """Return True if an open value lacks only its closing brackets: it does not end in a string or a number."""
    return bool(WHOLE_TOKEN.search(text.rstrip()))


def repaired(text: str) -> Any:  # noqa: ANN401 - JSON
    """Return the malformed `text` repaired as an object or list; None if its meaning is not certain."""
    try:
        return DECODER.decode(without_trailing_commas(text))
    except (ValueError, RecursionError):
        pass
    if len(text) > MAX_REPAIR_CHARACTERS or TRIPLE_QUOTE in text or BEYOND_REPAIR.search(STRING.sub('""', text)):
        return None
    import json_repair  # noqa: PLC0415 - few answers need it

    try:
        value = json_repair.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict if text.startswith("{") else list) else None


def whole_object(text: str) -> dict[str, Any] | None:
    """Return the single object in `text`, repaired if necessary: in a fence, in a string, or repeated.

    Returns None if there is prose around it, if it is truncated, or if there are several different objects.
    """
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, str):
        return whole_object(value) if OPENING.match(value.lstrip()) else None
    if value is not None:
        return value if isinstance(value, dict) else None
    found = bracketed(text)
    is_cut = any(stretch.is_open and not lacks_closing_alone(text[stretch.start :]) for stretch in found)
    if is_cut or re.search(r"\w", MARKUP.sub("", _outside(text, found))):
        return None
    values = [_value(text, stretch) for stretch in found]
    filled = [value for value in values if value] or values[:1]
    is_one = filled and all(value == filled[0] for value in filled)
    return filled[0] if is_one and isinstance(filled[0], dict) else None


def _value(text: str, stretch: Bracketed) -> Any:  # noqa: ANN401 - JSON
    return repaired(text[stretch.start : stretch.end]) if stretch.value is None else stretch.value


def _outside(text: str, found: list[Bracketed]) -> str:
    """Return the text around `parts`."""
    starts, ends = [stretch.start for stretch in found], [stretch.end for stretch in found]
    return " ".join(text[end:start] for end, start in zip([0, *ends], [*starts, len(text)], strict=True))
