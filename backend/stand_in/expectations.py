"""The table of expectations.md, read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).with_name("expectations.md")
NOTHING: Final = "-"


@dataclass(frozen=True)
class Expectation:
    """What a caller gets from one scenario."""

    scenario: str
    raises: str | None
    status: int | None
    code: str | None
    again: bool
    wait: float | None
    billed: str | None
    has_id: bool
    says: str


def expectations(heading: str) -> dict[str, Expectation]:
    """Return the rows of the table under `heading`, by scenario."""
    section = PAGE.read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    rows = [_read([cell.strip() for cell in line.strip("|").split("|")]) for line in lines]
    if len(rows) != len({row.scenario for row in rows}):
        raise ValueError(f"{PAGE.name} names a scenario twice under {heading}")
    return {row.scenario: row for row in rows}


def _read(cells: list[str]) -> Expectation:
    scenario, *facts, says = cells
    raises, status, code, again, wait, billed, has_id = (None if each == NOTHING else each for each in facts)
    return Expectation(
        scenario,
        raises,
        None if status is None else int(status),
        code,
        again == "yes",
        None if wait is None else float(wait),
        billed,
        has_id == "yes",
        says,
    )
