"""The vendor of docs/adding-a-provider.md is a whole one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from sqlalchemy import select

from modules.llm_services import LLMAuthenticationError, LLMMessage, LLMRateLimitError
from modules.llm_services.config import LLMConfig
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.types import LLMProviderType
from wire import Visit, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from modules.llm_services.providers.base import LLMProvider

PAGE = Path(__file__).resolve().parents[2] / "docs/adding-a-provider.md"
QUESTION = [LLMMessage(role="user", content="Hello")]


class Said(BaseModel):
    """What Parrot can say in JSON."""

    word: str


@pytest.fixture(scope="module")
def parrot() -> Callable[..., LLMProvider]:
    """Return the class on the page."""
    (code,) = re.findall(r"```py\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)  # noqa: S102 - the page's own lines
    assert len(code.splitlines()) < 100
    found: Callable[..., LLMProvider] = names["ParrotProvider"]
    return found


def config(base_url: str, **more: Any) -> LLMConfig:
    """Return a configuration that leads to `base_url`."""
    return LLMConfig(
        provider=LLMProviderType.OPENROUTER,
        model="grey",
        openrouter_api_key="parrots-key",
        openrouter_base_url=base_url,
        **more,
    )


async def test_it_answers_and_is_recorded(parrot: Callable[..., LLMProvider], session: Session) -> None:
    """An answer, its tokens and its cost, on a row; the option that only Parrot knows is on the wire."""
    async with serving(lambda visit: visit.answer({"reply": "Hello!", "used": {"in": 3, "out": 2}, "usd": 0.1})) as at:
        response, request_id = await parrot(config(at.base_url), session).generate_response(QUESTION, volume=11)
    assert ("Hello!", 5, 0.1) == (response.content, response.tokens_used, response.cost_estimate)
    assert {"bird": "grey", "heard": ["user: Hello"], "volume": 11} == at.visits[0].payload
    row = session.scalars(select(LLMRequestModel)).one()
    assert (request_id, "talk", "completed", 0.1) == (row.id, row.api_variant, row.status, row.cost_estimate)


async def test_it_has_the_flow_of_all_vendors(parrot: Callable[..., LLMProvider], session: Session) -> None:
    """Retries and structured answers come with the flow: a failure that passes, prose, then the object."""

    def reply(visit: Visit) -> None:
        visits.append(visit)
        if len(visits) == 1:
            visit.answer({"squawk": {"words": "Tired.", "code": "tired"}}, 429, retry_after="0")
        else:
            visit.answer({"reply": "Polly!" if len(visits) == 2 else '{"word": "Polly"}'})

    visits: list[Visit] = []
    async with serving(reply) as at:
        provider = parrot(config(at.base_url, max_retries=3), session)
        said, _, _ = await provider.generate_structured_response(QUESTION, Said)
    assert "Polly" == said.word
    assert ["failed", "failed", "completed"] == [row.status for row in session.scalars(select(LLMRequestModel))]


@pytest.mark.parametrize(("status", "kind"), [(401, LLMAuthenticationError), (429, LLMRateLimitError)])
async def test_its_errors_are_everybodys(
    parrot: Callable[..., LLMProvider], session: Session, status: int, kind: type[Exception]
) -> None:
    """A complaint becomes the error that the interface names, with Parrot's words."""
    async with serving(lambda visit: visit.answer({"squawk": {"words": "No!", "code": "no"}}, status)) as at:
        with pytest.raises(kind, match=r"Parrot .*No!"):
            await parrot(config(at.base_url, max_retries=0), session).generate_response(QUESTION)
