"""The benchmark's page says what was measured, and nothing else."""

from __future__ import annotations

import pytest

from benchmarks.field import CONTESTANTS, SLOW_SECONDS, Round
from benchmarks.figures import OURS, Results, Target, figure, spread, targets
from benchmarks.page import measured


def played(*cpu_ms: float) -> list[dict[str, float]]:
    """Return repetitions of a round."""
    return [{"cpu_ms": each, "per_second": 1000 / each, "p99_ms": 2.0, "peak_kb": 1000.0} for each in cpu_ms]


@pytest.fixture
def results() -> Results:
    """Return a run of two contestants."""
    return {
        "machine": {
            "cpu": "a processor",
            "cores": 2,
            "python": "3.11",
            "versions": {"httpx": "0.28"},
            "date": "2026-01-02",
        },
        "rounds": {
            OURS: {Round(1).key: played(1.0, 3.0, 2.0), Round(64).key: played(0.5)},
            "httpx": {Round(1).key: played(1.0), Round(64).key: played(2.0)},
        },
        "missing": {"litellm": "could not be installed: pip ended with 1"},
        "imports": {"ours": 0.3, "httpx, pydantic and SQLAlchemy": 0.2},
        "provider_us": 0.6,
    }


def test_a_figure_is_the_median_of_its_repetitions(results: Results) -> None:
    """Three repetitions give the one in the middle, with the lowest and the highest; none gives None."""
    assert (2.0, "2.00 (1.00 to 3.00)") == (figure(results, OURS, Round(1)), spread(results, OURS, Round(1)))
    assert (None, "-") == (figure(results, OURS, Round(256)), spread(results, OURS, Round(256)))


def test_a_target_is_a_ratio_of_medians(results: Results) -> None:
    """Ours over httpx at 1 and at 64 in flight, met or missed; what was not played is not measured."""
    first, second, third, *_ = targets(results)
    assert (2.0, "missed") == (first.measured, first.verdict)
    assert (0.25, "met") == (second.measured, second.verdict)
    assert (None, "not measured") == (third.measured, third.verdict)


def test_memory_is_that_of_the_first_repetition(results: Results) -> None:
    """A process gives back little of what it held, so the smallest peak of a round is the one that tells."""
    slow = {calls: Round(calls, delay=SLOW_SECONDS).key for calls in (1, 1000)}
    peaks = {slow[1]: (90_000.0, 130_000.0), slow[1000]: (120_000.0, 131_000.0)}
    results["rounds"][OURS] |= {
        key: [{"cpu_ms": 1.0, "peak_kb": each} for each in found] for key, found in peaks.items()
    }
    assert [30.0] == [each.measured for each in targets(results) if each.words.startswith("KB of memory")]


def test_some_targets_are_lower_limits() -> None:
    """A target of at least so much is met from there on."""
    assert ["missed", "met"] == [Target("calls a second", 3000, each, at_least=True).verdict for each in (2999, 3000)]


def test_the_page_has_every_target_and_every_figure(results: Results) -> None:
    """A line for each target, the medians, the import times, and who could not be measured."""
    page = measured(results)
    assert len(targets(results)) == sum(page.count(f"| {verdict} |") for verdict in ("met", "missed", "not measured"))
    assert "| httpx | 1.00 (1.00 to 1.00) | 2.00 (2.00 to 2.00) | - | - |" in page
    assert "| ours | 300 |" in page
    assert "| litellm | could not be installed: pip ended with 1 |" in page


def test_contestants_have_names_of_their_own() -> None:
    """Results are kept by name."""
    assert len(CONTESTANTS) == len({each.name for each in CONTESTANTS})
