"""Many consumers share one small pool with the ledger."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from drop_in.consumers.content_creator import Unit
from drop_in.consumers.conversation_engine import ConversationTurn
from drop_in.consumers.flow_engine import FlowStep
from drop_in.consumers.learning_coach import CoachRound
from drop_in.consumers.resource import Resource
from drop_in.many_flows import FLOWS, HOLDERS, all_at_once, requests_of
from modules.llm_services.models import LLMRequestModel

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

REFERENCES = (
    FlowStep.llm_request_id,
    ConversationTurn.llm_request_id,
    CoachRound.llm_request_id,
    Resource.llm_request_id,
)


async def test_two_hundred_flows(session: Session, application: Engine) -> None:
    """All complete, with five providers, and every request is a completed row that a consumer's row refers to."""
    await all_at_once(application)
    assert 0 == application.pool.checkedout()  # type: ignore[attr-defined]
    rows = session.scalars(select(LLMRequestModel)).all()
    assert {number: requests_of(number) for number in range(FLOWS)} == Counter(row.user_id for row in rows)
    assert {"completed"} == {row.status for row in rows}
    assert {"openrouter", "azure_openai", "openai", "anthropic", "gemini"} == {row.provider for row in rows}
    referred = {found for column in REFERENCES for found in session.scalars(select(column).where(column.is_not(None)))}
    assert {row.id for row in rows} == referred
    assert HOLDERS == session.scalar(select(func.count()).select_from(Unit))
