"""Request ids: SQLite would store some UUIDs as numbers, and lose them."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from modules.llm_services.models import LLMRequestModel, new_request_id
from support.calls import ask, only_row

if TYPE_CHECKING:
    from sqlalchemy import Engine

DIGITS = UUID("11111111-1111-4111-8111-111111111111")
FLOAT = UUID("11111111-1111-4111-8111-1111111e1111")
SAFE = UUID("11111111-1111-4111-8111-11111111111a")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> deque[UUID]:
    """Make these the next random ids, in this order."""
    ids = deque([DIGITS, FLOAT, SAFE])
    monkeypatch.setattr("modules.llm_services.models._drawn", ids)
    return ids


@pytest.mark.parametrize("dangerous", [DIGITS, FLOAT], ids=["digits", "float"])
def test_sqlite_loses_an_id_that_looks_like_a_number(sqlite_engine: Engine, dangerous: UUID) -> None:
    """An id that looks like a number, written like any other, becomes a float, from which the UUID is lost."""
    row = {"id": dangerous, "provider": "p", "model": "m", "temperature": 0.0, "messages": []}
    with sqlite_engine.begin() as connection:
        connection.execute(insert(LLMRequestModel), row)
        assert "real" == connection.scalar(text("SELECT typeof(id) FROM llm_requests"))
    with Session(sqlite_engine) as session, pytest.raises(AttributeError, match="'float'"):
        session.get(LLMRequestModel, dangerous)


def test_a_request_id_never_looks_like_a_number(drawn: deque[UUID]) -> None:
    """An id that SQLite would take for a number is replaced with another one."""
    assert SAFE == new_request_id()
    assert not drawn


@pytest.mark.usefixtures("llm_stand_in")
async def test_a_call_whose_first_ids_look_like_numbers_is_found(sqlite_engine: Engine, drawn: deque[UUID]) -> None:
    """The row of such a call has a safe id, stored as text."""
    with Session(sqlite_engine) as session:
        assert SAFE == await ask(session)
        assert "text" == session.scalar(text("SELECT typeof(id) FROM llm_requests"))
    assert (0, SAFE) == (len(drawn), only_row(sqlite_engine).id)


def test_ids_are_random() -> None:
    """A thousand ids are all different, and each is a UUID of version 4."""
    ids = [new_request_id() for _ in range(1000)]
    assert (1000, {4}) == (len(set(ids)), {each.version for each in ids})


def test_a_process_that_forks_draws_its_own() -> None:
    """A forked child does not use the random numbers that its parent has read."""
    new_request_id()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_request_id().bytes)
        os._exit(0)
    os.waitpid(child, 0)
    of_child = UUID(bytes=os.read(reading, 16))
    os.close(reading)
    os.close(writing)
    assert of_child not in {new_request_id() for _ in range(300)}
