"""Record the cassettes: put each scenario's question to a server, scrub, replay its test, and keep what passes.

Nothing of a live exchange is written but the scrubbed cassette: rows go to a database in memory, and the
snapshots come from the replay. A recording that does not prove what its test asserts is not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest import mock

import vcr
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.orm import Session

import stand_in
from modules.llm_services import LLMError, llm_services_provider
from modules.shared_models import Base
from recording.cassette_format import BASE_URL, FOLDER_VARIABLE, configure, decoded
from recording.origins import update_table
from recording.scenarios import SCENARIOS, Scenario, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
TESTS: Final = HERE / "test_cassettes.py"
MADE_UP_KEY: Final = "sk-or-v1-" + "5ca1ab1e" * 8
OUTCOME: Final = re.compile(r"^(PASSED|ERROR) \S+::test_(\w+)", re.MULTILINE)

DESCRIPTION: Final = f"""\
Without arguments, ask OpenRouter ({BASE_URL}, or OPENROUTER_BASE_URL) with the key
in the environment variable OPENROUTER_API_KEY; costs less than a cent. Scenarios that OpenRouter cannot be
made to answer on order are named, with the reason, and their cassettes are left as they are.

With --stand-in, record all of them from the local stand-in, with a made-up key and without a network.

Each recording is scrubbed, then replayed by its test in tests/recording/test_cassettes.py, which also
writes the snapshot of its row; only a cassette whose test passes is kept. Read the difference before you commit."""


def main(arguments: list[str] | None = None) -> int:
    """Record; return 0 when all that was ordered is kept, 1 when not, 2 when nothing could be ordered."""
    options = _parser().parse_args(arguments)
    if unknown := set(options.scenario) - set(SCENARIOS):
        _say(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
        return 2
    key = MADE_UP_KEY if options.stand_in else os.environ.get("OPENROUTER_API_KEY", "").strip()
    if not key:
        _say("OPENROUTER_API_KEY is not set: recording asks OpenRouter for real. Set it, or record with --stand-in.")
        return 2
    wanted = [SCENARIOS[name] for name in options.scenario or SCENARIOS]
    ordered = [scenario for scenario in wanted if options.stand_in or not scenario.not_live]
    left = [scenario for scenario in wanted if scenario not in ordered]
    with _server(stand_in_wanted=options.stand_in) as base_url, tempfile.TemporaryDirectory() as staging:
        recorded = _record_all(ordered, base_url, key, Path(staging))
        kept = _replayed(recorded, Path(staging), options.into)
        for scenario in kept:
            shutil.copy(_cassette(staging, scenario), _cassette(options.into / "openrouter", scenario))
    update_table(options.into)
    for scenario in left:
        _say(f"left as it is: {scenario.name}: not ordered live: {scenario.not_live}")
    lost = ", ".join(scenario.name for scenario in ordered if scenario not in kept)
    failed = len(ordered) - len(kept)
    _say(f"{len(kept)} recorded, {len(left)} left as they are, {failed} failed" + (f": {lost}" if lost else ""))
    return 1 if lost else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="record.py", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenario", nargs="*", help=f"what to record (all): {', '.join(SCENARIOS)}")
    parser.add_argument("--stand-in", action="store_true", help="record from the stand-in, all scenarios")
    parser.add_argument("--into", type=Path, default=ROOT / "cassettes", help="another folder than cassettes/")
    return parser


@contextmanager
def _server(*, stand_in_wanted: bool) -> Iterator[str]:
    if stand_in_wanted:
        with stand_in.running() as base_url:
            yield base_url
    else:
        yield os.environ.get("OPENROUTER_BASE_URL", "").strip() or BASE_URL


def _record_all(ordered: list[Scenario], base_url: str, key: str, folder: Path) -> list[Scenario]:
    """Record each scenario into `folder`; return those that got an answer."""
    _say(f"asking {base_url}")
    recorded = []
    for number, scenario in enumerate(ordered, start=1):
        _say(f"[{number}/{len(ordered)}] {scenario.name} ", end="")
        with mock.patch.dict(os.environ, environment(base_url, scenario.key or key)):
            answered, outcome = _record(scenario, folder)
        _say(outcome)
        recorded += [scenario] if answered else []
    return recorded


def _record(scenario: Scenario, folder: Path) -> tuple[bool, str]:
    """Make one call; say whether a server answered, and what came of it."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    recorder = vcr.VCR(record_mode="all", before_record_response=decoded)
    configure(recorder)
    outcome = "answer"
    with Session(engine) as session, recorder.use_cassette(_cassette(folder, scenario)) as cassette:
        try:
            asyncio.run(scenario.play(llm_services_provider(session)))
        except LLMError as error:
            outcome = type(error).__name__ if len(cassette) else str(error)
    engine.dispose()
    statuses = [str(response["status"]["code"]) for response in cassette.responses]
    return bool(statuses), " ".join([*statuses, outcome])


def _replayed(recorded: list[Scenario], folder: Path, into: Path) -> list[Scenario]:
    """Replay the tests of what was recorded, writing snapshots; return the scenarios whose test passed."""
    if not recorded:
        return []
    _say("replaying what was recorded, without the network")
    tests = [f"{TESTS}::test_{scenario.name.replace('-', '_')}" for scenario in recorded]
    command = [sys.executable, "-m", "pytest", "-q", "-rpE", "--color=no", "-p", "no:cacheprovider", *tests]
    command += ["--snapshot-update", "--snapshot-no-cleanup"]
    if into.resolve() != ROOT / "cassettes":
        command += ["--snapshot-dirname", str(into.resolve() / "snapshots")]
    environ = {**os.environ, FOLDER_VARIABLE: str(folder), "OPENROUTER_API_KEY": "", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
    if done.returncode:
        _say(done.stdout + done.stderr)
    outcomes = {(word, name.replace("_", "-")) for word, name in OUTCOME.findall(done.stdout)}
    passed = {name for word, name in outcomes if word == "PASSED" and ("ERROR", name) not in outcomes}
    return [scenario for scenario in recorded if scenario.name in passed]


def _cassette(folder: Path | str, scenario: Scenario) -> Path:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{scenario.name}.yaml"


def _say(line: str, end: str = "\n") -> None:
    sys.stdout.write(line + end)
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
