"""What a cassette may keep of an exchange: headers on an allow-list, ids as placeholders, and no secrets."""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from modules.llm_services.sanitize import ACCOUNT_FIELDS, SECRET
from modules.llm_services.secret import MASK, mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REQUEST_HEADERS: Final = ("content-type",)
# A name that ends in a dash allows every header that begins with it.
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

# Fields with an id that can be looked up somewhere, and the kind of id.
ID_FIELDS: Final = {
    **dict.fromkeys(ACCOUNT_FIELDS, "account"),
    "external_user": "account",
    "request_id": "request",
    "session_id": "session",
    "tool_call_id": "call",
    "upstream_id": "gen",
    "x-generation-id": "gen",
    # Ids of the other vendors: answers, tool calls, and the signatures of a model's reasoning.
    "call_id": "call",
    "tool_use_id": "call",
    "responseId": "gen",
    "signature": "signature",
    "thoughtSignature": "signature",
    "encrypted_content": "signature",
}
# Ids that are recognised by their form in any text, such as an upstream's message or a header.
ID_FORMS: Final = {
    "gen": re.compile(r"\bgen-[0-9]{6,}-[A-Za-z0-9]+"),
    "account": re.compile(r"\b(?:user|org)_[A-Za-z0-9]{12,}"),
    "ray": re.compile(r"\b[0-9a-f]{16}(?:-[A-Z]{3})?\b"),
}
PLACEHOLDER: Final = re.compile(rf"[a-z]+-scrubbed-[0-9]+|{re.escape(MASK)}")
# The ids that this module makes up for tool calls cannot be looked up.
MADE_UP_CALL_ID: Final = re.compile(r"call_[0-9]+_.*", re.DOTALL)
# Below these fields, `id` is a name that a model or the application chose.
FREE_FIELDS: Final = frozenset({"args", "arguments", "response_output"})
MIN_ID_LENGTH_IN_TEXT: Final = 8  # a shorter id is replaced only if it is the whole value

Path = tuple[str, ...]


def allowed_headers(headers: Mapping[str, str | list[str]], names: tuple[str, ...]) -> dict[str, str]:
    """Return the headers in `names`, in lower case, with one value for each name."""
    return {
        header.lower(): value if isinstance(value, str) else ", ".join(value)
        for header, value in headers.items()
        if any(header.lower() == name or (name[-1] == "-" and header.lower().startswith(name)) for name in names)
    }


def scrub(value: object) -> Any:  # noqa: ANN401 - JSON in, JSON of the same shape out
    """Return JSON with ids replaced with placeholders, the same id always with the same one, and secrets masked."""
    placeholders: dict[str, str] = {}
    numbers: Counter[str] = Counter()
    for kind, found in _ids(value):
        if found not in placeholders:
            numbers[kind] += 1
            placeholders[found] = f"{kind}-scrubbed-{numbers[kind]}"
    longest_first = dict(sorted(placeholders.items(), key=lambda pair: -len(pair[0])))
    return map_json(value, partial(_scrub_text, placeholders=longest_first), _without_secrets)


def with_equal_placeholders(value: object) -> Any:  # noqa: ANN401 - as above
    """Return JSON with all placeholders equal, because a row masks ids in options that were sent unmasked."""
    return map_json(value, lambda text: PLACEHOLDER.sub(MASK, text), str)


def map_json(value: object, map_text: Callable[[str], str], map_name: Callable[[str], str]) -> Any:  # noqa: ANN401 - as above
    """Return JSON with `map_text` applied to every string, and `map_name` to the name of every field."""
    match value:
        case str():
            return map_text(value)
        case dict():
            return {map_name(str(name)): map_json(item, map_text, map_name) for name, item in value.items()}
        case list():
            return [map_json(item, map_text, map_name) for item in value]
        case _:
            return value


def _ids(value: object) -> Iterator[tuple[str, str]]:
    for path, text in _texts(value):
        kind = _kind(path)
        if text and kind and not (PLACEHOLDER.fullmatch(text) or MADE_UP_CALL_ID.fullmatch(text)):
            yield kind, text
        for form_kind, form in ID_FORMS.items():
            yield from ((form_kind, found) for found in form.findall(text))


def _kind(path: Path) -> str | None:
    """Return the kind of id at `path`; None if the value is not an id."""
    field = path[-1] if path else ""
    if field != "id":
        return ID_FIELDS.get(field)
    if "tool_calls" in path:
        return "call"
    if FREE_FIELDS.intersection(path) or ("content", "input") in pairwise(path):
        return None
    return "gen" if path[-2:-1] == ("body",) else "id"


def _texts(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for name, item in value.items():
                yield from _texts(item, (*path, name))
        case list():
            for item in value:
                yield from _texts(item, path)


def _scrub_text(text: str, placeholders: Mapping[str, str]) -> str:
    for found, placeholder in placeholders.items():
        if text == found:
            return placeholder
        if len(found) >= MIN_ID_LENGTH_IN_TEXT:
            text = text.replace(found, placeholder)
    return _without_secrets(text)


def _without_secrets(text: str) -> str:
    """Mask what looks like a key, and the keys that this process has read."""
    return SECRET.sub(MASK, mask(text))
