"""Server-sent events are parsed from bytes according to the standard, wherever the network splits them."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.llm_services.flow.streaming import EventReader

STREAM = (
    ': OPENROUTER PROCESSING\n\nevent: delta\nid: 7\ndata: {"a": "gr\u00fc\u00df dich \u2028\U0001f600\x85"}\n\n'
    "data:no space\r\n\r\ndata: two\rdata:  lines\r\rdata\n\nretry: 5\n\n\ndata: [DONE]\n\n"
).encode()
EVENTS = [
    '{"a": "gr\u00fc\u00df dich \u2028\U0001f600\x85"}'.encode(),
    b"no space",
    b"two\n lines",
    b"[DONE]",
]


def read(*chunks: bytes) -> list[bytes]:
    """Return the events of a body that arrives in these chunks."""
    reader = EventReader()
    return [data for chunk in chunks for data in reader.feed(chunk)] + list(reader.end())


@given(st.lists(st.integers(0, len(STREAM))))
def test_a_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    """Comments, three line endings and multi-byte characters give the same events, however the stream is split."""
    edges = [0, *sorted(cuts), len(STREAM)]
    assert EVENTS == [data for data in read(*(STREAM[start:end] for start, end in pairwise(edges))) if data]


@given(st.text(), st.integers(1, 20))
def test_any_text_comes_through(text: str, size: int) -> None:
    """Characters that JSON does not escape, such as U+2028, do not end a line."""
    stream = b"data: " + json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n\n"
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [text] == [json.loads(data.decode("utf-8", "surrogatepass")) for data in read(*chunks)]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    """A byte order mark at the beginning of a stream is ignored."""
    assert [b"1"] == read(b"\xef\xbb", b"\xbfdata: 1\n\n")


@pytest.mark.parametrize("end", [b"data: 1", b"data: 1\n", b"data: 1\r"])
def test_a_stream_that_ends_without_an_empty_line_keeps_its_last_event(end: bytes) -> None:
    """The end of the body ends its last event, which has the token counts."""
    assert [b"1"] == read(end)


def test_an_event_of_megabytes_is_one_event() -> None:
    """An image is one line of megabytes, in hundreds of chunks."""
    picture = b"x" * 8_000_000
    stream = b"data: " + picture + b"\n\n"
    assert [picture] == read(*(stream[start : start + 16_384] for start in range(0, len(stream), 16_384)))
