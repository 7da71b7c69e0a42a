"""Consumers work unchanged with every provider."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from drop_in.application import CONVERSATION, PICTURE, USER
from drop_in.consumers.admin import Dashboard
from drop_in.consumers.content_creator import Outline, create_unit
from drop_in.consumers.conversation_engine import answers, reply
from drop_in.consumers.flow_engine import Flow, FlowRun, FlowStep
from drop_in.consumers.learning_coach import Coach, CoachRound
from drop_in.consumers.resource import Resource, describe
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.providers.factory import provider_class
from modules.llm_services.wires.wire import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from drop_in.places import Place

KEYS = {
    *("tokens_used", "input_tokens", "output_tokens", "prompt_tokens", "completion_tokens", "total_tokens"),
    *("cost_estimate", "cached", "provider", "usage"),
}


def requests(session: Session) -> Sequence[LLMRequestModel]:
    """Return all requests, oldest first."""
    return session.scalars(select(LLMRequestModel).order_by(LLMRequestModel.created_at)).all()


async def test_a_unit(session: Session, place: Place) -> None:
    """Steps of a flow request objects with options that any provider accepts; each is stored with its request."""
    unit = await create_unit(session, "tides", USER, place.model)
    steps = session.scalars(select(FlowStep).order_by(FlowStep.id)).all()
    made = requests(session)
    assert [request.id for request in made] == [step.llm_request_id for step in steps]
    assert [request.response_output for request in made] == [step.output for step in steps]
    assert {(place.provider, "completed", USER)} == {(each.provider, each.status, each.user_id) for each in made}
    assert unit.title == steps[0].output["title"]


async def test_what_a_step_used(session: Session, place: Place) -> None:
    """The usage of an object has every key that consumers read, and matches the row."""
    await Flow(session, "outline", USER, place.model).step("Outline tides.", Outline)
    (step,), (request,) = session.scalars(select(FlowStep)).all(), requests(session)
    assert set() == KEYS - step.usage.keys()
    assert (int, float, bool) == tuple(type(step.usage[name]) for name in ("tokens_used", "cost_estimate", "cached"))
    assert (request.tokens_used, request.cost_estimate) == (step.usage["tokens_used"], step.usage["cost_estimate"])
    assert step.usage["tokens_used"] == step.usage["total_tokens"] == step.usage["usage"]["total_tokens"]
    assert (request.input_tokens, request.output_tokens) == (
        step.usage["prompt_tokens"],
        step.usage["completion_tokens"],
    )
    assert place.provider == step.usage["provider"]


async def test_a_run_is_the_consumers_own(session: Session, application: Engine, place: Place) -> None:
    """During a call, a flow's transaction stays open; its rollback removes the run, and not the requests."""
    flow = Flow(session, "outline", USER, place.model)
    await flow.step("Outline tides.", Outline)
    assert (1, 1) == (application.pool.checkedout(), flow.requests())  # type: ignore[attr-defined]
    session.rollback()
    assert ([], 1) == (session.scalars(select(FlowRun)).all(), len(requests(session)))


async def test_the_coach(session: Session, place: Place) -> None:
    """A tool loop without ids ends with an answer, whether a service is used for one round or for all."""
    for renew in (False, True):
        coach = Coach(session, USER, place.model, renew=renew)
        response = await coach.answer("How far am I?", reasoning={"effort": "low"}, verbosity="low")
        assert (place.provider, "stop") == (response.provider, response.finish_reason)
    rounds = session.scalars(select(CoachRound).order_by(CoachRound.id)).all()
    assert [1, 0, 1, 0] == [each.asked_tools for each in rounds]
    assert [request.id for request in requests(session)] == [each.llm_request_id for each in rounds]


async def test_a_conversation(session: Session, application: Engine, place: Place) -> None:
    """Every turn uses a new service, and an asynchronous session reads its row at once."""
    engine = create_async_engine(application.url)
    for said in ("Good morning.", "What is a tide?"):
        response = await reply(session, CONVERSATION, said, USER, place.model)
        async with AsyncSession(engine) as reading:
            seen = await answers(reading, CONVERSATION)
        assert (response.content, "completed", response.cost_estimate) == seen[-1]
    await engine.dispose()
    roles = [message["role"] for message in requests(session)[-1].messages]
    assert (2, ["user", "assistant", "user"]) == (len(seen), roles)


async def test_a_picture_in_words(session: Session, place: Place) -> None:
    """Responses-style parts are accepted, without a session of the caller's; the row keeps them as they were passed."""
    described = await describe(PICTURE, USER, place.model)
    (resource,) = session.scalars(select(Resource)).all()
    assert described is not None
    assert (described.id, described.response_content) == (resource.llm_request_id, resource.description)
    assert ["input_text", "input_image"] == [part["type"] for part in described.messages[0]["content"]]
    assert PICTURE in str(described.request_payload)


async def test_the_admin(session: Session, place: Place) -> None:
    """The figures match the rows since a time of the caller's clock, and every list is newest first."""
    await reply(session, CONVERSATION, "Before.", USER, place.model)
    started = datetime.now(UTC)
    await reply(session, CONVERSATION, "After.", USER + 1, place.model)
    before, after = requests(session)
    overview = Dashboard(session).overview(started, USER)
    assert (2, 1, 1) == (overview.everything, overview.since, overview.of_user)
    assert (after.cost_estimate, [after.id, before.id]) == (overview.cost, [each.id for each in overview.latest])
    assert [before.id] == [each.id for each in overview.users_latest]
    assert after.response_raw == Dashboard(session).answered_with(str(after.id))


async def test_defaults(session: Session, place: Place) -> None:
    """None means the configured default, in the row and in the request; no null is sent."""
    await reply(session, CONVERSATION, "Hello.", USER, place.model)
    (request,) = requests(session)
    assert (0.7, None) == (request.temperature, request.max_output_tokens)
    assert request.model == (
        place.model or {"azure_openai": "gpt-5.6-terra", "gemini": "gemini-flash-latest"}[place.provider]
    )
    assert provider_class(place.provider).wires[Kind.TEXT].api_variant == request.api_variant
    assert None not in (request.request_payload or {}).values()
