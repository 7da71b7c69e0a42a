"""backend/scripts/export_cassette.py: what it writes, prints and refuses; the printed tests are run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from sqlalchemy.orm import Session

from cassette.format import read_origin
from cassettes.exporting.conftest import KEY
from cassettes.exporting.incidents import QUESTION, WEATHER, City, make_calls
from cassettes.exporting.test_exported_calls import tool_call_and_result
from cassettes.recording.record import ROOT
from modules.llm_services import LLMServicesProvider
from modules.llm_services.types import LLMProviderType
from scripts.programs import run_here
from support.processes import run_python

if TYPE_CHECKING:
    from sqlalchemy import Engine

SCRIPT = "backend/scripts/export_cassette.py"
TEXT = "openrouter/author/model"
KEPT = "--keep-prompts"
OWN_MODEL = "--response-model=cassettes.exporting.incidents:City"
Lead = Callable[..., str]
Run = Callable[..., subprocess.CompletedProcess[str]]
Calls = Sequence[Callable[[LLMServicesProvider], Any]]


@pytest.fixture
def run(sqlite_engine: Engine) -> Run:
    """Return what runs the command on the test's SQLite file, in this process."""
    return partial(run_here, SCRIPT, ROOT, DATABASE_URL=sqlite_engine.url.render_as_string())


def request_id_of(engine: Engine, *calls: Callable[[LLMServicesProvider], Any]) -> str:
    """Make calls, and return the id of their last row."""
    with Session(engine) as session:
        return str(make_calls(session, *calls).requests[-1].id)


def text(llm: LLMServicesProvider) -> Any:  # noqa: ANN401 - an awaitable
    """Make a text call."""
    return llm.generate_response(QUESTION, model=TEXT)


def error(llm: LLMServicesProvider) -> Any:  # noqa: ANN401 - as above
    """Make a text call that is refused."""
    return llm.generate_response(QUESTION, model="openrouter/stand-in/daily-cap")


def an_object(llm: LLMServicesProvider) -> Any:  # noqa: ANN401 - as above
    """Make a structured call."""
    return llm.generate_structured_response(QUESTION, City, model=TEXT)


# Those of OpenRouter first: the other vendors are configured in its place.
PRINTED: Sequence[tuple[LLMProviderType | None, str, Calls]] = (
    (None, KEPT, [text]),
    (None, KEPT, [error]),
    (None, "--mask-prompts", [error]),
    (None, KEPT, [an_object]),
    (None, "--mask-prompts", [an_object]),
    (None, OWN_MODEL, [an_object]),
    (
        None,
        KEPT,
        [lambda llm: llm.generate_structured_response(QUESTION, City, model=TEXT, structured_output="json_schema")],
    ),
    (None, KEPT, [lambda llm: llm.generate_response_with_tools(QUESTION, [WEATHER], model=TEXT)]),
    (None, KEPT, tool_call_and_result(TEXT)),
    (
        LLMProviderType.BEDROCK,
        KEPT,
        [lambda llm: llm.generate_structured_response(QUESTION, City, model="claude-haiku-4-5")],
    ),
    (LLMProviderType.OPENAI, KEPT, [lambda llm: llm.generate_image("A walnut")]),
    (LLMProviderType.OPENAI, KEPT, [lambda llm: llm.generate_audio("A walnut", "nova", model="tts-1")]),
)


def outcome_of(*printed: str) -> str:
    """Run printed tests in tests/, where they are pasted; return pytest's last line, or all output if one fails."""
    with tempfile.TemporaryDirectory(prefix="pasted_", dir=ROOT / "tests/cassettes/exporting") as folder:
        for number, test in enumerate(printed):
            (Path(folder) / f"test_pasted_{number}.py").write_text(test)
        command = [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", folder]
        done = subprocess.run(
            command, cwd=ROOT, env=environment_without_keys(), check=False, capture_output=True, text=True
        )
    return done.stdout.splitlines()[-1] if not done.returncode else done.stdout + done.stderr


def environment_without_keys() -> dict[str, str]:
    """Return an environment without a vendor's address and key."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENROUTER", "LLM_"))}
    return {**kept, "PYTEST_ADDOPTS": ""}


def test_the_printed_tests_pass(sqlite_engine: Engine, tmp_path: Path, lead: Lead, run: Run) -> None:
    """For each kind of call, the command writes a cassette and prints a test that passes unchanged."""
    printed = []
    for provider, option, calls in PRINTED:
        if provider:
            lead(provider)
        request_id = request_id_of(sqlite_engine, *calls)
        done = run(request_id, "--out", tmp_path, option)
        assert 0 == done.returncode, done.stderr
        assert str(tmp_path / f"{request_id}.yaml") in done.stderr
        printed.append(done.stdout)
    outcome = outcome_of(*printed)
    assert outcome.startswith(f"{len(PRINTED)} passed"), outcome


def test_a_changed_cassette_makes_the_printed_test_red(sqlite_engine: Engine, tmp_path: Path, run: Run) -> None:
    """The printed test fails if the answer in the cassette is changed."""
    done = run(request_id_of(sqlite_engine, text), "--out", tmp_path)
    [file] = tmp_path.glob("*.yaml")
    file.write_text(file.read_text().replace("finish_reason: stop", "finish_reason: length"))
    assert "1 failed" in outcome_of(done.stdout)


def test_a_person_exports_a_row_of_postgresql(postgres_engine: Engine, tmp_path: Path) -> None:
    """The command runs as a program, and DATABASE_URL may name a PostgreSQL database."""
    url = postgres_engine.url.render_as_string(hide_password=False)
    environ = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": f"{ROOT / 'backend'}{os.pathsep}{ROOT / 'tests'}"}
    request_id = request_id_of(postgres_engine, text)
    done = run_python([str(ROOT / SCRIPT), request_id, "--out", str(tmp_path)], environ, tmp_path)
    assert 0 == done.returncode, done.stderr
    assert [".yaml"] == [file.suffix for file in tmp_path.iterdir() if file.is_file() and file.suffix != ".db"]


def test_prompts_are_masked_unless_kept(sqlite_engine: Engine, tmp_path: Path, run: Run) -> None:
    """Without an option, no prompt is written; the key is never written."""
    request_id = request_id_of(sqlite_engine, text)
    masked = run(request_id, "--out", tmp_path / "masked")
    kept = run(request_id, "--out", tmp_path / "kept", "--keep-prompts")
    file = f"{request_id}.yaml"
    assert "Walnut" not in masked.stdout + masked.stderr + (tmp_path / "masked" / file).read_text()
    assert "Walnut" in kept.stdout
    assert "Walnut" in (tmp_path / "kept" / file).read_text()
    assert KEY not in kept.stdout + (tmp_path / "kept" / file).read_text()


def test_a_cassette_says_where_it_is_from(sqlite_engine: Engine, tmp_path: Path, run: Run) -> None:
    """The origin names the row, the days of the call and of the export, and whether prompts are masked."""
    request_id = request_id_of(sqlite_engine, text)
    run(request_id, "--out", tmp_path)
    found = read_origin(tmp_path / f"{request_id}.yaml")
    assert "not the wire" in found["source"]
    assert ([request_id], "openrouter", "masked") == (found["requests"], found["provider"], found["prompts"])
    assert {"asked", "exported"} < found.keys()


def test_nothing_is_overwritten_unasked(sqlite_engine: Engine, tmp_path: Path, run: Run) -> None:
    """An existing file stays, with exit code 2, unless there is --force."""
    request_id = request_id_of(sqlite_engine, text)
    file = tmp_path / f"{request_id}.yaml"
    file.write_text("mine")
    done = run(request_id, "--out", tmp_path)
    assert (2, "mine", True) == (done.returncode, file.read_text(), "--force" in done.stderr)
    assert 0 == run(request_id, "--out", tmp_path, "--force").returncode
    assert yaml.safe_load(file.read_text())["interactions"]


@pytest.mark.parametrize("request_id", ["9f0c3a7e-7b4d-4585-b08a-ab5d7be13a78", "no-id"])
def test_an_unknown_row(run: Run, tmp_path: Path, request_id: str) -> None:
    """An unknown row id is an error with exit code 2."""
    done = run(request_id, "--out", tmp_path)
    assert (2, True) == (done.returncode, f"there is no row {request_id}" in done.stderr)


def test_a_refusal(sqlite_engine: Engine, tmp_path: Path, run: Run) -> None:
    """A row without an exchange is refused with exit code 1 and what to use instead; nothing is written."""
    request_id = request_id_of(
        sqlite_engine, lambda llm: llm.generate_response(QUESTION, model="openrouter/stand-in/reset")
    )
    done = run(request_id, "--out", tmp_path / "out")
    assert (1, True, False) == (done.returncode, "stand-in/disconnect" in done.stderr, (tmp_path / "out").exists())


def test_the_applications_own_model(sqlite_engine: Engine, tmp_path: Path, run: Run) -> None:
    """--response-model names the class that the printed test imports; a wrong name is refused."""
    request_id = request_id_of(sqlite_engine, an_object)
    done = run(request_id, "--out", tmp_path, OWN_MODEL)
    assert "from cassettes.exporting.incidents import City" in done.stdout
    for name in ("cassettes.exporting.incidents:NoSuch", "no.such:City", "cassettes.exporting.incidents:QUESTION"):
        assert 1 == run(request_id, "--out", tmp_path, "--force", "--response-model", name).returncode


def test_the_turn_before_is_found(sqlite_engine: Engine, tmp_path: Path, run: Run) -> None:
    """A request made with remembered tool calls is exported with the previous turn."""
    with Session(sqlite_engine) as session:
        requests = make_calls(session, *tool_call_and_result(TEXT)).requests
    done = run(str(requests[-1].id), "--out", tmp_path)
    assert 0 == done.returncode, done.stderr
    assert [str(request.id) for request in requests] == read_origin(tmp_path / f"{requests[-1].id}.yaml")["requests"]


def test_help_teaches(run: Run) -> None:
    """The help says what is masked, what is scrubbed, and where the rows are."""
    help_text = run("--help").stdout
    assert all(
        word in help_text for word in ("--keep-prompts", "DATABASE_URL", "scrubbed", "--call", "--response-model")
    )
