"""The public interface: what other modules may import, and the two functions that they begin with.

    llm = llm_services_provider(session)
    response, request_id = await llm.generate_response(messages=[...], model="openrouter/openai/gpt-4.1-mini")

Calls raise the exceptions of `modules.llm_services.exceptions`.
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
    """Calls to models, and reads of the rows that they leave in `llm_requests`.

    Every call is `async` and returns the id of its row, which is committed when the call returns. Costs are in USD.

    Arguments that the calls share:

    - `messages`: the conversation, oldest message first.
    - `user_id`: your application's id of the user; it is stored on the row and never sent.
    - `model`: the model's name, which decides which provider is called. None means the configured default.
    - `temperature`: the sampling temperature, from 0 to 2. None means the configured default.
    - `max_output_tokens`: the largest number of tokens that the answer may have. None means the configured default.
    - `**options`: options of the provider, such as `reasoning={"effort": "low"}`; `timeout` in seconds for one attempt;
      `on_text`, a callable that gets the pieces of the text as they arrive. An option that the provider does not know
      is kept on the row, logged once and not sent.

    What calls raise:

    - `ValueError` or `TypeError` for an argument that cannot be sent, and `ValueError` for a model that no provider
      serves. Nothing is sent and no row is written.
    - `RuntimeError` if the model's provider has no key or a package is missing; it names the variables to set or the
      package to install. Nothing is sent and no row is written.
    - `NotImplementedError` if the provider does not offer the call.
    - `LLMError` for every failure after that; its `request_id` is the id of the row.
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
        """Return the model's answer and the id of its row.

        An answer that is empty, truncated or filtered is returned too; `finish_reason` says which it is.
        """
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
        """Return an instance of `response_model`, the id of its row, and the usage.

        `response_model` is a Pydantic model, a dataclass, a TypedDict or any type that `pydantic.TypeAdapter` accepts.
        The usage is a dict with `tokens_used`, `input_tokens`, `output_tokens`, `cost_estimate`, `cached`, `provider`
        and more; it adds up all attempts. An answer that does not validate is requested once more.

        Raises `LLMValidationError`, with the answer in `.response`, if the answer is truncated, refused or does not
        validate; `TypeError` if `response_model` is not such a type.
        """
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
        """Return the answer, the tool calls that the model requests (None if there are none), and the id of the row.

        To continue, run the tools and append one `LLMMessage(role="tool", name=..., content=...)` for each result.
        The assistant's message with the tool calls is added for you within the same process.
        """
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
        """Return an image from OpenAI and the id of its row.

        `size` and `quality` are mapped to what the configured model (`IMAGE_MODEL`) offers; "standard" means the
        configured quality (`IMAGE_QUALITY`). `style` is sent to models that know it.

        Raises `LLMError` if OpenAI is not configured.
        """
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
        """Return speech and the id of its row.

        `voice` is one of OpenAI's names or, for Gemini, one of Google's. "plain", "neutral" and "default" mean "fable";
        an unknown name means "alloy". OpenAI returns `audio_format`; the `mime_type` of the result says what it is.
        `speed` is a factor, 1.0 being normal.

        Raises `NotImplementedError` if the model's provider has no speech: name a model of OpenAI or Gemini.
        """
        ...

    async def search_web(
        self, queries: list[str], user_id: int | None = None, max_results: int = 10, **options: Any
    ) -> tuple[WebSearchResponse, UUID]:
        """Search the web through the default provider.

        Raises `NotImplementedError`: no provider implements it yet.
        """
        ...

    def get_request(self, request_id: UUID | str) -> LLMRequest | None:
        """Return the row with this id, None if there is none."""
        ...

    def get_user_requests(self, user_id: int, limit: int = 50, offset: int = 0) -> list[LLMRequest]:
        """Return a user's rows, newest first, without `request_payload` and `response_raw`."""
        ...

    def estimate_cost(self, messages: list[LLMMessage], model: str | None = None) -> float:
        """Return the approximate cost of a call in USD, before it is made; 0.0 if the model has no known price.

        The estimate uses the list price, four characters to a token, and an answer as long as the messages.
        """
        ...

    def get_request_count_by_user(self, user_id: int) -> int:
        """Return the number of a user's rows."""
        ...

    def get_request_count_by_status(self, status: str) -> int:
        """Return the number of rows with this status: "pending", "completed" or "failed"."""
        ...


class LLMServicesAdminProvider(Protocol):
    """Reads over all users, for administrators.

    Each attempt of a call is a row, so numbers and lists are of attempts. Costs are in USD. The reads neither commit
    nor roll back your session.
    """

    def get_request(self, request_id: UUID | str) -> LLMRequest | None:
        """Return the row with this id, None if there is none."""
        ...

    def get_recent_requests(self, limit: int = 50, offset: int = 0) -> list[LLMRequest]:
        """Return rows newest first, in a stable order, without `request_payload` and `response_raw`."""
        ...

    def get_user_requests(self, user_id: int, limit: int = 50, offset: int = 0) -> list[LLMRequest]:
        """Return a user's rows, newest first, without `request_payload` and `response_raw`."""
        ...

    def count_all_requests(self) -> int:
        """Return the number of rows."""
        ...

    def get_request_count_by_user(self, user_id: int) -> int:
        """Return the number of a user's rows."""
        ...

    def count_requests_since(self, moment: datetime) -> int:
        """Return the number of rows created at or after `moment`, an aware datetime."""
        ...

    def sum_request_costs_since(self, moment: datetime) -> float:
        """Return the sum of the known costs of rows created at or after `moment`; 0.0 if there are none."""
        ...


def llm_services_provider(session: Session | None = None) -> LLMServicesProvider:
    """Return an object that calls models; the rows of its calls are written to the database of `session`.

    Without a session, the application's database is used. This function is cheap and opens no connection: a missing
    key or database is reported only by a call.

    Raises `ValueError` for an AsyncSession, and `TypeError` for anything else that is not a session.
    """
    if session is not None:
        # By name: SQLAlchemy's asyncio extension is only imported if the application uses it.
        if any(kind.__module__.startswith("sqlalchemy.ext.asyncio") for kind in type(session).__mro__):
            raise ValueError(
                f"llm_services_provider needs a sync sqlalchemy.orm.Session, not {type(session).__name__}: the row of "
                "a call is in the database when the call returns, and an AsyncSession finds it there"
            )
        if not hasattr(session, "get_bind"):
            raise TypeError(
                f"llm_services_provider needs a sqlalchemy.orm.Session, not {type(session).__name__}: with a "
                "sessionmaker, pass what it returns when it is called"
            )
        return LLMService(session)
    infrastructure = infrastructure_provider()
    infrastructure.initialize()
    return LLMService(infrastructure.get_database_session().session, infrastructure.get_session_context)


def llm_services_admin_provider(session: Session) -> LLMServicesAdminProvider:
    """Return an object that reads the rows of all users, through `session`.

    Raises `ValueError` for anything that is not a sync SQLAlchemy session.
    """
    if not isinstance(session, Session):
        raise ValueError(f"llm_services_admin_provider needs a sqlalchemy.orm.Session, not {type(session).__name__}")  # noqa: TRY004 - the interface says ValueError
    return LLMRequestReader(lambda: nullcontext(session))
