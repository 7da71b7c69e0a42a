"""record.py: what it refuses, what it sends to which server, what it writes, and what it leaves alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import pytest
import yaml

from cases.scripted_server import running
from cassettes.recording import record
from cassettes.recording.openrouter_like import ACCOUNT, COOKIE, GENERATION, RAY, OpenRouterLike
from cassettes.recording.origins import BEGIN, END, with_table
from cassettes.recording.record import MADE_UP_KEY, ROOT, TESTS, VENDORS_TESTS
from cassettes.recording.scenarios import REFUSED_KEY, SCENARIOS, VENDORS
from modules.llm_services.config import VARIABLE_NAMES
from stand_in.vendors.openrouter_bodies import user_id

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]
LIVE = {name for name, scenario in SCENARIOS.items() if not scenario.not_live and scenario.vendor == "openrouter"}
# Identifying values that the stand-in sends or is sent.
LEAKS = {
    "key": re.compile(re.escape(MADE_UP_KEY)),
    "part of a key": re.compile("sk-or-v1-5ca1ab1e"),
    "authorization": re.compile("Bearer|authorization", re.IGNORECASE),
    "account id": re.compile("user_[A-Za-z0-9]{12}"),
    "generation id": re.compile("gen-[0-9]+-"),
    "cookie": re.compile("__cf_bm"),
    "CF-RAY": re.compile("[0-9a-f]{16}-BOS|cf-ray", re.IGNORECASE),
}


def leaks(text: str) -> set[str]:
    """Return the values of LEAKS that are in a text."""
    return {name for name, form in LEAKS.items() if form.search(text)}


def on_disk(folder: Path) -> str:
    """Return all bytes in a folder, including file names."""
    return "\n".join(f"{path}\n{path.read_bytes().decode('latin-1')}" for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs record.py with these variables, and no other that the module reads, in this process."""

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        for name in VARIABLE_NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        exit_code = record.main(list(map(str, arguments)))
        return subprocess.CompletedProcess(arguments, exit_code, *capsys.readouterr())

    return run


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """Return a folder to record into, with an older cassette for every scenario."""
    folder = tmp_path / "cassettes"
    for scenario in SCENARIOS.values():
        cassette = folder / f"{scenario.cassette}.yaml"
        cassette.parent.mkdir(parents=True, exist_ok=True)
        cassette.write_text("origin: {server: before, recorded: before}\n")
    (folder / "README.md").write_text(f"{BEGIN}\n{END}\n")
    return folder


def servers(folder: Path) -> dict[str, str]:
    """Return the server that each cassette names."""
    paths = {name: folder / f"{scenario.cassette}.yaml" for name, scenario in SCENARIOS.items()}
    return {name: yaml.safe_load(path.read_text())["origin"]["server"] for name, path in paths.items()}


@pytest.mark.parametrize("key", [None, " "])
def test_without_a_key_nothing_is_asked(
    key: str | None, into: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without OPENROUTER_API_KEY, or with a blank one, it says what to set, and changes nothing."""
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)
    if key:
        monkeypatch.setenv("OPENROUTER_API_KEY", key)
    assert 2 == record.main(["--into", str(into)])
    assert "OPENROUTER_API_KEY is not set" in capsys.readouterr().out
    assert dict.fromkeys(SCENARIOS, "before") == servers(into)


def test_an_unknown_scenario_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """For an unknown scenario, it lists the existing names."""
    assert 2 == record.main(["--stand-in", "plain"])
    assert "plain-completion" in capsys.readouterr().out


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    """The help says where the key is read from, what recording costs, and how to record without a key."""
    with pytest.raises(SystemExit):
        record.main(["--help"])
    help_text = capsys.readouterr().out
    assert all(word in help_text for word in ("OPENROUTER_API_KEY", "cent", "--stand-in"))


def test_nothing_that_leads_to_somebody_reaches_the_disk(into: Path, base_url: str) -> None:
    """The key, the cookie and the ids of account, generation and edge are in no cassette and no snapshot.

    The stand-in sends all of them, and their placeholders are there.
    """
    source = os.pathsep.join(str(ROOT / folder) for folder in ("tests", "backend", "backend/scripts"))
    known = {name: value for name, value in os.environ.items() if name not in VARIABLE_NAMES}
    command = [sys.executable, str(ROOT / "tests/cassettes/recording/record.py"), "--stand-in", "--into", str(into)]
    environ = {**known, "PYTHONPATH": source}
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True)
    everything = f"{len(SCENARIOS)} recorded, 0 left as they are, 0 failed"
    assert (0, everything) == (done.returncode, done.stdout.splitlines()[-1])
    assert (into / "snapshots/test_cassettes.ambr").exists()
    written = on_disk(into)
    assert set() == leaks(written)
    assert all(placeholder in written for placeholder in ("gen-scrubbed-1", "account-scrubbed-1"))
    assert set(LEAKS) == leaks(sent_and_received(base_url))


def sent_and_received(base_url: str) -> str:
    """Return an answer and an error with all headers, before scrubbing."""
    authorization = {"Authorization": f"Bearer {MADE_UP_KEY}"}
    messages = []
    for model in ("stand-in/completion", "stand-in/rate-limited"):
        payload = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
        answer = httpx.post(f"{base_url}/chat/completions", json=payload, headers=authorization, trust_env=False)
        messages.append(f"{list(answer.request.headers.raw)} {answer.headers.multi_items()} {answer.text}")
    assert user_id(MADE_UP_KEY) in messages[-1]
    return "\n".join(messages)


def test_live_asks_only_what_can_be_ordered(into: Path, run: Run) -> None:
    """With OpenRouter's key, it records what can be produced there, and says why it leaves the rest alone.

    None of the server's cookies and ids is written; the README says who answered.
    """
    with running(OpenRouterLike(free_requests=3)) as server:
        done = run("--into", into, OPENROUTER_API_KEY=MADE_UP_KEY, OPENROUTER_BASE_URL=f"{server.url}/api/v1")
    assert 0 == done.returncode, done.stdout + done.stderr
    host = server.url.removeprefix("http://")
    assert {name: host if name in LIVE else "before" for name in SCENARIOS} == servers(into)
    assert len(LIVE) == (into / "README.md").read_text().count(f"| {host} |")
    assert f"[1/{len(LIVE)}] plain-completion 200 answer, about " in done.stderr
    assert "openai-text: OPENAI_API_KEY is not set" in done.stdout
    for scenario in SCENARIOS.values():
        assert (f"{scenario.name}: not ordered live: {scenario.not_live}" in done.stdout) == bool(scenario.not_live)
    assert set() == leaks(on_disk(into) + done.stdout + done.stderr)
    assert {"account id", "cookie", "CF-RAY", "generation id"} == leaks(f"{ACCOUNT} {COOKIE} {RAY} {GENERATION}")


@pytest.mark.parametrize(
    ("name", "requests", "shown"),
    [
        ("free-model-limit", 4, "free-model-limit 429 LLMRateLimitError, at request 4"),
        ("prompt-cache-hit", 2, "prompt-cache-hit 200 answer, at request 2"),
    ],
)
def test_a_request_is_repeated_until_the_answer_is_wanted(
    into: Path, run: Run, name: str, requests: int, shown: str
) -> None:
    """A free model is called until it refuses, a long prompt until it is cached; only the last exchange is kept."""
    with running(OpenRouterLike(free_requests=3)) as server:
        done = run(name, "--into", into, OPENROUTER_API_KEY=MADE_UP_KEY, OPENROUTER_BASE_URL=f"{server.url}/api/v1")
    assert (0, requests) == (done.returncode, len(server.requests)), done.stdout + done.stderr
    assert shown in done.stderr
    (interaction,) = yaml.safe_load((into / f"openrouter/{name}.yaml").read_text())["interactions"]
    assert [interaction["request"]["body"]] * requests == [request.body for request in server.requests]


def test_a_model_that_never_refuses_is_given_up(into: Path, run: Run) -> None:
    """After 30 requests without a refusal it stops; the older cassette stays, and the exit code is 1."""
    with running(OpenRouterLike(free_requests=99)) as server:
        variables = {"OPENROUTER_API_KEY": MADE_UP_KEY, "OPENROUTER_BASE_URL": f"{server.url}/api/v1"}
        done = run("free-model-limit", "--into", into, **variables)
    assert (1, 30) == (done.returncode, len(server.requests))
    assert "before" == servers(into)["free-model-limit"]


def test_what_the_stand_in_signed_never_passes_for_openrouter(into: Path, base_url: str, run: Run) -> None:
    """Even if its address is given as OpenRouter's, the cassette names the stand-in."""
    done = run("truncated", "--into", into, OPENROUTER_API_KEY=MADE_UP_KEY, OPENROUTER_BASE_URL=base_url)
    assert (0, "the stand-in (not OpenRouter)") == (done.returncode, servers(into)["truncated"])


def test_a_recording_that_proves_nothing_is_not_kept(into: Path, base_url: str, run: Run) -> None:
    """If the answer does not show what its test is about, the older cassette stays, and the exit code is 1."""
    done = run("plain-completion", "--into", into, OPENROUTER_API_KEY=REFUSED_KEY, OPENROUTER_BASE_URL=base_url)
    assert 1 == done.returncode
    assert "[1/1] plain-completion 401 LLMAuthenticationError\n" in done.stderr
    assert "0 recorded, 0 left as they are, 1 failed: plain-completion" == done.stdout.splitlines()[-1]
    assert "before" == servers(into)["plain-completion"]


def test_every_scenario_has_a_cassette_and_a_test() -> None:
    """The scenarios, the cassettes and the tests that replay them have the same names."""
    files: dict[bool, set[str]] = {True: set(), False: set()}
    for scenario in SCENARIOS.values():
        files[scenario.vendor == "openrouter"].add(scenario.test.partition("[")[0])
    for is_openrouter, file in ((True, TESTS), (False, VENDORS_TESTS)):
        assert files[is_openrouter] == set(re.findall(r"^async def (test_\w+)", file.read_text(), re.MULTILINE))
    folder = ROOT / "cassettes"
    recorded = (path for vendor in VENDORS for path in (folder / vendor).rglob("*.yaml"))
    cassettes = {str(path.relative_to(folder).with_suffix("")) for path in recorded}
    assert cassettes == {scenario.cassette for scenario in SCENARIOS.values()}


def test_the_readme_says_where_each_comes_from() -> None:
    """The table in cassettes/README.md matches the origins in the cassettes."""
    folder = ROOT / "cassettes"
    readme = (folder / "README.md").read_text()
    assert with_table(readme, folder) == readme


def test_what_is_committed_leads_to_nobody() -> None:
    """No cassette and no snapshot of this repository contains a key, a cookie or a real id."""
    committed = "".join(on_disk(ROOT / "cassettes" / vendor) for vendor in (*VENDORS, "exported"))
    assert set() == leaks(committed + on_disk(TESTS.parent / "__snapshots__"))
