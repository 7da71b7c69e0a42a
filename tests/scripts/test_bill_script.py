"""reconcile_costs.py --bill as a process, against the stand-in's activity for the calls that it served."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from modules.llm_services import LLMError
from modules.llm_services.models import LLMRequestModel
from stand_in import running
from support.calls import ask, rows
from support.processes import run_python

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from sqlalchemy import Engine

BACKEND: Final = Path(__file__).resolve().parents[2] / "backend"
MANAGEMENT_KEY: Final = "sk-or-v1-management-0a1b2c3d"
SCENARIOS: Final = ("completion", "byok", "free", "prompt-cache-hit", "fallback")


@pytest.fixture
def server() -> Iterator[str]:
    """Run a new stand-in, so that its activity belongs to this test only."""
    with running() as url:
        yield url


@pytest.fixture
def calls(engine: Engine, server: str, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Make a call of each billed kind, one that is refused, and one that breaks off after it was billed."""
    monkeypatch.setenv("OPENROUTER_BASE_URL", server)
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-bill")
    monkeypatch.setenv("MAX_RETRIES", "0")

    async def make(model: str) -> None:
        with Session(engine) as session:
            await ask(session, f"openrouter/stand-in/{model}")

    for scenario in SCENARIOS:
        asyncio.run(make(scenario))
    with pytest.raises(LLMError):
        asyncio.run(make("rate-limited"))
    return engine


def run(
    engine: Engine, server: str, folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run reconcile_costs.py as a process, with warnings as errors."""
    settings = {
        "PYTHONPATH": str(BACKEND),
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "OPENROUTER_BASE_URL": server,
        "OPENROUTER_MANAGEMENT_KEY": MANAGEMENT_KEY,
    }
    command = [str(BACKEND / "scripts/reconcile_costs.py"), *arguments]
    return run_python(command, os.environ | settings | variables, folder)


def this_month() -> str:
    """Return the option for the month of the calls."""
    return f"--bill={datetime.now(UTC):%Y-%m}"


def amounts(printed: str) -> dict[str, float]:
    """Return the amounts at the beginning of the output, by name."""
    lines = [line.rsplit(maxsplit=2) for line in printed.splitlines() if line.endswith(" USD")]
    return {name.strip(): float(usd) for name, usd, _ in lines}


def test_it_agrees_with_the_calls_that_were_made(calls: Engine, server: str, tmp_path: Path) -> None:
    """Answers paid with credits, with an own key, and free ones agree; a refusal is on neither list."""
    done = run(calls, server, tmp_path, this_month())
    found = amounts(done.stdout)
    assert (0, "") == (done.returncode, done.stderr)
    assert found["on the bill"] == found["in the table"] == found["agreeing"] > 0
    assert 0 == found["difference"]


def test_a_row_that_is_gone_is_a_call_from_elsewhere(calls: Engine, server: str, tmp_path: Path) -> None:
    """A billed call without a row counts as a call that was made elsewhere."""
    model = "openrouter/stand-in/fallback"
    with calls.begin() as connection:
        connection.execute(delete(LLMRequestModel).where(LLMRequestModel.model == model))
    done = run(calls, server, tmp_path, this_month())
    found = amounts(done.stdout)
    assert 1 == done.returncode
    assert found["difference"] == found["calls made elsewhere"] > 0
    assert "stand-in/fallback Azure: " in done.stdout
    assert "0 rows in the table (calls made elsewhere)" in done.stdout


def test_a_row_of_unknown_cost_is_named(calls: Engine, server: str, tmp_path: Path) -> None:
    """For a billed row without a cost, the output says how to look it up; after that, there is no difference."""
    lost = LLMRequestModel.model == "openrouter/stand-in/completion"
    with calls.begin() as connection:
        connection.execute(update(LLMRequestModel).where(lost).values(cost_estimate=None, status="failed"))
    done = run(calls, server, tmp_path, this_month())
    assert amounts(done.stdout)["rows of unknown cost"] > 0
    assert "rows of unknown cost: 1; run this without --bill to look them up" in done.stdout
    assert 0 == run(calls, server, tmp_path).returncode
    assert 0 == run(calls, server, tmp_path, this_month()).returncode


def test_a_cost_that_was_changed_is_found(calls: Engine, server: str, tmp_path: Path) -> None:
    """A row with a cost that differs from the bill has its own line with both amounts."""
    changed = LLMRequestModel.model == "openrouter/stand-in/completion"
    with calls.begin() as connection:
        connection.execute(update(LLMRequestModel).where(changed).values(cost_estimate=7.5))
    done = run(calls, server, tmp_path, this_month())
    assert 1 == done.returncode
    assert "7.500000 USD for 1 rows in the table (the same calls at another cost)" in done.stdout


def test_a_month_that_is_over_for_long_is_not_compared(calls: Engine, server: str, tmp_path: Path) -> None:
    """Each day that OpenRouter no longer lists is named, with the table's amount."""
    with calls.begin() as connection:
        connection.execute(update(LLMRequestModel).values(created_at=datetime(2026, 2, 3, tzinfo=UTC)))
    done = run(calls, server, tmp_path, "--bill=2026-02")
    total = sum(row.cost_estimate or 0.0 for row in rows(calls))
    assert 0 == done.returncode
    assert (
        f"2026-02-03 is not compared, because OpenRouter does not list it: {total:.6f} USD in the table" in done.stdout
    )
    assert 28 == done.stdout.count("is not compared")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"OPENROUTER_MANAGEMENT_KEY": ""}, "OPENROUTER_MANAGEMENT_KEY is not set"),
        ({"OPENROUTER_MANAGEMENT_KEY": "sk-or-v1-calls-alone"}, "403: Only management keys can perform this operation"),
        ({"OPENROUTER_BASE_URL": "http://127.0.0.1:9/api/v1"}, "no answer from http://127.0.0.1:9/api/v1/activity"),
        ({"DATABASE_URL": "sqlite:///elsewhere.db"}, "there is no SQLite file elsewhere.db"),
    ],
)
def test_what_it_needs_is_named(
    sqlite_engine: Engine, server: str, tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    """Without the right key, an answer or a table, it exits with 2 and one line without a key."""
    done = run(sqlite_engine, server, tmp_path, this_month(), **variables)
    assert (2, "", 1) == (done.returncode, done.stdout, len(done.stderr.splitlines()))
    assert message in done.stderr
    assert "sk-or-v1" not in done.stderr


@pytest.mark.parametrize("month", ["2026", "2026-13", "november", "9999-12"])
def test_a_month_that_is_none(sqlite_engine: Engine, server: str, tmp_path: Path, month: str) -> None:
    """An invalid month gives exit code 2."""
    done = run(sqlite_engine, server, tmp_path, f"--bill={month}")
    assert (2, "") == (done.returncode, done.stdout)
    assert f"'{month}' is not a month" in done.stderr


def test_the_activity_of_a_day(calls: Engine, server: str) -> None:
    """The stand-in's activity has OpenRouter's fields; `date` limits it to one day."""
    del calls
    headers = {"Authorization": f"Bearer {MANAGEMENT_KEY}"}
    today = datetime.now(UTC).date()
    with httpx.Client(base_url=server, headers=headers, trust_env=False) as client:
        found = client.get("/activity").json()["data"]
        yesterdays = client.get("/activity", params={"date": str(today - timedelta(days=1))}).json()["data"]
    assert {f"stand-in/{scenario}" for scenario in SCENARIOS} == {entry["model"] for entry in found}
    (own_key,) = (entry for entry in found if entry["model"] == "stand-in/byok")
    assert (0, True) == (own_key["usage"], own_key["byok_usage_inference"] > 0)
    assert all(entry["requests"] == 1 for entry in found)
    assert [entry for entry in found if entry["date"] == str(today - timedelta(days=1))] == yesterdays
