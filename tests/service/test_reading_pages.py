"""Lists of a large table: no row is missing or repeated between pages, and no body is read."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from modules.llm_services.service import LLMService
from service.big_table import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from modules.llm_services.types import LLMRequest

ROWS, PAGE = 5_000, 500
NEWEST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def service(engine: Engine) -> Generator[LLMService]:
    """Read a table of 5,000 rows; each eight of them were created at the same moment."""
    fill(engine, ROWS, NEWEST, at_once=8)
    with Session(engine) as session:
        yield LLMService(session)


@contextmanager
def statements(engine: Engine) -> Generator[list[str]]:
    """Collect the statements that are executed, apart from the savepoint around a read."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "SAVEPOINT" not in statement:
            asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_pages_fit_together(service: LLMService) -> None:
    """Page after page, every row appears once, newest first, although many were created at the same moment."""
    found = [row for offset in range(0, ROWS + PAGE, PAGE) for row in service.get_recent_requests(PAGE, offset)]
    assert (ROWS, ROWS) == (len(found), len({row.id for row in found}))
    assert sorted((row.created_at for row in found), reverse=True) == [row.created_at for row in found]
    assert ROWS // 8 == len({row.created_at for row in found})


def test_a_page_is_the_same_however_it_is_cut(service: LLMService) -> None:
    """A page of 500 is ten pages of 50, row for row, and the same when it is read again."""
    whole = [row.id for row in service.get_recent_requests(PAGE, PAGE)]
    parts = [row.id for start in range(PAGE, 2 * PAGE, 50) for row in service.get_recent_requests(50, start)]
    assert whole == parts
    assert whole == [row.id for row in service.get_recent_requests(PAGE, PAGE)]


def test_a_users_pages_fit_together(service: LLMService) -> None:
    """A user's list, in pages of two, has all rows of that user and no others, newest first."""
    found = [row for offset in range(0, 6, 2) for row in service.get_user_requests(20, 2, offset)]
    assert ({20}, 5) == ({row.user_id for row in found}, len({row.id for row in found}))
    assert sorted((row.created_at for row in found), reverse=True) == [row.created_at for row in found]


LISTS: dict[str, Callable[[LLMService], list[LLMRequest]]] = {
    "get_recent_requests": lambda service: service.get_recent_requests(50, 100),
    "get_user_requests": lambda service: service.get_user_requests(20),
}


@pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)
def test_a_list_loads_no_bodies(
    engine: Engine, service: LLMService, read: Callable[[LLMService], list[LLMRequest]]
) -> None:
    """A list is one query, which reads neither request_payload nor response_raw."""
    with statements(engine) as asked:
        found = read(service)
    (query,) = asked
    assert [] == [column for column in ("request_payload", "response_raw") if column in query]
    assert {(None, None)} == {(row.request_payload, row.response_raw) for row in found}


def test_one_request_is_read_whole(engine: Engine, service: LLMService) -> None:
    """get_request is one query, which reads the bodies."""
    listed = service.get_recent_requests(1)[0]
    with statements(engine) as asked:
        request = service.get_request(listed.id)
    assert 1 == len(asked)
    assert request
    assert request.request_payload
    assert request.response_raw


def test_figures_are_made_in_the_database(engine: Engine, service: LLMService) -> None:
    """Counts and sums are one query each, which returns one number, and they are right."""
    hour = NEWEST - timedelta(hours=1)
    with statements(engine) as asked:
        counted = (
            service.count_all_requests(),
            service.get_request_count_by_user(20),
            service.get_request_count_by_status("failed"),
            service.count_requests_since(hour),
        )
        spent = service.sum_request_costs_since(hour)
    assert (ROWS, 5, 100, 8 * 361) == counted
    assert pytest.approx(0.001 * sum(i % 10 for i in range(ROWS - 8 * 361 + 1, ROWS + 1))) == spent
    assert 5 == len(asked)
    assert all(query.startswith(("SELECT count(*)", "SELECT sum(")) for query in asked)
