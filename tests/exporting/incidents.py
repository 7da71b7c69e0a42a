"""Calls made for real, their rows, and what is compared of a call and of its replay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from sqlalchemy import select

from cassette.call_from_rows import caller_options
from cassette.export import Export, differences, export
from cassette.scrubbing import scrub, with_equal_placeholders
from modules.llm_services import LLMError, LLMMessage, LLMRequest, LLMServicesProvider, llm_services_provider
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import ToolDefinition
from wire import serving

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Call = Callable[[LLMServicesProvider], Awaitable[Any]]

QUESTION = [
    LLMMessage(role="system", content="You keep the plan Walnut-4711 to yourself."),
    LLMMessage(role="user", content="What is the capital of France?"),
]
WEATHER = ToolDefinition(
    name="weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
SECRET = "Walnut-4711"
ONLY_ITS_OWN = {"response_time_ms", "provider_response_id", "id"}
FACTS = ("status_code", "error_code", "retryable", "retry_after", "provider", "model")


class Town(BaseModel):
    """A place."""

    name: str
    people: int


class City(BaseModel):
    """A place with places in it."""

    name: str
    twin: Town | None
    quarters: list[Town]


@dataclass
class Incident:
    """What a call returned or raised, and its rows."""

    result: Any
    error: Exception | None
    requests: list[LLMRequest]

    def exported(self, *, mask: bool = False, model: type[BaseModel] | None = None) -> Export:
        """Export the last row alone."""
        return export([self.requests[-1:]], mask=mask, model=model)


def happened(session: Session, *calls: Call) -> Incident:
    """Make calls through one service; return what came of the last one, and the rows of all."""

    async def made() -> tuple[Any, Exception | None]:
        llm = llm_services_provider(session)
        result, error = None, None
        for call in calls:
            try:
                result, error = await call(llm), None
            except LLMError as raised:
                result, error = None, raised
        return result, error

    result, error = asyncio.run(made())
    order = select(LLMRequestModel).order_by(LLMRequestModel.created_at, LLMRequestModel.retry_attempt)
    return Incident(result, error, [LLMRequest.model_validate(row) for row in session.scalars(order)])


def answered_with(session: Session, call: Call, body: object, status: int = 200, **headers: str) -> Incident:
    """Make one call to OpenRouter's door that a server of the test's own answers with `body`."""

    async def played(llm: LLMServicesProvider) -> Any:  # noqa: ANN401 - whatever the call returns
        async with serving(lambda visit: visit.answer(body, status, **headers)) as at:
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("OPENROUTER_BASE_URL", at.base_url)
                return await call(llm)

    return happened(session, played)


def completion(message: dict[str, Any], **choice: object) -> dict[str, Any]:
    """Return OpenRouter's answer with this message in it."""
    return {
        "id": "gen-1784218677-naXC565RfwGTfDm2xVg1",
        "model": "author/model",
        "provider": "Somebody",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}, **choice}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, "cost": 0.25},
    }


def told(result: Any, error: Exception | None) -> Any:  # noqa: ANN401 - whatever a call returns
    """Return what a caller has of a call, without ids and times; of an error's words the beginning is the same."""
    if error:
        return [type(error).__name__, *(getattr(error, name) for name in FACTS)]
    return [_plain(each) for each in (result if isinstance(result, tuple) else (result,))]


def _plain(value: Any) -> Any:  # noqa: ANN401 - as above
    match value:
        case BaseModel():
            return _plain(value.model_dump(mode="json"))
        case dict():
            return {name: _plain(item) for name, item in value.items() if name not in ONLY_ITS_OWN}
        case list():
            return [_plain(item) for item in value]
        case str() | int() | float() | None:
            return value
        case _:
            return type(value).__name__


def check_same(incident: Incident, exported: Export) -> None:
    """Assert that the replay came to the same result and the same row, but for scrubbed ids, times and row ids."""
    assert told(incident.result, incident.error) == told(exported.replay.result, exported.replay.error)
    expected: Any = scrub([{**incident.requests[-1].model_dump(mode="json"), "id": None}])
    [played] = exported.replay.rows
    assert [] == differences(expected, [played], is_masked=False)
    for name in ("status", "messages", "response_content", "response_output", "cost_estimate"):
        assert expected[0][name] == played[name]
    # A row masks the ids among its options, and not in what was sent.
    sent, sent_again = (with_equal_placeholders(row["request_payload"]) for row in (expected[0], played))
    assert sent == sent_again
    assert expected[0]["response_raw"]["body"] == played["response_raw"]["body"]
    assert caller_options(expected[0]) == caller_options(played)


def check_same_kind(incident: Incident, exported: Export) -> None:
    """Assert that a masked replay came to the same kind of result, at the same price."""
    [played] = exported.replay.rows
    row = incident.requests[-1].model_dump(mode="json")
    if incident.error:
        assert told(None, incident.error) == told(None, exported.replay.error)
    for name in ("status", "error_type", "input_tokens", "output_tokens", "cost_estimate", "cached", "model"):
        assert row[name] == played[name]
