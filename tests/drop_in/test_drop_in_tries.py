"""A consumer's own retries: two exceptions are retried, and all others are raised at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from drop_in.application import USER
from drop_in.consumers.content_creator import Outline, Unit, illustrate
from drop_in.consumers.flow_engine import Flow, FlowStep
from drop_in.places import OPENAI_AT_AZURE, OPENROUTER_MODEL
from modules.llm_services import LLMError, LLMProviderError, LLMTimeoutError, LLMValidationError
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.types import LLMProviderType
from support.doors import DOORS
from support.server import serving

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from support.server import Visit

# The exception that is raised in the end, and the number of tries.
FAILING: dict[str, tuple[type[LLMError], int]] = {
    "wrong-shape": (LLMValidationError, 2),
    "hang": (LLMTimeoutError, 2),
    "server-error": (LLMProviderError, 1),
}
OUTLINE = '{"title": "Tides", "objectives": []}'


def outcomes(session: Session) -> list[tuple[str, str | None]]:
    """Return status and error type of each request, oldest first."""
    columns = select(LLMRequestModel.status, LLMRequestModel.error_type).order_by(LLMRequestModel.created_at)
    return [(status, error_type) for status, error_type in session.execute(columns)]


@pytest.mark.parametrize("provider", list(DOORS))
@pytest.mark.parametrize("scene", list(FAILING))
async def test_a_step_that_fails(
    session: Session, base_url: str, monkeypatch: pytest.MonkeyPatch, provider: LLMProviderType, scene: str
) -> None:
    """Invalid objects and timeouts are retried, and have exactly these two classes, for every provider."""
    door, (kind, tries) = DOORS[provider], FAILING[scene]
    given = door.environment(base_url, scene) | {"REQUEST_TIMEOUT": "0.3" if scene == "hang" else "30"}
    given |= OPENAI_AT_AZURE if provider is LLMProviderType.AZURE_OPENAI else {}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LLMError) as caught:
        await Flow(session, "outline", USER, door.model).step("Outline tides.", Outline)
    assert (kind, provider) == (type(caught.value), caught.value.provider)
    assert [("failed", kind.__name__)] * tries == outcomes(session)


async def test_a_step_that_fits_the_second_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second try is a separate call with its own answer, and the first one's row stays failed."""
    said = iter(["I would rather not.", OUTLINE])

    def answer(visit: Visit) -> None:
        message = {"role": "assistant", "content": next(said)}
        visit.answer({"id": "gen-1", "choices": [{"message": message, "finish_reason": "stop"}]})

    async with serving(answer) as server:
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        await Flow(session, "outline", USER, OPENROUTER_MODEL).step("Outline tides.", Outline)
    assert 2 == session.scalar(select(FlowStep.tries))
    assert [("failed", "LLMValidationError"), ("completed", None)] == outcomes(session)


async def test_a_picture_without_openai(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """If only Azure has OpenAI's models, an image raises an LLMError, and nothing is sent."""
    for name, value in OPENAI_AT_AZURE.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LLMError, match="OPENAI_API_KEY"):
        await illustrate(session, Unit(title="Tides", flow_run_id=1), USER)
    assert [] == outcomes(session)


async def test_an_old_snapshot(application: Engine) -> None:
    """A transaction with an older snapshot on PostgreSQL cannot refer to the row; the next one can."""
    with Session(application.execution_options(isolation_level="REPEATABLE READ")) as session:
        session.execute(text("SELECT 1 FROM units"))
        flow = Flow(session, "outline", USER, OPENROUTER_MODEL)
        with pytest.raises(IntegrityError, match="llm_request"):
            await flow.step("Outline tides.", Outline)
        session.rollback()
        (request_id,) = session.scalars(select(LLMRequestModel.id)).all()
        flow = Flow(session, "outline", USER, OPENROUTER_MODEL)
        session.add(
            FlowStep(flow_run_id=flow.run.id, llm_request_id=request_id, tries=1, output={}, usage={"tokens_used": 0})
        )
        session.commit()
