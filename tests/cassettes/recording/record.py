#!/usr/bin/env python3
"""Record the cassettes: send each scenario's request to a server, scrub, replay its test, and keep what passes.

Only the scrubbed cassette of a live exchange is written: rows go to a database in memory, and the snapshots come
from the replay. A recording that fails its test is not kept.
"""

from __future__ import annotations

from command_line import Steps, parser, run

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import httpx
import vcr
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.orm import Session

import stand_in
from cassette.format import configure
from cassettes.recording.origins import update_table
from cassettes.recording.scenarios import FOLDER_VARIABLE, SCENARIOS, VENDORS, Live, Scenario
from modules.llm_services import LLMError, llm_services_provider
from modules.llm_services.types import LLMProviderType
from modules.shared_models import Base
from stand_in.vendors.bedrock import AWS_SECRET

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[2]
TESTS: Final = HERE / "test_cassettes.py"
VENDORS_TESTS: Final = HERE / "test_vendors_cassettes.py"
MADE_UP_KEY: Final = "sk-or-v1-" + "5ca1ab1e" * 8
OUTCOME: Final = re.compile(r"^(PASSED|ERROR) \S+::(test_\S+)", re.MULTILINE)

DESCRIPTION: Final = """\
Without arguments, ask every vendor whose key is in the environment (OPENROUTER_API_KEY, OPENAI_API_KEY,
ANTHROPIC_API_KEY, GEMINI_API_KEY, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY); costs less than a cent each.
A free model is called until it refuses, at most 30 times, and a long prompt is sent until its cache has it; the last
exchange is kept. Scenarios that a vendor cannot be made to answer on demand, or whose vendor has no key here, are
named, and their cassettes are left as they are.

With --stand-in, record all of them from the local stand-in, with a made-up key and without a network.

Each recording is scrubbed, then replayed by its test in tests/cassettes/recording/test_cassettes.py, which also
writes the snapshot of its row; only a cassette whose test passes is kept. Read the difference before you commit.

    nox -s record                                    whatever there is a key for
    nox -s record -- structured truncated            these two
    nox -s record -- --stand-in --into /tmp/tried    all of them, from the stand-in, into another folder

variables, of the environment alone:
    OPENROUTER_API_KEY, OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY,
    AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
        the keys of those that are asked
    OPENROUTER_BASE_URL, OPENAI_BASE_URL, ANTHROPIC_BASE_URL, GEMINI_API_BASE_URL, AWS_ENDPOINT_URL_BEDROCK_RUNTIME
        other addresses than theirs

exit codes:
    0  all that was ordered is kept
    1  some of it is not: its older cassette stays
    2  the command line is wrong, or there is no key
    130  interrupted; nothing is kept"""


def main(arguments: list[str] | None = None) -> int:
    """Record; return 0 if all that was requested is kept, 1 if not, 2 if nothing could be recorded."""
    options = _parser().parse_args(arguments)
    if unknown := set(options.scenario) - set(SCENARIOS):
        _print(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
        return 2
    wanted = [SCENARIOS[name] for name in options.scenario or SCENARIOS]
    reasons = (
        {} if options.stand_in else {scenario.name: reason for scenario in wanted if (reason := _why_not(scenario))}
    )
    ordered = [scenario for scenario in wanted if scenario.name not in reasons]
    if not ordered:
        _print("; ".join(sorted(set(reasons.values()))))
        _print("recording asks the vendors for real: set a key, or record with --stand-in")
        return 2
    with _server(stand_in_wanted=options.stand_in) as base_url, tempfile.TemporaryDirectory() as staging:
        recorded = _record_all(ordered, base_url, Path(staging))
        kept = _replayed(recorded, Path(staging), options.into)
        for scenario in kept:
            shutil.copy(_cassette(staging, scenario), _cassette(options.into, scenario))
    update_table(options.into)
    for name, reason in reasons.items():
        _print(f"left as it is: {name}: {reason}")
    lost = ", ".join(scenario.name for scenario in ordered if scenario not in kept)
    failed = len(ordered) - len(kept)
    _print(f"{len(kept)} recorded, {len(reasons)} left as they are, {failed} failed" + (f": {lost}" if lost else ""))
    return 1 if lost else 0


def _why_not(scenario: Scenario) -> str | None:
    """Return why a scenario cannot be recorded live; None if it can."""
    unset = [name for name in VENDORS[scenario.vendor].key_variables if not os.environ.get(name, "").strip()]
    if unset:
        return f"{' and '.join(unset)} is not set"
    return scenario.not_live and f"not ordered live: {scenario.not_live}"


def _parser() -> argparse.ArgumentParser:
    options = parser(DESCRIPTION)
    options.add_argument("scenario", nargs="*", help=f"what to record (all): {', '.join(SCENARIOS)}")
    options.add_argument("--stand-in", action="store_true", help="record from the stand-in, all scenarios")
    options.add_argument("--into", type=Path, default=ROOT / "cassettes", help="another folder than cassettes/")
    return options


@contextmanager
def _server(*, stand_in_wanted: bool) -> Iterator[str | None]:
    if stand_in_wanted:
        with stand_in.running() as base_url:
            yield base_url
    else:
        yield None


def _environment(scenario: Scenario, base_url: str | None) -> dict[str, str]:
    """Return the environment of a call to the vendor with the user's own keys, or to the stand-in at `base_url`."""
    vendor = VENDORS[scenario.vendor]
    if base_url is None:
        own = os.environ.get(vendor.url_variable, "").strip() or None
        keys = {} if scenario.key else {name: os.environ[name] for name in vendor.key_variables}
        return scenario.environment(own) | keys
    keys = {} if scenario.key else {name: AWS_SECRET for name in vendor.key_variables if "SECRET" in name}
    return scenario.environment(scenario.stand_ins_url(base_url), MADE_UP_KEY) | keys


def _record_all(ordered: list[Scenario], base_url: str | None, folder: Path) -> list[Scenario]:
    """Record each scenario into `folder`; return those that got an answer."""
    recorded = []
    with Steps(f"asking {base_url or 'the vendors'}", len(ordered)) as steps:
        for scenario in ordered:
            steps.begin(scenario.name)
            with mock.patch.dict(os.environ, _environment(scenario, base_url)):
                answered, outcome = _record_one(scenario, folder, is_live=base_url is None)
            steps.end(outcome)
            recorded += [scenario] if answered else []
    return recorded


def _record_one(scenario: Scenario, folder: Path, *, is_live: bool) -> tuple[bool, str]:
    """Make a scenario's call as often as necessary; return whether a server answered, and the outcome."""
    live = scenario.live
    if live is None or not is_live:
        return _record(scenario, folder)[:2]
    requests, ended = 0, False
    while not ended and requests < live.most_requests:
        _cassette(folder, scenario).unlink(missing_ok=True)  # only the last one is kept
        answered, outcome, responses = _record(scenario.as_live, folder)
        requests, ended = requests + 1, not responses or is_final(live, responses[-1])
    return answered, f"{outcome}, at request {requests}"


def is_final(live: Live, response: dict[str, Any]) -> bool:
    """Return True for the wanted answer, and for an error, after which the wanted one will not come."""
    status = int(response["status"]["code"])
    try:
        body = json.loads(response["body"]["string"])
    except ValueError:
        body = None
    return status >= httpx.codes.BAD_REQUEST or live.is_wanted(status, body)


def _record(scenario: Scenario, folder: Path) -> tuple[bool, str, list[dict[str, Any]]]:
    """Make one call; return whether a server answered, the outcome, and the responses."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    recorder = vcr.VCR(record_mode="all", before_record_response=decompress)
    configure(recorder)
    outcome = "answer"
    with Session(engine) as session, recorder.use_cassette(_cassette(folder, scenario)) as cassette:
        try:
            asyncio.run(scenario.play(llm_services_provider(session)))
        except LLMError as error:
            outcome = type(error).__name__ if len(cassette) else str(error)
    engine.dispose()
    statuses = [str(response["status"]["code"]) for response in cassette.responses]
    return bool(statuses), " ".join([*statuses, outcome]), cassette.responses


def decompress(response: dict[str, Any]) -> dict[str, Any]:
    """Return a recorded response without compression."""
    headers = [(name, value) for name, values in response["headers"].items() for value in values]
    plain = httpx.Response(response["status"]["code"], headers=headers, content=response["body"]["string"])
    return {**response, "body": {"string": plain.content}}


def _replayed(recorded: list[Scenario], folder: Path, into: Path) -> list[Scenario]:
    """Replay the tests of the recorded scenarios, writing snapshots; return the scenarios whose test passed."""
    if not recorded:
        return []
    _print("replaying what was recorded, without the network")
    tests = [
        f"{TESTS if scenario.vendor == LLMProviderType.OPENROUTER else VENDORS_TESTS}::{scenario.test}"
        for scenario in recorded
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-rpE", "--color=no", "-p", "no:cacheprovider", *tests]
    command += ["--snapshot-update", "--snapshot-no-cleanup"]
    if into.resolve() != ROOT / "cassettes":
        command += ["--snapshot-dirname", str(into.resolve() / "snapshots")]
    without_keys = {name: "" for vendor in VENDORS.values() for name in vendor.key_variables}
    environ = {**os.environ, **without_keys, FOLDER_VARIABLE: str(folder), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
    if done.returncode:
        _print(done.stdout + done.stderr)
    outcomes = set(OUTCOME.findall(done.stdout))
    passed = {test for word, test in outcomes if word == "PASSED" and ("ERROR", test) not in outcomes}
    return [scenario for scenario in recorded if scenario.test in passed]


def _cassette(folder: Path | str, scenario: Scenario) -> Path:
    path = Path(folder) / f"{scenario.cassette}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(run(main))
