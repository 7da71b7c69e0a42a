"""Changes to settled or abandoned rows, for the scripts in `backend/scripts`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import or_, select, update

from ..models import LLMRequestModel
from ..types import CostSource, LLMProviderType, RequestStatus, Usage, in_utc
from .ledger import lock_timeout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

PAGE_ROWS: Final = 200
ABANDONED: Final = "abandoned"
ABANDONED_MESSAGE: Final = (
    "abandoned: the process that made this call ended before it could say how; whether it was billed is not known"
)


def longest_attempt(request_timeout: float) -> float:
    """Return the seconds after which no running process can still settle a pending row: one attempt and two waits."""
    return request_timeout + 2 * lock_timeout(request_timeout)


def settle_abandoned(session: Session, older_than: timedelta) -> Sequence[UUID]:
    """Settle rows that have been pending for longer than `older_than` as failed; return their ids.

    The caller has to commit. If the process settles the row after all, it overwrites these values.
    """
    now = datetime.now(UTC)
    rows = LLMRequestModel
    statement = (
        update(rows)
        .where(rows.status == RequestStatus.PENDING.value, rows.created_at < in_utc(now - older_than))
        .values(
            status=RequestStatus.FAILED.value,
            error_type=ABANDONED,
            error_message=ABANDONED_MESSAGE,
            updated_at=now,
        )
        .returning(rows.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalars(statement).all()


def unpriced() -> ColumnElement[bool]:
    """Return the condition for settled rows without a reported cost."""
    source = LLMRequestModel.response_raw["cost_source"].as_string()
    guesses = [CostSource.ESTIMATED.value, CostSource.UNPRICED.value]
    return or_(LLMRequestModel.cost_estimate.is_(None), source.in_(guesses))


def generations(session: Session, *where: ColumnElement[bool]) -> Iterator[LLMRequestModel]:
    """Yield OpenRouter's settled rows that have a generation id, oldest first, in pages."""
    rows = LLMRequestModel
    query = (
        select(rows)
        .where(
            rows.provider == LLMProviderType.OPENROUTER.value,
            rows.provider_response_id.like("gen-%"),
            rows.status != RequestStatus.PENDING.value,
            *where,
        )
        .order_by(rows.created_at, rows.id)
        .limit(PAGE_ROWS)
    )
    page = query
    while found := session.scalars(page).all():
        yield from found
        last = found[-1]
        after = or_(rows.created_at > last.created_at, (rows.created_at == last.created_at) & (rows.id > last.id))
        page = query.where(after)


def reconcile(row: LLMRequestModel, reported: Usage) -> None:
    """Write the reported cost and tokens into a row, with the time of the report; the caller has to commit."""
    row.cost_estimate = reported.cost
    row.input_tokens = row.input_tokens if reported.input_tokens is None else reported.input_tokens
    row.output_tokens = row.output_tokens if reported.output_tokens is None else reported.output_tokens
    if row.input_tokens is not None and row.output_tokens is not None:
        row.tokens_used = row.input_tokens + row.output_tokens
    facts = {"cost_source": CostSource.RECONCILED.value, "reconciled_at": datetime.now(UTC).isoformat()}
    row.response_raw = {**(row.response_raw or {}), **facts}
