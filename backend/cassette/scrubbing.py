"""What of an exchange may be kept: headers by an allow-list, ids as placeholders, no secret anywhere."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from modules.llm_services.sanitize import ACCOUNT_FIELDS, MASK, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REQUEST_HEADERS: Final = ("content-type",)
# A name that ends in a dash stands for all that begin with it.
RESPONSE_HEADERS: Final = (
    "content-type",
    "location",
    "retry-after",
    "retry-after-ms",
    "x-amzn-errortype",
    "x-generation-id",
    "x-openrouter-cache-",
    "x-ratelimit-",
    "x-stand-in",
)

# Fields whose value is an id that leads somewhere, and what it is an id of.
ID_FIELDS: Final = {
    **dict.fromkeys(ACCOUNT_FIELDS, "account"),
    "external_user": "account",
    "request_id": "request",
    "session_id": "session",
    "tool_call_id": "call",
    "upstream_id": "gen",
    "x-generation-id": "gen",
    # Of the other vendors: answers, calls of tools, and what proves that a thought was the model's own.
    "call_id": "call",
    "tool_use_id": "call",
    "responseId": "gen",
    "signature": "signature",
    "thoughtSignature": "signature",
    "encrypted_content": "signature",
}
# Ids that are known by their form wherever they stand: in an upstream's words, in a header.
ID_FORMS: Final = {
    "gen": re.compile(r"\bgen-[0-9]{6,}-[A-Za-z0-9]+"),
    "account": re.compile(r"\b(?:user|org)_[A-Za-z0-9]{12,}"),
    "ray": re.compile(r"\b[0-9a-f]{16}(?:-[A-Z]{3})?\b"),
}
PLACEHOLDER: Final = re.compile(rf"[a-z]+-scrubbed-[0-9]+|{re.escape(MASK)}")
# The ids that this module makes up for calls of tools lead nowhere.
MADE_UP: Final = re.compile(r"call_[0-9]+_.*", re.DOTALL)
# Under these stands what a model, or its reader, made of its answer: an `id` there is a word like any other.
OWN_WORDS: Final = frozenset({"args", "arguments", "response_output"})
SHORTEST_INSIDE_TEXT: Final = 8  # characters; a shorter id is replaced only where it is a whole value

Path = tuple[str, ...]


def allowed(headers: Mapping[str, str | list[str]], names: tuple[str, ...]) -> dict[str, str]:
    """Return the headers that `names` lists, in lower case, each with one value."""
    return {
        header.lower(): value if isinstance(value, str) else ", ".join(value)
        for header, value in headers.items()
        if any(header.lower() == name or (name[-1] == "-" and header.lower().startswith(name)) for name in names)
    }


def scrubbed(value: object) -> object:
    """Return JSON with every id as a placeholder, the same one wherever it stands, and every secret masked."""
    placeholders: dict[str, str] = {}
    numbers: Counter[str] = Counter()
    for kind, found in _ids(value):
        if found not in placeholders:
            numbers[kind] += 1
            placeholders[found] = f"{kind}-scrubbed-{numbers[kind]}"
    longest_first = dict(sorted(placeholders.items(), key=lambda pair: -len(pair[0])))
    return _replaced(value, longest_first)


def without_placeholders(value: object) -> object:
    """Return JSON in which every placeholder is the same one: a row masks the ids of options that were sent."""
    match value:
        case str():
            return PLACEHOLDER.sub(MASK, value)
        case dict():
            return {key: without_placeholders(item) for key, item in value.items()}
        case list():
            return [without_placeholders(item) for item in value]
        case _:
            return value


def _ids(value: object) -> Iterator[tuple[str, str]]:
    for path, text in _strings(value):
        if text and (kind := _kind(path)) and not (PLACEHOLDER.fullmatch(text) or MADE_UP.fullmatch(text)):
            yield kind, text
        for kind, form in ID_FORMS.items():
            yield from ((kind, found) for found in form.findall(text))


def _kind(path: Path) -> str | None:
    """Return what the value at `path` is an id of, None when it is none."""
    field = path[-1] if path else ""
    if field != "id":
        return ID_FIELDS.get(field)
    if "tool_calls" in path:
        return "call"
    if OWN_WORDS.intersection(path) or ("content", "input") in pairwise(path):
        return None
    return "gen" if path[-2:-1] == ("body",) else "id"


def _strings(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for key, item in value.items():
                yield from _strings(item, (*path, key))
        case list():
            for item in value:
                yield from _strings(item, path)


def _replaced(value: object, placeholders: Mapping[str, str]) -> object:
    match value:
        case str():
            return _without_ids(value, placeholders)
        case dict():
            return {SECRET.sub(MASK, str(key)): _replaced(item, placeholders) for key, item in value.items()}
        case list():
            return [_replaced(item, placeholders) for item in value]
        case _:
            return value


def _without_ids(text: str, placeholders: Mapping[str, str]) -> str:
    for found, placeholder in placeholders.items():
        if text == found:
            return placeholder
        if len(found) >= SHORTEST_INSIDE_TEXT:
            text = text.replace(found, placeholder)
    return SECRET.sub(MASK, text)
