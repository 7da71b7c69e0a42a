"""Coaches with tools: a result is sent with its tool's name only, without the message that requested it."""

import json
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column

from modules.llm_services.public import (
    LLMResponse,
    LLMServicesProvider,
    ToolCall,
    ToolDefinition,
    llm_services_provider,
)
from modules.llm_services.service import LLMMessage
from modules.shared_models import Base, PostgresUUID

MOST_ROUNDS = 4
PROGRESS = ToolDefinition(
    name="progress",
    description="How far the learner has come.",
    parameters={"type": "object", "properties": {"lesson": {"type": "string"}}, "required": ["lesson"]},
)


class CoachRound(Base):
    """One round of a conversation, with its request."""

    __tablename__ = "coach_rounds"

    id: Mapped[int] = mapped_column(primary_key=True)
    llm_request_id: Mapped[UUID] = mapped_column(PostgresUUID(as_uuid=True), ForeignKey("llm_requests.id"))
    asked_tools: Mapped[int]


class Coach:
    """Talks with one learner; makes its service once, or for every round, as web requests do."""

    def __init__(self, session: Session, user_id: int, model: str | None, *, renew: bool) -> None:
        """Talk with `user_id`."""
        self.session, self.user_id, self.model, self.renew = session, user_id, model, renew
        self.llm: LLMServicesProvider = llm_services_provider(session)

    async def answer(self, question: str, **options: Any) -> LLMResponse:
        """Return the model's answer after all tool calls."""
        messages = [
            LLMMessage(role="system", content="You are a coach.", name=None, function_call=None, tool_calls=None),
            LLMMessage(role="user", content=question, name=None, function_call=None, tool_calls=None),
        ]
        for _ in range(MOST_ROUNDS):
            if self.renew:
                self.llm = llm_services_provider(self.session)
            response, calls, request_id = await self.llm.generate_response_with_tools(
                messages=messages, tools=[PROGRESS], user_id=self.user_id, model=self.model, **options
            )
            self.session.add(CoachRound(llm_request_id=request_id, asked_tools=len(calls or [])))
            self.session.commit()
            if not calls:
                return response
            messages += [LLMMessage(role="tool", content=_looked_up(call), name=call.name) for call in calls]
        raise RuntimeError("the model asks and asks")


def _looked_up(call: ToolCall) -> str:
    return json.dumps({"lesson": call.arguments["lesson"], "percent": 40})
