"""backend/scripts/export_cassette.py, run as a person runs it, and the test that it prints, run unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from sqlalchemy.orm import Session

from cassette.format import read_origin
from cassettes.exporting.conftest import KEY
from cassettes.exporting.incidents import QUESTION, WEATHER, City, make_calls
from cassettes.recording.record import ROOT
from modules.llm_services.types import LLMProviderType

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from modules.llm_services import LLMServicesProvider

SCRIPT = ROOT / "backend/scripts/export_cassette.py"
TEXT = "openrouter/author/model"
Lead = Callable[..., str]


def run(engine: Engine, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command on the test's database."""
    url = engine.url.render_as_string(hide_password=False)
    environ = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": f"{ROOT / 'backend'}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, "-W", "error", SCRIPT, *arguments]
    return subprocess.run(command, env=environ, check=False, capture_output=True, text=True)


def request_id_of(engine: Engine, call: Callable[[LLMServicesProvider], Any]) -> str:
    """Make a call, and return the id of its last row."""
    with Session(engine) as session:
        return str(make_calls(session, call).requests[-1].id)


def text(llm: LLMServicesProvider) -> Any:  # noqa: ANN401 - an awaitable
    """Ask for text."""
    return llm.generate_response(QUESTION, model=TEXT)


CALLS: dict[str, tuple[LLMProviderType | None, Callable[[LLMServicesProvider], Any]]] = {
    "text": (None, text),
    "error": (None, lambda llm: llm.generate_response(QUESTION, model="openrouter/stand-in/daily-cap")),
    "object": (None, lambda llm: llm.generate_structured_response(QUESTION, City, model=TEXT)),
    "object by schema": (
        None,
        lambda llm: llm.generate_structured_response(QUESTION, City, model=TEXT, structured_output="json_schema"),
    ),
    "tools": (None, lambda llm: llm.generate_response_with_tools(QUESTION, [WEATHER], model=TEXT)),
    "forced tool": (
        LLMProviderType.BEDROCK,
        lambda llm: llm.generate_structured_response(QUESTION, City, model="claude-haiku-4-5"),
    ),
    "image": (LLMProviderType.OPENAI, lambda llm: llm.generate_image("A walnut")),
    "speech": (LLMProviderType.OPENAI, lambda llm: llm.generate_audio("A walnut", "nova", model="tts-1")),
}


def summary_of(test: str, file: Path) -> str:
    """Run a printed test below tests/, where it is pasted; return the last line of pytest, or all when it fails."""
    file_to_run = ROOT / f"tests/cassettes/exporting/test_pasted_{uuid.uuid4().hex}.py"
    file_to_run.write_text(test)
    try:
        command = [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", str(file_to_run)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment_without_keys(), check=False, capture_output=True, text=True
        )
    finally:
        file_to_run.unlink()
    return done.stdout.splitlines()[-1] if not done.returncode else f"{file.read_text()}{done.stdout}{done.stderr}"


def environment_without_keys() -> dict[str, str]:
    """Return an environment without a vendor's address and key."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENROUTER", "LLM_"))}
    return {**kept, "PYTEST_ADDOPTS": ""}


@pytest.mark.parametrize(
    ("name", "option"),
    [*((name, "--keep-prompts") for name in CALLS), ("error", "--mask-prompts"), ("object", "--mask-prompts")],
)
def test_the_printed_test_passes(sqlite_engine: Engine, tmp_path: Path, lead: Lead, name: str, option: str) -> None:
    """The command writes the cassette and prints a test, which passes unchanged."""
    provider, call = CALLS[name]
    if provider:
        lead(provider)
    done = run(sqlite_engine, request_id_of(sqlite_engine, call), "--out", tmp_path, option)
    assert 0 == done.returncode, done.stderr
    [file] = tmp_path.glob("*.yaml")
    assert str(file) in done.stderr
    assert summary_of(done.stdout, file).startswith("1 passed")


def test_a_changed_cassette_makes_the_printed_test_red(sqlite_engine: Engine, tmp_path: Path) -> None:
    """The printed test fails when the answer in the cassette is another."""
    done = run(sqlite_engine, request_id_of(sqlite_engine, text), "--out", tmp_path)
    [file] = tmp_path.glob("*.yaml")
    file.write_text(file.read_text().replace("finish_reason: stop", "finish_reason: length"))
    assert "1 failed" in summary_of(done.stdout, file)


def test_a_row_of_postgresql(postgres_engine: Engine, tmp_path: Path) -> None:
    """DATABASE_URL leads to PostgreSQL as well."""
    done = run(postgres_engine, request_id_of(postgres_engine, text), "--out", tmp_path)
    assert 0 == done.returncode, done.stderr
    assert [".yaml"] == [file.suffix for file in tmp_path.iterdir() if file.is_file() and file.suffix != ".db"]


def test_prompts_are_masked_unless_kept(sqlite_engine: Engine, tmp_path: Path) -> None:
    """Without an option no prompt is written; the key is never written."""
    request_id = request_id_of(sqlite_engine, text)
    masked = run(sqlite_engine, request_id, "--out", tmp_path / "masked")
    kept = run(sqlite_engine, request_id, "--out", tmp_path / "kept", "--keep-prompts")
    file = f"{request_id}.yaml"
    assert "Walnut" not in masked.stdout + masked.stderr + (tmp_path / "masked" / file).read_text()
    assert "Walnut" in kept.stdout
    assert "Walnut" in (tmp_path / "kept" / file).read_text()
    assert KEY not in kept.stdout + (tmp_path / "kept" / file).read_text()


def test_a_cassette_says_where_it_is_from(sqlite_engine: Engine, tmp_path: Path) -> None:
    """The origin in the file names its row, the days of the call and of the export, and says if prompts are masked."""
    request_id = request_id_of(sqlite_engine, text)
    run(sqlite_engine, request_id, "--out", tmp_path)
    found = read_origin(tmp_path / f"{request_id}.yaml")
    assert "not the wire" in found["source"]
    assert ([request_id], "openrouter", "masked") == (found["requests"], found["provider"], found["prompts"])
    assert {"asked", "exported"} < found.keys()


def test_nothing_is_overwritten_unasked(sqlite_engine: Engine, tmp_path: Path) -> None:
    """A file that is there stays, with exit code 2, until --force."""
    request_id = request_id_of(sqlite_engine, text)
    file = tmp_path / f"{request_id}.yaml"
    file.write_text("mine")
    done = run(sqlite_engine, request_id, "--out", tmp_path)
    assert (2, "mine", True) == (done.returncode, file.read_text(), "--force" in done.stderr)
    assert 0 == run(sqlite_engine, request_id, "--out", tmp_path, "--force").returncode
    assert yaml.safe_load(file.read_text())["interactions"]


@pytest.mark.parametrize("request_id", ["9f0c3a7e-7b4d-4585-b08a-ab5d7be13a78", "no-id"])
def test_an_unknown_row(sqlite_engine: Engine, tmp_path: Path, request_id: str) -> None:
    """An id that no row has is an error with exit code 2."""
    done = run(sqlite_engine, request_id, "--out", tmp_path)
    assert (2, True) == (done.returncode, f"there is no row {request_id}" in done.stderr)


def test_a_refusal(sqlite_engine: Engine, tmp_path: Path) -> None:
    """A row that had no exchange is refused with exit code 1 and what to use instead; nothing is written."""
    request_id = request_id_of(
        sqlite_engine, lambda llm: llm.generate_response(QUESTION, model="openrouter/stand-in/reset")
    )
    done = run(sqlite_engine, request_id, "--out", tmp_path / "out")
    assert (1, True, False) == (done.returncode, "stand-in/disconnect" in done.stderr, (tmp_path / "out").exists())


def test_the_applications_own_model(sqlite_engine: Engine, tmp_path: Path) -> None:
    """--response-model names the class, which the printed test then imports; a name that leads nowhere is refused."""
    _provider, call = CALLS["object"]
    request_id = request_id_of(sqlite_engine, call)
    done = run(sqlite_engine, request_id, "--out", tmp_path, "--response-model", "cassettes.exporting.incidents:City")
    assert "from cassettes.exporting.incidents import City" in done.stdout
    assert summary_of(done.stdout, tmp_path / f"{request_id}.yaml").startswith("1 passed")
    for name in ("cassettes.exporting.incidents:NoSuch", "no.such:City", "cassettes.exporting.incidents:QUESTION"):
        assert 1 == run(sqlite_engine, request_id, "--out", tmp_path, "--force", "--response-model", name).returncode


def test_the_turn_before_is_found(sqlite_engine: Engine, tmp_path: Path) -> None:
    """A request that was made of what the service remembered is exported with that turn."""
    from cassettes.exporting.test_exported_calls import tool_call_and_result  # noqa: PLC0415 - its two turns

    with Session(sqlite_engine) as session:
        requests = make_calls(session, *tool_call_and_result(TEXT)).requests
    done = run(sqlite_engine, str(requests[-1].id), "--out", tmp_path)
    assert 0 == done.returncode, done.stderr
    file = tmp_path / f"{requests[-1].id}.yaml"
    assert [str(request.id) for request in requests] == read_origin(file)["requests"]
    assert summary_of(done.stdout, file).startswith("1 passed")


def test_help_teaches(sqlite_engine: Engine) -> None:
    """The help says what is masked, what is scrubbed, and where rows are."""
    help_text = run(sqlite_engine, "--help").stdout
    assert all(
        word in help_text for word in ("--keep-prompts", "DATABASE_URL", "scrubbed", "--call", "--response-model")
    )
