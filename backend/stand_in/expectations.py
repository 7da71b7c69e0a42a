"""The tables of expectations.md, read: what a caller of the module gets from the stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).with_name("expectations.md")
NOTHING: Final = "-"


@dataclass(frozen=True)
class Expectation:
    """What a caller gets from one scenario; the page says what each field means."""

    scenario: str
    raises: str | None
    status: int | None
    code: str | None
    again: bool
    wait: float | None
    billed: str | None
    has_id: bool
    fits: bool
    says: str


def expectations(heading: str) -> dict[str, Expectation]:
    """Return the rows of the table under `heading`, by scenario."""
    section = PAGE.read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    header, _, *lines = (_cells(line) for line in section.splitlines() if line.startswith("|"))
    rows = [_read(dict(zip(header, line, strict=True))) for line in lines]
    if len(rows) != len({row.scenario for row in rows}):
        raise ValueError(f"{PAGE.name} names a scenario twice under {heading}")
    return {row.scenario: row for row in rows}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _read(row: dict[str, str]) -> Expectation:
    told = {name: cell for name, cell in row.items() if cell != NOTHING}
    return Expectation(
        row["scenario"],
        told.get("raises"),
        int(told["status"]) if "status" in told else None,
        told.get("code"),
        "again" in told,
        float(told["wait"]) if "wait" in told else None,
        told.get("billed"),
        "id" in told,
        "fits" in told,
        told.get("says", ""),
    )
