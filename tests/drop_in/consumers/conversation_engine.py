"""Keeps conversations: a new service for every turn, turns with their requests, costs read asynchronously."""

from uuid import UUID

from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Session, mapped_column

from modules.llm_services import LLMMessage, LLMResponse, llm_services_provider
from modules.llm_services.models import LLMRequestModel
from modules.shared_models import Base, PostgresUUID


class ConversationTurn(Base):
    """A message of one side, with its request if a model wrote it."""

    __tablename__ = "conversation_turns"

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation: Mapped[int]
    role: Mapped[str]
    content: Mapped[str]
    llm_request_id: Mapped[UUID | None] = mapped_column(PostgresUUID(as_uuid=True), ForeignKey("llm_requests.id"))


async def reply(session: Session, conversation: int, said: str, user_id: int, model: str | None) -> LLMResponse:
    """Return the answer to a user's message; both are committed, before and after the call."""
    session.add(ConversationTurn(conversation=conversation, role="user", content=said))
    session.commit()
    turns = session.scalars(select(ConversationTurn).filter_by(conversation=conversation).order_by(ConversationTurn.id))
    messages = [LLMMessage(role=turn.role, content=turn.content) for turn in turns]
    session.rollback()
    response, request_id = await llm_services_provider(session).generate_response(messages, user_id, model)
    session.add(
        ConversationTurn(
            conversation=conversation, role="assistant", content=response.content, llm_request_id=request_id
        )
    )
    session.commit()
    return response


async def answers(session: AsyncSession, conversation: int) -> list[tuple[str, str, float | None]]:
    """Return content, status and cost, in USD, of the models' answers, joined from both tables."""
    rows = await session.execute(
        select(ConversationTurn.content, LLMRequestModel.status, LLMRequestModel.cost_estimate)
        .join(LLMRequestModel, LLMRequestModel.id == ConversationTurn.llm_request_id)
        .where(ConversationTurn.conversation == conversation)
        .order_by(ConversationTurn.id)
    )
    return [(content, status, cost) for content, status, cost in rows]
