"""The benchmark's plot: CPU of a call with 1 and with 64 in flight, one line for each client, as SVG."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from benchmarks.field import OTHERS, PER_CALL, PER_CALL_POSTGRES, Round
from benchmarks.figures import figure, short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.figures import Results

    Client = tuple[str, float, float]  # its name, and the CPU of a call in ms with 1 and with 64 in flight

ALONE: Final = Round(1)
TOGETHER: Final = Round(64)
OURS: Final = {PER_CALL: "this module, on SQLite", PER_CALL_POSTGRES: "this module, on PostgreSQL"}
MEANINGS: Final = {"alone": "1 in flight", "together": "64 in flight"}
TICKS_MS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

# In pixels, for a picture that a phone shows without shrinking it.
WIDTH: Final = 380
LEFT, RIGHT = 56, WIDTH - 48  # where the scale begins and ends
TOP: Final = 76
ROW_HEIGHT: Final = 48
NAMES_HEIGHT: Final = 18  # the legend, next to the marks of the first row
NARROWEST_NAME: Final = 96

STYLE: Final = """
    .ground { fill: #ffffff; stroke: #d0d7de; }
    .grid { stroke: #d8dee4; }
    .span { stroke: #8c959f; stroke-width: 2; }
    .alone { fill: #0072b2; }
    .together { fill: #b35900; }
    text { font: 14px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
    text { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; }
    .quiet { fill: #57606a; font-size: 13px; }
    .strong { font-weight: 600; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #131416; stroke: #3d444d; }
      .grid { stroke: #30363d; }
      .span { stroke: #656c76; }
      .alone { fill: #56b4e9; }
      .together { fill: #f0a030; }
      text { fill: #f0f6fc; stroke: #131416; }
      .quiet { fill: #9fa8b3; }
    }
"""


class Scale:
    """A logarithmic scale of milliseconds, over the ticks that the values need."""

    def __init__(self, values: list[float]) -> None:
        """Reach from the tick below the least value to the one above the greatest."""
        first = max((index for index, tick in enumerate(TICKS_MS) if tick <= min(values)), default=0)
        last = min((index for index, tick in enumerate(TICKS_MS) if tick >= max(values)), default=len(TICKS_MS) - 1)
        self.ticks = TICKS_MS[first : max(last, first + 1) + 1]

    def x(self, value: float) -> float:
        """Return the position of a value."""
        least, most = self.ticks[0], self.ticks[-1]
        return LEFT + (RIGHT - LEFT) * log10(value / least) / log10(most / least)


def plot(results: Results) -> str:
    """Return the plot; a client that did not play both rounds is left out."""
    clients = [*_clients(results)]
    scale = Scale([value for _, *values in clients for value in values] or [1.0])
    bottom = TOP + NAMES_HEIGHT + ROW_HEIGHT * len(clients)
    height = bottom + 36
    text = "; ".join(f"{name}: {short(alone)} and {short(together)} ms" for name, alone, together in clients)
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title text">',
        '<title id="title">CPU of a call with 1 and with 64 in flight</title>',
        f'<desc id="text">{escape(text)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        '<text class="strong" x="14" y="28">CPU of a call, in ms, on a logarithmic scale</text>',
        '<text class="quiet" x="14" y="48">This module records each call, the others nothing</text>',
        *_grid(scale, bottom),
        *(line for row, client in enumerate(clients) for line in _row(scale, row, client)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _clients(results: Results) -> Iterator[Client]:
    """Yield ours, then the others, the cheapest first."""
    names = [*OURS, *sorted(each.name for each in OTHERS)]
    found = [(name, figure(results, name, ALONE), figure(results, name, TOGETHER)) for name in names]
    both = [(name, alone, together) for name, alone, together in found if alone is not None and together is not None]
    yield from ((OURS[name], alone, together) for name, alone, together in both if name in OURS)
    yield from sorted((each for each in both if each[0] not in OURS), key=lambda client: client[1] * client[2])


def _grid(scale: Scale, bottom: int) -> Iterator[str]:
    for tick in scale.ticks:
        x = scale.x(tick)
        yield f'<path class="grid" d="M{x:.1f} {TOP - 14}V{bottom}"/>'
        yield f'<text class="quiet" x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{tick:g}</text>'


def _row(scale: Scale, row: int, client: Client) -> Iterator[str]:
    """Yield a client's name and its two marks with their values; in the first row also the legend."""
    name, alone, together = client
    y = TOP + ROW_HEIGHT * row + (NAMES_HEIGHT if row else 0)
    emphasis = ' class="strong"' if name in OURS.values() else ""
    yield f'<text{emphasis} x="14" y="{y}">{escape(name)}</text>'
    y += 17 if row else 17 + NAMES_HEIGHT
    marks = [(scale.x(alone), "alone", alone), (scale.x(together), "together", together)]
    (left, left_kind, left_value), (right, right_kind, right_value) = sorted(marks)
    if not row:
        middle = min(max((left + right) / 2, NARROWEST_NAME), WIDTH - NARROWEST_NAME)
        at_left, at_right = f'x="{middle - 6:.1f}" y="{y - 13}" text-anchor="end"', f'x="{middle + 6:.1f}" y="{y - 13}"'
        yield f'<text class="{left_kind}" {at_left}>{MEANINGS[left_kind]}</text>'
        yield f'<text class="{right_kind}" {at_right}>{MEANINGS[right_kind]}</text>'
    yield f'<path class="span" d="M{left:.1f} {y}H{right:.1f}"/>'
    yield f'<circle class="alone" cx="{scale.x(alone):.1f}" cy="{y}" r="5"/>'
    x = scale.x(together)
    yield f'<path class="together" d="M{x:.1f} {y - 6.5}l6.5 6.5-6.5 6.5-6.5-6.5z"/>'
    yield f'<text class="{left_kind}" x="{left - 10:.1f}" y="{y + 5}" text-anchor="end">{short(left_value)}</text>'
    yield f'<text class="{right_kind}" x="{right + 10:.1f}" y="{y + 5}">{short(right_value)}</text>'
