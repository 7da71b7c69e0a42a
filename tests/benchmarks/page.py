"""docs/benchmarks.md and its plot, made from what was measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.field import CONTESTANTS, IN_FLIGHT, SIZES, Round
from benchmarks.figures import OURS, Results, figure, spread, targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
# Above this line the page is written by hand, below it by `nox -s bench`.
MARK: Final = "<!-- measured -->"


def write(results: Results, path: Path | None) -> None:
    """Print the page's measured part; with a path, keep the results there and write page and plot."""
    body = measured(results)
    sys.stdout.write(body)
    if path is None:
        return
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    by_hand = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(f"{by_hand}{MARK}\n{body}", encoding="utf-8")
    plot(results, path.with_suffix(".svg"))


def measured(results: Results) -> str:
    """Return the page below the mark."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    names = [each.name for each in CONTESTANTS if each.name in results["rounds"]]
    parts = [
        (
            f"\nMeasured on {machine['date']} on {machine['cores']} cores of {machine['cpu']}, "
            f"Python {machine['python']}, {versions}.\n"
        ),
        "\n![CPU of a call by calls in flight](benchmarks.svg)\n",
        "\n## Targets\n\n" + _table(("target", "limit", "measured", ""), _targets(results)),
        "\n## CPU of a call, in ms\n\nMedian, lowest and highest of the repetitions.\n\n",
        _table(("", *(f"{n:,} in flight" for n in IN_FLIGHT)), _rows(results, names, [Round(n) for n in IN_FLIGHT])),
        "\n## Calls a second, and p99 of a call in ms\n\n",
        _table(("", *(f"{n:,} in flight" for n in IN_FLIGHT)), _paces(results, names)),
        "\n## CPU of a call by the size of the question, in ms, 64 in flight\n\n",
        _table(("", *(f"{n:,} B" for n in SIZES)), _rows(results, [OURS, "httpx"], [Round(64, n) for n in SIZES])),
        "\n## Import, in ms\n\n",
        _table(("", "ms"), [(name, f"{1000 * each:.0f}") for name, each in results["imports"].items()]),
    ]
    if results["missing"]:
        parts += ["\n## Not measured\n\n", _table(("", "why"), list(results["missing"].items()))]
    return "".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _targets(results: Results) -> list[tuple[str, str, str, str]]:
    return [
        (
            each.words,
            f"{'at least' if each.at_least else 'at most'} {each.limit:g}",
            "-" if each.measured is None else f"{each.measured:,.3g}",
            each.verdict,
        )
        for each in targets(results)
    ]


def _rows(results: Results, names: list[str], rounds: list[Round]) -> list[list[str]]:
    return [[name, *(spread(results, name, order) for order in rounds)] for name in names]


def _paces(results: Results, names: list[str]) -> list[list[str]]:
    return [[name, *(_pace(results, name, Round(calls)) for calls in IN_FLIGHT)] for name in names]


def _pace(results: Results, name: str, order: Round) -> str:
    pace, slowest = figure(results, name, order, "per_second"), figure(results, name, order, "p99_ms")
    return "-" if pace is None else f"{pace:,.0f}, {slowest:,.0f} ms"


def plot(results: Results, path: Path) -> None:
    """Draw CPU per call over calls in flight, both logarithmic."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - only the benchmark's environment has it

    figure_, axes = plt.subplots(figsize=(8, 5))
    for name in results["rounds"]:
        points = [(n, cpu) for n in IN_FLIGHT if (cpu := figure(results, name, Round(n))) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=name, linewidth=3 if name == OURS else 1)
    axes.set(xscale="log", yscale="log", xlabel="calls in flight", ylabel="CPU of a call, ms")
    axes.legend(fontsize="small")
    axes.grid(visible=True, which="both", alpha=0.2)
    figure_.savefig(path)
