"""Mask what users and models wrote in a row; structure, roles, tools, schema, figures and an error's own text stay.

A text has the same mask everywhere; the mask of a date is a date, that of an address is an address.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modules.llm_services.wires.lenient import items, mapping
from modules.llm_services.wires.messages_parameters import ANSWER_TOOL

from .call_from_rows import SPEECH_VARIANT, STRUCTURED
from .scrubbing import ID_FIELDS, map_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .call_from_rows import RecordedCall, Row

# A text in one of these forms keeps its form, because an object's validator may require it.
DATA_URL: Final = re.compile(r"(data:[^,]*,).*", re.DOTALL)
MASKS_OF_FORMS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"\d{4}-\d\d-\d\d"), "2000-01-01"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)"), "2000-01-01T00:00:00Z"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?"), "2000-01-01T00:00:00"),
    (re.compile(r"\d\d:\d\d(:\d\d(\.\d+)?)?Z?"), "00:00:00"),
    (re.compile(r"P(?=.*\d)[0-9YMDTHSW.]+"), "PT{n}S"),
    (re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), "00000000-0000-4000-8000-{n:012d}"),
    (re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"), "masked-{n}@example.com"),
    (re.compile(r"https?://\S+"), "https://example.com/masked-{n}"),
    (re.compile(r"\d{1,3}(\.\d{1,3}){3}"), "192.0.2.1"),
    (re.compile(r"[+-]?\d+(\.\d+)?"), "{n}"),
    (DATA_URL, "{data_url}"),
)
MASK_OF_TEXT: Final = "masked text {n}"

CODE_FENCE: Final = re.compile(r"(```(?:json)?[^\S\n]*\n?)", re.IGNORECASE)
OPENING_BRACKET: Final = re.compile(r"[{\[]")
# Strings in truncated JSON, and the letters in them.
STRING_OR_LETTERS: Final = re.compile(r'"((?:[^"\\]|\\.)*)("?)|[^\W\d_]+', re.DOTALL)
ESCAPE_OR_CHARACTER: Final = re.compile(r"\\u[0-9a-f]{4}|\\.|[^\W_]")
LITERALS: Final = frozenset({"true", "false", "null"})

# Fields with text of the wire's own; any other text was written by somebody.
_WIRE_FIELDS: Final = (
    "type object role model provider status reason code detail effort format modality ttl id index phase "
    "finish_reason native_finish_reason stop_reason finishReason blockReason modelVersion service_tier "
    "system_fingerprint mimeType mime_type media_type category probability threshold error_type limit_source "
    "provider_name provider_code"
)
WIRE_FIELDS: Final = frozenset(_WIRE_FIELDS.split()) | frozenset(ID_FIELDS)
# Options with one of a few values, or with the name of a model or a voice.
_WIRE_OPTIONS: Final = (
    "structured_output tool_choice verbosity service_tier truncation preset size quality style voice audio_format "
    "models transforms modalities"
)
WIRE_OPTIONS: Final = frozenset(_WIRE_OPTIONS.split())
# Objects with fields that a model or the application named.
FREE_OBJECTS: Final = frozenset({"arguments", "args", "input", "metadata", "trace"})
BASE64_FIELDS: Final = frozenset({"data", "file_data", "b64_json"})
QUOTING_FIELDS: Final = frozenset({"flagged_input", "patterns"})
SUCCESS: Final = range(200, 300)
WIRE_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)  # how wires name their fields; any other name is a text
WORD: Final = re.compile(r"\w(?:[\w'@.+-]*\w)?")
MIN_QUOTE_LENGTH: Final = 8  # characters of several words, or of one word of letters
MIN_CODE_LENGTH: Final = 4  # characters of one word that has more than letters


@dataclass
class TextMasker:
    """Masks the texts of one export; `kept` has the application's own names, from its schema and its tools.

    With `keeps_length`, masks of an object's strings have the strings' length, for objects that no others fit.
    """

    kept: frozenset[str] = frozenset()
    keeps_length: bool = False
    masks: dict[str, str] = field(default_factory=dict)

    def mask_text(self, text: str) -> str:
        """Return the mask of a text; white space stays."""
        if not text.strip() or text in self.kept:
            return text
        if text not in self.masks:
            data_url = DATA_URL.match(text)
            mask = _mask_of_form(text) or MASK_OF_TEXT
            self.masks[text] = mask.format(n=len(self.masks) + 1, data_url=data_url[1] if data_url else "")
        return self.masks[text]

    def mask_object(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """Return JSON that a model wrote with its strings masked; numbers and the schema's names stay."""
        return map_json(value, self._mask_string, self._mask_string)

    def mask_json_text(self, text: str) -> str:
        """Return a text with its objects, whole or truncated, masked as objects, and the prose around them as text."""
        decoder, masked, at = json.JSONDecoder(), "", 0
        while bracket := OPENING_BRACKET.search(text, at):
            masked += self._mask_prose(text[at : bracket.start()])
            try:
                value, at = decoder.raw_decode(text, bracket.start())
            except (ValueError, RecursionError):
                return masked + self._mask_cut_json(text[bracket.start() :])
            masked += json.dumps(self.mask_object(value), ensure_ascii=False)
        return masked + self._mask_prose(text[at:])

    def mask_base64(self, data: str) -> str:
        """Return base64 of the same number of bytes, all of them zero."""
        digits = data.rstrip("=")
        return self.masks.setdefault(data, "A" * len(digits) + "=" * (len(data) - len(digits)))

    def _mask_string(self, text: str) -> str:
        if self.keeps_length and text not in self.kept and not _mask_of_form(text):
            return self.masks.setdefault(text, _same_length(text))
        return self.mask_text(text)

    def _mask_prose(self, text: str) -> str:
        parts = ((part, part.strip()) for part in CODE_FENCE.split(text))
        return "".join(
            part if not inner or CODE_FENCE.fullmatch(part) else part.replace(inner, self.mask_text(inner))
            for part, inner in parts
        )

    def _mask_cut_json(self, text: str) -> str:
        def mask(found: re.Match[str]) -> str:
            string, end_quote = found.groups()
            if string is None:
                return found[0] if found[0] in LITERALS else _same_length(found[0])
            inside = string if string in self.kept else ESCAPE_OR_CHARACTER.sub(_mask_character, string)
            return f'"{inside}{end_quote}'

        return STRING_OR_LETTERS.sub(mask, text)


def _mask_of_form(text: str) -> str | None:
    return next((mask for form, mask in MASKS_OF_FORMS if form.fullmatch(text)), None)


def _same_length(text: str) -> str:
    """Return a text of the same length, with every letter an x and every digit a 9."""
    return re.sub(r"[^\W_]", lambda found: "9" if found[0].isdigit() else "X" if found[0].isupper() else "x", text)


def _mask_character(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("\\") else _same_length(found[0])


def mask_row(row: Row, call: RecordedCall, masker: TextMasker) -> Row:
    """Return a row with its messages, options and answer masked; cassettes are made from it."""
    raw = row["response_raw"]
    body = mapping(raw).get("body")
    fields = _FieldMasker(masker, is_structured=call.method == STRUCTURED)
    columns = {
        "messages": [fields.message(message) for message in row["messages"]],
        "additional_params": fields.options(row["additional_params"] or {}) or None,
    }
    if raw.get("http_status", raw["status_code"]) not in SUCCESS:
        body = fields.error(body)
    elif row["api_variant"] == SPEECH_VARIANT and isinstance(body, str):
        body = masker.mask_base64(body)
    else:
        body = fields.answer(body)
    return {**row, **columns, "response_raw": {**raw, "body": body}}


def application_names(call: RecordedCall) -> frozenset[str]:
    """Return the names that the application chose: its tools, and the properties and values of all schemas."""
    tools = items(call.arguments.get("tools"))
    results = (message for message in items(call.arguments.get("messages")) if message.get("role") == "tool")
    schemas = [call.schema, *(tool["parameters"] for tool in tools)]
    names = [str(tool["name"]) for tool in tools] + [result.get("name") for result in results]
    names += [ANSWER_TOOL] if call.schema else []
    return frozenset(filter(None, names)).union(*map(_schema_names, schemas))


def _schema_names(schema: Any) -> Iterator[str]:  # noqa: ANN401 - JSON Schema
    match schema:
        case dict():
            yield from mapping(schema.get("properties"))
            values = [*items(schema.get("enum")), schema.get("const"), schema.get("default")]
            yield from (value for value in values if isinstance(value, str))
            for part in schema.values():
                yield from _schema_names(part)
        case list():
            for part in schema:
                yield from _schema_names(part)


@dataclass(frozen=True)
class _FieldMasker:
    """Masks texts by their fields, which distinguish the wire's own text from somebody's."""

    masker: TextMasker
    is_structured: bool

    def message(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a caller's message, masked; a tool result that is JSON stays JSON."""
        content = message.get("content")
        masked = {name: self._field(name, value) for name, value in message.items()}
        if message.get("role") in {"tool", "function"} and isinstance(content, str):
            masked["content"] = self.masker.mask_json_text(content)
        return masked

    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return a caller's options, masked; those with one of a few values keep it."""
        return {
            name: value if name in WIRE_OPTIONS and not isinstance(value, dict) else self._field(name, value)
            for name, value in options.items()
        }

    def answer(self, value: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON
        """Return the value of an answer's field `name`, masked."""
        match value:
            case str():
                return self._text(name, value)
            case dict():
                return {
                    key if WIRE_NAME.fullmatch(key) else self.masker.mask_text(key): self._field(key, item)
                    for key, item in value.items()
                }
            case list():
                return [self.answer(item, name) for item in value]
            case _:
                return value

    def error(self, value: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON
        """Return the value of an error's field `name`; its own text stays, and quotes of masked texts are masked."""
        match value:
            case str():
                return value if name in WIRE_FIELDS else self._without_quotes(value)
            case dict():
                return {
                    key: self.answer(item, key) if key in QUOTING_FIELDS else self.error(item, key)
                    for key, item in value.items()
                }
            case list():
                return [self.error(item, name) for item in value]
            case _:
                return value

    def _field(self, name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
        if name == "logprobs":
            return value and None  # they spell the answer letter by letter
        if name == "error":
            return self.error(value)
        if name in FREE_OBJECTS and isinstance(value, dict):
            return self.masker.mask_object(value)
        return self.answer(value, name)

    def _text(self, name: str, text: str) -> str:
        if name in WIRE_FIELDS:
            return text
        if name in FREE_OBJECTS or (self.is_structured and name in {"content", "text"}):
            return self.masker.mask_json_text(text)
        is_base64 = name in BASE64_FIELDS and not text.startswith("data:")
        return self.masker.mask_base64(text) if is_base64 else self.masker.mask_text(text)

    def _without_quotes(self, text: str) -> str:
        """Return an error's text in which every run of words from a masked text is replaced with a mask of that run."""
        masked_texts = " ".join(" ".join(self.masker.masks).split())
        words = list(WORD.finditer(text))
        result, end, at = "", 0, 0
        while at < len(words):
            last = _last_of_quote(text, words, at, masked_texts)
            if last is not None:
                quote = slice(words[at].start(), words[last].end())
                result += text[end : quote.start] + self.masker.mask_text(text[quote])
                end, at = quote.stop, last
            at += 1
        return result + text[end:]


def _last_of_quote(text: str, words: list[re.Match[str]], first: int, masked_texts: str) -> int | None:
    """Return the last word of the longest quote of `masked_texts` that begins at word `first`; None if it is short."""
    quote, last = "", None
    for index in range(first, len(words)):
        run = text[words[first].start() : words[index].end()]
        if " ".join(run.split()) not in masked_texts:
            break
        quote, last = run, index
    is_code = last == first and not quote.isalpha()
    return last if len(quote) >= (MIN_CODE_LENGTH if is_code else MIN_QUOTE_LENGTH) else None
