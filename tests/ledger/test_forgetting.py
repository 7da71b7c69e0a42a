"""Forgetting removes texts from settled rows, keeps figures, and does not block other writers."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import create_engine, event, select, text, update
from sqlalchemy.orm import Session

from ledger.written_rows import FACTS, PARAMS, SECRET, written
from modules.llm_services.ledger import forgetting
from modules.llm_services.ledger.forgetting import (
    MAX_BATCH_ROWS,
    Selection,
    count_pending,
    empty_log,
    find_forgotten,
    forget,
    select_rows,
)
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.types import LLMRequest
from reporting.reported_rows import FIRST, noon, row, write
from support.calls import Consumer, Lesson, rows, titles

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from sqlalchemy import Connection, Engine

NOW: Final = datetime(2026, 11, 26, tzinfo=UTC)
CHANGED: Final = {
    "messages", "additional_params", "request_payload", "response_content", "response_raw", "response_output",
    "error_message", "updated_at",
}  # fmt: skip


def forget_all(engine: Engine, **selection: Any) -> int:
    """Forget a selection; return the number of rows."""
    return sum(forget(engine, select_rows(engine, Selection(**selection)), NOW))


def texts(engine: Engine) -> list[str]:
    """Return all columns of every row as text, as the database has them."""
    with engine.connect() as connection:
        return [str(tuple(found)) for found in connection.execute(text("SELECT * FROM llm_requests"))]


def test_nothing_that_was_written_is_left(engine: Engine) -> None:
    """No column of a forgotten row has text of the prompt, the answer, the body, or an error that quotes them."""
    write(engine, written(), written(status="failed"))
    assert 2 == sum(SECRET in found for found in texts(engine))
    assert 2 == forget_all(engine, user_id=1)
    assert [] == [found for found in texts(engine) if SECRET in found]


def test_everything_else_stays(engine: Engine) -> None:
    """Ids, user, status, model, figures, error type and times are unchanged, and the row can be read."""
    write(engine, written())
    (before,) = rows(engine)
    forget_all(engine, user_id=1)
    (after,) = rows(engine)
    names = {column.name for column in LLMRequestModel.__table__.columns}
    assert {name for name in names if getattr(before, name) != getattr(after, name)} == CHANGED
    assert [] == LLMRequest.model_validate(after).messages


def test_of_options_and_facts_stay_figures_and_names(engine: Engine) -> None:
    """In the options, metadata, first attempt, idempotency key and figures stay; in the envelope, known facts stay."""
    write(engine, written())
    forget_all(engine, user_id=1)
    (after,) = rows(engine)
    assert after.additional_params == PARAMS
    assert after.response_raw == {**FACTS, "forgotten_at": NOW.isoformat()}


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"before": noon(FIRST)}, [1, 2]),
        ({"before": noon(FIRST) + timedelta(microseconds=1)}, [1, 2, 3]),
        ({"user_id": 2}, [2, 4]),
        ({"user_id": 2, "before": noon(FIRST)}, [2]),
        ({"user_id": 5}, []),
    ],
)
def test_which_rows(engine: Engine, selection: dict[str, Any], expected: list[int]) -> None:
    """Rows are selected by their start, by their user, or by both."""
    ids = write(
        engine,
        written(user_id=None, created_at=noon(FIRST) - timedelta(days=2)),
        written(user_id=2, created_at=noon(FIRST) - timedelta(microseconds=1)),
        written(user_id=None, created_at=noon(FIRST)),
        written(user_id=2, created_at=noon(FIRST) + timedelta(days=1)),
    )
    found = select_rows(engine, Selection(**selection))
    assert sorted(found) == sorted(ids[number - 1] for number in expected)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_attempt_of_a_call(engine: Engine, number: int) -> None:
    """Whichever attempt is named, all attempts of its call are forgotten, and no others."""
    (first,) = write(engine, written(additional_params=None))
    later = {"first_attempt": str(first)}
    ids = [first, *write(engine, *(written(retry_attempt=at, additional_params=later) for at in (2, 3)))]
    write(
        engine, written(additional_params={"first_attempt": "other"}, retry_attempt=2), written(additional_params=None)
    )
    assert set(ids) == set(select_rows(engine, Selection(request_id=ids[number])))


def test_a_pending_row_is_left_alone(engine: Engine) -> None:
    """The row of a call in flight is counted and not changed, because its answer would be written afterwards."""
    write(engine, written(status="pending"), written())
    assert 1 == count_pending(engine, Selection(user_id=1))
    assert 1 == forget_all(engine, user_id=1)
    assert 1 == sum(SECRET in found for found in texts(engine))


def test_a_row_that_became_pending_meanwhile_is_left_alone(engine: Engine) -> None:
    """A selected row is checked again before it is changed."""
    ids = write(engine, written())
    with engine.begin() as connection:
        connection.execute(update(LLMRequestModel).values(status="pending"))
    list(forget(engine, ids, NOW))
    assert set() == find_forgotten(engine, ids)


def test_an_interrupted_run_is_continued(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that were committed before an interruption stay forgotten, and are not selected again."""
    monkeypatch.setattr(forgetting, "MAX_BATCH_ROWS", 2)
    monkeypatch.setattr(forgetting, "MAX_LOCK_SECONDS", math.inf)
    write(engine, *(written() for _ in range(5)))
    running = forget(engine, select_rows(engine, Selection(user_id=1)), NOW)
    assert 2 == next(running)
    running.close()
    assert 3 == len(select_rows(engine, Selection(user_id=1)))
    assert 3 == forget_all(engine, user_id=1)
    assert 0 == forget_all(engine, user_id=1)


@pytest.mark.parametrize("odd", [["a", SECRET], SECRET, 7, {"cost_source": SECRET * 1000}])
def test_an_envelope_of_another_shape(engine: Engine, odd: object) -> None:
    """A list, a text or a very long fact in the envelope is removed too."""
    write(engine, written(response_raw=odd, additional_params=odd))
    assert 1 == forget_all(engine, user_id=1)
    assert SECRET not in texts(engine)[0]


@pytest.mark.parametrize("name", ["error_code", "native_finish_reason", "upstream_provider"])
def test_a_fact_that_quotes_is_none(engine: Engine, name: str) -> None:
    """A text of many words is removed from any field; a short name stays."""
    write(engine, written(response_raw={name: f"the prompt says {SECRET} is a plan"}))
    write(engine, written(response_raw={name: "Google AI Studio"}, additional_params={f"{SECRET} is": 1, "seed": 1}))
    assert 2 == forget_all(engine, user_id=1)
    assert [] == [found for found in texts(engine) if SECRET in found]
    envelopes = [found.response_raw or {} for found in rows(engine)]
    assert ["Google AI Studio"] == [envelope[name] for envelope in envelopes if name in envelope]


def test_what_is_no_json_at_all(sqlite_engine: Engine) -> None:
    """A row with a damaged column can be forgotten."""
    write(sqlite_engine, written())
    with sqlite_engine.begin() as connection:
        connection.execute(text("UPDATE llm_requests SET response_raw = '{Walnut-4711', additional_params = '{x'"))
    assert 1 == forget_all(sqlite_engine, user_id=1)
    assert SECRET not in texts(sqlite_engine)[0]


def test_forgotten_rows_are_found_by_their_ids(engine: Engine) -> None:
    """The ids of forgotten rows are found among many ids."""
    ids = write(engine, *(written(user_id=user % 2) for user in range(forgetting.IDS_PER_QUERY + 10)))
    forget_all(engine, user_id=0)
    assert set(ids[::2]) == find_forgotten(engine, ids)


def test_nothing_is_left_in_the_files(sqlite_engine: Engine, tmp_path: Path) -> None:
    """SQLite overwrites freed space, so neither its file nor its log has the text after a checkpoint."""
    write(sqlite_engine, *(written(response_content=f"{SECRET} " * 2000) for _ in range(20)))
    assert [] != [file for file in tmp_path.iterdir() if SECRET.encode() in file.read_bytes()]
    forget_all(sqlite_engine, user_id=1)
    assert empty_log(sqlite_engine)
    assert [] == [file for file in tmp_path.iterdir() if SECRET.encode() in file.read_bytes()]


def test_a_log_in_use_is_not_emptied(sqlite_engine: Engine) -> None:
    """While another connection reads, the log cannot be emptied, and the function returns False."""
    write(sqlite_engine, written())
    with sqlite_engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT count(*) FROM llm_requests").all()
        forget_all(sqlite_engine, user_id=1)
        assert not empty_log(sqlite_engine)
        reader.rollback()


def test_a_batch_is_small(engine: Engine) -> None:
    """No commit has more rows than the limit."""
    write(engine, *(written() for _ in range(MAX_BATCH_ROWS + 5)))
    counts = list(forget(engine, select_rows(engine, Selection(user_id=1)), NOW))
    assert MAX_BATCH_ROWS + 5 == sum(counts)
    assert MAX_BATCH_ROWS >= max(counts)


def test_a_batch_of_large_rows_is_smaller(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its time is up, a batch ends after the current row."""
    monkeypatch.setattr(forgetting, "MAX_LOCK_SECONDS", 0)
    write(engine, *(written() for _ in range(3)))
    assert [1, 1, 1] == list(forget(engine, select_rows(engine, Selection(user_id=1)), NOW))


def test_between_batches_sqlite_is_free(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every batch, another connection can write at once, without waiting for the lock."""
    monkeypatch.setattr(forgetting, "MAX_BATCH_ROWS", 1)
    ids = write(sqlite_engine, *(written() for _ in range(3)))
    other = create_engine(sqlite_engine.url, connect_args={"timeout": 0})
    for _ in forget(sqlite_engine, ids, NOW):
        write(other, row(user_id=9))
    other.dispose()
    assert 3 == sum(found.user_id == 9 for found in rows(sqlite_engine))


def test_on_postgresql_nobody_waits(postgres_engine: Engine) -> None:
    """During a batch, another connection adds rows and settles a row outside the batch, without waiting."""
    pending, chosen = write(postgres_engine, written(status="pending", user_id=2), written())
    other = create_engine(postgres_engine.url, connect_args={"options": "-c lock_timeout=100"})
    added: list[UUID] = []

    def settle(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE"):
            added.extend(write(other, row(user_id=9)))
            with other.begin() as connection:
                mine = update(LLMRequestModel).where(LLMRequestModel.id == pending)
                connection.execute(mine.values(status="completed"))

    event.listen(postgres_engine, "after_cursor_execute", settle)
    assert [1] == list(forget(postgres_engine, [chosen], NOW))
    event.remove(postgres_engine, "after_cursor_execute", settle)
    other.dispose()
    assert 1 == len(added)
    with postgres_engine.connect() as connection:
        assert "completed" == connection.scalar(select(LLMRequestModel.status).where(LLMRequestModel.id == pending))


def test_a_row_that_others_refer_to_is_not_locked_for_them(postgres_engine: Engine) -> None:
    """A consumer's uncommitted row that refers to a request neither prevents forgetting it nor is blocked by it."""
    Consumer.metadata.create_all(postgres_engine)
    before, chosen = write(postgres_engine, written(), written())
    options = {"options": "-c lock_timeout=1000"}  # a wait here would be a deadlock
    mine, other = (create_engine(postgres_engine.url, connect_args=options) for _ in range(2))

    def refer(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("UPDATE"):
            with Session(other) as session, session.begin():
                session.add(Lesson(title="during", request_id=chosen))

    event.listen(mine, "after_cursor_execute", refer)
    with Session(other) as session, session.begin():
        session.add(Lesson(title="before", request_id=before))
        session.flush()
        assert 2 == sum(forget(mine, [before, chosen], NOW))
    mine.dispose()
    other.dispose()
    assert ["before", "during", "during"] == sorted(titles(postgres_engine))


def test_a_late_settlement_can_be_forgotten_again(engine: Engine) -> None:
    """If a call that counted as abandoned still writes its answer into the forgotten row, the next run forgets it."""
    write(engine, written())
    forget_all(engine, user_id=1)
    with engine.begin() as connection:
        connection.execute(update(LLMRequestModel).values(response_raw={"body": SECRET}, response_content=SECRET))
    assert 1 == forget_all(engine, user_id=1)
    assert SECRET not in json.dumps(texts(engine))
