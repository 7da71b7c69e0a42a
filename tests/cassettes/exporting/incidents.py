"""Calls to the stand-in with their rows, and the comparison of a call with its replay."""

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
from support.server import serving

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
NEVER_EQUAL = {"response_time_ms", "provider_response_id", "id", "call_id", "thoughtSignature", "signature"}
ERROR_FIELDS = ("status_code", "error_code", "retryable", "retry_after", "provider", "model")


class Town(BaseModel):
    """A place."""

    name: str
    people: int


class City(BaseModel):
    """A place with nested places."""

    name: str
    twin: Town | None
    quarters: list[Town]


@dataclass
class Incident:
    """What a call returned or raised, with the rows."""

    result: Any
    error: Exception | None
    requests: list[LLMRequest]

    def export(self, *, mask: bool = False, model: type[BaseModel] | None = None) -> Export:
        """Export the last row only."""
        return export([self.requests[-1:]], mask=mask, model=model)


def make_calls(session: Session, *calls: Call) -> Incident:
    """Make calls with one service; return the result or error of the last one, and the rows of all."""

    async def make() -> tuple[Any, Exception | None]:
        llm = llm_services_provider(session)
        result, error = None, None
        for call in calls:
            try:
                result, error = await call(llm), None
            except LLMError as raised:
                result, error = None, raised
        return result, error

    result, error = asyncio.run(make())
    order = select(LLMRequestModel).order_by(LLMRequestModel.created_at, LLMRequestModel.retry_attempt)
    return Incident(result, error, [LLMRequest.model_validate(row) for row in session.scalars(order)])


def call_with_response(session: Session, call: Call, body: object, status: int = 200, **headers: str) -> Incident:
    """Make one call to OpenRouter, answered with `body` by a server of the test."""

    async def call_server(llm: LLMServicesProvider) -> Any:  # noqa: ANN401 - every method returns something else
        async with serving(lambda visit: visit.answer(body, status, **headers)) as server:
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("OPENROUTER_BASE_URL", server.base_url)
                return await call(llm)

    return make_calls(session, call_server)


def completion(message: dict[str, Any], **choice: object) -> dict[str, Any]:
    """Return OpenRouter's answer with this message."""
    return {
        "id": "gen-1784218677-naXC565RfwGTfDm2xVg1",
        "model": "author/model",
        "provider": "Somebody",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}, **choice}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, "cost": 0.25},
    }


def outcome(result: object, error: Exception | None) -> list[Any]:
    """Return what a caller gets, without ids and times; for an error its type and fields, without its message."""
    if error:
        return [type(error).__name__, *(getattr(error, name) for name in ERROR_FIELDS)]
    return [_plain(value) for value in (result if isinstance(result, tuple) else (result,))]


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case BaseModel():
            return _plain(value.model_dump(mode="json"))
        case dict():
            return {name: _plain(item) for name, item in value.items() if name not in NEVER_EQUAL}
        case list():
            return [_plain(item) for item in value]
        case str() | int() | float() | None:
            return value
        case _:
            return type(value).__name__


def check_same(incident: Incident, exported: Export) -> None:
    """Assert that the replay has the same result and the same row, except for scrubbed ids, times and row ids."""
    assert outcome(incident.result, incident.error) == outcome(exported.replay.result, exported.replay.error)
    [row] = scrub([{**incident.requests[-1].model_dump(mode="json"), "id": None}])
    [replayed] = exported.replay.rows
    assert [] == differences([row], [replayed], is_masked=False)
    for name in ("status", "messages", "response_content", "response_output", "cost_estimate"):
        assert row[name] == replayed[name]
    # A row masks the ids in its options, but not in its payload.
    payload, replayed_payload = (with_equal_placeholders(each["request_payload"]) for each in (row, replayed))
    assert payload == replayed_payload
    assert row["response_raw"]["body"] == replayed["response_raw"]["body"]
    assert caller_options(row) == caller_options(replayed)


def check_same_kind(incident: Incident, exported: Export) -> None:
    """Assert that a masked replay has the same kind of result at the same cost, unless it is billed by characters."""
    [replayed] = exported.replay.rows
    row = incident.requests[-1].model_dump(mode="json")
    if incident.error:
        assert outcome(None, incident.error) == outcome(None, exported.replay.error)
    for name in ("status", "error_type", "input_tokens", "output_tokens", "cached", "model"):
        assert row[name] == replayed[name]
    assert "speech" == row["api_variant"] or row["cost_estimate"] == replayed["cost_estimate"]
