"""An invalid structured answer is sent back to the model once, with the validation errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from flow.paid import answering, completion
from modules.llm_services.exceptions import LLMValidationError
from modules.llm_services.types import LLMMessage, MessageRole
from support.attempts import MODEL, provider, rows
from support.server import serving

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MESSAGES = [LLMMessage(role=MessageRole.USER, content="Which city?")]


class City(BaseModel):
    """The requested object."""

    name: str
    population: int


WRONG = completion('{"name": "Paris"}')
RIGHT = completion('{"name": "Paris", "population": 2}') | {"usage": {"total_tokens": 20, "cost": 0.2}}


async def test_the_model_is_asked_again_with_the_validators_words(session: Session) -> None:
    """An invalid object is requested once more, with its own row, and the costs of both attempts are added."""
    async with serving(answering(WRONG, RIGHT)) as server:
        asked = provider(session, server.base_url, retries=3)
        city, request_id, usage = await asked.generate_structured_response(MESSAGES, City, model=MODEL)
    assert City(name="Paris", population=2) == city
    said = server.visits[1].payload["messages"]
    assert ["system", "user", "assistant", "user"] == [each["role"] for each in said]
    assert '{"name": "Paris"}' == said[2]["content"]
    assert "population: Field required" in said[3]["content"]
    first, second = rows(session)
    assert ("failed", "LLMValidationError", 0.1) == (first.status, first.error_type, first.cost_estimate)
    assert ("completed", 0.2, {"first_attempt": str(first.id)}) == (
        second.status,
        second.cost_estimate,
        second.additional_params,
    )
    assert second.id == request_id
    assert (35, 0.3, 10) == (usage["tokens_used"], usage["cost_estimate"], usage["input_tokens"])


async def test_the_model_is_asked_again_once(session: Session) -> None:
    """A second invalid answer raises an LLMValidationError that names its row, whatever MAX_RETRIES is."""
    async with serving(answering(WRONG, WRONG)) as server:
        with pytest.raises(LLMValidationError, match="population: Field required") as caught:
            await provider(session, server.base_url, retries=3).generate_structured_response(
                MESSAGES, City, model=MODEL
            )
    assert 2 == len(server.visits)
    assert rows(session)[1].id == caught.value.request_id


async def test_no_retries_is_no_second_question(session: Session) -> None:
    """MAX_RETRIES=0 turns the second request off."""
    async with serving(answering(WRONG)) as server:
        with pytest.raises(LLMValidationError):
            await provider(session, server.base_url).generate_structured_response(MESSAGES, City, model=MODEL)
    assert 1 == len(server.visits)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (completion('{"name": "Par', "length"), "truncated"),
        (completion("I can't.", "content_filter"), "refused"),
        (completion(None, refusal="I won't."), "refused .* I won't."),
        (completion(""), "empty"),
        (completion(None, "length", reasoning="Hm."), "truncated"),
    ],
)
async def test_what_would_end_the_same_way_is_not_asked_again(
    session: Session, body: dict[str, Any], words: str
) -> None:
    """For a truncated, refused or empty answer, the error says so, the row has the cost, and nothing is sent again."""
    async with serving(answering(body)) as server:
        with pytest.raises(LLMValidationError, match=words) as caught:
            await provider(session, server.base_url, retries=3).generate_structured_response(
                MESSAGES, City, model=MODEL
            )
    (row,) = rows(session)
    assert (caught.value.request_id, 0.1, 15) == (row.id, row.cost_estimate, row.tokens_used)
    assert ("failed", "LLMValidationError") == (row.status, row.error_type)


async def test_a_refused_request_is_not_asked_again(session: Session) -> None:
    """A 400 is also an LLMValidationError, but about the request: there is no answer to correct."""
    async with serving(lambda visit: visit.answer({"error": {"code": 400, "message": "no"}}, 400)) as server:
        with pytest.raises(LLMValidationError):
            await provider(session, server.base_url, retries=3).generate_structured_response(
                MESSAGES, City, model=MODEL
            )
    assert 1 == len(server.visits)
