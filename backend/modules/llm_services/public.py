"""The door: what other modules may name, and the only wiring.

    llm = llm_services_provider(session)
    response, request_id = await llm.generate_response(messages=[...], model="openrouter/anthropic/claude-3-opus")

Calls raise the exceptions of `modules.llm_services.exceptions`, ValueError for arguments that cannot be sent,
and RuntimeError, naming the variables to set, when the model's provider is not configured.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy.orm import Session

from modules.infrastructure.public import infrastructure_provider

from .service import LLMRequestReader, LLMService
from .types import (
    AudioResponse,
    ImageResponse,
    LLMMessage,
    LLMRequest,
    LLMResponse,
    ToolCall,
    ToolDefinition,
    WebSearchResponse,
)

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

__all__ = [
    "AudioResponse",
    "ImageResponse",
    "LLMMessage",
    "LLMRequest",
    "LLMResponse",
    "LLMServicesAdminProvider",
    "LLMServicesProvider",
    "ToolCall",
    "ToolDefinition",
    "WebSearchResponse",
    "llm_services_admin_provider",
    "llm_services_provider",
]

Model = TypeVar("Model")


class LLMServicesProvider(Protocol):
    """Ask a model, get a typed answer, and find the exchange as a row of `llm_requests`.

    None for `model`, `temperature` or `max_output_tokens` means the configured default. Costs are in USD.
    Every id that a call returns is that of its row, which is committed when the call returns.
    """

    async def generate_response(
        self,
        messages: list[LLMMessage],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[LLMResponse, UUID]:
        """Return the answer's text and figures."""
        ...

    async def generate_structured_response(
        self,
        messages: list[LLMMessage],
        response_model: type[Model],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[Model, UUID, dict[str, Any]]:
        """Return the answer as a `response_model`, with its usage; LLMValidationError when it does not fit."""
        ...

    async def generate_response_with_tools(
        self,
        messages: list[LLMMessage],
        tools: list[ToolDefinition],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[LLMResponse, list[ToolCall] | None, UUID]:
        """Return the answer and the tool calls it asks for, None when it asks for none."""
        ...

    async def generate_image(
        self,
        prompt: str,
        user_id: int | None = None,
        size: str = "1024x1024",
        quality: str = "standard",
        style: str | None = None,
        **options: Any,
    ) -> tuple[ImageResponse, UUID]:
        """Return an image made by OpenAI; LLMError when OpenAI is not available."""
        ...

    async def generate_audio(
        self,
        text: str,
        voice: str,
        user_id: int | None = None,
        model: str | None = None,
        audio_format: str = "mp3",
        speed: float | None = None,
        **options: Any,
    ) -> tuple[AudioResponse, UUID]:
        """Return `text` spoken; NotImplementedError from a provider that does not speak."""
        ...

    async def search_web(
        self, queries: list[str], user_id: int | None = None, max_results: int = 10, **options: Any
    ) -> tuple[WebSearchResponse, UUID]:
        """Return what the default provider finds; NotImplementedError where it does not search."""
        ...

    def get_request(self, request_id: UUID | str) -> LLMRequest | None:
        """Return one request, None where there is none of this id."""
        ...

    def get_user_requests(self, user_id: int, limit: int = 50, offset: int = 0) -> list[LLMRequest]:
        """Return a user's requests, newest first, without request_payload and response_raw."""
        ...

    def estimate_cost(self, messages: list[LLMMessage], model: str | None = None) -> float:
        """Return the expected cost in USD, 0.0 where it is not known."""
        ...

    def get_request_count_by_user(self, user_id: int) -> int:
        """Count a user's requests."""
        ...

    def get_request_count_by_status(self, status: str) -> int:
        """Count requests that are pending, completed or failed."""
        ...


class LLMServicesAdminProvider(Protocol):
    """What the table says, for people who watch it; costs in USD. A request here is a row, so an attempt."""

    def get_request(self, request_id: UUID | str) -> LLMRequest | None:
        """Return one request, None where there is none of this id."""
        ...

    def get_recent_requests(self, limit: int = 50, offset: int = 0) -> list[LLMRequest]:
        """Return requests newest first, in a stable order; without request_payload and response_raw."""
        ...

    def get_user_requests(self, user_id: int, limit: int = 50, offset: int = 0) -> list[LLMRequest]:
        """Return a user's requests, newest first, without request_payload and response_raw."""
        ...

    def count_all_requests(self) -> int:
        """Count requests."""
        ...

    def get_request_count_by_user(self, user_id: int) -> int:
        """Count a user's requests."""
        ...

    def count_requests_since(self, moment: datetime) -> int:
        """Count requests made at or after `moment`."""
        ...

    def sum_request_costs_since(self, moment: datetime) -> float:
        """Return the known cost of requests made at or after `moment`; 0.0 when there are none."""
        ...


def llm_services_provider(session: Session | None = None) -> LLMServicesProvider:
    """Return the service for `session`, whose database takes the rows; without one, for the application's database.

    Cheap, and quiet when nothing is configured or no database answers: only calls need them. Raises ValueError for
    an AsyncSession.
    """
    if session is not None:
        # By name: SQLAlchemy's asyncio extension is only imported where an application uses it.
        if any(kind.__module__.startswith("sqlalchemy.ext.asyncio") for kind in type(session).__mro__):
            raise ValueError(
                f"llm_services_provider needs a sync sqlalchemy.orm.Session, not {type(session).__name__}: the row of "
                "a call is in the database when the call returns, and an AsyncSession finds it there"
            )
        return LLMService(session)
    infrastructure = infrastructure_provider()
    infrastructure.initialize()
    return LLMService(infrastructure.get_database_session().session, infrastructure.get_session_context)


def llm_services_admin_provider(session: Session) -> LLMServicesAdminProvider:
    """Return reads through `session`; raises ValueError for anything that is not a Session."""
    if not isinstance(session, Session):
        raise ValueError(f"llm_services_admin_provider needs a sqlalchemy.orm.Session, not {type(session).__name__}")  # noqa: TRY004 - the interface says ValueError
    return LLMRequestReader(lambda: nullcontext(session))
