"""Chunks of Chat Completions are assembled into the form of an unstreamed answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.llm_services.wires.chat_completions import ChatCompletionsWire
from modules.llm_services.wires.chat_completions_stream import ChatCompletionsAssembly
from modules.llm_services.wires.wire import Exchange, LLMCall
from support.streams import chunk

Json = dict[str, Any]


def message(*deltas: Json) -> Json:
    """Return the message that these deltas make."""
    body = assembled(*(chunk(**delta) for delta in deltas)).body()
    found: Json = body["choices"][0]["message"]
    return found


def assembled(*events: object) -> ChatCompletionsAssembly:
    """Return the body that these events make."""
    assembly = ChatCompletionsAssembly()
    for event in events:
        assembly.take(event)
    return assembly


def called(*pieces: Json) -> list[tuple[Any, Any, Any]]:
    """Return id, name and arguments of the calls that these pieces make, each in its own delta."""
    calls = message(*({"tool_calls": [piece]} for piece in pieces))["tool_calls"]
    return [(call.get("id"), call["function"].get("name"), call["function"]["arguments"]) for call in calls]


def piece(
    index: int | None = None, own_id: str | None = None, name: str | None = None, arguments: object = None
) -> Json:
    """Return a piece of a tool call without fields that are None."""
    function = {"name": name, "arguments": arguments}
    fields = {"index": index, "id": own_id, "function": {key: value for key, value in function.items() if value}}
    return {key: value for key, value in fields.items() if value is not None}


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        pytest.param(
            [piece(0, "a", "f", '{"x"'), piece(1, "b", "g", "{"), piece(0, arguments=": 1}"), piece(1, arguments="}")],
            [("a", "f", '{"x": 1}'), ("b", "g", "{}")],
            id="interleaved",
        ),
        pytest.param(
            [piece(0, None, "f"), piece(0, arguments="{"), piece(0, "a", None, "}")], [("a", "f", "{}")], id="late id"
        ),
        pytest.param([piece(0, "a", "get_"), piece(0, "a", "time")], [("a", "get_time", "")], id="name in pieces"),
        pytest.param([piece(0, "a", "f"), piece(0, "a", "f", "{}")], [("a", "f", "{}")], id="name repeated"),
        pytest.param(
            [piece(0, "a", "f", "{}"), piece(0, "b", "f", '{"x":1}')],
            [("a", "f", "{}"), ("b", "f", '{"x":1}')],
            id="one index, two calls: Gemini behind OpenRouter",
        ),
        pytest.param(
            [piece(0, "a", "f", "{"), piece(0, "b", None, "}")],
            [("a", "f", "{}")],
            id="an id of its own for each piece",
        ),
        pytest.param(
            [piece(0, None, "f", "{}"), piece(0, None, "g", "{}")], [(None, "f", "{}"), (None, "g", "{}")], id="no ids"
        ),
        pytest.param(
            [piece(0, None, "f", '{"x"'), piece(0, None, "f", ":1}"), piece(0, None, "f", "{}")],
            [(None, "f", '{"x":1}'), (None, "f", "{}")],
            id="no ids, one name",
        ),
        pytest.param(
            [piece(None, "a", "f", "{"), piece(arguments="}"), piece(None, "b", "g", "{}")],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="no index",
        ),
        pytest.param([piece(0, "a", "f", {"x": 1})], [("a", "f", {"x": 1})], id="arguments that are an object"),
        pytest.param(
            [piece(1, "b", "g", "{}"), piece(0, "a", "f", "{}")], [("b", "g", "{}"), ("a", "f", "{}")], id="order"
        ),
    ],
)
def test_tool_calls_are_told_apart(pieces: list[Json], calls: list[tuple[Any, Any, Any]]) -> None:
    """Pieces of a call are joined by index; another id or another name begins another call."""
    assert calls == called(*pieces)


def test_reasoning_details_are_joined_by_index_and_type() -> None:
    """Text is continued, a signature may arrive late, and encrypted details arrive whole."""
    details: list[list[Json]] = [
        [{"type": "reasoning.text", "index": 0, "text": "Let me", "format": None}],
        [{"type": "reasoning.text", "index": 0, "text": " think", "format": "x"}],
        [{"type": "reasoning.text", "index": 0, "signature": "signed"}],
        [
            {"type": "reasoning.summary", "index": 0, "summary": "I "},
            {"type": "reasoning.summary", "index": 1, "summary": "b"},
        ],
        [{"type": "reasoning.summary", "index": 0, "summary": "thought"}],
        [{"type": "reasoning.encrypted", "index": 0, "id": "rs_1", "data": "one"}],
        [{"type": "reasoning.encrypted", "index": 0, "id": "rs_2", "data": "two"}],
    ]
    assert [
        {"type": "reasoning.text", "index": 0, "format": "x", "signature": "signed", "text": "Let me think"},
        {"type": "reasoning.summary", "index": 0, "summary": "I thought"},
        {"type": "reasoning.summary", "index": 1, "summary": "b"},
        {"type": "reasoning.encrypted", "index": 0, "id": "rs_1", "data": "one"},
        {"type": "reasoning.encrypted", "index": 0, "id": "rs_2", "data": "two"},
    ] == message(*({"reasoning_details": detail} for detail in details))["reasoning_details"]


def test_what_comes_beside_text_is_kept() -> None:
    """Images and citations are collected once each; refusals and other servers' reasoning are texts too."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    mark = {"type": "url_citation", "url_citation": {"url": "https://example.org"}}
    assert {
        "role": "assistant",
        "content": None,
        "images": [image],
        "annotations": [mark],
        "refusal": "I'm sorry",
        "reasoning_content": "hm",
    } == message(
        {"images": [image], "annotations": [mark]},
        {"images": [image], "refusal": "I'm"},
        {"refusal": " sorry", "reasoning_content": "hm"},
    )


def test_content_in_parts_is_text_and_the_rest() -> None:
    """Some servers send content in parts: their texts are joined, and other parts are kept."""
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    assembly = ChatCompletionsAssembly()
    texts = [
        assembly.take(chunk(content=content))
        for content in ([{"type": "text", "text": "a"}], "b", [{"type": "text", "text": "c"}, image])
    ]
    assert ["a", "b", "c"] == texts
    assert [{"type": "text", "text": "abc"}, image] == assembly.body()["choices"][0]["message"]["content"]


def test_sound_is_joined_byte_by_byte() -> None:
    """Separately encoded pieces of audio are joined; the transcript is the text of the answer."""
    assembly = ChatCompletionsAssembly()
    pieces = [{"id": "audio_1", "transcript": "He"}, {"data": "AQ=="}, {"transcript": "llo", "data": "AgM="}]
    texts = [assembly.take(chunk(audio=audio)) for audio in pieces]
    audio = assembly.body()["choices"][0]["message"]["audio"]
    assert (["He", "", "llo"], "AQID") == (texts, audio["data"])
    assert {"id": "audio_1", "transcript": "Hello", "data": "AQID"} == audio


def test_of_several_choices_the_first_is_handed_out() -> None:
    """Each choice is assembled separately; only the first one's text is handed out."""
    assembly = ChatCompletionsAssembly()
    texts = [
        assembly.take({"choices": [{"index": index, "delta": {"content": content}, "finish_reason": reason}]})
        for index, content, reason in [(0, "a", None), (1, "x", "length"), (0, "b", "stop")]
    ]
    assert ["a", "", "b"] == texts
    assert [("ab", "stop"), ("x", "length")] == [
        (choice["message"]["content"], choice["finish_reason"]) for choice in assembly.body()["choices"]
    ]


def test_the_last_value_counts_and_null_is_none() -> None:
    """For a growing usage or a late model name, the last value that is not null counts."""
    first: Json = {"id": "gen-1", "model": None, "usage": {"total_tokens": 1}, "choices": []}
    last: Json = {"id": "gen-1", "model": "author/model", "usage": {"total_tokens": 2}, "choices": [], "cost": None}
    body = assembled(first, last).body()
    assert ("author/model", 2) == (body["model"], body["usage"]["total_tokens"])
    assert "cost" not in body


def test_probabilities_of_tokens_are_collected() -> None:
    """The log probabilities of all pieces are one list."""
    choices = [{"delta": {"content": token}, "logprobs": {"content": [{"token": token}]}} for token in ("a", "b")]
    body = assembled(*({"choices": [choice]} for choice in choices)).body()
    assert [{"token": "a"}, {"token": "b"}] == body["choices"][0]["logprobs"]["content"]


def test_a_whole_message_at_the_end_is_not_added() -> None:
    """If a server ends with the whole message, or sends nothing else, the text is there once."""
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ab"}, "finish_reason": "stop"}]}
    for events in ([whole], [chunk(content="a"), chunk(content="b"), whole]):
        body = assembled(*events).body()
        assert ("ab", "stop") == (body["choices"][0]["message"]["content"], body["choices"][0]["finish_reason"])


NAMES = [
    *("choices", "index", "delta", "message", "content", "tool_calls", "function", "name", "arguments", "id", "type"),
    *("reasoning_details", "text", "data", "usage", "error", "finish_reason", "audio", "images", "logprobs", "refusal"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=6))
def test_whatever_comes_is_put_together(events: list[Any]) -> None:
    """No event breaks the assembly or the parsing of its body; the texts handed out are strings."""
    assembly = ChatCompletionsAssembly()
    texts = [assembly.take(event) for event in events]
    exchange = Exchange(200, body=assembly.body())
    wire, call = ChatCompletionsWire(), LLMCall([])
    wire.parse(exchange, call)
    wire.parse_error(exchange, call)
    assert all(isinstance(text, str) for text in texts)


@pytest.mark.parametrize("streamed", [True, False])
def test_the_usage_of_other_servers_is_asked_for(streamed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A streamed request has `stream_options`, because most servers count no tokens otherwise."""
    call = LLMCall([], "model", chat_messages=[{"role": "user", "content": "hi"}], is_streamed=streamed)
    payload = ChatCompletionsWire().render(LLMCall(**{**vars(call), "options": ChatCompletionsWire.options()}))
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    assert (asked if streamed else {}) == {name: payload[name] for name in asked if name in payload}
