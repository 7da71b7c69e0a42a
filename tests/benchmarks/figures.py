"""The benchmark's arithmetic: medians of rounds, and each target with the measured figure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.field import (
    BEFORE,
    HTTP_ALONE,
    IN_FLIGHT,
    LARGE,
    MANY_IN_FLIGHT,
    MILLION_ROWS,
    PER_CALL,
    PER_CALL_POSTGRES,
    SHARED,
    SLOW,
    THOUSAND,
    TWO_PROCESSES,
    UNRECORDED,
    Round,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Results = dict[str, Any]

CPU: Final = "cpu_ms"
# The layers of a call, from the inside: what the contestant of a layer takes beyond the previous one.
LAYERS: Final = (
    ("HTTP alone", HTTP_ALONE),
    ("the module's own code", UNRECORDED),
    ("the row's two commits", SHARED),
    ("a session and a service object", PER_CALL),
)


@dataclass(frozen=True)
class Target:
    """An upper or lower limit for a figure; `measured` is None if it was not measured.

    `reason` says what the figure consists of, in case the target is missed.
    """

    name: str
    limit: float
    measured: float | None
    reason: str
    is_at_least: bool = False

    @property
    def verdict(self) -> str:
        """Return whether the target is met."""
        if self.measured is None:
            return "not measured"
        is_met = self.measured >= self.limit if self.is_at_least else self.measured <= self.limit
        return "met" if is_met else "missed"


def figure(results: Results, name: str, order: Round, what: str = CPU) -> float | None:
    """Return the median of a contestant's rounds; None if it played none."""
    return _of_rounds(results, name, order, what, median)


def _of_rounds(
    results: Results, name: str, order: Round, what: str, reduced: Callable[[list[float]], float]
) -> float | None:
    played = results["rounds"].get(name, {}).get(order.key, [])
    found = [each[what] for each in played if what in each]
    return reduced(found) if found else None


def spread(results: Results, name: str, order: Round) -> tuple[float, float] | None:
    """Return the least and the greatest CPU time of a call in ms; None without two repetitions."""
    played = [each[CPU] for each in results["rounds"].get(name, {}).get(order.key, [])]
    return (min(played), max(played)) if len(played) > 1 else None


def ready(results: Results, name: str, what: str | None = None) -> float | None:
    """Return the median seconds of a contestant's import, of its first call, or of both together (the default)."""
    starts = results["starts"].get(name, [])
    return (
        median(each[what] if what else each["import_s"] + each["first_call_s"] for each in starts) if starts else None
    )


def ratio(above: float | None, below: float | None) -> float | None:
    """Return a ratio; None if one of the figures is missing."""
    return above / below if above is not None and below else None


def short(value: float | None) -> str:
    """Return a figure with two significant digits, a dash for None."""
    if value is None:
        return "-"
    return f"{value:z.2f}" if abs(value) < 1 else f"{value:.1f}" if abs(value) < 10 else f"{value:,.0f}"


def layer(results: Results, index: int, order: Round) -> float | None:
    """Return the ms of CPU that a layer adds to a call."""
    this = figure(results, LAYERS[index][1], order)
    below = figure(results, LAYERS[index - 1][1], order) if index else 0.0
    return None if this is None or below is None else this - below


def memory_kb(results: Results) -> float | None:
    """Return the KB for a call in flight, from the first repetition, because a process returns little of its peak."""
    one, many = (_of_rounds(results, THOUSAND, order, "peak_kb", min) for order in SLOW)
    return None if one is None or many is None else (many - one) / MANY_IN_FLIGHT


def targets(results: Results) -> list[Target]:
    """Return every target in order."""
    return [*_of_a_call(results), *_of_the_databases(results), *_of_a_process(results), *_at_scale(results)]


def _of_a_call(results: Results) -> list[Target]:
    alone = ((HTTP_ALONE, 1, 3.0), ("httpx", 1, 1.75), ("openai SDK", 1, 0.5))
    together = ((HTTP_ALONE, 64, 1.6), ("httpx", 64, 0.35), ("httpx2", 64, 1.0))
    return [
        Target(
            f"CPU of a call, x that of {other}, {calls} in flight",
            limit,
            ratio(figure(results, PER_CALL, Round(calls)), figure(results, other, Round(calls))),
            _layers(results, Round(calls)),
        )
        for other, calls, limit in (*alone, *together)
    ] + [
        Target(
            "CPU of a call with a prompt of 1 MB, x that of httpx, 64 in flight",
            1.5,
            ratio(figure(results, PER_CALL, LARGE), figure(results, "httpx", LARGE)),
            f"{_threads(results, PER_CALL, LARGE)}; the row has the text twice, in messages and in request_payload",
        )
    ]


def _layers(results: Results, order: Round) -> str:
    parts = [f"{name} {short(layer(results, index, order))}" for index, (name, _) in enumerate(LAYERS)]
    alone = "; a call that is alone shares its two commits with no other" if order == Round(1) else ""
    return f"of {short(figure(results, PER_CALL, order))} ms, {', '.join(parts)}{alone}"


def _threads(results: Results, name: str, order: Round) -> str:
    threads = (("the event loop's thread", "loop_ms"), ("the ledger's", "ledger_ms"), ("others", "others_ms"))
    parts = [f"{thread} {short(figure(results, name, order, what))}" for thread, what in threads]
    return f"of {short(figure(results, name, order))} ms, {', '.join(parts)}"


def _of_the_databases(results: Results) -> list[Target]:
    return [
        Target(
            f"CPU of a call on PostgreSQL, x that on SQLite, {calls} in flight",
            1.2,
            ratio(figure(results, PER_CALL_POSTGRES, Round(calls)), figure(results, PER_CALL, Round(calls))),
            f"on PostgreSQL, {_threads(results, PER_CALL_POSTGRES, Round(calls))}; "
            f"on SQLite, {_threads(results, PER_CALL, Round(calls))}",
        )
        for calls in IN_FLIGHT
    ]


def _of_a_process(results: Results) -> list[Target]:
    doubled = [
        Target(
            f"calls a second of two processes, x those of one, on {database}",
            2.0,
            ratio(*(figure(results, name, order, "per_second") for order in (TWO_PROCESSES, Round(64)))),
            f"{who} on the same cores, which one process keeps "
            f"{short(figure(results, name, Round(64), 'busy_percent'))} % busy, and two "
            f"{short(figure(results, name, TWO_PROCESSES, 'busy_percent'))} %",
            is_at_least=True,
        )
        for database, name, who in (
            ("SQLite", PER_CALL, "the server runs"),
            ("PostgreSQL", PER_CALL_POSTGRES, "the server and PostgreSQL run"),
        )
    ]
    seconds = (short(ready(results, PER_CALL, what)) for what in ("import_s", "first_call_s"))
    return [
        *doubled,
        Target(
            "seconds for import and first call, x those of the commit before",
            0.7,
            ratio(ready(results, PER_CALL), ready(results, BEFORE + PER_CALL)),
            "the import takes {} s, the first call {} s".format(*seconds),
        ),
    ]


def _at_scale(results: Results) -> list[Target]:
    usual = figure(results, PER_CALL, Round(64))
    return [
        Target(
            f"CPU of a call, {MANY_IN_FLIGHT:,} in flight, x that at 64",
            1.3,
            ratio(figure(results, THOUSAND, Round(MANY_IN_FLIGHT)), usual),
            _threads(results, THOUSAND, Round(MANY_IN_FLIGHT)),
        ),
        Target(
            "CPU of a call on a million rows, x that on a new table, 64 in flight",
            1.1,
            ratio(figure(results, MILLION_ROWS, Round(64)), usual),
            _threads(results, MILLION_ROWS, Round(64)),
        ),
        Target("KB of memory for a call in flight", 50, memory_kb(results), "what the tasks and rows of a call hold"),
    ]
