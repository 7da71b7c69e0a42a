"""A report in a terminal, whose width decides how many columns it has: none is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from report_tables import Column, Section, View
    from rich.console import Console

NARROWEST_NAME: Final = 28
PADDING: Final = 2


def show(view: View, console: Console) -> None:
    """Print a report."""
    console.print(Text(view.title, style="bold"), Text(view.subtitle, style="dim"), "", sep="\n")
    head = Table.grid(padding=(0, PADDING))
    for headline in view.headlines:
        head.add_row(headline.name, Text(headline.value, style="bold"), Text(headline.note, style="dim"))
    console.print(head)
    shown = [(section, _fitting(section, console.width)) for section in view.sections]
    for section, columns in shown:
        console.print("", _table(section, columns) if section.rows else Text(f"{section.title}: none", style="bold"))
        if section.note:
            console.print(Text(section.note, style="dim"))
    if any(len(columns) < len(section.columns) for section, columns in shown):
        console.print("", "A wider terminal shows more columns; --html and --json have them all.")


def _table(section: Section, columns: list[int]) -> Table:
    table = Table(title=section.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for place in columns:
        if section.columns[place].is_number:
            table.add_column(section.columns[place].name, justify="right", no_wrap=True)
        else:
            table.add_column(section.columns[place].name, overflow="fold")
    for row in section.rows:
        table.add_row(*(Text(row.cells[place]) for place in columns), style="bold" if row.is_total else "")
    return table


def _fitting(section: Section, width: int) -> list[int]:
    """Return the columns for which there is room, the minor ones from the right left out first."""
    places = list(range(len(section.columns)))
    minor = [place for place in places if section.columns[place].is_minor]
    while minor and sum(_needed(section, place) for place in places) > width:
        places.remove(minor.pop())
    return places


def _needed(section: Section, place: int) -> int:
    column: Column = section.columns[place]
    widest = max(len(text) for text in (column.name, *(row.cells[place] for row in section.rows)))
    return PADDING + (widest if column.is_number else min(widest, NARROWEST_NAME))
