"""Rows without what users and models wrote: the same structure, roles, tools, schema and figures, other words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from modules.llm_services.wires.lenient import items, mapping
from modules.llm_services.wires.messages import ANSWER_TOOL

from .asked import SPEECH_WIRE, STRUCTURED
from .scrubbing import ID_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .asked import Asked, Row
    from .masks import Masks

# Fields whose text is a word of the wire's; any other text is somebody's.
_WIRE_WORDS: Final = (
    "type object role model provider status reason code detail effort format modality ttl id index phase "
    "finish_reason native_finish_reason stop_reason finishReason blockReason modelVersion service_tier "
    "system_fingerprint mimeType mime_type media_type category probability threshold error_type limit_source "
    "provider_name provider_code"
)
WIRE_WORDS: Final = frozenset(_WIRE_WORDS.split()) | frozenset(ID_FIELDS)
# Options whose value is one of a few words, or names a model or a voice.
_WIRE_OPTIONS: Final = (
    "structured_output tool_choice verbosity service_tier truncation preset size quality style voice audio_format "
    "models transforms modalities"
)
WIRE_OPTIONS: Final = frozenset(_WIRE_OPTIONS.split())
# Objects whose fields somebody else than the wire has named.
OBJECTS: Final = frozenset({"arguments", "args", "input", "metadata", "trace"})
ENCODED: Final = frozenset({"data", "file_data", "b64_json"})
QUOTING: Final = frozenset({"flagged_input", "patterns"})
SUCCESS: Final = range(200, 300)
FIELD_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)  # as wires name their fields; anything else is text
WORD: Final = re.compile(r"\w(?:[\w'@.+-]*\w)?")
SHORTEST_QUOTE: Final = 8  # characters of a run of words, or of one plain word; words that are not plain may be shorter
SHORTEST_ODD_WORD: Final = 4


def masked(row: Row, call: Asked, masks: Masks) -> Row:
    """Return a row with messages, options and answer masked; what else it says is not for keeping then."""
    body = mapping(row["response_raw"]).get("body")
    status = row["response_raw"].get("http_status", row["response_raw"]["status_code"])
    texts = _Texts(masks, is_object=call.method == STRUCTURED)
    said = {
        "messages": [texts.message(each) for each in row["messages"]],
        "additional_params": texts.options(row["additional_params"] or {}) or None,
    }
    if row["api_variant"] == SPEECH_WIRE and isinstance(body, str) and status in SUCCESS:
        body = masks.sound(body)
    elif status in SUCCESS:
        body = texts.answer(body)
    else:
        body = texts.complaint(body)
    return {**row, **said, "response_raw": {**row["response_raw"], "body": body}}


def own_words(call: Asked) -> frozenset[str]:
    """Return what the application itself named: a schema's properties and values, and its tools with theirs."""
    tools = items(call.arguments.get("tools"))
    results = (each.get("name") for each in items(call.arguments.get("messages")) if each.get("role") == "tool")
    schemas = [call.schema, *(each["parameters"] for each in tools)]
    return frozenset(
        {str(each["name"]) for each in tools}
        | ({ANSWER_TOOL} if call.schema else set())
        | set(filter(None, results))
        | {word for each in schemas for word in _named(each)}
    )


def _named(schema: Any) -> Iterator[str]:  # noqa: ANN401 - JSON Schema
    match schema:
        case dict():
            yield from mapping(schema.get("properties"))
            values = [*items(schema.get("enum")), schema.get("const"), schema.get("default")]
            yield from (each for each in values if isinstance(each, str))
            for each in schema.values():
                yield from _named(each)
        case list():
            for each in schema:
                yield from _named(each)


class _Texts:
    """Who wrote what, by where it stands."""

    def __init__(self, masks: Masks, *, is_object: bool) -> None:
        self._masks = masks
        self._is_object = is_object

    def message(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a caller's message; a tool's result stays JSON where it is."""
        content = message.get("content")
        is_result = message.get("role") in {"tool", "function"} and isinstance(content, str)
        told: dict[str, Any] = {name: self._field(name, value) for name, value in message.items()}
        return told | ({"content": self._masks.json_text(str(content))} if is_result else {})

    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return a caller's options; of those that are one of a few words, the words."""
        return {
            name: value if name in WIRE_OPTIONS and not isinstance(value, dict) else self._field(name, value)
            for name, value in options.items()
        }

    def answer(self, value: Any, field: str = "") -> Any:  # noqa: ANN401 - JSON
        """Return an answer's JSON by its fields."""
        match value:
            case str():
                return self._text(field, value)
            case dict():
                return {self._name(name): self._field(name, item) for name, item in value.items()}
            case list():
                return [self.answer(item, field) for item in value]
            case _:
                return value

    def complaint(self, value: Any, field: str = "") -> Any:  # noqa: ANN401 - JSON
        """Return an error's JSON: its own words stay, what they repeat of masked texts does not."""
        match value:
            case str():
                return value if field in WIRE_WORDS else self._unquoted(value)
            case dict():
                return {
                    name: self.answer(item, name) if name in QUOTING else self.complaint(item, name)
                    for name, item in value.items()
                }
            case list():
                return [self.complaint(item, field) for item in value]
            case _:
                return value

    def _field(self, name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
        if name == "logprobs":
            return value and None  # they spell the answer, letter by letter
        if name == "error":
            return self.complaint(value)
        if name in OBJECTS and isinstance(value, dict):
            return self._masks.json(value)
        return self.answer(value, name)

    def _name(self, name: str) -> str:
        return name if FIELD_NAME.fullmatch(name) else self._masks.text(name)

    def _text(self, field: str, text: str) -> str:
        if field in WIRE_WORDS:
            return text
        if field in OBJECTS or (self._is_object and field in {"content", "text"}):
            return self._masks.json_text(text)
        return self._masks.sound(text) if field in ENCODED and not text.startswith("data:") else self._masks.text(text)

    def _unquoted(self, text: str) -> str:
        """Return upstream's words, each run of them that a masked text has too replaced by the run's own mask."""
        known = " ".join(" ".join(self._masks.given).split())
        words, told, end, at = list(WORD.finditer(text)), "", 0, 0
        while at < len(words):
            last = _last_of_run(text, words, at, known)
            if last is not None:
                start, stop = words[at].start(), words[last].end()
                told, end, at = told + text[end:start] + self._masks.text(text[start:stop]), stop, last
            at += 1
        return told + text[end:]


def _last_of_run(text: str, words: list[re.Match[str]], first: int, known: str) -> int | None:
    """Return where the longest run of words that begins at `first` and stands in `known` ends, None for a short one."""
    last = None
    for index in range(first, len(words)):
        if " ".join(text[words[first].start() : words[index].end()].split()) not in known:
            break
        last = index
    if last is None:
        return None
    run = text[words[first].start() : words[last].end()]
    is_odd = not run.isalpha() and len(run) >= SHORTEST_ODD_WORD and last == first
    return last if is_odd or len(run) >= SHORTEST_QUOTE else None
