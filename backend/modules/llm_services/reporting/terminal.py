"""A report in a terminal, whose width decides how many columns it has: none is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .tables import view

if TYPE_CHECKING:
    from .tables import Section
    from .values import Report

MINOR_COLUMNS: Final = {"share", "calls", "input", "cached", "output"}  # left out where room is short
MIN_NAME_WIDTH: Final = 28
PADDING: Final = 2


def show(report: Report, database: str) -> None:
    """Print a report on `database`."""
    console = Console()
    shown = view(report, database)
    console.print(Text(shown.title, style="bold"), Text(shown.subtitle, style="dim"), "", sep="\n")
    head = Table.grid(padding=(0, PADDING))
    for name, figure, note in shown.headlines:
        head.add_row(name, Text(figure, style="bold"), Text(note, style="dim"))
    console.print(head)
    hides_columns = False
    for section in shown.sections:
        places = _fitting(section, console.width)
        hides_columns |= len(places) < len(section.names + section.numbers)
        console.print("", _table(section, places) if section.rows else Text(f"{section.title}: none", style="bold"))
        if section.note:
            console.print(Text(section.note, style="dim"))
    if hides_columns:
        console.print("", "A wider terminal shows more columns; --html and --json have them all.")


def _table(section: Section, places: list[int]) -> Table:
    table = Table(title=section.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for place in places:
        if place < len(section.names):
            table.add_column(section.names[place], overflow="fold")
        else:
            table.add_column(section.numbers[place - len(section.names)], justify="right", no_wrap=True)
    for row in section.rows:
        table.add_row(*(Text(row.cells[place]) for place in places), style="bold" if row.is_total else "")
    return table


def _fitting(section: Section, width: int) -> list[int]:
    """Return the columns for which there is room; minor ones are left out first, from the right."""
    columns = section.names + section.numbers
    widths = [
        PADDING + max(map(len, cells)) for cells in zip(columns, *(row.cells for row in section.rows), strict=True)
    ]
    for place, _name in enumerate(section.names):
        widths[place] = min(widths[place], PADDING + MIN_NAME_WIDTH)
    places = list(range(len(columns)))
    minor = [place for place in places if columns[place] in MINOR_COLUMNS]
    while minor and sum(widths[place] for place in places) > width:
        places.remove(minor.pop())
    return places
