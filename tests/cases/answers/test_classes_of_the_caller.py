"""Answers 01: whatever the caller's class does, the row is settled; the call returns an object or raises LLMError."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import pytest
from pydantic import (
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    computed_field,
    field_serializer,
    model_serializer,
)

from cases.bodies import COST, GEMINI, INPUT_TOKENS, OUTPUT_TOKENS, candidate, completion, gemini_call
from cases.scripted_server import Reply
from modules.llm_services.exceptions import LLMError

if TYPE_CHECKING:
    from cases.bodies import Vendor
    from cases.caller import Caller, Outcome

EVENTS: Final = {"Content-Type": "text/event-stream"}
ANSWER = '{"total": 0, "count": 0}'


class Stats(BaseModel):
    """The requested object; it always validates."""

    total: float
    count: int


class DividesByZero(Stats):
    """A model with a computed field that divides by zero."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def mean(self) -> float:
        """Divide by zero."""
        return self.total / self.count


class NeverEndingField(Stats):
    """A model with a computed field that recurses."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def mean(self) -> float:
        """Recur."""
        return self.mean + 1


class HugeField(Stats):
    """A model with a computed integer that Python refuses to convert to text."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def power(self) -> int:
        """Return an integer of 5,001 digits."""
        return 10**5000


class SurrogateField(Stats):
    """A model with a computed field that is a lone surrogate."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def name(self) -> str:
        """Return text that UTF-8 cannot encode."""
        return "\ud800"


class FieldSerializer(Stats):
    """A model with a field that cannot be serialized."""

    @field_serializer("total")
    def refuse(self, value: float) -> str:
        """Refuse."""
        raise KeyError(value)


class ModelSerializer(Stats):
    """A model that cannot be serialized."""

    @model_serializer
    def refuse(self) -> dict[str, Any]:
        """Refuse."""
        raise RuntimeError("not for sale")


class OwnDump(Stats):
    """A model with dump methods of the caller's own."""

    def model_dump(self, **_options: Any) -> NoReturn:
        """Refuse."""
        raise TypeError("not for sale")

    def model_dump_json(self, **_options: Any) -> NoReturn:
        """Refuse."""
        raise TypeError("not for sale")


class Falsy(Stats):
    """An object that is false, and that raises when it is tested for truth."""

    def __bool__(self) -> bool:
        raise ZeroDivisionError

    def __len__(self) -> int:
        return 0


class Incomparable(Stats):
    """An object that cannot be compared, hashed or shown."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("incomparable")

    def __hash__(self) -> int:
        raise RuntimeError("not for sets")

    def __repr__(self) -> str:
        raise RuntimeError("not for show")


class Thing:
    """A class that JSON cannot express."""


class HoldsAThing(BaseModel):
    """A model with a field that validates into an object of any class."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    total: Annotated[Any, BeforeValidator(lambda _value: Thing())]
    count: int


CANNOT_BE_DUMPED = [
    *(DividesByZero, NeverEndingField, HugeField, SurrogateField, FieldSerializer, ModelSerializer, OwnDump, Falsy),
    *(Incomparable, HoldsAThing),
]


def check_bill(outcome: Outcome, answer: str = ANSWER) -> None:
    """Assert that the row has the tokens, the cost and the body of the paid answer."""
    row = outcome.row
    assert (INPUT_TOKENS, OUTPUT_TOKENS, COST) == (row.input_tokens, row.output_tokens, row.cost_estimate)
    assert answer == row.response_content
    assert completion(answer) == (row.response_raw or {})["body"]


@pytest.mark.parametrize("response_model", CANNOT_BE_DUMPED)
async def test_an_object_that_cannot_be_dumped_is_returned(caller: Caller, response_model: type[BaseModel]) -> None:
    """The caller gets the object; `response_output` is the validated JSON, not a dump of the object."""
    outcome = await caller.structured(response_model, completion(ANSWER))
    assert type(outcome.returned) is response_model
    assert {"total": 0, "count": 0} == outcome.row.response_output
    check_bill(outcome)


async def test_any_vendors_row_is_settled(caller: Caller, vendor: Vendor) -> None:
    """A computed field that fails leaves no row pending, for any vendor."""
    outcome = await caller.structured(DividesByZero, vendor.object(ANSWER), model=vendor.model)
    assert 0 == outcome.returned.count
    assert {"total": 0, "count": 0} == outcome.row.response_output
    assert (INPUT_TOKENS, OUTPUT_TOKENS) == (outcome.row.input_tokens, outcome.row.output_tokens)


@pytest.mark.parametrize("response_model", [DividesByZero, OwnDump, Falsy])
async def test_the_response_cache_hands_such_an_object_out_too(caller: Caller, response_model: type[BaseModel]) -> None:
    """With the response cache, the second call is answered without a request and has a settled row."""
    first = await caller.structured(response_model, completion(ANSWER), use_cache=True)
    second = await caller.structured(response_model, use_cache=True)
    assert (1, 0) == (len(first.requests), len(second.requests))
    assert type(second.returned) is response_model
    assert ({"total": 0, "count": 0}, True) == (second.row.response_output, second.row.cached)


async def test_bytes_that_are_no_text_are_returned(caller: Caller) -> None:
    """The caller gets bytes that are not UTF-8; the row keeps the base64."""

    class Image(BaseModel):
        data: Base64Bytes

    outcome = await caller.structured(Image, completion('{"data": "/w=="}'))
    assert b"\xff" == outcome.returned.data
    assert {"data": "/w=="} == outcome.row.response_output


async def test_an_alias_stays_as_the_wire_has_it(caller: Caller) -> None:
    """`response_output` has the names in the JSON, not those of the class."""

    class City(BaseModel):
        name: str = Field(alias="cityName")

    outcome = await caller.structured(City, completion('{"cityName": "Ghent"}'))
    assert {"cityName": "Ghent"} == outcome.row.response_output


async def test_a_value_that_is_false_is_an_answer(caller: Caller) -> None:
    """An empty list at the root is an object, not a missing one."""

    class Names(RootModel[list[str]]):
        def __len__(self) -> int:
            return len(self.root)

    outcome = await caller.structured(Names, completion("[]"))
    assert Names([]) == outcome.returned
    assert [] == outcome.row.response_output


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f'{{"n": {"9" * 5000}}}', id="an integer of thousands of digits"),
        pytest.param('{"n": "\\ud800"}', id="half of a character"),
        pytest.param('{"n": "a\\u0000b"}', id="a NUL character"),
        pytest.param('{"n": NaN}', id="not a number"),
        pytest.param('{"n": 1e999}', id="a float beyond all floats"),
        pytest.param(f'{{"n": {"[" * 150}{"]" * 150}}}', id="150 lists in each other"),
    ],
)
async def test_an_odd_value_settles_the_row(caller: Caller, text: str) -> None:
    """A value that Python, JSON or a database cannot store gives the object or an LLMError, and a settled row."""

    class Anything(BaseModel):
        n: Any

    outcome = await caller.structured(Anything, completion(text))
    assert isinstance(outcome.error, LLMError | None)
    assert (INPUT_TOKENS, COST) == (outcome.row.input_tokens, outcome.row.cost_estimate)
    assert outcome.row.response_content is not None


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_an_integer_of_thousands_of_digits_does_not_hide_the_answer(caller: Caller, *, is_streamed: bool) -> None:
    """If a vendor puts arguments into its JSON unquoted, such an integer is text, and the answer is not lost."""
    digits = "9" * 5000
    body = json.dumps(candidate(gemini_call("look", {"n": 0}))).replace('"n": 0', f'"n": {digits}')
    reply = Reply(f"data: {body}\n\n", headers=EVENTS) if is_streamed else Reply(body)
    outcome = await caller.with_tools(reply, model=GEMINI, stream=is_streamed)
    assert [{"n": digits}] == [call.arguments for call in outcome.tool_calls or []]
    assert INPUT_TOKENS == outcome.row.input_tokens
