"""docs/row.md, line by line: it matches the model, and the columns of real rows are NULL as it says."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import pytest
from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from modules.llm_services import LLMError, LLMMessage
from modules.llm_services.config import LLMConfig
from modules.llm_services.ledger.maintenance import settle_abandoned
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.providers.openrouter import OpenRouterProvider
from modules.llm_services.types import LLMProviderType, ToolDefinition
from support.server import Visit, serving

if TYPE_CHECKING:
    from sqlalchemy import Engine

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "row.md").read_text(encoding="utf-8")
MODEL: Final = (ROOT / "backend/modules/llm_services/models.py").read_text(encoding="utf-8")
COLUMNS: Final = {each.name: each for each in cast("Table", LLMRequestModel.__table__).columns}
COMMENT: Final = re.compile(r"^    # (.+)\n    (\w+): Mapped", re.MULTILINE)
MEANINGS: Final = {column: meaning for meaning, column in COMMENT.findall(MODEL)}


class Line(NamedTuple):
    """A line in the page's tables of columns."""

    column: str
    meaning: str
    source: str
    null_when: str


def lines(heading: str) -> list[list[str]]:
    """Return the cells of the page's tables with this heading in their first column."""
    tables = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for table in tables for line in table.splitlines()]


LINES: Final = [Line(column.strip("`"), *cells) for column, *cells in lines("column")]
ALWAYS_NULL: Final = set(re.findall(r"`(\w+)`", PAGE.partition("| the row |")[2].partition("\n")[0]))
NULL: Final = {row: ALWAYS_NULL | set(re.findall(r"`(\w+)`", columns)) for row, columns in lines("the row")}

MESSAGES: Final = [LLMMessage(role="user", content="hi")]
TOOL: Final = ToolDefinition(name="look", description="looks", parameters={"type": "object"})
CALLS: Final = [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]


def answered(finish_reason: str = "stop", **message: object) -> dict[str, object]:
    """Return a completion with every field of OpenRouter's."""
    return {
        "id": "gen-1",
        "created": 1_795_000_000,
        "choices": [{"message": {"role": "assistant", "content": "hello", **message}, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.5},
    }


ANSWERS: Final = {
    "`completed`, text": answered(),
    "`completed`, an object or tool calls": answered("tool_calls", tool_calls=CALLS),
    "`failed`, refused without a bill": {"error": {"code": 400, "message": "no"}},
    "`failed`, with text and a bill": answered("error"),
}
UNANSWERED: Final = ("`pending`", "`failed`, cancelled", "`failed`, abandoned")


def test_every_column_has_its_line() -> None:
    """The page lists each column of the table once, and no other."""
    assert sorted(COLUMNS) == sorted(line.column for line in LINES)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.column)
def test_a_column_means_what_the_model_says(line: Line) -> None:
    """The meaning is the comment in models.py, word for word: change it there, then here."""
    assert MEANINGS[line.column] == line.meaning


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.column)
def test_never_is_not_null(line: Line) -> None:
    """The page calls a column "never NULL" exactly if the table does not allow NULL."""
    assert COLUMNS[line.column].nullable is (line.null_when != "never")


def test_every_kind_of_row_is_played() -> None:
    """Every row of the page's last table has a call that produces it, and every such call has a row."""
    assert {*ANSWERS, *UNANSWERED} == set(NULL)


@pytest.mark.parametrize("kind", NULL)
async def test_a_row_is_null_where_the_page_says(kind: str, sqlite_engine: Engine) -> None:
    """The NULL columns of a row of this kind are those that the page names."""
    with Session(sqlite_engine) as session:
        row = await played(session, kind)
        assert re.findall(r"\w+", kind)[0] == row.status
        assert NULL[kind] == {name for name in COLUMNS if getattr(row, name) is None}


async def played(session: Session, kind: str) -> LLMRequestModel:
    """Make the call that leaves a row of a kind, and return the row."""
    arrived = asyncio.Event()

    async def answer(visit: Visit) -> None:
        arrived.set()
        if kind in UNANSWERED:
            await asyncio.Event().wait()
        visit.answer(ANSWERS[kind], 400 if "refused" in kind else 200)

    async with serving(answer) as server:
        config = LLMConfig(
            provider=LLMProviderType.OPENROUTER, openrouter_api_key="sk-or-v1-row", openrouter_base_url=server.base_url
        )
        llm = OpenRouterProvider(config, session)
        call = asyncio.ensure_future(
            llm.generate_response_with_tools(MESSAGES, [TOOL], model="openrouter/author/model")
        )
        await arrived.wait()
        if kind not in UNANSWERED:
            with suppress(LLMError):
                await call
        elif kind.endswith("abandoned"):
            settle_abandoned(session, timedelta(0))
            session.commit()
        row = None if kind.endswith("cancelled") else session.scalars(select(LLMRequestModel)).one()
        call.cancel()
        await asyncio.wait({call})
    return row or session.scalars(select(LLMRequestModel)).one()
