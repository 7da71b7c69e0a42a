"""Answers 09: a validator that raises something other than ValueError causes an LLMValidationError."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from pydantic import BaseModel, Field, field_validator, model_validator

from cases.bodies import COST, INPUT_TOKENS, OUTPUT_TOKENS, completion

if TYPE_CHECKING:
    from cases.bodies import Vendor
    from cases.caller import Caller


class CannotBeShown(Exception):  # noqa: N818 - a caller's own
    """An exception that fails when it is converted to text."""

    def __str__(self) -> str:
        raise RuntimeError("not for show")


RAISED = [
    *(KeyError("n"), AttributeError("strip"), TypeError("none"), ZeroDivisionError(), RecursionError("deep")),
    *(RuntimeError("why"), StopIteration(), StopAsyncIteration(), OSError("disk"), CannotBeShown()),
]


def field_raises(error: Exception) -> type[BaseModel]:
    """Return a class with a field validator that raises `error`, unless the value is "x"."""

    class Validated(BaseModel):
        n: Any

        @field_validator("n", mode="before")
        @classmethod
        def clean(cls, value: object) -> object:
            if value == "x":
                return value
            raise error

    return Validated


def model_raises(error: Exception) -> type[BaseModel]:
    """Return a class with a model validator that raises `error`."""

    class Validated(BaseModel):
        n: Any

        @model_validator(mode="after")
        def check(self) -> Validated:
            raise error

    return Validated


def post_init_raises(error: Exception) -> type[BaseModel]:
    """Return a class that raises `error` after it is initialised."""

    class Validated(BaseModel):
        n: Any

        def model_post_init(self, _context: object) -> None:
            raise error

    return Validated


def default_raises(error: Exception) -> type[BaseModel]:
    """Return a class with a default that raises `error`."""

    def fail() -> NoReturn:
        raise error

    class Validated(BaseModel):
        n: Any
        m: int = Field(default_factory=fail)

    return Validated


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("make", [field_raises, model_raises, post_init_raises, default_raises])
async def test_what_a_validator_raises_is_the_cause(caller: Caller, make: Any, error: Exception) -> None:
    """An exception other than ValueError in a validator is the cause of the LLMValidationError."""
    outcome = await caller.structured(make(error), completion('{"n": null}'))
    assert error is outcome.validation_error.__cause__
    row = outcome.row
    assert (INPUT_TOKENS, OUTPUT_TOKENS, COST) == (row.input_tokens, row.output_tokens, row.cost_estimate)
    assert ('{"n": null}', None) == (row.response_content, row.response_output)


async def test_any_vendors_validator_may_raise(caller: Caller, vendor: Vendor) -> None:
    """The same is true for every vendor."""
    outcome = await caller.structured(field_raises(KeyError("n")), vendor.object('{"n": null}'), model=vendor.model)
    assert isinstance(outcome.validation_error.__cause__, KeyError)
    assert (INPUT_TOKENS, OUTPUT_TOKENS) == (outcome.row.input_tokens, outcome.row.output_tokens)


async def test_the_model_is_asked_once_more(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such an answer is requested once more, like any other that does not validate."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    replies = completion('{"n": null}'), completion('{"n": "x"}')
    outcome = await caller.structured(field_raises(AttributeError("strip")), *replies)
    assert "x" == outcome.returned.n
    assert ["failed", "completed"] == [row.status for row in outcome.rows]


async def test_a_cached_answer_that_no_longer_validates_is_asked_for(caller: Caller) -> None:
    """If a cached answer no longer validates, the request is sent."""
    error: list[Exception] = []

    class City(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def check(cls, value: str) -> str:
            if error and value == "Ghent":
                raise error[0]
            return value

    await caller.structured(City, completion('{"name": "Ghent"}'), use_cache=True)
    error.append(KeyError("Ghent"))
    outcome = await caller.structured(City, completion('{"name": "Bruges"}'), use_cache=True)
    assert ("Bruges", 1) == (outcome.returned.name, len(outcome.requests))
