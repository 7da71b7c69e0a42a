"""One mask for each text, the same wherever it stands; a date stays a date, an address an address."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

DATA_URL: Final = re.compile(r"data:[^,]*,")
# A text that is a value of a known form keeps the form: an object's validator may ask for it.
FORMS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
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
    (DATA_URL, "{found}"),
)
ANY_TEXT: Final = "masked text {n}"
FENCE: Final = re.compile(r"(```(?:json)?[^\S\n]*\n?)", re.IGNORECASE)
BRACKET: Final = re.compile(r"[{\[]")
# In JSON that is cut or torn: its strings, and the words between them.
STRING_OR_WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)("?)|[^\W\d_]+', re.DOTALL)
LITERALS: Final = frozenset({"true", "false", "null"})
LETTER: Final = re.compile(r"[^\W_]")


def shape(text: str) -> str:
    """Return a text of the same length, each letter an x and each digit a 9."""
    return LETTER.sub(lambda found: "9" if found[0].isdigit() else "X" if found[0].isupper() else "x", text)


@dataclass
class Masks:
    """The masks of one export; `kept` are the words that are the application's own: a schema's, the tools' names.

    `is_shaped` gives the strings of an object masks of their own length, for an object that no others fit.
    """

    kept: frozenset[str] = frozenset()
    is_shaped: bool = False
    given: dict[str, str] = field(default_factory=dict)

    def text(self, text: str) -> str:
        """Return the mask of a text; white space says nothing and stays."""
        if not text.strip() or text in self.kept:
            return text
        if text not in self.given:
            self.given[text] = self._new(text)
        return self.given[text]

    def json(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """Return JSON of a model's making, its strings masked; numbers stay, and so does what the schema names."""
        match value:
            case str():
                return self._string(value)
            case dict():
                return {self._string(key): self.json(item) for key, item in value.items()}
            case list():
                return [self.json(item) for item in value]
            case _:
                return value

    def json_text(self, text: str) -> str:
        """Return a text that may hold an object, or a part of one, the object masked as one and the prose around it."""
        decoder, masked, at = json.JSONDecoder(), "", 0
        while bracket := BRACKET.search(text, at):
            masked += self._prose(text[at : bracket.start()])
            try:
                value, at = decoder.raw_decode(text, bracket.start())
            except (ValueError, RecursionError):
                return masked + self._torn(text[bracket.start() :])
            masked += json.dumps(self.json(value), ensure_ascii=False)
        return masked + self._prose(text[at:])

    def sound(self, data: str) -> str:
        """Return base64 of as many bytes as before, all of them zero."""
        return self.given.setdefault(data, "A" * len(data.rstrip("=")) + "=" * (len(data) - len(data.rstrip("="))))

    def _string(self, text: str) -> str:
        if self.is_shaped and text not in self.kept and not _form(text):
            return self.given.setdefault(text, shape(text))
        return self.text(text)

    def _new(self, text: str) -> str:
        form = _form(text)
        found = DATA_URL.match(text)
        return (form or ANY_TEXT).format(n=len(self.given) + 1, found=found[0] if found else "")

    def _prose(self, text: str) -> str:
        return "".join(part if FENCE.fullmatch(part) else self._words(part) for part in FENCE.split(text))

    def _words(self, text: str) -> str:
        said = text.strip()
        return text.replace(said, self.text(said)) if said else text

    def _torn(self, text: str) -> str:
        def masked(found: re.Match[str]) -> str:
            if found[1] is None:
                return found[0] if found[0] in LITERALS else shape(found[0])
            inside = found[1] if found[1] in self.kept else re.sub(r"\\u[0-9a-f]{4}|\\.|[^\W_]", _shaped, found[1])
            return f'"{inside}{found[2]}'

        return STRING_OR_WORD.sub(masked, text)


def _shaped(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("\\") else shape(found[0])


def _form(text: str) -> str | None:
    return next((mask for form, mask in FORMS if form.fullmatch(text) or (form is DATA_URL and form.match(text))), None)
