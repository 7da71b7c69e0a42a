"""Find the JSON values in an answer's text, and choose the one that is the answer: the last.

Before it, a model may reason, give examples and drafts, repeat its input, and correct itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic_core import from_json

from ..wires.lenient import well_formed
from ..wires.repair import DECODER, MAX_BROKEN, bracketed, lacks_closing_alone, repaired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..wires.repair import Bracketed

FENCE: Final = re.compile(r"```(?:json)?[^\S\n]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
# The tags that models put around their reasoning: DeepSeek and Qwen <think>, Mistral [THINK], Kimi ◁think▷, Seed
# <seed:think>, Cohere <|START_THINKING|>, Gemma <|channel>thought, MedGemma <unused94>; gpt-oss, whose channels are
# https://cookbook.openai.com/articles/openai-harmony. The opening tag may be in the prompt instead.
REASONING_TAG: Final = re.compile(
    r"""
      (?:<\|?|◁) (?P<closing>/|end_of_|end_)? (?:ant)? (?:\w{1,30}[:_])?
      (?:think|thinking|thoughts?|reason|reasoning|reflections?|analysis|scratch_?pad|monologue|draft|planning)
      (?:_\w{1,30})? (?:\s[^<>]{0,200})? (?:\|?>|▷)
    | \[ (?P<closing_bracket>/)? (?:think|thinking|reasoning) \]
    | (?P<final> <\|channel\|>\s*final [^<{\[]{0,200} (?:<\|constrain\|>[^<{\[]{0,200})? (?:<\|message\|>)? )
    | (?P<end> <\|(?:end|return|call)\|> | <channel\|> | <unused95> )
    | <\|channel\|?>\s*(?:analysis|commentary|thought) | <unused94>
    """,
    re.VERBOSE | re.IGNORECASE,
)
TAG_OR_BRACKET: Final = re.compile("[<◁{\\[]")
# gpt-oss when its special tokens have been removed.
BARE_CHANNELS: Final = re.compile(r"\A\s*(?:analysis|commentary).*assistantfinal", re.DOTALL)
SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
EXAMPLE: Final = re.compile(
    r"\b(?:example|for instance|e\.g|such as|sample|not|instead of|rather than|unlike)\b", re.IGNORECASE
)
DRAFT: Final = re.compile(
    r"\b(?:draft|attempts?|try|tried|trying|maybe|perhaps|considered|considering|suppose|thought|guess|input|given|gave|provided|"
    r"schema|template|format|original|previous|previously|before|old|wrong|incorrect|initial|initially)\b",
    re.IGNORECASE,
)
CORRECTION: Final = re.compile(
    r"\b(?:wait|actually|no,|scratch that|correction|corrected|correcting|sorry|oops|mistake|wrong|incorrect|"
    r"on second thought|instead|revised|improved|fixed|final|finally|let me (?:fix|correct|redo))\b",
    re.IGNORECASE,
)
ANSWER: Final = re.compile(
    r"\b(?:answer|final|result|output|response|solution|therefore|thus|hence)\b|=>|→", re.IGNORECASE
)
RETRACTION: Final = re.compile(
    r"\b(?:wait|scratch that|never ?mind|on second thought|correction|let me (?:fix|correct|redo|try)|"
    r"(?:ignore|disregard|discard|forget) (?:that|this|it|the above)|i (?:made a mistake|made an error|was wrong)|"
    r"(?:that|this|it|which)(?:['\u2019]s| is| was) (?:wrong|incorrect|not (?:right|correct)))\b",
    re.IGNORECASE,
)
MAX_CANDIDATES: Final = 50
LEAD_CHARACTERS: Final = 80
NEAR_CHARACTERS: Final = 300


@dataclass(frozen=True)
class Candidate:
    """A JSON value in a text: decoded, as text, and with the text around it up to the neighbouring values."""

    document: Any
    text: str
    before: str = ""
    after: str = ""
    is_alone: bool = True

    @property
    def lead(self) -> str:
        """The end of the sentence before the value."""
        return SENTENCE_END.split(self.before)[-1][-LEAD_CHARACTERS:]


class Json(NamedTuple):
    """A decoded document, and a text that Pydantic decodes to the same value."""

    document: Any
    text: str


def candidates(content: str, *, is_complete: bool) -> list[Candidate]:
    """Return the possible answers in order of appearance: the whole text, otherwise the values in its visible prose.

    Malformed values are repaired. Missing closing brackets are added only if the answer `is_complete` by its finish
    reason.
    """
    whole = content.strip()
    fenced = FENCE.fullmatch(whole) if whole.startswith("```") else None
    for text in (whole, fenced[1].strip() if fenced else ""):
        if decoded := _decoded(text):
            return [Candidate(*decoded)]
    visible = without_reasoning(whole)
    stretches = bracketed(visible)[-MAX_CANDIDATES:]
    known = [(stretch, _json(visible, stretch, is_complete=is_complete)) for stretch in stretches]
    found = [(stretch, value) for stretch, value in known if value]
    if not found:
        scalars = (_decoded(text.strip()) for text in FENCE.findall(visible))
        return [Candidate(*scalar) for scalar in scalars if scalar]
    return list(_placed(visible, found))


def _decoded(text: str) -> Json | None:
    try:
        return Json(from_json(text), text)
    except ValueError:
        return None


def _json(text: str, stretch: Bracketed, *, is_complete: bool) -> Json | None:
    """Return the JSON value in a part of the text, repaired if necessary and possible."""
    source = text[stretch.start : stretch.end]
    if decoded := _decoded(source):
        return decoded
    if stretch.is_open and not (is_complete and lacks_closing_alone(source)):
        return None
    value = repaired(source) if stretch.value is None else stretch.value
    try:
        document = well_formed(value)
        return None if value is None else Json(document, json.dumps(document))
    except (ValueError, RecursionError):
        return None


def _placed(text: str, found: Sequence[tuple[Bracketed, Json]]) -> Iterator[Candidate]:
    ends = [0, *(stretch.end for stretch, _value in found)]
    starts = [*(stretch.start for stretch, _value in found), len(text)]
    for index, (stretch, value) in enumerate(found):
        before, after = text[ends[index] : stretch.start], text[stretch.end : starts[index + 1]]
        line = before.rpartition("\n")[2] + after.partition("\n")[0]
        yield Candidate(*value, before[-NEAR_CHARACTERS:], after[:NEAR_CHARACTERS], not line.strip(" \t\r`"))


def without_reasoning(text: str) -> str:
    """Return `text` without the model's reasoning; tags inside JSON values are data."""
    visible: list[str] = []
    start: int | None = 0  # start of the visible text; None inside reasoning
    for tag in _tags(text):
        if tag["end"]:
            start = tag.end() if start is None else start
        elif tag["final"] or tag["closing"] or tag["closing_bracket"]:
            if start is not None:
                visible.clear()  # the opening tag is missing: all text so far was reasoning
            start = tag.end()
        elif start is not None:
            visible.append(text[start : tag.start()])
            start = None
    visible.append("" if start is None else text[start:])
    return BARE_CHANNELS.sub("", "\n".join(visible), count=1)


def _tags(text: str) -> Iterator[re.Match[str]]:
    position = broken = 0
    while opening := TAG_OR_BRACKET.search(text, position):
        position = opening.end()
        if tag := REASONING_TAG.match(text, opening.start()):
            position = tag.end()
            yield tag
        elif opening[0] in "{[" and broken < MAX_BROKEN:
            try:
                _value, position = DECODER.raw_decode(text, opening.start())
            except (ValueError, RecursionError):
                broken += 1


def chosen(valid: Sequence[Candidate], echoes: Callable[[], list[Any]]) -> Candidate | None:
    """Return the valid candidate that is the answer, or None if nothing shows which of several is meant.

    `echoes` returns the values in the model's input, because the model may have repeated them.
    """
    filled = [candidate for candidate in valid if candidate.document not in ({}, [])] or valid
    distinct = [
        candidate
        for index, candidate in enumerate(filled)
        if all(candidate.document != later.document for later in filled[index + 1 :])
    ]
    stated = [candidate for candidate in distinct if not EXAMPLE.search(candidate.lead)] or distinct
    *earlier, last = stated
    is_told_apart = (
        all(DRAFT.search(candidate.lead) for candidate in earlier)
        or CORRECTION.search(last.before)
        or (ANSWER.search(last.lead) and not any(ANSWER.search(candidate.lead) for candidate in earlier))
        or (last.is_alone and not any(candidate.is_alone for candidate in earlier))
        or all(candidate.document in echoes() for candidate in earlier)
    )
    return last if is_told_apart and not RETRACTION.search(last.after) else None
