"""Damaged bodies and headers, drawn by hypothesis: values, text and bytes."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from properties.shapes import CALL, COMPLETIONS, DOCUMENT, FAILURES, SHAPES, completion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Path = tuple[Any, ...]

DEPTHS: Final = (50, 101, 130, 200, 254, 256, 330, 400, 480, 700, 990, 3_000, 100_000)
# Placeholders in the tree for text that JSON or Python cannot represent; replaced when the tree is written.
RAW: Final = {
    "<digits 400>": "9" * 400,
    "<digits 4300>": "9" * 4_300,
    "<digits 5000>": "9" * 5_000,
    "<minus digits>": "-" + "9" * 400,
    "<huge>": "1e999",
    "<tiny>": "5e-324",
    "<not json>": "undefined",
    **{f"<lists {depth}>": "[" * depth + "]" * depth for depth in DEPTHS},
    **{f"<objects {depth}>": '{"a":' * depth + "1" + "}" * depth for depth in DEPTHS},
    **{f"<mixed {depth}>": '[{"message":' * (depth // 2) + "1" + "}]" * (depth // 2) for depth in DEPTHS},
}
ODD_TEXTS: Final = (
    "",
    " ",
    "\x00",
    "nul\x00inside",
    "\ud800",
    "\udfff\ud800",
    "\U0001f600",
    "error",
    "length",
    "HIT",
    "NaN",
    "inf",
    "1e400",
    "0x10",
    "²",
    "-0",
    "Wed, 21 Oct 2015 07:28:00 GMT",
    "Mon, 01 Jan 0001 00:00:00 +9999",
    "x" * 300,
    '{"a": "' + '\\"' * 40,
    "{" * 200,
    '{"a":' * 300 + "1" + "}" * 300,
    '"\\ud800"',
    "{}",
    "[]",
    "null",
    '{"population": NaN, "name": Infinity}',
    '{"population": ' + "9" * 5_000 + "}",
)
ODD_NUMBERS: Final = (0, -1, 1, 99, 200, 401, 429, 2**31 - 1, 2**31, 2**63, 1e308, -1e308, 253402300800, 0.1)
ODD: Final = st.one_of(
    st.sampled_from([None, True, False, [], {}, [None], [[]], {"": None}, float("nan"), float("inf"), -float("inf")]),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(ODD_TEXTS),
    st.sampled_from(sorted(RAW)),
    st.integers(),
    st.floats(),
    st.text(st.characters(codec=None), max_size=20),
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)),
    st.sampled_from(SHAPES),
)


def paths(tree: object, here: Path = ()) -> Iterator[Path]:
    """Yield the path to every value of a tree, the root first."""
    yield here
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in steps:
        yield from paths(value, (*here, step))


def changed(tree: Any, path: Path, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """Return a copy of `tree` with the value at `path` replaced by `change`; `DROP` removes it."""
    if not path:
        return change(tree)
    copied = copy.copy(tree)
    value = changed(tree[path[0]], path[1:], change)
    if value is DROP:
        del copied[path[0]]
    else:
        copied[path[0]] = value
    return copied


DROP: Final = object()
CHANGES: Final = st.one_of(
    ODD.map(lambda odd: lambda _: odd),
    st.sampled_from(
        [
            lambda _: DROP,
            lambda value: [value],
            lambda value: {"": value},
            str,
            json.dumps,
            lambda value: [value, value],
            lambda value: {f"{key}\x00": each for key, each in value.items()} if isinstance(value, dict) else value,
        ]
    ),
)


@st.composite
def mutated(draw: st.DrawFn, trees: st.SearchStrategy[Any], most: int = 4) -> Any:  # noqa: ANN401 - JSON
    """Draw a tree with up to `most` values changed, dropped, wrapped, doubled or converted to text."""
    tree = draw(trees)
    for _ in range(draw(st.integers(0, most))):
        path = draw(st.sampled_from(list(paths(tree))))
        tree = changed(tree, path, draw(CHANGES))
        if tree is DROP:
            return None
    return tree


def written(tree: object, *, ascii_only: bool = True) -> str:
    """Return a tree as JSON, with the placeholders replaced."""
    text = json.dumps(tree, ensure_ascii=ascii_only)
    for word, raw in RAW.items():
        text = text.replace(f'"{word}"', raw)
    return text


def _answering(document: object) -> Any:  # noqa: ANN401 - JSON
    return completion(content=written(document))


TREES: Final = st.one_of(
    mutated(st.sampled_from(COMPLETIONS), most=1),
    mutated(st.sampled_from(COMPLETIONS)),
    mutated(st.sampled_from(FAILURES)),
    mutated(st.just(DOCUMENT), most=2).map(_answering),
)
TAMPERINGS: Final = st.one_of(
    st.just(lambda data: b"\n         \n" * 3 + data),
    st.integers(0, 400).map(lambda at: lambda data: data[:at]),
    st.integers(0, 400).map(lambda at: lambda data: data[:at] + b"\xff\xfe\xc3" + data[at:]),
    st.sampled_from(
        [
            lambda data: b"\xef\xbb\xbf" + data,
            lambda data: data.decode("latin-1").encode("utf-16"),
            lambda data: data.decode("latin-1").encode("utf-32-be"),
            lambda data: data + data,
            lambda data: data + b"\x00",
            lambda _: b"",
            lambda _: b"\n         \n",
            lambda _: b".",
            lambda _: b"<!DOCTYPE html><title>524: A timeout occurred</title>",
            lambda _: b": OPENROUTER PROCESSING\n\ndata: [DONE]\n\n",
            lambda _: b"\x1f\x8b\x08\x00\x00",
        ]
    ),
    st.binary(max_size=40).map(lambda noise: lambda _: noise),
)
MESSAGE: Final = {
    "role": "assistant",
    "content": "",
    "tool_calls": [CALL],
    "reasoning": "Hm.",
    "reasoning_details": [{"type": "reasoning.encrypted", "data": "blob", "index": 0}],
}
# Some codecs that Python has under these names do not convert bytes to text.
CHARSETS: Final = ("utf-8", "utf-7", "latin-1", "cp037", "nonsense", "x" * 300, "", '"')
ODD_CHARSETS: Final = (
    "hex",
    "base64",
    "rot13",
    "zlib",
    "undefined",
    "idna",
    "punycode",
    "unicode_escape",
    "utf-16",
    "utf-32",
    "uu",
)
TYPES: Final = st.one_of(
    st.sampled_from([b"application/json", b"text/html", b"", b"\xff\xfe", b"application/json;;charset"]),
    st.sampled_from(CHARSETS).map(lambda name: f"application/json; charset={name}".encode()),
)
HINTS: Final = st.sampled_from(ODD_TEXTS).filter(str.isascii).map(str.encode) | st.binary(max_size=12)
SELDOM: Final = st.sampled_from([True, False, False, False])
STATUSES: Final = st.sampled_from([201, 204, 302, 400, 401, 402, 403, 404, 408, 413, 429, 500, 502, 524, 529])


@dataclass(frozen=True)
class Served:
    """An answer as it arrives from the network."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    content: bytes


@st.composite
def served(draw: st.DrawFn) -> Served:
    """Draw an answer: a body of some form, changed and damaged, with any status and headers."""
    text = written(draw(TREES), ascii_only=draw(st.booleans()))
    content = text.encode("utf-8", "surrogatepass")
    if draw(SELDOM):
        content = draw(TAMPERINGS)(content)
    hints = (b"retry-after", b"x-ratelimit-reset", b"x-generation-id", b"x-openrouter-cache-status")
    headers = [(b"content-type", draw(TYPES)), *((name, draw(HINTS)) for name in hints if draw(SELDOM))]
    if draw(SELDOM) and draw(SELDOM):
        headers.append((b"content-encoding", draw(st.sampled_from([b"gzip", b"deflate", b"br", b"nonsense"]))))
    return Served(draw(STATUSES) if draw(SELDOM) else 200, tuple(headers), content)


@st.composite
def calling_tools(draw: st.DrawFn) -> Served:
    """Draw an answer with tool calls, in which any part of the message may be invalid."""
    message = draw(mutated(st.just(MESSAGE), most=2))
    tree = completion("tool_calls") | {"choices": [{"finish_reason": "tool_calls", "message": message}]}
    return Served(200, ((b"content-type", b"application/json"),), written(tree).encode("utf-8", "surrogatepass"))
