"""Runs a flow: its steps call for objects, are retried if that can help, and are stored with their requests."""

from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import JSON, DateTime, ForeignKey, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from modules.llm_services import LLMMessage, LLMTimeoutError, LLMValidationError, llm_services_provider
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.types import MessageRole
from modules.shared_models import Base, PostgresUUID

Model = TypeVar("Model", bound=BaseModel)

MOST_TRIES = 2


class FlowRun(Base):
    """A run and its cost so far, in USD."""

    __tablename__ = "flow_runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    user_id: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    tokens_used: Mapped[int] = mapped_column(default=0)
    cost: Mapped[float] = mapped_column(default=0.0)


class FlowStep(Base):
    """A step's output, and the request that answered it."""

    __tablename__ = "flow_steps"

    id: Mapped[int] = mapped_column(primary_key=True)
    flow_run_id: Mapped[int] = mapped_column(ForeignKey("flow_runs.id"))
    llm_request_id: Mapped[UUID] = mapped_column(PostgresUUID(as_uuid=True), ForeignKey("llm_requests.id"))
    tries: Mapped[int]
    output: Mapped[dict[str, Any]] = mapped_column(JSON)
    usage: Mapped[dict[str, Any]] = mapped_column(JSON)


class Flow:
    """One run; the transaction that it begins in stays open until the caller commits."""

    def __init__(self, session: Session, name: str, user_id: int, model: str | None = None) -> None:
        """Start a run: it is written, but not committed yet."""
        self.session, self.user_id, self.model = session, user_id, model
        self.run = FlowRun(name=name, user_id=user_id, started_at=datetime.now(UTC), tokens_used=0, cost=0.0)
        session.add(self.run)
        session.flush()

    async def step(self, prompt: str, response_model: type[Model], **options: Any) -> Model:
        """Return a step's object; if it does not validate or times out, it is requested once more."""
        for tries in range(1, MOST_TRIES + 1):
            try:
                value, request_id, usage = await llm_services_provider(self.session).generate_structured_response(
                    messages=[LLMMessage(role=MessageRole.USER, content=prompt)],
                    response_model=response_model,
                    user_id=self.user_id,
                    model=self.model,
                    temperature=None,
                    max_output_tokens=None,
                    **options,
                )
            except (LLMValidationError, LLMTimeoutError):
                if tries == MOST_TRIES:
                    raise
            else:
                break
        self._keep(value, request_id, usage, tries)
        return value

    def _keep(self, value: BaseModel, request_id: UUID, usage: dict[str, Any], tries: int) -> None:
        self.session.add(
            FlowStep(
                flow_run_id=self.run.id,
                llm_request_id=request_id,
                tries=tries,
                output=value.model_dump(mode="json"),
                usage=usage,
            )
        )
        self.run.tokens_used += usage["tokens_used"]
        self.run.cost += usage["cost_estimate"]
        self.session.flush()

    def requests(self) -> int:
        """Count the requests of its user since it began, by its own clock."""
        mine = LLMRequestModel.user_id == self.user_id, LLMRequestModel.created_at >= self.run.started_at
        return self.session.scalar(select(func.count()).select_from(LLMRequestModel).where(*mine)) or 0
