"""Write docs/benchmarks.md and its plot from docs/benchmarks.json, which `nox -s bench` keeps."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if __name__ == "__main__":  # run as a script, it finds the modules beside it
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.field import (
    BEFORE,
    HTTP_ALONE,
    IN_FLIGHT,
    LAG,
    LARGE,
    LINES,
    OTHERS,
    OURS,
    PER_CALL,
    PER_CALL_POSTGRES,
    ROOT,
    SLOW_SECONDS,
    STREAM_PIECES,
    STREAMED,
    STREAMS,
    TWO_PROCESSES,
    Round,
)
from benchmarks.figures import LAYERS, Results, figure, layer, ratio, ready, short, spread, targets
from benchmarks.plot import plot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DOCS: Final = ROOT / "docs"
RESULTS: Final = DOCS / "benchmarks.json"
EVERYBODY: Final = (*(each.name for each in OTHERS), *(each.name for each in OURS if not each.is_extra))
MISSING: Final = "-"


def keep(results: Results) -> None:
    """Store the results, and write the page and the plot."""
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    write(results)


def write(results: Results) -> None:
    """Write the page and the plot."""
    RESULTS.with_suffix(".md").write_text(page(results), encoding="utf-8")
    RESULTS.with_suffix(".svg").write_text(plot(results), encoding="utf-8")


def in_terminal(results: Results) -> str:
    """Return the page's tables, and what was left out."""
    return "".join([*_tables(results), _conditions(results), _targets(results)])


def page(results: Results) -> str:
    """Return the page."""
    return "".join([_first_screen(results), *_tables(results), _conditions(results), _targets(results)])


def _first_screen(results: Results) -> str:
    def ms(name: str, calls: int) -> str:
        return short(figure(results, name, Round(calls)))

    a_second = [_number(figure(results, name, Round(64), "per_second")) for name in (PER_CALL, PER_CALL_POSTGRES)]
    partial = "These are the figures of a short run: see [what it left out](#how-it-is-measured).\n\n"
    return (
        "# What a call costs\n\n"
        f"A call through this module takes {ms(PER_CALL, 1)} ms of CPU by itself and {ms(PER_CALL, 64)} ms with 64 in "
        f"flight, including its price and its row, which is committed twice (SQLite; {ms(PER_CALL_POSTGRES, 1)} and "
        f"{ms(PER_CALL_POSTGRES, 64)} ms on PostgreSQL). Of the clients that record nothing, bare httpx takes "
        f"{ms('httpx', 1)} and {ms('httpx', 64)} ms, and the openai SDK {ms('openai SDK', 1)} and "
        f"{ms('openai SDK', 64)} ms. One process handles {a_second[0]} calls a second on SQLite and {a_second[1]} on "
        f"PostgreSQL, and gets its first answer {short(ready(results, PER_CALL))} s after it starts.\n\n"
        + (partial if results["extent"]["left_out"] else "")
        + "![CPU of a call with 1 and with 64 in flight, for this module and other clients](benchmarks.svg)\n"
    )


def _tables(results: Results) -> list[str]:
    names = [name for name in EVERYBODY if figure(results, name, Round(64)) is not None]
    return [
        _where_cpu_goes(results),
        "\n## Compared with other clients\n\nCPU of a call in ms: the median, and the range of the repetitions. ",
        "Ready is the time for the import and the first call.\n\n",
        _table(
            ("", *(f"{calls} in flight" for calls in IN_FLIGHT), "ready, s"),
            (
                (name, *(_range(results, name, Round(calls)) for calls in IN_FLIGHT), _number(ready(results, name), 2))
                for name in names
            ),
        ),
        "\n## Calls a second\n\nIn one process, with the 99th percentile of a call's time.\n\n",
        _table(
            ("", *(f"{calls} in flight" for calls in IN_FLIGHT)),
            ((name, *(_pace(results, name, Round(calls)) for calls in IN_FLIGHT)) for name in names),
        ),
        _two_processes(results),
        _large(results),
        _streams(results),
        _lag(results),
        _before(results),
    ]


def _where_cpu_goes(results: Results) -> str:
    orders = [Round(calls) for calls in IN_FLIGHT]
    rows = [
        (("+ " if index else "") + name, *(_ms(layer(results, index, order)) for order in orders))
        for index, (name, _) in enumerate(LAYERS)
    ]
    total = ("the whole call", *(_ms(figure(results, PER_CALL, order)) for order in orders))
    threads = [
        (database, thread, *(_ms(figure(results, name, order, what)) for order in orders))
        for database, name in (("SQLite", PER_CALL), ("PostgreSQL", PER_CALL_POSTGRES))
        for thread, what in (("the event loop's", "loop_ms"), ("the ledger's", "ledger_ms"), ("others", "others_ms"))
    ]
    head = [f"{calls} in flight" for calls in IN_FLIGHT]
    return (
        "\n## Where the CPU of a call goes\n\n"
        "In ms, on SQLite: what each part adds to the parts above it.\n\n"
        + _table(("", *head), [*rows, total])
        + "\nThe same call, by thread:\n\n"
        + _table(("database", "thread", *head), threads)
    )


def _two_processes(results: Results) -> str:
    rows = [
        (
            database,
            _number(figure(results, name, Round(64), "per_second")),
            _number(figure(results, name, TWO_PROCESSES, "per_second")),
            *(_ms(figure(results, name, order)) for order in (Round(64), TWO_PROCESSES)),
        )
        for database, name in (("SQLite", PER_CALL), ("PostgreSQL", PER_CALL_POSTGRES))
    ]
    head = ("", "one process, calls a second", "two processes", "one process, CPU of a call in ms", "two processes")
    return "\n## Two processes\n\nOn one database, 64 calls in flight in each.\n\n" + _table(head, rows)


def _large(results: Results) -> str:
    rows = [
        (name, *(_ms(figure(results, name, LARGE, what)) for what in ("cpu_ms", "loop_ms", "ledger_ms", "others_ms")))
        for name in ("httpx", PER_CALL, BEFORE + PER_CALL)
        if name in results["rounds"]
    ]
    head = ("", "CPU of a call, ms", "the event loop's thread", "the ledger's", "others")
    return "\n## A prompt of 1 MB\n\n64 calls in flight.\n\n" + _table(head, rows)


def _streams(results: Results) -> str:
    rows = [
        (name, *(_number(_piece_us(results, name, order)) for order in STREAMS))
        for name in (LINES, STREAMED)
        if name in results["rounds"]
    ]
    if not rows:
        return ""
    return (
        "\n## A streamed answer\n\n"
        f"CPU of a piece in µs: the CPU of the whole call, divided by the {STREAM_PIECES} pieces of its answer, which "
        "arrive 2 ms apart. httpx decodes each line, and assembles nothing.\n\n"
        + _table(("", *(f"{order.in_flight} in flight" for order in STREAMS)), rows)
    )


def _piece_us(results: Results, name: str, order: Round) -> float | None:
    ms = figure(results, name, order)
    return None if ms is None else 1000 * ms / STREAM_PIECES


def _lag(results: Results) -> str:
    names = [*(BEFORE + name for name in (PER_CALL, PER_CALL_POSTGRES)), HTTP_ALONE, PER_CALL, PER_CALL_POSTGRES]
    rows = [
        (
            name,
            *(_number(figure(results, name, order, what), 1) for order in LAG for what in ("lag_p99_ms", "lag_max_ms")),
        )
        for name in names
        if figure(results, name, LAG[0], "lag_p99_ms") is not None
    ]
    if not rows:
        return ""
    slow = f"16 in flight, a server that takes {SLOW_SECONDS:g} s"
    head = ("", "1 in flight, p99", "longest", f"{slow}, p99", "longest")
    return "\n## How late the event loop wakes a task\n\nIn ms, for a task that sleeps 5 ms.\n\n" + _table(head, rows)


def _before(results: Results) -> str:
    rows = []
    for name in (each.name for each in OURS):
        found = [
            (figure(results, BEFORE + name, Round(calls)), figure(results, name, Round(calls))) for calls in IN_FLIGHT
        ]
        if any(before is not None for before, _ in found):
            starts = ready(results, BEFORE + name), ready(results, name)
            rows.append((name, *(_change(*each) for each in found), _change(*starts)))
    if not rows:
        return ""
    return (
        "\n## Before and after\n\n"
        f"Commit {results['extent']['before']} compared with this one, in the same run: "
        "CPU of a call in ms, and seconds until the first call is answered.\n\n"
        + _table(("", *(f"{calls} in flight" for calls in IN_FLIGHT), "ready, s"), rows)
    )


def _change(before: float | None, after: float | None) -> str:
    factor = ratio(after, before)
    return MISSING if factor is None else f"{before:.2f} to {after:.2f} (x {factor:.2f})"


def _conditions(results: Results) -> str:
    machine, extent = results["machine"], results["extent"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    packages = ", ".join(f"{name} {version}" for name, version in results["packages"].items())
    left_out = [*extent["left_out"], *(f"{name}: {reason}" for name, reason in results["missing"].items())]
    listed = "".join(f"- {each}\n" for each in left_out)
    return (
        "\n## How it is measured\n\n"
        "Every contestant has its own process and virtual environment, and is used as its documentation shows: "
        "one client, shared by all calls. The rounds of all contestants alternate, so that other work of the machine "
        "affects all of them alike. The server is another process, which answers at once with one completion. The CPU "
        "time is that of all threads of the contestant's process, without the server and PostgreSQL (which runs here "
        "without fsync).\n\n"
        f"Measured on {machine['date']} at commit {machine['commit']}, "
        f"on {machine['cores']} cores of {machine['cpu']}, with Python {machine['python']}, {versions}. "
        + (f"The others: {packages}. " if packages else "")
        + f"Each round lasts {extent['round_seconds']:g} s, and is played {results['repetitions']} times; the run "
        f"took {extent['minutes']:g} minutes, on a machine whose load was {machine['load']:g} before.\n"
        + (f"\nLeft out:\n\n{listed}" if listed else "")
    )


def _targets(results: Results) -> str:
    found = targets(results)
    rows = [
        (
            each.name,
            f"at {'least' if each.is_at_least else 'most'} {each.limit:g}",
            MISSING if each.measured is None else f"{each.measured:.2f}",
            each.verdict,
        )
        for each in found
    ]
    missed: dict[str, list[str]] = {}
    for each in found:
        if each.verdict == "missed":
            missed.setdefault(each.reason, []).append(each.name)
    listed = "".join(f"- *{'*, *'.join(names)}*: {reason}.\n" for reason, names in missed.items())
    why = f"\n## Missed targets, and why\n\n{listed}" if missed else ""
    return "\n## Targets\n\n" + _table(("", "target", "measured", ""), rows) + why


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _number(value: float | None, digits: int = 0) -> str:
    return MISSING if value is None else f"{value:z,.{digits}f}"


def _ms(value: float | None) -> str:
    return _number(value, 2)


def _range(results: Results, name: str, order: Round) -> str:
    least_most = spread(results, name, order)
    between = f" ({least_most[0]:.2f} to {least_most[1]:.2f})" if least_most else ""
    return _ms(figure(results, name, order)) + between


def _pace(results: Results, name: str, order: Round) -> str:
    pace, slowest = figure(results, name, order, "per_second"), figure(results, name, order, "p99_ms")
    return MISSING if pace is None or slowest is None else f"{pace:,.0f}, {slowest:,.0f} ms"


if __name__ == "__main__":
    write(json.loads(RESULTS.read_text(encoding="utf-8")))
