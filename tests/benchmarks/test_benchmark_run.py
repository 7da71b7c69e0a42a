"""A run of the benchmark ends in time, and continues without contestants that fail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

from benchmarks import players, run
from benchmarks.field import OURS, Round
from benchmarks.players import Player, server, variables

if TYPE_CHECKING:
    from benchmarks.run import Turn

NOWHERE = make_url("postgresql+psycopg://")


@pytest.fixture(autouse=True)
def one_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the environment of the tests for all contestants."""
    monkeypatch.setattr(players, "environment_of", lambda _contestant: Path(sys.executable))


def test_a_contestant_that_fails_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    """A failed contestant is named with the reason and has no further turns; the others play all of theirs."""
    with server() as base_url:
        environment = variables(OURS[0], base_url, tmp_path, NOWHERE)
        failing = Player(OURS[1], environment | {"BENCH_WAY": "there is none"})
        running = Player(OURS[0], environment)

        def play(player: Player) -> None:
            player.play(Round(1), 0.0)

        match, turns = run.Match(), list["Turn"]()
        for player in (failing, running):
            turns += [("start", player, Player.start), ("round", player, play)]
        match.take("turns", turns)
        running.end()
    assert {OURS[1].name: "does not run: its process gave no answer, and ended with 1"} == match.missing
    assert {} == failing.rounds
    assert [Round(1).key] == [*running.rounds]
    assert 1 == len(running.starts)


@pytest.mark.parametrize(("minutes", "repetitions"), [(0.0, 1), (60.0, 3)])
def test_repetitions_end_in_time(monkeypatch: pytest.MonkeyPatch, minutes: float, repetitions: int) -> None:
    """No repetition starts that would exceed the time left, but there is always one."""
    monkeypatch.setattr(run, "LONGEST_MINUTES", minutes)
    assert repetitions == run.Match().repeat([], 3)
