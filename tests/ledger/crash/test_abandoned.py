"""Only the rows that a dead process left pending are settled as abandoned; a living process can overwrite that."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from ledger.crash.comparison import complaints, rows
from ledger.crash.harness import BACKEND, Instant, nursery
from modules.llm_services import LLMError
from modules.llm_services.ledger.ledger import lock_timeout
from modules.llm_services.ledger.maintenance import longest_attempt, settle_abandoned
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole
from support.databases import apart
from support.processes import run_python
from support.server import serving

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path
    from uuid import UUID

    from sqlalchemy import Engine

    from support.server import Visit

USER = 1
COLUMNS = [column.name for column in LLMRequestModel.__table__.columns]
SETTLED = {"status", "error_type", "error_message", "updated_at"}
ANSWER = {
    "id": "gen-late",
    "model": "author/model",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Paris"}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8, "cost": 0.25},
}
REFUSAL = {"error": {"code": 402, "message": "no credits"}}


def snapshot(engine: Engine) -> dict[UUID, dict[str, Any]]:
    """Return the rows by their ids, column by column."""
    return {row.id: {name: getattr(row, name) for name in COLUMNS} for row in rows(engine, USER)}


def age(engine: Engine, ids: Sequence[UUID], by: timedelta) -> None:
    """Make rows older by `by`."""
    with apart(engine.url) as connection:
        connection.execute(
            update(LLMRequestModel).where(LLMRequestModel.id.in_(ids)).values(created_at=datetime.now(UTC) - by)
        )


def pending(engine: Engine, *ages: float) -> list[UUID]:
    """Write rows that have been pending for this many seconds; return their ids."""
    now = datetime.now(UTC)
    given: dict[str, Any] = {"user_id": USER, "provider": "openrouter", "model": "openrouter/a/b", "temperature": 0.7}
    left = [
        LLMRequestModel(**given, messages=[{"role": "user", "content": "?"}], created_at=now - timedelta(seconds=each))
        for each in ages
    ]
    with Session(engine) as session, session.begin():
        session.add_all(left)
        session.flush()
        return [row.id for row in left]


def script(engine: Engine, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run settle_abandoned.py as a process, with warnings as errors; an attempt may take ten minutes."""
    environment = {
        "PYTHONPATH": str(BACKEND),
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "REQUEST_TIMEOUT": "600",
    }
    command = [str(BACKEND / "scripts/settle_abandoned.py"), *arguments]
    return run_python(command, os.environ | environment, folder)


def settled(done: subprocess.CompletedProcess[str]) -> set[str]:
    """Return the ids that the script prints on success."""
    assert 0 == done.returncode, done.stderr
    return set(done.stdout.split())


async def test_what_a_killed_process_left_is_settled(engine: Engine) -> None:
    """Of the rows that a killed process left pending, those older than the limit are settled; nothing else changes."""
    async with nursery(engine) as child:
        story = await child.killed(USER, random.Random(), Instant("received", 60))  # noqa: S311 - no secret
    assert [] == complaints(story, rows(engine, USER))
    left = [row.id for row in rows(engine, USER) if row.status == "pending"]
    old, young = left[::2], left[1::2]
    assert old
    assert young
    age(engine, old, timedelta(hours=1))
    before = snapshot(engine)
    with Session(engine) as session, session.begin():
        assert set(old) == set(settle_abandoned(session, timedelta(minutes=30)))
    after = snapshot(engine)
    changed = {
        key: {name for name, value in row.items() if value != before[key][name]}
        for key, row in after.items()
        if row != before[key]
    }
    assert dict.fromkeys(old, SETTLED) == changed
    assert {("failed", "abandoned", None)} == {
        (after[key]["status"], after[key]["error_type"], after[key]["cost_estimate"]) for key in old
    }


def test_the_script_settles_what_no_living_process_can(engine: Engine, tmp_path: Path) -> None:
    """By default, rows older than any attempt are settled; `--minutes` sets a limit; a dry run changes nothing."""
    limit = longest_attempt(600)
    oldest, older, young = pending(engine, limit + 60, limit - 600, 0)
    before = snapshot(engine)
    dry = script(engine, tmp_path, "--dry-run", "--minutes", "10")
    assert {str(oldest), str(older)} == settled(dry)
    assert "2 would be settled that were pending for more than 600 s\n" == dry.stderr
    assert before == snapshot(engine)
    done = script(engine, tmp_path)
    assert {str(oldest)} == settled(done)
    assert f"1 settled that were pending for more than {limit:g} s\n" == done.stderr
    after = snapshot(engine)
    assert ("failed", "abandoned") == (after[oldest]["status"], after[oldest]["error_type"])
    assert [before[older], before[young]] == [after[older], after[young]]


def test_no_minutes_are_zero_minutes(sqlite_engine: Engine, tmp_path: Path) -> None:
    """`--minutes 0` settles all pending rows."""
    (young,) = pending(sqlite_engine, 1)
    assert {str(young)} == settled(script(sqlite_engine, tmp_path, "--minutes", "0"))


def test_an_attempt_is_not_taken_for_abandoned(engine: Engine) -> None:
    """The limit leaves time to open the row, to wait for the answer, and to settle the row."""
    assert lock_timeout(10) + 10 + lock_timeout(10) <= longest_attempt(10)
    (living,) = pending(engine, longest_attempt(10) - 30)
    with Session(engine) as session, session.begin():
        assert [] == list(settle_abandoned(session, timedelta(seconds=longest_attempt(10))))
    assert "pending" == snapshot(engine)[living]["status"]


@pytest.mark.parametrize(
    ("status", "body", "end"),
    [(200, ANSWER, ("completed", None, "Paris", 0.25)), (402, REFUSAL, ("failed", "LLMProviderError", None, None))],
    ids=["answer", "refusal"],
)
async def test_a_living_process_has_the_last_word(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, status: int, body: dict[str, Any], end: tuple[object, ...]
) -> None:
    """A row that was settled as abandoned during its call ends up like that of an undisturbed call."""
    asked, let_go = asyncio.Event(), asyncio.Event()

    async def answer(visit: Visit) -> None:
        asked.set()
        await let_go.wait()
        visit.answer(body, status=status)

    async with serving(answer) as server:
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        with Session(engine) as session:
            call = asyncio.ensure_future(_called(session))
            await asked.wait()
            with Session(engine) as other, other.begin():
                assert 1 == len(settle_abandoned(other, timedelta()))
            ((abandoned, row),) = snapshot(engine).items()
            assert ("failed", "abandoned") == (row["status"], row["error_type"])
            let_go.set()
            await call
            await _called(session)  # the undisturbed call
    late, untouched = sorted(snapshot(engine).values(), key=lambda row: bool(row["id"] != abandoned))
    assert end == tuple(late[name] for name in ("status", "error_type", "response_content", "cost_estimate"))
    own = {"id", "created_at", "updated_at", "execution_time_ms"}
    assert {name: late[name] for name in COLUMNS if name not in own} == {
        name: untouched[name] for name in COLUMNS if name not in own
    }


async def _called(session: Session) -> None:
    """Make one call, and ignore an LLMError."""
    message = LLMMessage(role=MessageRole.USER, content="What is the capital of France?")
    try:
        await llm_services_provider(session).generate_response([message], user_id=USER, model="openrouter/author/model")
    except LLMError as error:
        assert error.request_id  # noqa: PT017 - either end is a good one
