"""docs/privacy.md: its table of columns, compared with the table and with a forgotten row."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from ledger.written_rows import written
from modules.llm_services.ledger.forgetting import forget
from modules.llm_services.models import LLMRequestModel
from reporting.reported_rows import write
from support.calls import only_row

if TYPE_CHECKING:
    from sqlalchemy import Engine

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
TABLE: Final = PAGE.partition("| column |")[2].partition("\n\n")[0]
AFTERWARDS: Final[dict[str, str]] = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", TABLE, re.MULTILINE))
COLUMNS: Final = [column.name for column in LLMRequestModel.__table__.columns]


def test_every_column_has_its_line() -> None:
    """The page lists exactly the columns of the table, in order."""
    assert list(AFTERWARDS) == COLUMNS


@pytest.fixture
def before_and_after(sqlite_engine: Engine) -> tuple[LLMRequestModel, LLMRequestModel]:
    """Return a row before and after it is forgotten."""
    ids = write(sqlite_engine, written(user_id=42, max_output_tokens=7, system_fingerprint="fp", tokens_used=110))
    before = only_row(sqlite_engine)
    list(forget(sqlite_engine, ids, datetime.now(UTC)))
    return before, only_row(sqlite_engine)


def test_what_stays_is_as_it_was(before_and_after: tuple[LLMRequestModel, LLMRequestModel]) -> None:
    """A column that stays according to the page is unchanged, and every other one is changed."""
    before, after = before_and_after
    unchanged = {name for name in COLUMNS if getattr(before, name) == getattr(after, name)}
    assert {name for name, what in AFTERWARDS.items() if what == "stays"} == unchanged


def test_what_goes_is_gone(before_and_after: tuple[LLMRequestModel, LLMRequestModel]) -> None:
    """Exactly the columns that are NULL afterwards according to the page become NULL."""
    before, after = before_and_after
    emptied = {name for name in COLUMNS if getattr(before, name) is not None and getattr(after, name) is None}
    assert {name for name, what in AFTERWARDS.items() if what == "NULL"} == emptied
