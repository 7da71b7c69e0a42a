"""One call, answered with the replies in a complaint, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from modules.llm_services.config import LLMConfig
from modules.llm_services.exceptions import LLMError
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.providers.openrouter import OpenRouterProvider
from modules.llm_services.types import LLMMessage, LLMProviderType, MessageRole, ToolDefinition
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

MODEL: Final = "openrouter/author/model"
KEY: Final = "sk-or-v1-complaints"
MESSAGES: Final = [LLMMessage(role=MessageRole.USER, content="Which city?")]
TOOLS: Final = [ToolDefinition(name="look", description="look", parameters={"type": "object"})]
USAGE: Final = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.25}


class City(BaseModel):
    """The object of a structured call."""

    name: str
    twin: City | None = None


@dataclass(frozen=True)
class Reply:
    """An answer with its own status and headers."""

    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Story:
    """What was sent, what was returned or raised, and the rows."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    value: Any = None
    error: LLMError | None = None
    rows: Sequence[LLMRequestModel] = ()

    @property
    def text(self) -> str:
        """The text of the answer."""
        content: str = self.value[0].content
        return content

    @property
    def failed(self) -> LLMError:
        """The error; fails the test if there is none, or if it does not name the last row."""
        assert self.error is not None
        assert self.rows[-1].id == self.error.request_id
        return self.error

    @property
    def raw(self) -> dict[str, Any]:
        """The last row's `response_raw`."""
        raw: dict[str, Any] = self.rows[-1].response_raw or {}
        return raw


def completion(content: object = "Ghent", finish_reason: str | None = "stop", **message: object) -> dict[str, Any]:
    """Return a completion."""
    said = {"role": "assistant", "content": content, **message}
    return {"id": "gen-1", "choices": [{"finish_reason": finish_reason, "message": said}], "usage": USAGE}


def error(code: object, message: str = "Provider returned error", **fields: object) -> dict[str, Any]:
    """Return an error body."""
    return {"error": {"code": code, "message": message, **fields}}


def provider(session: Session, base_url: str, retries: int = 1, timeout: float = 20) -> OpenRouterProvider:
    """Return a provider that calls `base_url`."""
    config = LLMConfig(
        provider=LLMProviderType.OPENROUTER,
        openrouter_api_key=KEY,
        openrouter_base_url=base_url,
        max_retries=retries,
        request_timeout=timeout,
    )
    return OpenRouterProvider(config, session)


def rows(session: Session) -> Sequence[LLMRequestModel]:
    """Return all rows, oldest first."""
    return session.scalars(select(LLMRequestModel).order_by(LLMRequestModel.created_at)).all()


async def story(session: Session, *replies: object, call: str = "text", retries: int = 1, **options: Any) -> Story:
    """Make a call of the kind `call` that is answered with each reply in turn, the last one repeatedly."""
    told, left = Story(), list(replies)

    def answer(visit: Visit) -> None:
        told.sent.append(visit.payload)
        reply = left.pop(0) if len(left) > 1 else left[0]
        reply = reply if isinstance(reply, Reply) else Reply(reply)
        visit.answer(reply.body, reply.status, **reply.headers)

    options = {"model": MODEL, "messages": MESSAGES, **options}
    async with serving(answer) as server:
        llm = provider(session, server.base_url, retries)
        try:
            match call:
                case "structured":
                    told.value = await llm.generate_structured_response(response_model=City, **options)
                case "tools":
                    told.value = await llm.generate_response_with_tools(tools=TOOLS, **options)
                case _:
                    told.value = await llm.generate_response(**options)
        except LLMError as raised:
            told.error = raised
    told.rows = rows(session)
    assert {"pending"}.isdisjoint(row.status for row in told.rows)
    assert told.value is None or told.rows[-1].id in [each for each in told.value if isinstance(each, UUID)]
    return told
