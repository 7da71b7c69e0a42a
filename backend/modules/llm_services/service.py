"""The service behind the public interface: it chooses the provider of a call, and returns rows as values."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import inspect
from sqlalchemy.orm import Session, scoped_session

from . import arguments, pricing, threads
from .config import create_llm_config_from_env
from .exceptions import LLMError
from .providers.factory import create_llm_provider, import_base
from .repo import LLMRequestRepo, undisturbed
from .sanitize import sanitize_text
from .types import LARGEST_INTEGER, LLMMessage, LLMProviderType, LLMRequest
from .vendors import MODEL_PROVIDER_MAP, route

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from datetime import datetime

    from .models import LLMRequestModel
    from .providers.base import LLMProvider
    from .types import (
        AudioResponse,
        ImageResponse,
        LLMResponse,
        ToolCall,
        ToolDefinition,
        WebSearchResponse,
    )

__all__ = ["MODEL_PROVIDER_MAP", "LLMMessage", "LLMRequest", "LLMRequestReader", "LLMService"]

Model = TypeVar("Model")
Sessions = Callable[[], AbstractContextManager[Session]]

logger = logging.getLogger(__name__)

MAX_ROW_NUMBER: Final = 2**63 - 1  # LIMIT and OFFSET are a bigint
STANDARD: Final = "standard"


class LLMRequestReader:
    """Reads of the table. Each attempt of a call is a row, so numbers and lists are of attempts."""

    def __init__(self, sessions: Sessions) -> None:
        """Read with the sessions that `sessions` opens; they are neither committed nor rolled back."""
        self._sessions = sessions

    def get_request(self, request_id: UUID | str) -> LLMRequest | None:
        """Return the row with this id, or None."""
        if not isinstance(request_id, UUID | str):
            return None
        try:
            key = UUID(str(request_id))
        except ValueError:
            return None
        with self._requests() as requests:
            row = requests.by_id(key)
            return None if row is None else _value(row)

    def get_recent_requests(self, limit: int = 50, offset: int = 0) -> list[LLMRequest]:
        """Return rows newest first, in a stable order, without `request_payload` and `response_raw`."""
        with self._requests() as requests:
            return _values(requests.recent(_row_number("limit", limit), _row_number("offset", offset)))

    def get_user_requests(self, user_id: int, limit: int = 50, offset: int = 0) -> list[LLMRequest]:
        """Return a user's rows, newest first, without `request_payload` and `response_raw`."""
        if not _is_user_id(user_id):
            return []
        with self._requests() as requests:
            return _values(requests.by_user(user_id, _row_number("limit", limit), _row_number("offset", offset)))

    def count_all_requests(self) -> int:
        """Return the number of rows."""
        with self._requests() as requests:
            return requests.count()

    def get_request_count_by_user(self, user_id: int) -> int:
        """Return the number of a user's rows; 0 for an id that no user can have."""
        if not _is_user_id(user_id):
            return 0
        with self._requests() as requests:
            return requests.count_by_user(user_id)

    def get_request_count_by_status(self, status: str) -> int:
        """Return the number of rows with this status; 0 for a status that no row can have."""
        if not _is_status(status):
            return 0
        with self._requests() as requests:
            return requests.count_by_status(status)

    def count_requests_since(self, moment: datetime) -> int:
        """Return the number of rows created at or after `moment`."""
        with self._requests() as requests:
            return requests.count_since(arguments.moment("moment", moment))

    def sum_request_costs_since(self, moment: datetime) -> float:
        """Return the sum of the known costs, in USD, of rows created at or after `moment`; 0.0 if there are none."""
        with self._requests() as requests:
            return requests.cost_since(arguments.moment("moment", moment))

    @contextmanager
    def _requests(self) -> Generator[LLMRequestRepo]:
        with self._sessions() as session, undisturbed(session):
            yield LLMRequestRepo(session)


class LLMService(LLMRequestReader):
    """Calls to the provider of a model, and reads of the table."""

    def __init__(self, session: Session, sessions: Sessions | None = None) -> None:
        """Write rows to the database of `session`; read with it, or with the sessions that `sessions` opens."""
        super().__init__(sessions or (lambda: nullcontext(_current(session))))
        self._session = session
        self._providers: dict[LLMProviderType | None, LLMProvider] = {}

    async def generate_response(
        self,
        messages: list[LLMMessage],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[LLMResponse, UUID]:
        """Return the model's answer and the id of its row."""
        return await (await self._provider_of(model)).generate_response(
            messages, user_id, model, temperature, max_output_tokens, **options
        )

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
        """Return an instance of `response_model`, the id of its row, and the usage."""
        return await (await self._provider_of(model)).generate_structured_response(
            messages, response_model, user_id, model, temperature, max_output_tokens, **options
        )

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
        """Return the answer, the tool calls that the model requests (None if there are none), and the id of the row."""
        return await (await self._provider_of(model)).generate_response_with_tools(
            messages, tools, user_id, model, temperature, max_output_tokens, **options
        )

    async def generate_image(
        self,
        prompt: str,
        user_id: int | None = None,
        size: str = "1024x1024",
        quality: str = STANDARD,
        style: str | None = None,
        **options: Any,
    ) -> tuple[ImageResponse, UUID]:
        """Return an image from OpenAI and the id of its row; raise LLMError if OpenAI is not configured.

        The quality "standard" means the configured one (IMAGE_QUALITY).
        """
        await _import_providers()
        try:
            provider = self._ensure_provider(LLMProviderType.OPENAI)
        except RuntimeError as error:
            raise LLMError(f"images need OpenAI: {error}", provider=LLMProviderType.OPENAI) from error
        arguments.of_type("quality", quality, str, type(None))
        options |= {"size": size, "quality": None if quality == STANDARD else quality, "style": style}
        return await provider.generate_image(prompt, user_id, **options)

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
        """Return speech and the id of its row; raise NotImplementedError if the provider has no speech."""
        provider = await self._provider_of(model)
        return await provider.generate_audio(
            text, voice, user_id, model=model, audio_format=audio_format, speed=speed, **options
        )

    async def search_web(
        self, queries: list[str], user_id: int | None = None, max_results: int = 10, **options: Any
    ) -> tuple[WebSearchResponse, UUID]:
        """Search the web with the default provider; raise NotImplementedError if it has no search."""
        provider = await self._provider_of(None)
        return await provider.search_recent_news(queries, user_id, max_results, **options)

    def estimate_cost(self, messages: list[LLMMessage], model: str | None = None) -> float:
        """Return the approximate cost of a call in USD, by the list price and a rough count of its tokens.

        The result is 0.0, with the reason in the log, for a model without a price or a provider. The first call loads
        the price table, which takes a quarter of a second.
        """
        config, messages = create_llm_config_from_env(), arguments.messages(messages)
        arguments.of_type("model", model, str, type(None))
        try:
            vendor, model = (route(model, config), model) if model else (config.validate_config(), config.model or "")
        except ValueError as error:
            logger.info("no price for %r: %s", model, error)
            return 0.0
        return pricing.expected(messages, vendor, model, config.max_output_tokens)

    async def _provider_of(self, model: str | None) -> LLMProvider:
        """Import the code that the providers need, then return the provider of `model`."""
        await _import_providers()
        return self._select_provider(model)

    def _select_provider(self, model: str | None) -> LLMProvider:
        """Return the provider of `model`; None means the default provider.

        Raises ValueError for a model that no provider serves, and RuntimeError, which names the variables to set, if
        its provider is not configured.
        """
        arguments.of_type("model", model, str, type(None))
        return self._ensure_provider(route(model, create_llm_config_from_env()) if model else None)

    def _ensure_provider(self, provider_type: LLMProviderType | None) -> LLMProvider:
        """Return the provider of this type; None means the default. The environment is read when it is first used."""
        provider = self._providers.get(provider_type)
        if provider is None:
            config = create_llm_config_from_env(provider_type)
            provider = self._providers[provider_type] = create_llm_provider(config, self._session)
        return provider


async def _import_providers() -> None:
    """Import the code that all providers share once, in a thread, so that the event loop is not blocked."""
    if not import_base.cache_info().currsize:
        await threads.run(import_base)


def _current(session: Session | scoped_session[Session]) -> Session:
    """Return the current session of a scoped_session, and any other session unchanged."""
    return session() if isinstance(session, scoped_session) else session


def _is_user_id(user_id: object) -> bool:
    return isinstance(user_id, int) and not isinstance(user_id, bool) and abs(user_id) <= LARGEST_INTEGER


def _is_status(status: object) -> bool:
    return isinstance(status, str) and sanitize_text(status) == status


def _row_number(name: str, number: int) -> int:
    """Return a limit or an offset within the range that databases accept."""
    return min(max(arguments.of_type(name, number, int), 0), MAX_ROW_NUMBER)


def _values(rows: Iterable[LLMRequestModel]) -> list[LLMRequest]:
    return [_value(row) for row in rows]


def _value(row: LLMRequestModel) -> LLMRequest:
    """Return the loaded columns of a row as a value; an invalid row is not validated, so that lists can be read."""
    loaded = LLMRequest.model_fields.keys() - inspect(row).unloaded
    columns = {name: getattr(row, name) for name in loaded}
    try:
        return LLMRequest.model_validate(columns)
    except ValidationError as error:
        logger.warning("llm_request %s is invalid: %s", row.id, [problem["loc"] for problem in error.errors()])
        return LLMRequest.model_construct(**columns)
