"""A database that fails: before the call, nothing is sent; after it, the answer is not lost."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError, LLMProviderError
from support.calls import ANSWER, Held, ask, hide_table, only_row
from support.databases import apart, close

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from support.calls import Serve
    from support.server import Visit


async def test_without_a_database_nothing_is_sent(engine: Engine, serve: Serve) -> None:
    """If the database cannot be reached, an LLMError without a row says so, and nothing is sent."""
    nowhere = create_engine(engine.url.set(database="/no/such/database"))
    async with serve(Held()) as server:
        with Session(nowhere) as session, pytest.raises(LLMError, match="nothing was sent: the database") as caught:
            await ask(session)
    close(nowhere)
    assert ([], None) == (server.visits, caught.value.request_id)
    assert (LLMError, False) == (type(caught.value), caught.value.retryable)


async def test_without_the_table_nothing_is_sent(engine: Engine, serve: Serve) -> None:
    """The same is true if the table is missing; the error quotes the database."""
    hide_table(engine)
    async with serve(Held()) as server:
        with Session(engine) as session, pytest.raises(LLMError, match=r"nothing was sent: .*llm_requests") as caught:
            await ask(session)
    assert ([], None) == (server.visits, caught.value.request_id)


@pytest.mark.parametrize("missing", ["the table", "a column"])
async def test_what_to_do_about_a_table_is_in_the_error(engine: Engine, missing: str) -> None:
    """If the table or a column is missing, the error is one line that says how the table is made."""
    if missing == "the table":
        hide_table(engine)
    else:
        with apart(engine.url) as connection:
            connection.execute(text("ALTER TABLE llm_requests RENAME COLUMN cost_estimate TO cost"))
    with Session(engine) as session, pytest.raises(LLMError, match="with a migration, or create it with") as caught:
        await ask(session)
    assert 1 == len(str(caught.value).splitlines())


async def test_a_table_that_may_not_be_written_is_not_missing(postgres_engine: Engine) -> None:
    """An error about the caller's rights does not say how the table is made."""
    with apart(postgres_engine.url) as connection:
        connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE insufficient_privilege USING MESSAGE = 'permission denied for table llm_requests'; END $$"
            )
        )
        connection.execute(text("CREATE TRIGGER refuse BEFORE INSERT ON llm_requests EXECUTE FUNCTION refuse()"))
    with Session(postgres_engine) as session, pytest.raises(LLMError, match="permission denied") as caught:
        await ask(session)
    assert "migration" not in str(caught.value)


def hidden_status(engine: Engine) -> tuple[object, str]:
    """Return id and status of the row in the renamed table."""
    with apart(engine.url) as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO llm_requests"))
    row = only_row(engine)
    return row.id, row.status


async def test_an_answer_that_cannot_be_recorded_rides_on_the_error(engine: Engine, serve: Serve) -> None:
    """If the database fails when the answer arrives, the LLMError has the answer and names the pending row."""

    def answer(visit: Visit) -> None:
        hide_table(engine)
        visit.answer(ANSWER)

    async with serve(answer):
        with Session(engine) as session, pytest.raises(LLMError, match="was not recorded") as caught:
            await ask(session)
    assert caught.value.response is not None
    assert ("Paris", 0.25) == (caught.value.response.content, caught.value.response.cost_estimate)
    assert (caught.value.request_id, "pending") == hidden_status(engine)


async def test_a_failure_that_cannot_be_recorded_is_raised_as_it_is(
    engine: Engine, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """If the database fails when an error arrives, the caller gets that error, and the log names the pending row."""

    def answer(visit: Visit) -> None:
        hide_table(engine)
        visit.answer({"error": {"code": 402, "message": "no credits"}}, status=402)

    async with serve(answer):
        with Session(engine) as session, pytest.raises(LLMProviderError, match="no credits") as caught:
            await ask(session)
    assert f"llm_request {caught.value.request_id} stays pending" in caplog.text
    assert (caught.value.request_id, "pending") == hidden_status(engine)


async def test_a_foreign_database_is_refused(serve: Serve) -> None:
    """An unsupported database raises an error that names the supported ones; nothing is sent."""
    driver = SimpleNamespace(paramstyle="format", version_info=(2, 0), __version__="2.0")
    engine = create_engine("mysql+mysqldb://host/name", module=driver)
    async with serve(Held()) as server:
        with Session(engine) as session, pytest.raises(ValueError, match="sqlite and postgresql, not to mysql"):
            await ask(session)
    gc.collect()
    assert [] == server.visits


async def test_a_session_without_a_database_sends_nothing(serve: Serve) -> None:
    """A session that is not bound raises an LLMError before anything is sent."""
    async with serve(Held()) as server:
        with Session() as session, pytest.raises(LLMError, match="nothing was sent"):
            await ask(session)
    assert [] == server.visits
