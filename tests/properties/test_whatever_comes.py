"""Whatever a server sends, a call returns a value or raises an LLMError, and its row is settled.

`PROPERTY_BODIES=100000 pytest tests/properties -k sqlite` tries that many bodies, different ones each time; by default
a few hundred are tried, the same ones in every run.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from modules.llm_services.config import LLMConfig
from modules.llm_services.exceptions import LLMError
from modules.llm_services.flow import loop
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.providers.openrouter import OpenRouterProvider
from modules.llm_services.types import LLMMessage, LLMProviderType, MessageRole, ToolDefinition
from properties.mutations import Served, calling_tools, served

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from sqlalchemy import Engine

BODIES: Final = os.environ.get("PROPERTY_BODIES")
MOST: Final = int(BODIES or 300)
TRYING: Final = settings(
    max_examples=MOST,
    deadline=None,
    derandomize=not BODIES,
    database=None,
    suppress_health_check=list(HealthCheck),
)
ASKED: Final = [LLMMessage(role=MessageRole.USER, content="Which city?")]
RESULT: Final = LLMMessage(role=MessageRole.TOOL, name="look", content="{}")
TOOLS: Final = [ToolDefinition(name="look", description="look", parameters={"type": "object"})]


class Mayor(BaseModel):
    """A child."""

    name: str
    terms: list[int] = []


class City(BaseModel):
    """The requested object, with a field of every kind."""

    name: str
    population: int
    area: float = 0.0
    mayor: Mayor | None = None
    tags: list[str] = []
    either: int | list[int] = 0
    extra: dict[str, Any] = {}


Provider = OpenRouterProvider
CALLS: Final[dict[str, Callable[[Provider], Awaitable[tuple[Any, ...]]]]] = {
    "text": lambda llm: llm.generate_response(ASKED),
    "json_object": lambda llm: llm.generate_structured_response(ASKED, City),
    "json_schema": lambda llm: llm.generate_structured_response(ASKED, City, structured_output="json_schema"),
    "tools": lambda llm: llm.generate_response_with_tools(ASKED, TOOLS),
    "tool result": lambda llm: llm.generate_response_with_tools([*ASKED, RESULT], TOOLS),
}
ANSWERS: Final = st.lists(served(), min_size=1, max_size=2)


@contextmanager
def serving(answers: list[Served]) -> Generator[None]:
    """Answer each request with the next of `answers`, the last one repeatedly; content encoding is httpx's own."""
    left = list(answers)

    async def post(_: httpx.AsyncClient, url: str, *, json: object, headers: dict[str, str], **__: object) -> object:
        request = httpx.Request("POST", url, json=json, headers=headers)
        answer = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(answer.status, headers=list(answer.headers), content=answer.content, request=request)

    with patch.object(httpx.AsyncClient, "post", post):
        yield


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once, and not at all if the server demands a wait."""
    monkeypatch.setattr(loop, "BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr(loop, "WAIT_BUDGET_SECONDS", 0.0)


def provider(session: Session, retries: int = 0) -> Provider:
    """Return a provider that retries this many times."""
    key = "sk-or-properties"
    config = LLMConfig(provider=LLMProviderType.OPENROUTER, openrouter_api_key=key, max_retries=retries)
    return Provider(config, session)


async def outcome(llm: Provider, call: str) -> UUID | None:
    """Return the request id that a call returns or its LLMError names; other exceptions are raised."""
    try:
        value = await CALLS[call](llm)
    except LLMError as error:
        return error.request_id
    return next(each for each in value if isinstance(each, UUID))


def check(session: Session, *request_ids: UUID | None) -> None:
    """Check that every call's row is settled, and that no row is pending."""
    for request_id in request_ids:
        assert request_id is not None
        row = session.get(LLMRequestModel, request_id)
        assert row is not None
        assert (row.status, row.error_type is None) in {("completed", True), ("failed", False)}
    pending = select(func.count()).select_from(LLMRequestModel).where(LLMRequestModel.status == "pending")
    assert 0 == session.scalar(pending)
    session.rollback()


@pytest.mark.timeout(max(120, MOST))
def test_only_an_llm_error_comes_out(engine: Engine) -> None:
    """Any body, in any call, gives a value or an LLMError, with the id of a settled row."""
    with asyncio.Runner() as runner, Session(engine) as session:

        @TRYING
        @given(ANSWERS, st.sampled_from(sorted(CALLS)), st.integers(0, 1))
        def ends_well(answers: list[Served], call: str, retries: int) -> None:
            with serving(answers):
                check(session, runner.run(outcome(provider(session, retries), call)))

        ends_well()


@pytest.mark.timeout(max(120, MOST))
def test_an_odd_answer_does_not_spoil_the_next_call(sqlite_engine: Engine) -> None:
    """A tool's result can follow any remembered answer: the call returns a value or raises an LLMError."""
    with asyncio.Runner() as runner, Session(sqlite_engine) as session:

        @settings(TRYING, max_examples=MOST // 3)
        @given(st.lists(calling_tools(), min_size=2, max_size=2))
        def ends_well(answers: list[Served]) -> None:
            llm = provider(session)
            with serving(answers):
                check(session, *[runner.run(outcome(llm, call)) for call in ("tools", "tool result")])

        ends_well()
