"""The promises of README and docs/errors.md about requests that may have been billed, sentence by sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from documents.test_errors_page import BILL, Case, Scene, broken, error, said
from modules.llm_services.exceptions import LLMError
from modules.llm_services.flow import loop
from modules.llm_services.models import LLMRequestModel

if TYPE_CHECKING:
    from sqlalchemy import Engine

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [ROOT / "README.md", ROOT / "docs" / "errors.md"]
UNANSWERED: Final = "A request whose outcome is unknown is never repeated: it may have been billed."
FAILED: Final = (
    "A request that was answered with a failure may be repeated, although it may have been billed: after a transient "
    "error, after a `200` without an answer and, once, after an object that does not validate."
)
NOTHING: Final = "`MAX_RETRIES=0` turns retries off."
NOT_ANSWERED: Final = [*broken("breaks"), *broken("is cut"), *broken("is silent")]
MAY_PASS: Final = [
    Case(said("par", error={"code": 502, "message": "words"})),
    Case(said("partial") | error(503)),
    Case(error(502), 502),
    Case("   "),
    Case({"choices": [], "usage": BILL}),
    Case(said('{"title": "Ghent"}'), structured=True),
]
LASTING: Final = [
    Case(said("partial", "error")),
    Case(said("Ghe", "length"), structured=True),
    Case(said("I can't.", "content_filter"), structured=True),
]
PLAYED: Final = [
    *((UNANSWERED, replace(case, retries=3), 1) for case in NOT_ANSWERED),
    *((FAILED, case, 2) for case in MAY_PASS),
    (FAILED, Case(said('{"title": "Ghent"}'), structured=True, retries=3), 2),
    *((FAILED, replace(case, retries=3), 1) for case in LASTING),
    *((NOTHING, replace(case, retries=0), 1) for case in (*NOT_ANSWERED, *MAY_PASS, *LASTING)),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize("sentence", [UNANSWERED, FAILED, NOTHING])
def test_the_pages_say_the_same(page: Path, sentence: str) -> None:
    """Both pages state the rule in the same text."""
    assert sentence in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("sentence", "case", "requests"), PLAYED)
async def test_a_sentence_is_true(
    sentence: str, case: Case, requests: int, sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many requests are sent as the sentence allows, with a row each, and each row has its own answer's cost."""
    monkeypatch.setattr(loop, "BACKOFF_SECONDS", 0.0)
    with Session(sqlite_engine) as session:
        scene = Scene(case, session)
        raised = await scene.play()
        bills = session.scalars(select(LLMRequestModel.cost_estimate)).all()
    assert isinstance(raised, LLMError), sentence
    bill = BILL["cost"] if isinstance(case.body, dict) and "usage" in case.body else None
    assert (requests, [bill] * requests) == (scene.visits, list(bills)), sentence
