"""Request ids: SQLite would store some UUIDs as numbers, and lose them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from ledger.calls import ask, only_row
from modules.llm_services.models import LLMRequestModel, new_request_id

if TYPE_CHECKING:
    from sqlalchemy import Engine

DIGITS = UUID("11111111-1111-4111-8111-111111111111")
FLOAT = UUID("11111111-1111-4111-8111-1111111e1111")
SAFE = UUID("11111111-1111-4111-8111-11111111111a")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Draw these ids, in this order, and no others."""
    ids = [DIGITS, FLOAT, SAFE]
    monkeypatch.setattr("uuid.uuid4", lambda: ids.pop(0))
    return ids


@pytest.mark.parametrize("dangerous", [DIGITS, FLOAT], ids=["digits", "float"])
def test_sqlite_loses_an_id_that_looks_like_a_number(sqlite_engine: Engine, dangerous: UUID) -> None:
    """The danger is real: such an id, written as any other, becomes a float that no UUID can be made of."""
    row = {"id": dangerous, "provider": "p", "model": "m", "temperature": 0.0, "messages": []}
    with sqlite_engine.begin() as connection:
        connection.execute(insert(LLMRequestModel), row)
        assert "real" == connection.scalar(text("SELECT typeof(id) FROM llm_requests"))
    with Session(sqlite_engine) as session, pytest.raises(AttributeError, match="'float'"):
        session.get(LLMRequestModel, dangerous)


def test_a_request_id_never_looks_like_a_number(drawn: list[UUID]) -> None:
    """Ids that SQLite would take for a number are drawn again."""
    assert SAFE == new_request_id()
    assert [] == drawn


async def test_a_call_whose_first_ids_look_like_numbers_is_found(sqlite_engine: Engine, drawn: list[UUID]) -> None:
    """The row of a call has a safe id, stored as text."""
    with Session(sqlite_engine) as session:
        assert SAFE == await ask(session)
        assert "text" == session.scalar(text("SELECT typeof(id) FROM llm_requests"))
    assert ([], SAFE) == (drawn, only_row(sqlite_engine).id)
