"""An administrator's reads with odd arguments, and their effect on the session, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import llm_services_admin_provider
from modules.llm_services.service import LLMService
from support.calls import hide_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EAST = timezone(timedelta(hours=14))

READS: dict[str, Callable[[LLMService], object]] = {
    "get_request": lambda reads: reads.get_request("00000000-0000-4000-8000-00000000000a"),
    "get_recent_requests": lambda reads: reads.get_recent_requests(),
    "get_user_requests": lambda reads: reads.get_user_requests(1),
    "count_all_requests": lambda reads: reads.count_all_requests(),
    "get_request_count_by_user": lambda reads: reads.get_request_count_by_user(1),
    "get_request_count_by_status": lambda reads: reads.get_request_count_by_status("failed"),
    "count_requests_since": lambda reads: reads.count_requests_since(NOON),
    "sum_request_costs_since": lambda reads: reads.sum_request_costs_since(NOON),
}
NO_STATUS = ["unknown", "", "com\x00pleted", "\ud800", "x" * 1000, None, 5]
NO_USER = ["1", "1\x00", "1; DROP TABLE llm_requests", b"1", 1.0, None, [], 2**63, -(2**40)]
NO_ID = ["", "1", "\x00", "\ud800", 5, None, b"1", "0" * 10_000]


def row(**columns: object) -> LLMRequestModel:
    """Return a completed row of user 1, created at noon."""
    given = {"user_id": 1, "provider": "openrouter", "model": "openrouter/a/b", "messages": [], "temperature": 0.7}
    return LLMRequestModel(**given | {"status": "completed", "created_at": NOON} | columns)


@pytest.fixture
def caller(engine: Engine) -> Iterator[Session]:
    """Open a session with one row that is flushed and not committed."""
    with Session(engine) as session:
        session.add(row())
        session.flush()
        yield session


@pytest.fixture
def reads(caller: Session) -> LLMService:
    """Return all reads through the caller's session."""
    return LLMService(caller)


def read_all(session: Session) -> dict[str, object]:
    """Return the result of each read."""
    return {name: read(LLMService(session)) for name, read in READS.items()}


def test_a_read_ends_no_transaction(caller: Session, engine: Engine) -> None:
    """Reads neither commit nor roll back the session."""
    assert 1 == read_all(caller)["count_all_requests"]
    with Session(engine) as another:
        assert 0 == LLMService(another).count_all_requests()
    assert 1 == caller.scalar(text("SELECT count(*) FROM llm_requests"))


def test_a_read_that_fails_leaves_the_session_usable(engine: Engine) -> None:
    """Without their table, reads raise, and the caller's earlier changes can still be read and committed."""
    hide_table(engine)
    with Session(engine) as caller:
        caller.execute(text("CREATE TABLE notes (words TEXT)"))
        caller.execute(text("INSERT INTO notes VALUES ('kept')"))
        for read in READS.values():
            with pytest.raises(DBAPIError, match="llm_requests"):
                read(LLMService(caller))
        caller.commit()
        assert ["kept"] == list(caller.scalars(text("SELECT words FROM notes")))


def test_a_read_flushes_nothing_of_the_callers(caller: Session) -> None:
    """If the caller's session has an invalid row, the flush fails, and a read does not."""
    caller.add(broken := row(model=None))
    read_all(caller)
    assert [broken] == list(caller.new)
    with pytest.raises(IntegrityError):
        caller.flush()


def test_a_read_works_where_each_statement_commits_by_itself(engine: Engine) -> None:
    """Reads work on an autocommitting connection, which has no savepoints."""
    with Session(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        assert [None, [], [], 0, 0, 0, 0, 0.0] == list(read_all(session).values())


@pytest.mark.parametrize("beyond", [2**31, 2**63, 2**64, 10**30])
def test_a_page_of_any_size_at_any_place(reads: LLMService, beyond: int) -> None:
    """A limit that the database cannot take gives all rows, such an offset gives none; a negative value is 0."""
    assert (1, 0, 1, 0) == (
        len(reads.get_recent_requests(beyond)),
        len(reads.get_recent_requests(50, beyond)),
        len(reads.get_user_requests(1, beyond, -beyond)),
        len(reads.get_user_requests(1, -beyond)),
    )


def test_a_status_that_no_row_has_is_counted_as_none(reads: LLMService, caller: Session) -> None:
    """Any other status, NUL included, gives a count of 0 without a database error."""
    counted = [reads.get_request_count_by_status(status) for status in NO_STATUS]  # type: ignore[arg-type]
    assert [0] * len(NO_STATUS) == counted
    assert 1 == reads.get_request_count_by_status("completed")
    caller.commit()


def test_a_user_id_that_is_no_integer_gets_an_empty_answer(reads: LLMService) -> None:
    """A user id that is text, or too large for the column, has no requests and a count of 0."""
    answers = [(reads.get_user_requests(user), reads.get_request_count_by_user(user)) for user in NO_USER]  # type: ignore[arg-type]
    assert [([], 0)] * len(NO_USER) == answers


def test_a_request_id_that_is_no_id_is_not_there(reads: LLMService) -> None:
    """An invalid request id finds no request."""
    assert [None] * len(NO_ID) == [reads.get_request(request_id) for request_id in NO_ID]  # type: ignore[arg-type]


def test_a_request_is_found_by_its_id_as_text(reads: LLMService, caller: Session) -> None:
    """A request is found by its id as a UUID and as text, in capitals too."""
    caller.add(made := row())
    caller.flush()
    found = [reads.get_request(spelled) for spelled in (made.id, str(made.id), str(made.id).upper())]
    assert [made.id] * 3 == [request.id for request in found if request]


@pytest.mark.parametrize(
    "moment",
    [NOON, NOON.replace(tzinfo=None), NOON.astimezone(EAST), NOON.astimezone(timezone(-timedelta(hours=12)))],
    ids=["utc", "naive", "east", "west"],
)
def test_a_moment_is_the_same_in_every_zone(reads: LLMService, caller: Session, moment: datetime) -> None:
    """`since` selects the same rows in every time zone, UTC without one, and includes rows of exactly that time."""
    caller.add_all([row(created_at=NOON - timedelta(microseconds=1), cost_estimate=1.0), row(cost_estimate=0.5)])
    caller.flush()
    assert (2, 0.5) == (reads.count_requests_since(moment), reads.sum_request_costs_since(moment))


@pytest.mark.parametrize("zone", [UTC, None, EAST, timezone(-timedelta(hours=12))], ids=str)
def test_the_ends_of_time_are_moments_too(reads: LLMService, zone: timezone | None) -> None:
    """Python's earliest time selects all rows, its latest one none, in any zone."""
    first, last = datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)
    assert (1, 0) == (reads.count_requests_since(first), reads.count_requests_since(last))


def test_no_cost_is_a_number(caller: Session) -> None:
    """The sum of costs is 0.0, a float, without rows and with rows of unknown cost."""
    sums = [llm_services_admin_provider(caller).sum_request_costs_since(NOON + timedelta(days=day)) for day in (-1, 1)]
    assert [0.0, 0.0] == sums
    assert {float} == {type(each) for each in sums}
