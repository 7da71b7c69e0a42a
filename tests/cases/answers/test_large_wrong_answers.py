"""Answers 10 and requests 10: large values are processed off the event loop, or only in part."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import asyncio
import gc
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel

from cases.bodies import COST, completion, function_call
from modules.llm_services.public import LLMMessage
from support.measuring import decoding_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cases.caller import Caller

# CPU time of the loop's thread for one piece of work, as a multiple of the time in which a megabyte of JSON is decoded.
# The target was 20 ms where decoding takes 9 ms, but a busy machine slows one piece more than another. Listing all
# errors of "200,000 numbers" at once takes 56 decodings. The garbage collector is off meanwhile.
LONGEST_PIECE: Final = 10
LONGEST_MESSAGE: Final = 2000


@asynccontextmanager
async def pieces() -> AsyncGenerator[list[float]]:
    """Yield the CPU time of each piece of work of the loop during the block, in decodings of a megabyte of JSON."""
    unit = decoding_seconds()
    found, moments = [0.0], [time.thread_time()]

    def note() -> None:
        moments.append(time.thread_time())
        found.append((moments[-1] - moments[-2]) / unit)

    async def watch() -> None:
        while True:
            note()
            await asyncio.sleep(0.0005)

    watching = asyncio.ensure_future(watch())
    await asyncio.sleep(0)
    gc.disable()
    try:
        yield found
        note()
    finally:
        gc.enable()
        watching.cancel()


class L(BaseModel):
    """A list of texts."""

    items: list[str]


class Point(BaseModel):
    """A small object."""

    x: int
    y: int


class Points(BaseModel):
    """A list of small objects."""

    items: list[Point]


class Table(BaseModel):
    """A dict of rows."""

    items: dict[str, Point]


WRONG: Final = {
    "50,000 numbers": (L, json.dumps({"items": [1] * 50_000})),
    "200,000 numbers": (L, json.dumps({"items": [1] * 200_000})),
    "50,000 numbers in a fence": (L, f"```json\n{json.dumps({'items': [1] * 50_000})}\n```"),
    "50,000 numbers and a trailing comma": (L, json.dumps({"items": [1] * 50_000})[:-2] + ",]}"),
    "20,000 empty objects": (Points, json.dumps({"items": [{}] * 20_000})),
    "20,000 objects as texts": (Points, json.dumps({"items": ['{"x": 1}'] * 20_000})),
    "20,000 rows": (Table, json.dumps({"items": {str(number): {"x": "a"} for number in range(20_000)}})),
    "50,000 objects": (L, '{"a": 1}' * 50_000),
    "50,000 open brackets": (L, '{"items": [' * 50_000),
}


@pytest.fixture
async def _warm(caller: Caller) -> None:
    """Make the first call of the process, which imports and connects."""
    await caller.structured(L, completion('{"items": []}'))


@pytest.mark.usefixtures("_warm")
@pytest.mark.parametrize(("response_model", "text"), WRONG.values(), ids=WRONG)
async def test_a_large_wrong_answer_is_explained_shortly(caller: Caller, response_model: Any, text: str) -> None:
    """The message has only the first few errors, and finding them does not block the event loop."""
    wrong = completion(text)
    async with pieces() as decodings:
        outcome = await caller.structured(response_model, wrong)
    assert len(str(outcome.validation_error)) <= LONGEST_MESSAGE
    assert (COST, text) == (outcome.row.cost_estimate, outcome.row.response_content)
    assert max(decodings) <= LONGEST_PIECE


@pytest.mark.usefixtures("_warm")
async def test_the_second_question_is_short_too(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second request names only a few of the errors."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    wrong = completion(json.dumps({"items": [1] * 50_000}))
    async with pieces() as decodings:
        outcome = await caller.structured(L, wrong, completion('{"items": ["a"]}'))
    assert (["a"], 2) == (outcome.returned.items, len(outcome.requests))
    assert len(outcome.payload["messages"][-1]["content"]) <= LONGEST_MESSAGE
    assert max(decodings) <= LONGEST_PIECE


@pytest.mark.usefixtures("_warm")
async def test_large_tool_arguments_that_are_no_json(caller: Caller) -> None:
    """The same is true of the arguments of a tool call."""
    arguments = '{"items": [' + "'a', " * 50_000
    async with pieces() as decodings:
        outcome = await caller.with_tools(completion(None, "tool_calls", tool_calls=[function_call("look", arguments)]))
    assert isinstance(outcome.error, Exception | None)
    assert COST == outcome.row.cost_estimate
    assert max(decodings) <= LONGEST_PIECE


@pytest.mark.usefixtures("_warm")
async def test_a_large_right_answer_is_returned(caller: Caller) -> None:
    """A large valid object is returned whole, without blocking the event loop."""
    right = completion(json.dumps({"items": ["a"] * 200_000}))
    async with pieces() as decodings:
        outcome = await caller.structured(L, right)
    assert 200_000 == len(outcome.returned.items)
    assert max(decodings) <= LONGEST_PIECE


def large_picture(megabytes: int) -> list[LLMMessage]:
    """Return messages with an image of this size."""
    url = "data:image/png;base64," + "A" * (megabytes * 1_000_000)
    parts = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": url}]
    return [LLMMessage(role="user", content=parts)]


@pytest.mark.usefixtures("_warm")
async def test_a_large_picture_is_sent_off_the_loop(caller: Caller) -> None:
    """Ten megabytes are encoded for the row and the request without blocking the event loop."""
    messages = large_picture(10)
    async with pieces() as decodings:
        outcome = await caller.text(completion(), messages=messages)
    assert 10_000_000 < len(json.dumps(outcome.payload))
    assert max(decodings) <= LONGEST_PIECE


@pytest.mark.usefixtures("_warm")
@pytest.mark.parametrize(
    "answer",
    [
        completion("h\u00e4 x" * 1_250_000),
        completion("hi", annotations=[{"type": "url_citation", "url": "https://example.org"}] * 90_000),
        {"error": {"code": 400, "message": "no" * 2_500_000}},
        "<html>" * 900_000,
    ],
    ids=["a long text", "many small objects", "an error", "no JSON"],
)
async def test_five_megabytes_of_answer_are_read_off_the_loop(caller: Caller, answer: Any) -> None:
    """Five megabytes are decoded, masked and encoded for the row without blocking the event loop."""
    async with pieces() as decodings:
        outcome = await caller.text(answer)
    assert 5_000_000 <= len(json.dumps(outcome.row.response_raw))
    assert max(decodings) <= LONGEST_PIECE


@pytest.mark.usefixtures("_warm")
async def test_a_large_picture_is_stored_once(caller: Caller) -> None:
    """Either `messages` or `request_payload` has the image; the other one says that there was one."""
    outcome = await caller.text(completion(), messages=large_picture(1))
    sizes = sorted(len(json.dumps(column)) for column in (outcome.row.messages, outcome.row.request_payload))
    assert sizes[0] < 10_000
    assert 1_000_000 < sizes[1]
    assert "What is it?" in json.dumps(outcome.row.messages)
    assert "What is it?" in json.dumps(outcome.row.request_payload)
