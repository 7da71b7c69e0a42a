"""Replay: what makes a test of test_cassettes.py fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cassettes.recording.record import ROOT, TESTS
from cassettes.recording.scenarios import FOLDER_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEADING = re.compile(r"^_+ (?:ERROR at \w+ of )?test_(\w+) _+$", re.MULTILINE)


def reverse_keys(interactions: list[Any]) -> None:
    """Reverse the order of the request's keys."""
    request = interactions[0]["request"]
    request["body"] = dict(reversed(request["body"].items()))


# What is changed in a copy of which cassette.
CHANGES: dict[str, Callable[[list[Any]], object]] = {
    "plain-completion": reverse_keys,
    "byok": lambda interactions: interactions[0]["request"]["body"].update(temperature=0.25),
    "structured": lambda interactions: interactions[0]["request"].update(uri="https://openrouter.ai/v2"),
    "truncated": lambda interactions: interactions[0]["request"].update(
        uri="https://openrouter.example/api/v1/chat/completions"
    ),
    "invalid-key": lambda interactions: interactions.append(interactions[0]),
}
MISSING = "unknown-model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the changed cassettes."""
    folder = tmp_path_factory.mktemp("cassettes")
    for name, change in CHANGES.items():
        cassette = yaml.safe_load((ROOT / f"cassettes/openrouter/{name}.yaml").read_text("utf-8"))
        change(cassette["interactions"])
        (folder / "openrouter").mkdir(exist_ok=True)
        (folder / f"openrouter/{name}.yaml").write_text(yaml.safe_dump(cassette, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def complaints(folder: Path) -> dict[str, str]:
    """Replay the changed cassettes; return the output of each failed test, by scenario."""
    tests = [f"{TESTS}::test_{name.replace('-', '_')}" for name in (*CHANGES, MISSING)]
    command = [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", *tests]
    environ = {**os.environ, FOLDER_VARIABLE: str(folder), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
    assert 1 == done.returncode, done.stdout + done.stderr
    _before, *parts = HEADING.split(done.stdout)
    return {name.replace("_", "-"): text for name, text in zip(parts[::2], parts[1::2], strict=True)}


def test_the_order_of_keys_does_not_matter(complaints: dict[str, str]) -> None:
    """A request matches in any order of its keys."""
    assert "plain-completion" not in complaints


def test_a_changed_request_is_red(complaints: dict[str, str]) -> None:
    """A request with another body fails the test, which shows the difference."""
    assert "the request's body is not the recorded one" in complaints["byok"]
    assert '-  "temperature": 0.25' in complaints["byok"]
    assert '+  "temperature": 0.7' in complaints["byok"]


@pytest.mark.parametrize(("scenario", "what"), [("structured", "path"), ("truncated", "host")])
def test_another_address_is_red(complaints: dict[str, str], scenario: str, what: str) -> None:
    """A request to another host or path fails the test."""
    assert f"no recorded interaction matches it (the closest differ in {what})" in complaints[scenario]


def test_an_interaction_that_is_not_played_is_red(complaints: dict[str, str]) -> None:
    """A test that does not play its whole cassette fails."""
    assert "1 of 2 interactions" in complaints["invalid-key"]


def test_a_missing_cassette_is_red(complaints: dict[str, str], folder: Path) -> None:
    """A test without its cassette fails; it sends and records nothing."""
    assert "the cassette doesn't exist" in complaints[MISSING]
    assert not (folder / f"openrouter/{MISSING}.yaml").exists()
