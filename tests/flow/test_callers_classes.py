"""Failures in the caller's class between the answer and the settlement: the row is settled all the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import BaseModel, PlainSerializer, computed_field, field_validator, model_validator

from flow.paid import answering, completion
from modules.llm_services.exceptions import LLMValidationError
from support.attempts import MESSAGES, MODEL, provider, rows
from support.server import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.orm import Session


def fail(*_given: object) -> Any:  # noqa: ANN401 - never returns
    """Raise an error that is not a ValueError."""
    raise ZeroDivisionError("no mean of nothing")


class Computed(BaseModel):
    """A model with a computed field that fails on its own value."""

    total: float
    count: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def mean(self) -> float:
        """Divide by a value that may be zero."""
        return self.total / self.count


class Serialized(BaseModel):
    """A model with a serializer that fails."""

    total: Annotated[float, PlainSerializer(lambda value: fail(value))]  # noqa: PLW0108 - Pydantic reads the signature
    count: int


class Undumpable(BaseModel):
    """A model that cannot be dumped, compared or tested for truth."""

    total: float
    count: int

    def model_dump(self, **_given: Any) -> dict[str, Any]:
        """Fail."""
        return dict(fail())

    def __bool__(self) -> bool:
        """Fail."""
        return bool(fail())

    def __eq__(self, other: object) -> bool:
        """Fail."""
        return bool(fail(other))

    def __hash__(self) -> int:
        """Fail."""
        return int(fail())


class Odd(BaseModel):
    """A model of values that JSON cannot express once they are Python objects."""

    raw: bytes
    huge: int

    @field_validator("raw", mode="after")
    @classmethod
    def _not_utf8(cls, _raw: bytes) -> bytes:
        return b"\xff\xfe"


COUNTED = '{"total": 0, "count": 0}'
HUGE = '{"raw": "x", "huge": %s}' % ("9" * 4000)


@pytest.mark.parametrize(
    ("response_model", "content"),
    [(Computed, COUNTED), (Serialized, COUNTED), (Undumpable, COUNTED), (Odd, HUGE)],
)
async def test_an_object_that_cannot_be_dumped_is_paid_and_recorded(
    session: Session, response_model: type[BaseModel], content: str
) -> None:
    """The row has tokens, cost, body and the validated JSON, and the caller gets the object."""
    async with serving(answering(completion(content))) as server:
        asked = provider(session, server.base_url, retries=3)
        value, _request_id, usage = await asked.generate_structured_response(MESSAGES, response_model, model=MODEL)
    (row,) = rows(session)
    assert response_model is type(value)
    assert ("completed", 0.1, 15, content) == (row.status, row.cost_estimate, row.tokens_used, row.response_content)
    assert 0.1 == usage["cost_estimate"]
    expected = {"total": 0, "count": 0} if content == COUNTED else {"raw": "x", "huge": int("9" * 4000)}
    assert expected == row.response_output
    assert row.response_raw
    assert content == row.response_raw["body"]["choices"][0]["message"]["content"]


class Unreadable(Exception):  # noqa: N818 - what it is called does not matter
    """An exception that fails when it is converted to text."""

    def __str__(self) -> str:
        """Fail."""
        return str(fail())


def recursing() -> None:
    """Recurse until Python stops it."""
    recursing()


def raising(error: Exception) -> Callable[[], None]:
    """Return a function that raises."""

    def raise_it() -> None:
        raise error

    return raise_it


@pytest.mark.parametrize(
    ("work", "cause"),
    [
        (raising(KeyError("name")), KeyError),
        (raising(AttributeError("strip")), AttributeError),
        (raising(StopIteration()), StopIteration),
        (raising(Unreadable()), Unreadable),
        (raising(TimeoutError()), TimeoutError),
        (recursing, RecursionError),
    ],
)
@pytest.mark.parametrize("fence", ["", "```json\n"])
async def test_a_validator_that_raises_anything_is_a_wrong_object(
    session: Session, work: Callable[[], None], cause: type[Exception], fence: str
) -> None:
    """An exception of the class is the cause of an LLMValidationError, and the model is asked again."""

    class Checked(BaseModel):
        name: str

        @model_validator(mode="before")
        @classmethod
        def _check(cls, value: Any) -> Any:  # noqa: ANN401 - JSON
            work()
            return value

    body = completion(f'{fence}{{"name": null}}')
    async with serving(answering(body, body)) as server:
        with pytest.raises(LLMValidationError, match=f"which raised {cause.__name__}") as caught:
            await provider(session, server.base_url, retries=3).generate_structured_response(
                MESSAGES, Checked, model=MODEL
            )
    assert 2 == len(server.visits)
    assert isinstance(caught.value.__cause__, cause)
    assert caught.value.response is not None
    assert (0.1, body["choices"][0]["message"]["content"]) == (
        caught.value.response.cost_estimate,
        caught.value.response.content,
    )
    assert [("failed", 0.1, 15)] * 2 == [(row.status, row.cost_estimate, row.tokens_used) for row in rows(session)]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError])
@pytest.mark.parametrize("content", ['{"name": "a"}', 'Here: {"name": "a"}'])
async def test_an_interruption_passes_through(
    session: Session, interruption: type[BaseException], content: str
) -> None:
    """An interruption in a validator is raised unchanged, and the row is settled with what was billed."""

    class Interrupted(BaseModel):
        name: str

        @model_validator(mode="after")
        def _interrupt(self) -> Interrupted:
            raise interruption

    async with serving(answering(completion(content))) as server:
        with pytest.raises(interruption):
            await provider(session, server.base_url, retries=3).generate_structured_response(
                MESSAGES, Interrupted, model=MODEL
            )
    (row,) = rows(session)
    assert ("failed", 0.1, interruption.__name__) == (row.status, row.cost_estimate, row.error_type)


async def test_a_cached_answer_is_not_dumped_either(session: Session, tmp_path: Path) -> None:
    """An answer from the response cache is validated as the object too, even if the class cannot be dumped."""
    async with serving(answering(completion(COUNTED))) as server:
        asked = provider(session, server.base_url, retries=3, cache_enabled=True, cache_dir=str(tmp_path))
        for _again in range(2):
            await asked.generate_structured_response(MESSAGES, Computed, model=MODEL)
    assert 1 == len(server.visits)
    assert [{"total": 0, "count": 0}] * 2 == [row.response_output for row in rows(session)]


async def test_a_cached_answer_that_its_class_refuses_is_asked_for(session: Session, tmp_path: Path) -> None:
    """If the class refuses a cached answer, the request is sent."""
    is_broken = False

    class Moody(BaseModel):
        name: str

        @model_validator(mode="after")
        def _check(self) -> Moody:
            if is_broken:
                raise KeyError("mood")
            return self

    body = completion('{"name": "a"}')
    async with serving(answering(body, body)) as server:
        asked = provider(session, server.base_url, cache_enabled=True, cache_dir=str(tmp_path))
        await asked.generate_structured_response(MESSAGES, Moody, model=MODEL)
        is_broken = True
        with pytest.raises(LLMValidationError, match="raised KeyError: 'mood'"):
            await asked.generate_structured_response(MESSAGES, Moody, model=MODEL)
    assert 2 == len(server.visits)


class SchemaLess(BaseModel):
    """A model without a schema."""

    name: str

    @classmethod
    def model_json_schema(cls, **_given: Any) -> dict[str, Any]:  # type: ignore[override]
        """Fail."""
        return dict(fail())


@dataclass
class Unknown:
    """A dataclass with a type that Pydantic does not know."""

    value: object
    lock: asyncio.Lock


@pytest.mark.parametrize("response_model", [SchemaLess, Unknown, None, "Computed", 5, {"type": "object"}, fail])
async def test_what_no_answer_can_fit_is_a_type_error(session: Session, response_model: Any) -> None:  # noqa: ANN401
    """An unusable type raises a TypeError that names the usable ones, before a row is written or anything sent."""
    async with serving(answering()) as server:
        asked = provider(session, server.base_url, retries=3)
        with pytest.raises(TypeError, match="a Pydantic model, a dataclass, a TypedDict, or a type that"):
            await asked.generate_structured_response(MESSAGES, response_model, model=MODEL)
    assert ([], []) == (server.visits, rows(session))
