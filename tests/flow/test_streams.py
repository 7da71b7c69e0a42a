"""Streamed calls: the pieces that the caller gets, the result, and the row."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from modules.llm_services.config import LLMConfig
from modules.llm_services.exceptions import LLMError
from modules.llm_services.providers.openai import OpenAIProvider
from modules.llm_services.types import LLMProviderType, ToolDefinition
from support.attempts import KEY, MESSAGES, MODEL, provider, rows
from support.server import serving
from support.streams import END, USAGE, chunk, event, of_text, sends

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from support.server import Visit


class City(BaseModel):
    """The object of a structured call."""

    name: str


async def test_text_is_handed_out_in_order_and_returned_whole(session: Session) -> None:
    """Pieces arrive in order; the answer and the row equal those of an unstreamed call."""
    pieces: list[str] = []
    async with serving(sends(of_text("Pa", "", "ris", provider="Acme"))) as server:
        response, request_id = await provider(session, server.base_url).generate_response(
            MESSAGES, model=MODEL, on_text=pieces.append
        )
    [row] = rows(session)
    assert ["Pa", "ris"] == pieces
    assert ("Paris", "stop", 9, 0.25) == (
        response.content,
        response.finish_reason,
        response.tokens_used,
        response.cost_estimate,
    )
    assert (request_id, "completed", "Paris", 7, 2, 0.25) == (
        row.id,
        row.status,
        row.response_content,
        row.input_tokens,
        row.output_tokens,
        row.cost_estimate,
    )
    assert row.response_raw is not None
    assert {
        "id": "gen-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "provider": "Acme",
        "usage": USAGE,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Paris"}}],
        "assembled_from_events": 5,
    } == row.response_raw["body"]
    assert "incomplete" not in row.response_raw
    assert server.visits[0].payload["stream"] is True
    assert "stream_options" not in server.visits[0].payload


async def test_a_coroutine_function_is_awaited_before_the_next_piece(session: Session) -> None:
    """The next piece waits for the callback, however it is wrapped."""
    seen: list[str] = []

    async def note(to: list[str], piece: str) -> None:
        to.append(f"({piece}")
        await asyncio.sleep(0)
        to.append(f"{piece})")

    async with serving(sends(of_text("a", "b"))) as server:
        await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL, on_text=partial(note, seen))
    assert ["(a", "a)", "(b", "b)"] == seen


async def test_a_structured_call_is_streamed_on_the_wire_alone(session: Session) -> None:
    """With stream=True a structured call returns its object; `stream` is in the payload and in additional_params."""
    async with serving(sends(of_text('{"na', 'me": "Paris"}'))) as server:
        city, _, usage = await provider(session, server.base_url).generate_structured_response(
            MESSAGES, City, model=MODEL, stream=True
        )
    [row] = rows(session)
    assert ("Paris", 9) == (city.name, usage["tokens_used"])
    assert ({"stream": True}, True) == (row.additional_params, server.visits[0].payload["stream"])


async def test_tool_calls_are_put_together(session: Session) -> None:
    """Arguments in pieces and late ids are assembled into a call; none of it is passed to `on_text`."""
    calls = [
        [{"index": 0, "type": "function", "function": {"name": "look_up", "arguments": ""}}],
        [{"index": 0, "id": "call_1", "function": {"arguments": '{"city": '}}],
        [{"index": 0, "function": {"arguments": '"Paris"}'}}],
    ]
    events = [event(chunk(tool_calls=call)) for call in calls] + [event(chunk("tool_calls")), END]
    pieces: list[str] = []
    tools = [ToolDefinition(name="look_up", description="", parameters={"type": "object"})]
    async with serving(sends(b"".join(events))) as server:
        _, called, _ = await provider(session, server.base_url).generate_response_with_tools(
            MESSAGES, tools, model=MODEL, on_text=pieces.append
        )
    assert called
    assert [("call_1", "look_up", {"city": "Paris"})] == [(call.id, call.name, call.arguments) for call in called]
    assert [] == pieces


async def test_a_server_that_does_not_stream_is_read_all_the_same(session: Session) -> None:
    """An answer in plain JSON is parsed as such, and `on_text` gets its text in one piece."""
    body = {"choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}], "usage": USAGE}
    pieces: list[str] = []
    async with serving(lambda visit: visit.answer(body)) as server:
        await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL, on_text=pieces.append)
    [row] = rows(session)
    assert ["Paris"] == pieces
    assert row.response_raw is not None
    assert body == row.response_raw["body"]


@pytest.mark.parametrize("label", ["application/json", "application/octet-stream", "text/plain; charset=utf-8"])
@pytest.mark.parametrize("is_requested", [True, False], ids=["requested", "not requested"])
async def test_a_stream_with_another_label_is_read_all_the_same(
    session: Session, label: str, *, is_requested: bool
) -> None:
    """A body of events is parsed as such, whatever it is labelled as; the request, which is billed, is not repeated."""
    pieces: list[str] = []
    options: dict[str, Any] = {"on_text": pieces.append} if is_requested else {}
    body = ": padding\n\nevent: chunk\n" + of_text("Pa", "ris").decode()

    def answer(visit: Visit) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {label}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        visit.writer.write((head + body).encode())

    async with serving(answer) as server:
        response, _request_id = await provider(session, server.base_url, retries=3).generate_response(
            MESSAGES, model=MODEL, **options
        )
    assert ("Paris", 0.25, 1) == (response.content, response.cost_estimate, len(server.visits))
    assert (["Pa", "ris"] if is_requested else []) == pieces


async def test_an_error_of_on_text_stays_its_own_in_a_stream_with_another_label(session: Session) -> None:
    """What `on_text` raises comes out of the call, and the row has what arrived."""

    def fail(_piece: str) -> None:
        raise KeyError("mine")

    async with serving(lambda visit: visit.answer(of_text("Pa", "ris").decode())) as server:
        with pytest.raises(KeyError, match="mine"):
            await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL, on_text=fail)
    [row] = rows(session)
    assert ("failed", "Pa") == (row.status, row.response_content)


async def test_what_is_cached_is_handed_out_in_one_piece(
    session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a hit of the response cache, `on_text` gets the whole text once."""
    pieces: list[str] = []
    async with serving(sends(of_text("Pa", "ris"))) as server:
        openrouter = provider(session, server.base_url)
        monkeypatch.setattr(openrouter, "config", openrouter.config.model_copy(update={"cache_dir": str(tmp_path)}))
        for _ in range(2):
            await openrouter.generate_response(MESSAGES, model=MODEL, on_text=pieces.append, use_cache=True)
    assert ["Pa", "ris", "Paris"] == pieces
    assert 1 == len(server.visits)


async def test_halves_of_a_character_are_handed_out_as_one(session: Session) -> None:
    """A character whose surrogates arrive in two events is whole, both in the pieces and in the result."""
    halves = [event(chunk()).replace(b"{}", b'{"content": "%s"}' % half) for half in (b"a\\ud83d", b"\\ude00b\\ud83d")]
    pieces: list[str] = []
    async with serving(sends(b"".join(halves) + of_text("c", "\ud83d"))) as server:
        response, _ = await provider(session, server.base_url).generate_response(
            MESSAGES, model=MODEL, on_text=pieces.append
        )
    assert ["a", "\U0001f600b", "\ufffdc", "\ufffd"] == pieces
    assert response.content == "".join(pieces)


async def test_a_large_stream_is_put_together_beside_the_loop(session: Session) -> None:
    """An answer of megabytes, or an image of megabytes in one event, is complete on the row and in the result."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 3_000_000}}
    stream = event(chunk(images=[picture])) + of_text(*["word " * 1000] * 400)
    async with serving(sends(stream)) as server:
        response, _ = await provider(session, server.base_url, request_timeout=60).generate_response(
            MESSAGES, model=MODEL, stream=True
        )
    [row] = rows(session)
    assert (2_000_000, 3_000_022) == (len(response.content), len(response.images[0]))
    assert row.response_content == response.content


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"on_text": "print"}, TypeError, "on_text must be a callable"),
        ({"on_text": print, "stream": False}, ValueError, "contradict"),
        ({"stream": "yes"}, ValueError, "option stream"),
        ({"extra_body": {"stream": True}}, ValueError, "extra_body"),
    ],
)
async def test_a_wrong_option_is_refused_before_anything_is_sent(
    session: Session, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """An invalid option raises an error that names it; there is no row."""
    with pytest.raises(error, match=words):
        await provider(session, "http://127.0.0.1:9").generate_response(MESSAGES, model=MODEL, **options)
    assert [] == rows(session)


async def test_a_structured_call_has_no_text_to_hand_out(session: Session) -> None:
    """`on_text` on a structured call raises a ValueError that names the calls that take it."""
    with pytest.raises(ValueError, match="give it to generate_response"):
        await provider(session, "http://127.0.0.1:9").generate_structured_response(
            MESSAGES, City, model=MODEL, on_text=print
        )
    assert [] == rows(session)


@pytest.mark.parametrize(("option", "words"), [({"on_text": print}, "on_text"), ({"stream": True}, "not streamed")])
async def test_images_and_speech_are_not_streamed(session: Session, option: dict[str, Any], words: str) -> None:
    """Calls for images and speech refuse streaming before anything is sent."""
    config = LLMConfig(
        provider=LLMProviderType.OPENAI, openai_api_key="sk-streams", openai_base_url="http://127.0.0.1:9"
    )
    openai = OpenAIProvider(config, session)
    with pytest.raises(ValueError, match=words):
        await openai.generate_image("a lighthouse", **option)
    with pytest.raises(ValueError, match=words):
        await openai.generate_audio("Hello.", "alloy", **option)
    assert [] == rows(session)


async def test_a_secret_in_a_stream_is_on_no_row(session: Session) -> None:
    """A key that a server sends back is masked in the row's text, body and error."""
    stream = event(chunk(content=f"your key is {KEY}")) + event({"error": {"code": 400, "message": f"{KEY} is bad"}})
    async with serving(sends(stream)) as server:
        with pytest.raises(LLMError) as caught:
            await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL, stream=True)
    [row] = rows(session)
    assert KEY not in f"{caught.value} {row.error_message} {row.response_content} {row.response_raw}"
