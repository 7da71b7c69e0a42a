"""The benchmark's page shows what was measured, and nothing else."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

from benchmarks.field import (
    BEFORE,
    HTTP_ALONE,
    OTHERS,
    OURS,
    PER_CALL,
    PER_CALL_POSTGRES,
    ROOT,
    SHARED,
    SLOW,
    THOUSAND,
    TWO_PROCESSES,
    UNRECORDED,
    Round,
    at_revision,
)
from benchmarks.figures import Results, Target, figure, memory_kb, spread, targets
from benchmarks.page import RESULTS, page
from benchmarks.plot import plot


def played(*cpu_ms: float, **more: float) -> list[dict[str, float]]:
    """Return repetitions of a round."""
    usual = {"loop_ms": 0.1, "ledger_ms": 0.2, "others_ms": 0.3, "p99_ms": 2.0, "busy_percent": 99.0}
    return [usual | {"cpu_ms": each, "per_second": 1000 / each, "peak_kb": 1000.0} | more for each in cpu_ms]


@pytest.fixture
def results() -> Results:
    """Return a run of some contestants."""
    one, many, two = Round(1).key, Round(64).key, TWO_PROCESSES.key
    return {
        "machine": {
            "cpu": "a processor",
            "cores": 2,
            "python": "3.11",
            "versions": {"httpx": "0.28"},
            "commit": "0123abc",
            "load": 0.1,
            "date": "2026-01-02",
        },
        "repetitions": 3,
        "extent": {"round_seconds": 2.0, "left_out": [], "before": "4567def", "minutes": 9.5},
        "packages": {"httpx": "0.28"},
        "rounds": {
            HTTP_ALONE: {one: played(1.0)},
            UNRECORDED: {one: played(1.5)},
            SHARED: {one: played(3.0)},
            PER_CALL: {one: played(4.0, 9.0, 3.5), many: played(2.0), two: played(2.0, per_second=750.0)},
            PER_CALL_POSTGRES: {one: played(4.4)},
            BEFORE + PER_CALL: {one: played(8.0)},
            "httpx": {one: played(2.0), many: played(8.0)},
        },
        "starts": {
            PER_CALL: [{"import_s": 0.5, "first_call_s": 0.25}],
            BEFORE + PER_CALL: [{"import_s": 0.5, "first_call_s": 1.0}],
        },
        "missing": {"LiteLLM": "could not be installed: pip ended with 1"},
    }


def target(results: Results, name: str) -> Target:
    """Return a target by its name."""
    return {each.name: each for each in targets(results)}[name]


def test_a_figure_is_the_median_of_its_repetitions(results: Results) -> None:
    """Three repetitions give their median and a range; none give None."""
    assert 4.0 == figure(results, PER_CALL, Round(1))
    assert (3.5, 9.0) == spread(results, PER_CALL, Round(1))
    assert figure(results, PER_CALL, Round(256)) is None
    assert spread(results, "httpx", Round(1)) is None


@pytest.mark.parametrize(
    ("name", "measured", "verdict"),
    [
        ("CPU of a call, x that of our HTTP alone, 1 in flight", 4.0, "missed"),
        ("CPU of a call, x that of httpx, 64 in flight", 0.25, "met"),
        ("CPU of a call, x that of httpx2, 64 in flight", None, "not measured"),
        ("CPU of a call on PostgreSQL, x that on SQLite, 1 in flight", 1.1, "met"),
        ("calls a second of two processes, x those of one, on SQLite", 1.5, "missed"),
        ("seconds for import and first call, x those of the commit before", 0.5, "met"),
    ],
)
def test_a_target_is_a_ratio_within_one_run(results: Results, name: str, measured: float | None, verdict: str) -> None:
    """A target with a missing figure is not measured; the others are met or missed."""
    found = target(results, name)
    assert (measured, verdict) == (found.measured, found.verdict)


def test_memory_is_that_of_the_first_repetition(results: Results) -> None:
    """Memory is the smallest peak of a round, because a process returns little of what it held."""
    peaks = ((90_000.0, 130_000.0), (120_000.0, 131_000.0))
    results["rounds"][THOUSAND] = {
        order.key: [each for peak in found for each in played(1.0, peak_kb=peak)]
        for order, found in zip(SLOW, peaks, strict=True)
    }
    assert 30.0 == memory_kb(results)


def test_a_layer_is_what_a_contestant_takes_beyond_the_one_below(results: Results) -> None:
    """HTTP alone, the module's own code, the rows and the service object add up to a call."""
    text = page(results)
    layers = ("HTTP alone | 1.00", "+ the module's own code | 0.50", "+ the row's two commits | 1.50")
    for line in (*layers, "+ a session and a service object | 1.00", "the whole call | 4.00"):
        assert f"| {line} |" in text


def test_the_page_begins_with_three_sentences_and_the_plot(results: Results) -> None:
    """The main figures of the run are above all tables."""
    first_screen, plot_, _ = page(results).partition("![")
    assert plot_
    assert "|" not in first_screen
    assert "takes 4.0 ms of CPU by itself and 2.0 ms with 64 in flight" in first_screen
    assert "500 calls a second on SQLite" in first_screen


def test_the_page_ends_with_what_is_missed_and_why(results: Results) -> None:
    """Each missed target is listed again below all tables, with what its figure consists of."""
    last = page(results).rpartition("## Missed targets, and why")[2].strip().split("\n")
    layers = "HTTP alone 1.0, the module's own code 0.50, the row's two commits 1.5, a session and a service object 1.0"
    assert [
        (
            "- *CPU of a call, x that of our HTTP alone, 1 in flight*, *CPU of a call, x that of httpx, 1 in flight*: "
            f"of 4.0 ms, {layers}; a call that is alone shares its two commits with no other."
        ),
        (
            "- *calls a second of two processes, x those of one, on SQLite*: the server runs on the same cores, which "
            "one process keeps 99 % busy, and two 99 %."
        ),
    ] == last


def test_the_page_has_every_target_and_what_was_left_out(results: Results) -> None:
    """The page has a line for each target, and names what could not be measured or was left out."""
    results["extent"]["left_out"] = ["a table of a million rows"]
    text = page(results)
    assert len(targets(results)) == sum(text.count(f"| {verdict} |") for verdict in ("met", "missed", "not measured"))
    assert "- LiteLLM: could not be installed: pip ended with 1\n" in text
    assert "- a table of a million rows\n" in text
    assert "the figures of a short run" in text.partition("![")[0]


def test_the_page_compares_with_another_commit(results: Results) -> None:
    """A table has the figures of another commit next to today's; without another commit, there is no such table."""
    assert "| 8.00 to 4.00 (x 0.50) | - | - | 1.50 to 0.75 (x 0.50) |" in page(results)
    del results["rounds"][BEFORE + PER_CALL]
    assert "Before and after" not in page(results)


def test_the_plot_shows_who_played_both_rounds(results: Results) -> None:
    """The plot has a line for each client, ours first, with values as text, and is well-formed."""
    picture = ET.fromstring(plot(results))  # noqa: S314 - our own
    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert ["this module, on SQLite", "httpx"] == [
        each for each in texts if each in ("this module, on SQLite", "httpx")
    ]
    assert {"4.0", "2.0", "8.0"} <= set(texts)
    assert "this module, on PostgreSQL" not in texts


def test_the_documents_show_the_run_that_is_kept() -> None:
    """docs/benchmarks.md and its plot are what `tests/benchmarks/page.py` makes from docs/benchmarks.json."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert page(results) == RESULTS.with_suffix(".md").read_text(encoding="utf-8")
    assert plot(results) == RESULTS.with_suffix(".svg").read_text(encoding="utf-8")


def test_ours_needs_what_the_module_imports() -> None:
    """Our environment has the module's packages and a driver for PostgreSQL, and nothing for tests."""
    names = {re.split("[^A-Za-z0-9-]", each)[0] for each in OURS[0].requirements}
    assert {"SQLAlchemy", "pydantic", "httpx-aiohttp", "aiohttp", "psycopg", "python-dotenv"} <= names
    assert names.isdisjoint({"pytest", "openai"})


def test_contestants_have_names_of_their_own() -> None:
    """Contestants have unique names, also those of another commit, because results are stored by name."""
    everybody = (*OURS, *OTHERS, *at_revision(ROOT))
    assert len(everybody) == len({each.name for each in everybody})
