"""The rows that belong to an incident: the attempts of its call, and the turns before that the service remembered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sqlalchemy import or_, select

from modules.llm_services.models import LLMRequestModel
from modules.llm_services.repo import WITHOUT_BODIES
from modules.llm_services.types import LLMRequest, RequestStatus
from modules.llm_services.wires.conversation import RESULT_ROLES

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

FIRST: Final = "first_attempt"
# How far apart the attempts of a call, and the turns of a conversation, are looked for: one process held them all.
LONGEST_CALL: Final = timedelta(hours=1)
LONGEST_CONVERSATION: Final = timedelta(days=1)
PAGE: Final = 100


def attempts_of(session: Session, request: LLMRequest) -> list[LLMRequest]:
    """Return the attempts of the call that `request` is one of, in their order."""
    rows = LLMRequestModel
    first = (request.additional_params or {}).get(FIRST, str(request.id))
    query = select(rows).where(
        rows.model == request.model,
        rows.created_at.between(request.created_at - LONGEST_CALL, request.created_at + LONGEST_CALL),
        or_(rows.id == UUID(first), rows.additional_params[FIRST].as_string() == first),
    )
    return [LLMRequest.model_validate(row) for row in session.scalars(query.order_by(rows.retry_attempt))]


def turn_before(session: Session, request: LLMRequest) -> LLMRequest | None:
    """Return the answer with tool calls that `request` sends results to, where its row is there."""
    roles = [message.get("role") for message in request.messages]
    starts = [at for at, role in enumerate(roles) if role in RESULT_ROLES and at and roles[at - 1] not in RESULT_ROLES]
    questions = [request.messages[:at] for at in starts]
    rows = LLMRequestModel
    query = (
        select(rows)
        .where(
            rows.provider == request.provider,
            rows.status == RequestStatus.COMPLETED.value,
            rows.created_at.between(request.created_at - LONGEST_CONVERSATION, request.created_at),
            rows.id != request.id,
        )
        .order_by(rows.created_at.desc())
        .options(*WITHOUT_BODIES)
        .execution_options(yield_per=PAGE)
    )
    found = (row for row in session.scalars(query) if row.response_output and row.messages in questions)
    row = next(found, None)
    return None if row is None else LLMRequest.model_validate(row)
