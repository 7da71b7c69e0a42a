"""Finding the object in a structured answer, and the error if it is not there."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, RootModel, ValidationError

from modules.llm_services.exceptions import LLMValidationError
from modules.llm_services.flow.structured import parse
from modules.llm_services.types import Usage
from modules.llm_services.wires.schemas import instruction
from modules.llm_services.wires.wire import Answer

PARIS = '{"name": "Paris", "population": 2100000}'


class City(BaseModel):
    """The requested object."""

    name: str
    population: int


class Names(RootModel[list[str]]):
    """A list, not an object."""


@pytest.mark.parametrize(
    "text",
    [
        PARIS,
        f"\n\n  {PARIS}\n",
        f"```json\n{PARIS}\n```",
        f"```\n{PARIS}\n```",
        f"Here you are:\n```JSON\n{PARIS}\n```\nAnything else?",
        f"Sure! {PARIS} I hope that helps.",
        f"A set {{of braces}} first, then {PARIS}",
        f'The schema {{"type": "object"}} is met by {PARIS}.',
        f"[1] {PARIS} [2]",
    ],
)
def test_the_object_is_found(text: str) -> None:
    """The object is found as the whole answer, in a fence, and in prose."""
    assert City(name="Paris", population=2100000) == parse(Answer(content=text), City).value


def test_a_list_is_found_in_prose() -> None:
    """A model with a list as its root gets the list."""
    assert Names(["a", "b"]) == parse(Answer(content='They are ["a", "b"].'), Names).value


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(content='{"name": "Paris"}'), "not a valid City: population: Field required"),
        (
            Answer(content='Paris: {"name": "Paris", "population": "many"}'),
            "population: Input should be a valid integer",
        ),
        (Answer(content="Paris has two million people."), "not a valid City: answer: Invalid JSON"),
        (Answer(content=""), "empty instead of a City"),
        (Answer(content='{"name": "Par', finish_reason="length", usage=Usage(output_tokens=5)), "truncated .*5 output"),
        (
            Answer(finish_reason="length", usage=Usage(output_tokens=64, reasoning_tokens=64)),
            "64 of them reasoning.: raise max_output_tokens",
        ),
        (Answer(content="I can't.", finish_reason="content_filter"), "refused to answer with a City: content filter"),
        (Answer(refusal="I won't."), "refused to answer with a City: I won't."),
    ],
)
def test_what_is_wrong_is_named(answer: Answer, words: str) -> None:
    """An unusable answer raises an LLMValidationError, from Pydantic's, that names the cause before the JSON."""
    with pytest.raises(LLMValidationError, match=words) as caught:
        parse(answer, City)
    assert isinstance(caught.value.__cause__, ValidationError)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(content=f"{PARIS} And", finish_reason="length"), "truncated"),
        (Answer(content=PARIS, finish_reason="stop", details={"native_finish_reason": "MAX_TOKENS"}), "truncated"),
        (Answer(content=PARIS, finish_reason="content_filter"), "refused"),
        (Answer(content=PARIS, finish_reason="stop", details={"native_finish_reason": "SAFETY"}), "refused"),
        (Answer(content=PARIS, finish_reason="stop", refusal="I won't."), "refused"),
    ],
)
def test_an_answer_that_ended_badly_holds_no_object(answer: Answer, words: str) -> None:
    """A truncated or refused answer is not an object, even if it validates or only the native reason says so."""
    with pytest.raises(LLMValidationError, match=words):
        parse(answer, City)


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Paris", "population": 2100000,}',
        '```json\n{"name": "Paris",\n "population": 2100000,\n}\n```',
        'It is "this": {"name": "Paris", "population": 2100000 , } so there.',
    ],
)
def test_trailing_commas_are_forgiven(text: str) -> None:
    """A comma before a closing bracket is removed; one inside a string stays."""
    assert 2100000 == parse(Answer(content=text), City).value.population
    assert "a,]" == parse(Answer(content='{"name": "a,]", "population": 1,}'), City).value.name


class Country(BaseModel):
    """A model with children."""

    capital: City
    cities: list[City] = []
    motto: str = ""


def test_children_in_strings_are_decoded_where_they_must_be() -> None:
    """A child that is encoded as a string is decoded if validation fails otherwise, and only then."""
    document = {"capital": PARIS, "cities": [PARIS], "motto": PARIS}
    country = parse(Answer(content=json.dumps(document)), Country).value
    assert ("Paris", "Paris", PARIS) == (country.capital.name, country.cities[0].name, country.motto)


@pytest.mark.parametrize("text", ["{" * 10_000, "[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000])
def test_a_tower_of_brackets_is_no_object(text: str) -> None:
    """Thousands of brackets raise an LLMValidationError like any other text."""
    with pytest.raises(LLMValidationError, match="not a valid City"):
        parse(Answer(content=text), City)


def test_json_is_asked_for_in_words() -> None:
    """In JSON mode, an instruction with the schema is in the messages too."""
    assert '"population": {"title": "Population", "type": "integer"}' in instruction(City)
