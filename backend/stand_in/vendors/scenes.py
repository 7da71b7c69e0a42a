"""What can happen on any vendor's wire, in no vendor's words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..request import tokens
from ..schema import instance, misfit

REASONING_TOKENS = 64

# What an answer is like; without any of these it is whole and fits.
ANSWERS = {
    "cached-prompt": "the prompt is mostly read from the vendor's cache, a little written",
    "truncated": "the answer is cut at its token limit",
    "refused": "the model declines, or a filter stops it",
    "empty": "an answer without text",
    "not-json": "prose where JSON was asked for",
    "wrong-shape": "JSON with the schema's keys and values of the wrong types",
}
# How a call fails; the vendor's own status and words stand in its file.
ERRORS = {
    "rate-limited": "too many requests; says when to come back",
    "out-of-quota": "too many requests for what the account pays, which no waiting cures",
    "server-error": "the vendor fails",
    "overloaded": "the vendor has too much to do",
    "unauthorized": "the key is refused, as one that contains `invalid` always is",
    "unknown-model": "there is no such model",
    "bad-request": "the vendor does not take the request",
}
# What breaks below the answer.
BREAKS = {
    "html-200": "200 with a page of HTML",
    "cut-body": "half of the answer, then a closed connection",
    "hang": "nothing at all",
}
ONCE = "-once"
DOES = (
    ANSWERS
    | ERRORS
    | BREAKS
    | {f"{name}{ONCE}": f"{does}; the same request answers then" for name, does in ERRORS.items()}
)


class RefusedError(Exception):
    """A request that the vendor does not take; `name` is one of ERRORS."""

    def __init__(self, name: str, words: str = "") -> None:
        """Say which error, and what is wrong with the request."""
        super().__init__(words)
        self.name, self.words = name, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request asks for, whatever its wire; `host` is where it was asked."""

    model: str
    prompt: str
    schema: dict[str, Any] | None = None
    tool: tuple[str, dict[str, Any]] | None = None
    limit: int | None = None
    thinks: bool = False
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the answer says and what it takes: `fresh`, `read` and `written` are the tokens of the prompt."""

    text: str
    call: tuple[str, Any] | None
    ended: str
    fresh: int
    read: int
    written: int
    output: int
    reasoning: int


def said(ask: Ask, scene: str) -> Said:
    """Return the answer to a request in a scene; `ended` is stop, tool, length or refused."""
    text, call = _spoken(ask, scene)
    ended = {"truncated": "length", "refused": "refused"}.get(scene, "tool" if call else "stop")
    if scene == "truncated":
        text, call = text[: len(text) // 2], call and (call[0], {})
    prompt = 8 + tokens(ask.prompt)
    written = max(1, prompt // 8) if scene == "cached-prompt" else 0
    read = prompt - written - 1 if scene == "cached-prompt" else 0
    reasoning = REASONING_TOKENS if ask.thinks else 0
    output = reasoning + tokens(text or json.dumps(call and call[1]))
    return Said(
        text=text,
        call=call,
        ended=ended,
        fresh=prompt - read - written,
        read=read,
        written=written,
        output=output,
        reasoning=reasoning,
    )


def _spoken(ask: Ask, scene: str) -> tuple[str, tuple[str, Any] | None]:
    if scene == "empty":
        return "", None
    if scene == "refused":
        return "I cannot help with that, says the stand-in.", None
    if ask.tool and ask.schema is None:
        name, parameters = ask.tool
        return "", (name, misfit(parameters) if scene == "wrong-shape" else instance(parameters))
    if ask.schema is None:
        return f"You asked: {ask.prompt[-200:]} The stand-in is no model and cannot know.", None
    if scene == "not-json":
        return "Here is what you asked for, in so many words.", None
    return json.dumps(misfit(ask.schema) if scene == "wrong-shape" else instance(ask.schema)), None


def needs(body: dict[str, Any], known: str, required: str = "") -> None:
    """Raise RefusedError for a parameter that the wire does not know, or one that it cannot do without."""
    for name in body:
        if name not in known.split():
            raise RefusedError("bad-request", f"{name}: unknown parameter")
    for name in required.split():
        if body.get(name) in (None, "", []):
            raise RefusedError("bad-request", f"{name}: field required")
