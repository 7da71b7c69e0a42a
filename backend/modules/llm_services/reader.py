"""Reads of `llm_requests` as values: rows go no further than here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from .repo import LLMRequestRepo, undisturbed
from .storable import storable_text
from .types import LARGEST_INTEGER, LLMRequest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from datetime import datetime

    from .models import LLMRequestModel

logger = logging.getLogger(__name__)

MOST_ROWS: Final = 2**63 - 1  # LIMIT and OFFSET are a bigint

Sessions = Callable[[], AbstractContextManager[Session]]


class LLMRequestReader:
    """What the table says, request by request and in sum; a request here is a row, so an attempt."""

    def __init__(self, reading: Sessions) -> None:
        """Read through the sessions that `reading` opens; a caller's own is neither committed nor rolled back."""
        self._reading = reading

    def get_request(self, request_id: UUID | str) -> LLMRequest | None:
        """Return one request, None where there is none of this id."""
        try:
            key = UUID(str(request_id))
        except ValueError:
            return None
        with self._requests() as requests:
            row = requests.by_id(key)
            return None if row is None else _value(row)

    def get_recent_requests(self, limit: int = 50, offset: int = 0) -> list[LLMRequest]:
        """Return requests newest first, in a stable order; without request_payload and response_raw."""
        with self._requests() as requests:
            return _values(requests.recent(_row_number(limit), _row_number(offset)))

    def get_user_requests(self, user_id: int, limit: int = 50, offset: int = 0) -> list[LLMRequest]:
        """Return a user's requests, newest first, without request_payload and response_raw."""
        if not _is_user_id(user_id):
            return []
        with self._requests() as requests:
            return _values(requests.by_user(user_id, _row_number(limit), _row_number(offset)))

    def count_all_requests(self) -> int:
        """Count requests."""
        with self._requests() as requests:
            return requests.count()

    def get_request_count_by_user(self, user_id: int) -> int:
        """Count a user's requests; 0 for an id that no user can have."""
        if not _is_user_id(user_id):
            return 0
        with self._requests() as requests:
            return requests.count_by_user(user_id)

    def get_request_count_by_status(self, status: str) -> int:
        """Count requests that are pending, completed or failed; 0 for a status that no row can have."""
        if not _is_status(status):
            return 0
        with self._requests() as requests:
            return requests.count_by_status(status)

    def count_requests_since(self, moment: datetime) -> int:
        """Count requests made at or after `moment`."""
        with self._requests() as requests:
            return requests.count_since(moment)

    def sum_request_costs_since(self, moment: datetime) -> float:
        """Return the known cost, in USD, of requests made at or after `moment`; 0.0 when there are none."""
        with self._requests() as requests:
            return requests.cost_since(moment)

    @contextmanager
    def _requests(self) -> Generator[LLMRequestRepo]:
        with self._reading() as session, undisturbed(session):
            yield LLMRequestRepo(session)


def _is_user_id(user_id: object) -> bool:
    return isinstance(user_id, int) and not isinstance(user_id, bool) and abs(user_id) <= LARGEST_INTEGER


def _is_status(status: object) -> bool:
    return isinstance(status, str) and storable_text(status) == status


def _row_number(number: int) -> int:
    """Return a limit or an offset as a number that databases count rows with."""
    return min(max(number, 0), MOST_ROWS)


def _values(rows: Iterable[LLMRequestModel]) -> list[LLMRequest]:
    return [_value(row) for row in rows]


def _value(row: LLMRequestModel) -> LLMRequest:
    """Return what is loaded of a row as a value; an odd one as it is, for it must not take the others with it."""
    loaded = LLMRequest.model_fields.keys() - inspect(row).unloaded
    columns = {name: getattr(row, name) for name in loaded}
    try:
        return LLMRequest.model_validate(columns)
    except ValidationError as error:
        logger.warning("llm_request %s is odd: %s", row.id, [problem["loc"] for problem in error.errors()])
        return LLMRequest.model_construct(**columns)
