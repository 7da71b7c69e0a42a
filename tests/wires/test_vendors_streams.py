"""Streams of the vendors' own APIs, written from their documentation, and the bodies assembled from them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.llm_services.flow.streaming import AmazonEventReader
from modules.llm_services.wires.generate_content import GenerateContentWire
from modules.llm_services.wires.generate_content_stream import GenerateContentAssembly
from modules.llm_services.wires.messages import MessagesWire
from modules.llm_services.wires.responses import ResponsesWire
from modules.llm_services.wires.wire import Answer, Exchange, LLMCall, ParsedError, Wire
from stand_in.vendors.streams import amazon_frame

Json = dict[str, Any]


def read(wire: Wire, *events: object) -> tuple[Answer, ParsedError | None, str]:
    """Return the answer and the error of these events, and the text that is handed out."""
    assert wire.assembly
    assembly = wire.assembly()
    text = "".join(assembly.take(event) for event in events)
    exchange, call = Exchange(200, body=assembly.body()), LLMCall([])
    return wire.parse(exchange, call), wire.parse_error(exchange, call), text


def of_item(kind: str, index: int = 0, **fields: Any) -> Json:
    """Return an event of an item in a response."""
    return {"type": f"response.{kind}", "output_index": index, "content_index": 0, "summary_index": 0, **fields}


CREATED: Json = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}}
MESSAGE: Json = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}


def test_a_response_is_the_one_of_its_last_event() -> None:
    """The response in the last event is the body, with every field."""
    response = {
        "id": "resp_1",
        "status": "completed",
        "output": [{**MESSAGE, "content": [{"type": "output_text", "text": "Paris"}]}],
        "usage": {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8},
    }
    deltas = [of_item("output_text.delta", delta=piece) for piece in ("Pa", "ris")]
    answer, error, text = read(ResponsesWire(), CREATED, *deltas, {"type": "response.completed", "response": response})
    assert ("Paris", "Paris", 8, None) == (answer.content, text, answer.usage.total_tokens, error)


def test_a_response_that_breaks_off_has_what_its_items_had_come_to() -> None:
    """Text, reasoning, tool calls and citations are there as far as they arrived, with the id."""
    answer, error, text = read(
        ResponsesWire(),
        CREATED,
        of_item("output_item.added", item={"id": "rs_1", "type": "reasoning", "summary": []}),
        of_item("reasoning_summary_text.delta", delta="Let me "),
        of_item("reasoning_summary_text.delta", delta="think"),
        of_item(
            "output_item.done",
            item={"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Let me think"}]},
        ),
        of_item(
            "output_item.added", 1, item={"type": "function_call", "call_id": "call_1", "name": "f", "arguments": ""}
        ),
        of_item("function_call_arguments.delta", 1, delta='{"x"'),
        of_item("function_call_arguments.delta", 1, delta=": 1}"),
        of_item("output_item.added", 2, item=MESSAGE),
        of_item("output_text.delta", 2, delta="Par"),
        of_item("output_text.annotation.added", 2, annotation={"type": "url_citation", "url": "https://example.org"}),
    )
    assert ("Par", "Par", "Let me think", "resp_1", None) == (
        answer.content,
        text,
        answer.reasoning,
        answer.response_id,
        error,
    )
    assert [("call_1", "f", {"x": 1})] == [(call.id, call.name, call.arguments) for call in answer.tool_calls]
    assert ({"type": "url_citation", "url": "https://example.org"},) == answer.annotations


def test_a_refusal_of_a_response_is_no_text() -> None:
    """A refusal is not handed out as text."""
    answer, _, text = read(
        ResponsesWire(), CREATED, of_item("refusal.delta", delta="I'm "), of_item("refusal.delta", delta="sorry")
    )
    assert ("", "", "I'm sorry") == (answer.content, text, answer.refusal)


def test_text_that_comes_whole_is_handed_out_once() -> None:
    """If a server sends no deltas, or the whole text after them, it is handed out once."""
    done = of_item("output_text.done", text="Paris")
    for events in ([done], [of_item("output_text.delta", delta="Paris"), done]):
        answer, _, text = read(ResponsesWire(), CREATED, *events)
        assert ("Paris", "Paris") == (answer.content, text)


@pytest.mark.parametrize(
    "failure",
    [
        {"type": "error", "code": "server_error", "message": "The server had an error", "param": None},
        {"type": "error", "error": {"code": "server_error", "message": "The server had an error"}},
        {
            "type": "response.failed",
            "response": {"status": "failed", "error": {"code": "server_error", "message": "The server had an error"}},
        },
    ],
)
def test_an_error_in_the_stream_of_a_response(failure: Json) -> None:
    """Each way in which a response can fail gives the error that it names."""
    _, error, text = read(ResponsesWire(), CREATED, of_item("output_text.delta", delta="Pa"), failure)
    assert error
    assert (500, "server_error", "The server had an error", "Pa") == (
        error.status_code,
        error.error_code,
        error.message,
        text,
    )


@pytest.mark.parametrize(
    "fields", [{"status": "queued"}, {"status": "queued", "background": True}, {"background": True}]
)
def test_a_stream_that_leaves_a_job_behind(fields: Json) -> None:
    """A job in the background goes on, and is billed, without its stream: it is not requested again."""
    _, error, _ = read(ResponsesWire(), {**CREATED, "response": {**CREATED["response"], **fields}})
    assert error
    assert False is error.retryable
    assert "resp_1" in error.message


STARTED: Json = {
    "type": "message_start",
    "message": {"id": "msg_1", "role": "assistant", "content": [], "usage": {"input_tokens": 25, "output_tokens": 1}},
}


def block(index: int, beginning: Json, *deltas: Json) -> list[Json]:
    """Return the events of a block."""
    start = {"type": "content_block_start", "index": index, "content_block": beginning}
    changes = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [start, *changes, {"type": "content_block_stop", "index": index}]


CITATION: Json = {"type": "char_location", "cited_text": "Paris"}
WHOLE_MESSAGE: list[Json] = [
    STARTED,
    {"type": "ping"},
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Let me "},
        {"type": "thinking_delta", "thinking": "think"},
        {"type": "signature_delta", "signature": "signed"},
    ),
    *block(1, {"type": "redacted_thinking", "data": "hidden"}),
    *block(
        2,
        {"type": "text", "text": ""},
        {"type": "text_delta", "text": "Pa"},
        {"type": "text_delta", "text": "ris"},
        {"type": "citations_delta", "citation": CITATION},
    ),
    *block(
        3,
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"x"'},
        {"type": "input_json_delta", "partial_json": ": 1}"},
    ),
    *block(4, {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}}),
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 15}},
    {"type": "message_stop"},
]


def test_a_message_is_put_together_from_its_blocks() -> None:
    """Thinking with its signature, text with citations, and calls with and without arguments."""
    answer, error, text = read(MessagesWire(), *WHOLE_MESSAGE)
    assert ("Paris", "Paris", "Let me think", "tool_calls", None) == (
        answer.content,
        text,
        answer.reasoning,
        answer.finish_reason,
        error,
    )
    assert [("f", {"x": 1}), ("g", {})] == [(call.name, call.arguments) for call in answer.tool_calls]
    assert (25, 15, (CITATION,)) == (answer.usage.input_tokens, answer.usage.output_tokens, answer.annotations)
    assert [
        {"type": "thinking", "thinking": "Let me think", "signature": "signed"},
        {"type": "redacted_thinking", "data": "hidden"},
    ] == answer.reasoning_details


def test_half_a_message_has_no_count_of_its_output() -> None:
    """The output count at the beginning is not used, because only the last event has the real one."""
    answer, _, _ = read(
        MessagesWire(), STARTED, *block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Pa"})
    )
    assert (25, None, "Pa") == (answer.usage.input_tokens, answer.usage.output_tokens, answer.content)


@pytest.mark.parametrize(
    ("kind", "status"), [("overloaded_error", 529), ("rate_limit_error", 429), ("a_new_error", 200)]
)
def test_an_error_in_the_stream_of_a_message(kind: str, status: int) -> None:
    """An error after the 200 has the status that its type has elsewhere."""
    _, error, _ = read(MessagesWire(), STARTED, {"type": "error", "error": {"type": kind, "message": "Overloaded"}})
    assert error
    assert (status, kind, "Overloaded") == (error.status_code, error.error_code, error.message)


def candidate(*parts: Json, **fields: Any) -> Json:
    """Return a response in Gemini's stream."""
    return {
        "candidates": [{"content": {"parts": list(parts), "role": "model"}, "index": 0, **fields}],
        "modelVersion": "gemini",
    }


def test_content_is_put_together_from_its_parts() -> None:
    """Thoughts, text, a signed part and a call stay in order; the last usage counts."""
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}
    answer, error, text = read(
        GenerateContentWire(),
        candidate({"text": "Let me ", "thought": True})
        | {"usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7}},
        candidate({"text": "think", "thought": True}),
        candidate({"text": "Pa"}),
        candidate({"text": "ris"}),
        candidate({"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "signed"}),
        candidate({"text": ""}, finishReason="STOP") | {"usageMetadata": usage},
    )
    assert ("Paris", "Paris", "Let me think", 10, None) == (
        answer.content,
        text,
        answer.reasoning,
        answer.usage.total_tokens,
        error,
    )
    assert [
        {"text": "Let me think", "thought": True},
        {"text": "Paris"},
        {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "signed"},
    ] == answer.reasoning_details


def test_a_prompt_that_is_blocked_ends_a_stream() -> None:
    """A single event that says that there is no answer ends the stream."""
    assembly = GenerateContentAssembly()
    assembly.take({"promptFeedback": {"blockReason": "SAFETY"}})
    assert assembly.is_complete


def test_an_error_in_the_stream_of_content() -> None:
    """An error has its own code, also after text."""
    failure = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    _, error, text = read(GenerateContentWire(), candidate({"text": "Pa"}), failure)
    assert error
    assert (503, "UNAVAILABLE", "Pa") == (error.status_code, error.error_code, text)


NAMES = [
    *("type", "index", "delta", "response", "item", "output_index", "content_index", "part", "text", "output", "error"),
    *("message", "content_block", "usage", "partial_json", "candidates", "content", "parts", "thought", "citation"),
]
TYPES = [
    *("response.output_text.delta", "response.output_item.added", "response.completed", "error", "message_start"),
    *("content_block_start", "content_block_delta", "message_delta", "text_delta", "input_json_delta"),
    *("response.function_call_arguments.delta", "response.output_text.annotation.added", "citations_delta"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "wire", [ResponsesWire(), MessagesWire(), GenerateContentWire()], ids=lambda wire: wire.api_variant
)
@given(events=st.lists(JSON, max_size=6))
def test_whatever_comes_is_put_together(wire: Wire, events: list[Any]) -> None:
    """No event breaks the assembly or the parsing of its body."""
    _, _, text = read(wire, *events)
    assert isinstance(text, str)


@given(st.integers(1, 400))
def test_amazons_events_may_be_cut_anywhere(size: int) -> None:
    """The events are the same, however the network splits them."""
    events: list[Json] = [{"type": "ping"}, {"type": "content_block_delta", "delta": {"text": "ü"}}]
    stream = b"".join([amazon_frame(event) for event in events])
    reader = AmazonEventReader()
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert events == [json.loads(event) for chunk in chunks for event in reader.feed(chunk)]
