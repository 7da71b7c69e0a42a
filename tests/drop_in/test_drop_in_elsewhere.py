"""The unchanged module works when copied into another application."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import text

from drop_in.places import CLAUDE_AT_AMAZON, OPENROUTER_MODEL
from stand_in.vendors.openai import IMAGE, SILENCE
from support import databases
from support.processes import bare_environment

if TYPE_CHECKING:
    from sqlalchemy import URL

TESTS: Final = Path(__file__).resolve().parents[1]
MODULE: Final = TESTS.parent / "backend/modules/llm_services"
OTHER_APPLICATION: Final = Path(__file__).parent / "other_application"
ORDER: Final = "SELECT id, provider, api_variant, status FROM llm_requests ORDER BY created_at"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Copy only the module, next to another application's own modules."""
    shutil.copytree(OTHER_APPLICATION, tmp_path, dirs_exist_ok=True)
    shutil.copytree(MODULE, tmp_path / "modules/llm_services", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(folder: Path, url: URL, environment: dict[str, str]) -> dict[str, Any]:
    """Run the application for a day, with warnings as errors; return what it saw."""
    databases.empty(url)
    given = bare_environment(PYTHONPATH=f"{folder}:{TESTS}", PYTHONDONTWRITEBYTECODE="1")
    given["LOG_LEVEL"] = "ERROR"  # which models end soon depends on the date
    given |= environment | {"DATABASE_URL": url.render_as_string(hide_password=False)}
    command = [sys.executable, "-W", "error", "-m", "drop_in.application"]
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert "" == done.stderr, done.stderr
    assert 0 == done.returncode
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


@pytest.mark.parametrize(
    ("environment", "provider", "api_variant"),
    [
        ({}, "azure_openai", "responses"),
        ({"MODEL": "claude-haiku-4-5"}, "anthropic", "messages"),
        ({"MODEL": "claude-sonnet-4-5", **CLAUDE_AT_AMAZON}, "bedrock", "messages"),
        ({"MODEL": OPENROUTER_MODEL}, "openrouter", "chat_completions"),
    ],
    ids=["azure", "anthropic", "bedrock", "openrouter"],
)
def test_another_application(
    folder: Path,
    configured: dict[str, str],
    postgres_server: URL,
    environment: dict[str, str],
    provider: str,
    api_variant: str,
) -> None:
    """Every flow works with the application's base, scoped sessions and engine, which has different settings."""
    seen = run(folder, postgres_server, configured | environment)
    text_row = (provider, api_variant, "completed")
    media = [("openai", "images", "completed"), ("openai", "speech", "completed")]
    with databases.apart(postgres_server) as connection:
        rows = connection.execute(text(ORDER)).all()
    assert [text_row, text_row, *media, *[text_row] * 5] == [tuple(row[1:]) for row in rows]
    assert [str(row[0]) for row in reversed(rows)] == seen["requests"]
    assert ([9, 9, 9], str(rows[-1][0])) == (seen["counts"], seen["described"])
    assert (len(IMAGE), ["audio/mpeg", len(SILENCE)]) == (seen["image"][1], seen["audio"])
    assert ["completed"] * 2 == [status for _content, status, _cost in seen["answers"]]


def test_what_it_ran_on(folder: Path, configured: dict[str, str], postgres_server: URL) -> None:
    """The application loaded only its own modules: its copy of this one, its base and its infrastructure."""
    files = run(folder, postgres_server, configured)["files"]
    assert {"modules.llm_services.public", "modules.shared_models", "modules.infrastructure.public"} <= files.keys()
    assert [] == [file for file in files.values() if not Path(file).is_relative_to(folder)]
