"""Large answers are validated in a thread and piece by piece, and validation stops after the first errors."""

from __future__ import annotations

import asyncio
import json
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, Field, ValidationError, field_validator

from flow.paid import answering, completion
from modules.llm_services.exceptions import LLMValidationError
from modules.llm_services.flow import http
from modules.llm_services.flow.structured import LARGE_ANSWER_CHARACTERS, parse
from modules.llm_services.wires.wire import Answer
from support.attempts import MESSAGES, MODEL, provider
from support.server import Visit, serving

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

NUMBER = 50_000


class Names(BaseModel):
    """A list of texts."""

    items: list[str]


class Lists(BaseModel):
    """Nested lists and objects."""

    rows: list[dict[str, list[int]]] = Field(default=[], min_length=2)
    counts: dict[str, int] = {}


def dumped(document: Any) -> str:  # noqa: ANN401 - JSON
    """Return JSON without spaces."""
    return json.dumps(document, separators=(",", ":"))


@pytest.mark.parametrize(
    ("response_model", "document", "place"),
    [
        (Names, {"items": [1] * NUMBER}, "items.0: "),
        (Names, {"items": ["a"] * NUMBER + [1] * NUMBER}, f"items.{NUMBER}: "),
        (Names, {"items": ["a"] * NUMBER + [1]}, f"items.{NUMBER}: "),
        (Lists, {"counts": {f"k{number}": "x" for number in range(NUMBER)}}, "counts.k0: "),
        (Lists, {"rows": [{"a": ["x"] * 100}] * 1000}, "rows.0.a.0: "),
        (Lists, {"rows": [{"a": [1]}] * 5000 + [{"a": ["x"]}]}, "rows.5000.a.0: "),
    ],
)
def test_the_first_wrong_elements_end_it(response_model: type[BaseModel], document: Any, place: str) -> None:  # noqa: ANN401
    """Of many thousand wrong elements, at most a thousand become errors; the first is named with its location."""
    with pytest.raises(LLMValidationError) as caught:
        parse(Answer(content=dumped(document), finish_reason="stop"), response_model)
    assert f"is not a valid {response_model.__name__}: {place}" in str(caught.value)
    cause = caught.value.__cause__
    assert isinstance(cause, ValidationError)
    assert 1 <= cause.error_count() <= 1000


def test_what_is_wrong_with_the_whole_is_found_too() -> None:
    """If a list is too short, next to a long one, the error is that of the whole document."""
    document = {"rows": [{"a": [1] * 5000}], "counts": {}}
    with pytest.raises(LLMValidationError, match="rows: List should have at least 2 items"):
        parse(Answer(content=dumped(document), finish_reason="stop"), Lists)


def test_children_in_strings_are_decoded_in_large_answers() -> None:
    """Thousands of children that were encoded as strings are all decoded."""
    content = dumped({"rows": [dumped({"a": [number]}) for number in range(3000)]})
    assert len(content) > LARGE_ANSWER_CHARACTERS
    value = parse(Answer(content=content, finish_reason="stop"), Lists).value
    assert ({"a": [0]}, {"a": [2999]}) == (value.rows[0], value.rows[-1])


@pytest.mark.parametrize(
    "content",
    [dumped({"items": ["a" * 100] * 1000}), f"Here: {dumped({'items': ['a']})}", "{'items': ['a']}"],
    ids=["large", "in prose", "malformed"],
)
async def test_what_may_take_long_leaves_the_loop_free(session: Session, content: str) -> None:
    """A validator that waits for the event loop does not block it, because it runs in a thread."""
    has_run = threading.Event()
    loop = asyncio.get_running_loop()

    class Waiting(BaseModel):
        items: list[str]

        @field_validator("items")
        @classmethod
        def _wait(cls, items: list[str]) -> list[str]:
            loop.call_soon_threadsafe(has_run.set)
            assert has_run.wait(10), "the event loop stood still"
            return items

    async with serving(answering(completion(content))) as server:
        asked = provider(session, server.base_url, retries=3)
        value, _request_id, _usage = await asked.generate_structured_response(MESSAGES, Waiting, model=MODEL)
    assert "a" == value.items[0][0]


async def test_a_small_answer_is_validated_where_it_comes(session: Session) -> None:
    """A small answer of plain JSON is validated without a thread."""
    threads: list[threading.Thread] = []

    class Noting(BaseModel):
        items: list[str]

        @field_validator("items")
        @classmethod
        def _note(cls, items: list[str]) -> list[str]:
            threads.append(threading.current_thread())
            return items

    async with serving(answering(completion('{"items": []}'))) as server:
        await provider(session, server.base_url, retries=3).generate_structured_response(MESSAGES, Noting, model=MODEL)
    assert [threading.current_thread()] == threads


@pytest.mark.parametrize(
    ("odd", "is_ascii"),
    [("\ud800", True), ("\x00", True), ("\u00e4\U0001f600", True), ("\u00e4\U0001f600", False)],
    ids=["lone surrogate", "NUL", "escaped", "UTF-8"],
)
async def test_a_large_answer_is_read_like_a_small_one(session: Session, odd: str, *, is_ascii: bool) -> None:
    """A body is decoded in the same way, whatever its size."""
    texts = []
    for length in (10, http.LARGE_BYTES):
        body = json.dumps(completion("x" * length + odd), ensure_ascii=is_ascii)
        async with serving(partial(Visit.answer, body=body)) as server:
            response, _request_id = await provider(session, server.base_url, retries=3).generate_response(
                MESSAGES, model=MODEL
            )
        texts.append(response.content.lstrip("x"))
    small, large = texts
    assert small == large
    assert small
