"""Replay: every test of test_cassettes.py plays the whole cassette of its name, without a network."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest
from sqlalchemy import Engine, Table, select
from sqlalchemy.orm import Session
from syrupy.matchers import path_type

from cassette.format import MATCH_ON, configure
from cassettes.recording.scenarios import FOLDER_VARIABLE, SCENARIOS, Scenario
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import LLMServicesProvider, llm_services_provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syrupy.assertion import SnapshotAssertion
    from vcr import VCR
    from vcr.cassette import Cassette

ROOT = Path(__file__).resolve().parents[3]
ROWS = cast("Table", LLMRequestModel.__table__)
DURATIONS: dict[str, tuple[type, ...]] = {
    "execution_time_ms": (int,),
    "response_raw.time_to_first_piece_ms": (int,),
}


def pytest_recording_configure(vcr: VCR) -> None:
    """Register the project's format and comparison of cassettes."""
    configure(vcr)


@pytest.fixture(scope="module")
def vcr_cassette_dir() -> str:
    """Return the folder that cassettes are played from."""
    return os.environ.get(FOLDER_VARIABLE) or str(ROOT / "cassettes")


@pytest.fixture
def vcr_config(pytestconfig: pytest.Config) -> dict[str, Any]:
    """Play, never record, and match a request only if its whole body is the same."""
    if pytestconfig.getoption("--record-mode") not in {None, "none"}:
        raise pytest.UsageError("cassettes are recorded by `nox -s record`, which replays them before it keeps them")
    return {"record_mode": "none", "match_on": MATCH_ON}


@pytest.fixture
def scenario(request: pytest.FixtureRequest, vcr_cassette_dir: str) -> Scenario:
    """Return the scenario that the test is named after, as it was recorded."""
    named = next(scenario for scenario in SCENARIOS.values() if scenario.test == request.node.name)
    return named.as_recorded(Path(vcr_cassette_dir))


@pytest.fixture
def default_cassette_name(scenario: Scenario) -> str:
    """Return the cassette that the test plays."""
    return scenario.cassette


@pytest.fixture
def recorded(vcr: Cassette) -> dict[str, Any]:
    """Return the body of the cassette's answer."""
    body: dict[str, Any] = json.loads(vcr.responses[0]["body"]["string"]) if len(vcr) else {}
    return body


@pytest.fixture(autouse=True)
def _everything_is_played(vcr: Cassette | None) -> Iterator[None]:
    """Fail a test that has not played every interaction of its cassette."""
    yield
    if vcr is None:
        return
    assert vcr.all_played, f"{len(vcr) - vcr.play_count} of {len(vcr)} interactions in {vcr.path} were not played"


@pytest.fixture
def llm(sqlite_engine: Engine, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> Iterator[LLMServicesProvider]:
    """Return the service as a consumer gets it, in the environment that the cassettes were recorded in."""
    for name, value in scenario.environment().items():
        monkeypatch.setenv(name, value)
    with Session(sqlite_engine) as session:
        yield llm_services_provider(session)


@pytest.fixture
def row(sqlite_engine: Engine) -> Callable[[UUID | None], dict[str, Any]]:
    """Return a function that reads all columns of a row, on a separate connection."""

    def read(request_id: UUID | None) -> dict[str, Any]:
        with sqlite_engine.connect() as connection:
            return dict(connection.execute(select(ROWS).where(ROWS.c.id == request_id)).mappings().one())

    return read


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Mask what differs between runs, by type: row ids, times and durations."""
    return snapshot.with_defaults(matcher=path_type(DURATIONS, types=(UUID, datetime)))
