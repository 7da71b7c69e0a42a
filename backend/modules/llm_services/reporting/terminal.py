"""A report in a terminal. Columns are left out, and named, before a name is shortened; figures and dates stay whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .tables import view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .tables import Section
    from .values import Report

# Columns that a narrow terminal leaves out, the first of them first.
OPTIONAL_COLUMNS: Final = ["share", "cached", "output", "input", "calls", "p95", "p50", "failed", "attempts", "unknown"]
MIN_NAME_WIDTH: Final = 8
MIN_WIDTH_FOR_NOTES: Final = 80  # a narrower terminal shows the notes below the figures
PADDING: Final = 2
UNLIMITED_WIDTH: Final = 10_000
ELLIPSIS: Final = "…"


def show(report: Report, database: str) -> None:
    """Print a report on `database`."""
    console = Console()
    shown = view(report, database)
    console.print(Text(shown.title, style="bold"), Text(shown.subtitle, style="dim"), "", sep="\n")
    _print_headlines(shown.headlines, console)
    for section in shown.sections:
        if not section.rows:
            console.print("", Text(f"{section.title}: none", style="bold"))
            continue
        table, changes = _fitted(section, console)
        console.print("", table)
        for note in filter(None, (section.note, *changes)):
            console.print(Text(note, style="dim"))


def _print_headlines(headlines: Sequence[tuple[str, str, str]], console: Console) -> None:
    if console.width < MIN_WIDTH_FOR_NOTES:
        for name, figure, note in headlines:
            console.print(Text.assemble(f"{name}: ", (figure, "bold")))
            console.print(Padding(Text(note, style="dim"), (0, 0, 0, PADDING)))
        return
    table = Table.grid(padding=(0, PADDING))
    for no_wrap in (True, True, False):
        table.add_column(no_wrap=no_wrap)
    for name, figure, note in headlines:
        table.add_row(name, Text(figure, style="bold"), Text(note, style="dim"))
    console.print(table)


def _fitted(section: Section, console: Console) -> tuple[Table, list[str]]:
    """Return the table as it fits the terminal, and notes on what was changed."""
    columns = section.names + section.numbers
    left_out: list[str] = []
    optional = [] if section.in_prose else [name for name in OPTIONAL_COLUMNS if name in columns]
    while optional and _excess(_table(section, left_out), console) > 0:
        left_out.append(optional.pop(0))
    widths = {} if section.in_prose else _name_widths(section, _excess(_table(section, left_out), console))
    changes = [f"Left out at {console.width} columns: {', '.join(left_out)}."] if left_out else []
    changes += ["Names are shortened."] if widths else []
    return _table(section, left_out, widths), changes


def _excess(table: Table, console: Console) -> int:
    """Return the number of characters by which a table is wider than the terminal."""
    return Measurement.get(console, console.options.update_width(UNLIMITED_WIDTH), table).maximum - console.width


def _name_widths(section: Section, excess: int) -> dict[int, int]:
    """Return the widths of the columns of names, shortened to save `excess` characters, the widest column first."""
    widths = {place: _widest(section, place) for place in range(len(section.names))}
    shortened: dict[int, int] = {}
    for place in sorted(widths, key=widths.__getitem__, reverse=True):
        cut = min(excess, widths[place] - MIN_NAME_WIDTH)
        if cut > 0:
            shortened[place] = widths[place] - cut
            excess -= cut
    return shortened


def _widest(section: Section, place: int) -> int:
    return max(map(cell_len, [section.names[place], *(row.cells[place] for row in section.rows)]))


def _table(section: Section, left_out: Sequence[str], widths: dict[int, int] | None = None) -> Table:
    table = Table(title=section.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    columns = section.names + section.numbers
    places = [place for place, name in enumerate(columns) if name not in left_out]
    for place in places:
        is_name = place < len(section.names)
        wraps = is_name and section.in_prose
        table.add_column(columns[place], justify="left" if is_name else "right", no_wrap=not wraps)
    for row in section.rows:
        cells = (shortened(row.cells[place], (widths or {}).get(place)) for place in places)
        table.add_row(*map(Text, cells), style="bold" if row.is_total else "")
    return table


def shortened(name: str, width: int | None) -> str:
    """Return a name in at most `width` cells; its middle is left out, so that vendor and version remain."""
    if width is None or cell_len(name) <= width:
        return name
    head = (width - 1) // 2
    tail = width - 1 - head
    return set_cell_size(name, head).rstrip() + ELLIPSIS + set_cell_size(name[::-1], tail)[::-1].lstrip()
