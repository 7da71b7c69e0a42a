"""The benchmark's arithmetic: medians of rounds, and each target with what was measured beside it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from benchmarks.field import SLOW_SECONDS, Round

OURS: Final = "ours, on SQLite"
POSTGRES: Final = "ours, on PostgreSQL"
FULL: Final = "ours, a million rows on SQLite"
Results = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """What is aimed at: a figure that is at most, or at least, so much; `measured` is None where it was not."""

    words: str
    limit: float
    measured: float | None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """Say whether the target is met."""
        if self.measured is None:
            return "not measured"
        is_met = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        return "met" if is_met else "missed"


def figure(results: Results, name: str, order: Round, what: str = "cpu_ms") -> float | None:
    """Return the median of what a contestant's rounds took; None when it played none."""
    played = results["rounds"].get(name, {}).get(order.key, [])
    return median(each[what] for each in played) if played else None


def least(results: Results, name: str, order: Round, what: str) -> float | None:
    """Return the smallest of what a contestant's rounds took; None when it played none."""
    played = results["rounds"].get(name, {}).get(order.key, [])
    return min((each[what] for each in played), default=None)


def spread(results: Results, name: str, order: Round) -> str:
    """Return the median CPU in ms, with the lowest and the highest; a dash for a round that was not played."""
    played = [each["cpu_ms"] for each in results["rounds"].get(name, {}).get(order.key, [])]
    return f"{median(played):.2f} ({min(played):.2f} to {max(played):.2f})" if played else "-"


def ratio(above: float | None, below: float | None) -> float | None:
    """Return a ratio, None where one of the figures is missing."""
    return above / below if above is not None and below else None


def targets(results: Results) -> list[Target]:
    """Return every target in order."""
    return [*_against_httpx(results), *_against_others(results), *_of_our_own(results), *_at_import(results)]


def _against(results: Results, order: Round, other: str, name: str = OURS) -> float | None:
    return ratio(figure(results, name, order), figure(results, other, order))


def _against_httpx(results: Results) -> list[Target]:
    limits = {"httpx": {1: 1.2, 64: 0.3, 256: 0.25, 1000: 0.15}, "httpx2": {64: 1.0, 256: 1.0, 1000: 1.0}}
    servers = {0.0: "", SLOW_SECONDS: f", a server that takes {SLOW_SECONDS:g} s"}
    return [
        Target(
            f"x the CPU of {other}, {calls:,} in flight{words}",
            limit,
            _against(results, Round(calls, delay=delay), other),
        )
        for other, at in limits.items()
        for delay, words in servers.items()
        for calls, limit in at.items()
    ]


def _against_others(results: Results) -> list[Target]:
    others = (("litellm", 4.0), ("pydantic-ai", 8.0), ("openrouter", 25.0))
    twice = [(name, calls, least) for name, least in others for calls in (1, 64)]
    wanted = [("openai", 1, 1.5), ("openai", 64, 2.5), *twice]
    return [
        Target(
            f"x our CPU is what {name} takes, {calls} in flight",
            limit,
            ratio(figure(results, name, Round(calls)), figure(results, OURS, Round(calls))),
            at_least=True,
        )
        for name, calls, limit in wanted
    ]


def _of_our_own(results: Results) -> list[Target]:
    at = {calls: figure(results, OURS, Round(calls)) for calls in (64, 1000)}
    # A peak stays: only the first repetition's round of one call came before that of a thousand.
    slow = [least(results, OURS, Round(calls, delay=SLOW_SECONDS), "peak_kb") for calls in (1, 1000)]
    memory = (slow[1] - slow[0]) / 1000 if slow[0] is not None and slow[1] is not None else None
    per_second = figure(results, POSTGRES, Round(256), "per_second")
    return [
        Target(
            "x our CPU on SQLite is what PostgreSQL takes, 64 in flight",
            1.3,
            _against(results, Round(64), OURS, POSTGRES),
        ),
        Target("calls recorded a second on PostgreSQL, 256 in flight", 3000, per_second, at_least=True),
        Target("x the CPU at 64 in flight is that at 1,000", 1.3, ratio(at[1000], at[64])),
        Target(
            "x the CPU on an empty table is that on a million rows, 64 in flight",
            1.1,
            _against(results, Round(64), OURS, FULL),
        ),
        Target("KB of memory for each call in flight", 50, memory),
        Target("microseconds for llm_services_provider(session)", 100, results.get("provider_us")),
    ]


def _at_import(results: Results) -> list[Target]:
    imports = results.get("imports", {})
    ours = imports.get("ours")
    alone = imports.get("httpx, pydantic and SQLAlchemy")
    return [
        Target("x importing httpx, pydantic and SQLAlchemy is importing ours", 1.3, ratio(ours, alone)),
        Target("x importing LiteLLM is importing ours", 0.1, ratio(ours, imports.get("litellm"))),
    ]
