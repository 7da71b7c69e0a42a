"""forget.py as a process, on rows of real calls: attempts, an answer in the response cache, an exported cassette."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from modules.llm_services.models import LLMRequestModel
from scripts.programs import run_here
from support.calls import ask, rows
from support.processes import run_python

if TYPE_CHECKING:
    import subprocess

    from sqlalchemy import Engine

    from stand_in.pytest_plugin import LLMStandIn

BACKEND: Final = Path(__file__).resolve().parents[2] / "backend"
SECRET: Final = "Walnut-4711"
RETRIED: Final = "openrouter/stand-in/flaky"  # fails once for every prompt


def run(engine: Engine, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run forget.py as a process, with warnings as errors."""
    url = engine.url.render_as_string(hide_password=False)
    settings = {"PYTHONPATH": str(BACKEND), "DATABASE_URL": url, "LLM_CACHE_DIR": str(folder / "answers"), **variables}
    return run_python([str(BACKEND / "scripts/forget.py"), *arguments], os.environ | settings, folder)


@pytest.fixture
def calls(engine: Engine, llm_stand_in: LLMStandIn, tmp_path: Path) -> list[UUID]:
    """Make a call of two attempts and a cached one for user 42, and one for user 7; return their ids."""
    llm_stand_in.monkeypatch.setenv("LLM_CACHE_DIR", str(tmp_path / "answers"))
    llm_stand_in.monkeypatch.setattr("modules.llm_services.flow.loop.BACKOFF_SECONDS", 0)

    async def made() -> list[UUID]:
        with Session(engine) as session:
            return [
                await ask(session, RETRIED, f"Who is {SECRET}? {uuid4()}", user_id=42),
                await ask(session, question=f"Where is {SECRET}?", user_id=42, use_cache=True),
                await ask(session, question="And the moon?", user_id=7, use_cache=True),
            ]

    return asyncio.run(made())


def holding(engine: Engine, folder: Path) -> list[str]:
    """Return the rows and the cached answers that contain the secret, by user and by `cache`."""
    with engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM llm_requests")).all()
    held = [str(row.user_id) for row in found if SECRET in str(tuple(row))]
    return held + ["cache" for path in (folder / "answers").iterdir() if SECRET.encode() in path.read_bytes()]


def test_a_user_is_forgotten(engine: Engine, tmp_path: Path, calls: list[UUID]) -> None:
    """All rows of the user and their cached answers are forgotten, and no others; the output names what remains."""
    assert ["42", "42", "42", "cache"] == holding(engine, tmp_path)
    done = run(engine, tmp_path, "--user=42")
    assert (0, "[1/1] rows up to 3 of 3\n") == (done.returncode, done.stderr)
    assert "3 rows forgotten" in done.stdout
    assert "1 entries removed from the response cache" in done.stdout
    for beyond in ("VACUUM", "backups", "OpenRouter", "spans and logs"):
        assert beyond in done.stdout
    assert [] == holding(engine, tmp_path)
    assert 1 == len(list((tmp_path / "answers").iterdir()))
    other = next(row for row in rows(engine) if row.id == calls[2])
    assert "And the moon?" == other.messages[0]["content"]


def test_a_call_is_forgotten_with_all_its_attempts(engine: Engine, tmp_path: Path, calls: list[UUID]) -> None:
    """The caller's id is that of the last attempt; the first is forgotten too, and no other call."""
    assert "2 rows forgotten" in run(engine, tmp_path, f"--request={calls[0]}").stdout
    assert ["42", "cache"] == holding(engine, tmp_path)
    assert "0 rows forgotten" in run(engine, tmp_path, f"--request={calls[0]}").stdout


@pytest.mark.usefixtures("calls")
def test_what_is_old_is_forgotten(engine: Engine, tmp_path: Path) -> None:
    """Today's rows are not older than a day, but older than zero hours."""
    assert "0 rows forgotten" in run(engine, tmp_path, "--older-than=1d").stdout
    assert "4 rows forgotten" in run(engine, tmp_path, "--older-than=0h").stdout
    assert [] == holding(engine, tmp_path)


@pytest.mark.usefixtures("calls")
def test_a_dry_run_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    """With --dry-run, it prints the number of rows, and changes neither rows nor cached answers."""
    before = holding(engine, tmp_path)
    done = run(engine, tmp_path, "--user=42", "--dry-run")
    assert (0, "3 rows would be forgotten\n", "") == (done.returncode, done.stdout, done.stderr)
    assert before == holding(engine, tmp_path)


def test_exported_cassettes_are_listed(engine: Engine, tmp_path: Path, calls: list[UUID]) -> None:
    """A cassette of a forgotten row is listed, in a dry run and in later runs too; none is deleted."""
    folder = tmp_path / "exported"
    folder.mkdir()
    for name, request_id in zip(("hers", "his"), calls[1:], strict=True):
        (folder / f"{name}.yaml").write_text(f"origin:\n  requests:\n  - {request_id}\n", "utf-8")
    exported = f"--exported={folder}"
    for more in (["--dry-run"], [], []):
        printed = run(engine, tmp_path, "--user=42", exported, *more).stdout
        assert f"exported from these rows, review and delete: {folder / 'hers.yaml'}" in printed
        assert "his.yaml" not in printed
    assert 2 == len(list(folder.iterdir()))


@pytest.mark.usefixtures("calls")
def test_a_pending_row_is_named(engine: Engine, tmp_path: Path) -> None:
    """Pending rows are skipped and counted, and the exit code is 1."""
    with engine.begin() as connection:
        connection.execute(update(LLMRequestModel).where(LLMRequestModel.retry_attempt == 2).values(status="pending"))
    done = run(engine, tmp_path, "--user=42")
    assert 1 == done.returncode
    assert "1 rows are pending" in done.stdout
    assert ["42"] == holding(engine, tmp_path)


@pytest.mark.usefixtures("calls")
def test_a_cache_that_cannot_be_reached_is_named(engine: Engine, tmp_path: Path) -> None:
    """If the cache cannot be reached, the rows are forgotten, the output says so, and the exit code is 1."""
    done = run(engine, tmp_path, "--user=42", LLM_CACHE_URL="redis://127.0.0.1:1/0")
    assert (1, True) == (done.returncode, "the response cache could not be reached: ConnectionError" in done.stdout)
    assert ["cache"] == holding(engine, tmp_path)
    assert "1 entries removed" in run(engine, tmp_path, "--user=42").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say which rows"),
        (["--user=1", "--request=0e65a72b-7b4d-4585-b08a-ab5d7be13a78"], "--request alone"),
        (["--older-than=soon"], "soon is not an age: write it as 90d, 12h or 6w"),
        (["--older-than=-1d"], "-1d is not an age"),
        (["--older-than=99999999999w"], "the calendar does not go that far"),
        (["--user=all"], "'all' is not a user id"),
        (["--user=99999999999"], "'99999999999' is not a user id"),
        (["--request=7"], "7 is not a request id"),
        (["--request=0e65a72b-7b4d-4585-b08a-ab5d7be13a78"], "there is no row 0e65a72b-7b4d-4585-b08a-ab5d7be13a78"),
    ],
    ids=str,
)
def test_an_impossible_argument_is_named(
    sqlite_engine: Engine, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """An invalid argument gives exit code 2 and a sentence, and nothing is forgotten."""
    url = sqlite_engine.url.render_as_string()
    done = run_here("backend/scripts/forget.py", tmp_path, *arguments, DATABASE_URL=url)
    assert (2, "") == (done.returncode, done.stdout)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_there(sqlite_engine: Engine, tmp_path: Path) -> None:
    """A missing SQLite file is not created, because the rows must be somewhere else."""
    done = run(sqlite_engine, tmp_path, "--user=1", DATABASE_URL="sqlite:///elsewhere.db")
    assert (2, "") == (done.returncode, done.stdout)
    assert "there is no SQLite file elsewhere.db" in done.stderr
    assert not (tmp_path / "elsewhere.db").exists()
