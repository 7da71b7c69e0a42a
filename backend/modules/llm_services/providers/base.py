"""The flow that every call takes, written once: record, send, parse, record.

A provider says where (`endpoint`), maps a call to its wire (`render`) and its wire to an answer (`parse`), and
names what is wrong with an answer (`failure`). `parse` reads whatever is there and never raises, so that an
answer that fails leaves its tokens, cost and text on the row like one that does not.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from pydantic import BaseModel

from ..config import DEFAULT_MODELS
from ..exceptions import LLMError
from ..ledger import Ledger
from ..types import Completion, LLMCall
from . import calls, http, record, structured

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.orm import Session

    from ..config import LLMConfig
    from ..ledger import Entry
    from ..types import (
        Answer,
        AudioResponse,
        ImageResponse,
        LLMMessage,
        LLMProviderType,
        LLMResponse,
        ToolCall,
        ToolDefinition,
        WebSearchResponse,
    )

Model = TypeVar("Model", bound=BaseModel)
logger = logging.getLogger(__name__)

BACKOFF_SECONDS: Final = 0.5
WAIT_BUDGET_SECONDS: Final = 60.0
# How much longer than a call the ledger waits for SQLite's writer, who may be a caller awaiting its own call.
LEDGER_MARGIN_SECONDS: Final = 30.0
LOGGED: Final = ("provider", "model", "status", "retry_attempt", "execution_time_ms", "tokens_used", "cost_estimate")


class LLMProvider(ABC):
    """One vendor's wire, on the shared flow."""

    provider_type: ClassVar[LLMProviderType]
    api_variant: ClassVar[str]
    known_options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: LLMConfig, db_session: Session) -> None:
        """Write rows to the database of `db_session`, in transactions of their own."""
        self.config = config
        self._ledger = Ledger(db_session, config.request_timeout + LEDGER_MARGIN_SECONDS)

    @abstractmethod
    def endpoint(self) -> http.Endpoint:
        """Return where requests go, key included."""

    @abstractmethod
    def render(self, call: LLMCall) -> dict[str, Any]:
        """Map a call to the JSON that is sent; ValueError for what the wire cannot say."""

    @abstractmethod
    def parse(self, exchange: http.Exchange) -> Answer:
        """Read everything that a body says, an error's too; never raises."""

    @abstractmethod
    def failure(self, exchange: http.Exchange, call: LLMCall) -> LLMError | None:
        """Return what is wrong with an exchange, None when it is an answer."""

    async def generate_response(
        self,
        messages: list[LLMMessage],
        user_id: int | None = None,
        model: str | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        **options: Any,
    ) -> tuple[LLMResponse, UUID]:
        """Return the answer's text and figures, and the id of its row."""
        done = await self._complete(LLMCall(messages, model, temperature, max_output_tokens, user_id, options))
        return done.response, done.request_id

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
        """Return the answer as a `response_model`, the id of its row, and its usage and cost."""
        call = LLMCall(messages, model, temperature, max_output_tokens, user_id, options, response_model)
        done = await self._complete(call)
        return cast("Model", done.parsed), done.request_id, record.usage_summary(done.response)

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
        """Return the answer, the tool calls it asks for (None when it asks for none), and the id of its row."""
        call = LLMCall(messages, model, temperature, max_output_tokens, user_id, options, tools=tools)
        done = await self._complete(call)
        return done.response, list(done.tool_calls) or None, done.request_id

    async def generate_image(
        self, prompt: str, user_id: int | None = None, **options: Any
    ) -> tuple[ImageResponse, UUID]:
        """Raise NotImplementedError unless the provider makes images."""
        raise NotImplementedError(self._not_offered("image generation"))

    async def generate_audio(
        self, text: str, voice: str, user_id: int | None = None, **options: Any
    ) -> tuple[AudioResponse, UUID]:
        """Raise NotImplementedError unless the provider speaks."""
        raise NotImplementedError(self._not_offered("audio generation"))

    async def search_recent_news(
        self, queries: list[str], user_id: int | None = None, max_results: int = 10, **options: Any
    ) -> tuple[WebSearchResponse, UUID]:
        """Raise NotImplementedError unless the provider searches."""
        raise NotImplementedError(self._not_offered("web search"))

    def _not_offered(self, what: str) -> str:
        return f"{what} through {self.provider_type} is not implemented"

    async def _complete(self, call: LLMCall) -> Completion:
        """Make attempts, a row each, until one succeeds or waiting cannot help."""
        call = calls.filled(call, self.config, DEFAULT_MODELS[self.provider_type])
        calls.report_unknown(call.options, self.known_options)
        payload = self.render(call)
        number, waited, first = 1, 0.0, None
        while True:
            try:
                return await self._attempt(call, payload, number, first)
            except LLMError as error:
                wait = _wait(error, number)
                if not error.retryable or number > self.config.max_retries or waited + wait > WAIT_BUDGET_SECONDS:
                    raise
                first = first or error.request_id
            await asyncio.sleep(wait)
            number, waited = number + 1, waited + wait

    async def _attempt(self, call: LLMCall, payload: dict[str, Any], number: int, first: UUID | None) -> Completion:
        entry = self._ledger.entry(
            provider=self.provider_type,
            api_variant=self.api_variant,
            **record.pending(call, payload, number, first),
        )
        exchange, started = http.Exchange(), time.perf_counter()
        try:
            await self._create_llm_request(entry)
            started = time.perf_counter()
            await http.post(self.endpoint(), payload, self.config.request_timeout, exchange)
            answer, parsed = self._read(exchange, call)
        except BaseException as error:
            await self._update_llm_request_error(entry, exchange, error, _ms_since(started))
            raise
        response = record.response(answer, self.provider_type, call.model_name, _ms_since(started))
        completion = Completion(response, entry.id, answer.tool_calls, parsed)
        await self._update_llm_request_success(entry, exchange, answer, completion)
        return completion

    def _read(self, exchange: http.Exchange, call: LLMCall) -> tuple[Answer, BaseModel | None]:
        """Return the answer and, in a structured call, its object; raises the LLMError that says what is wrong."""
        answer = self.parse(exchange)
        if error := self.failure(exchange, call):
            raise error
        return answer, structured.validated(answer, call.response_model) if call.response_model else None

    async def _create_llm_request(self, entry: Entry) -> None:
        """Write the pending row; without it nothing is sent."""
        try:
            await self._ledger.open(entry)
        except LLMError as error:
            raise LLMError(f"nothing was sent: {error}") from error

    async def _update_llm_request_success(
        self, entry: Entry, exchange: http.Exchange, answer: Answer, completion: Completion
    ) -> None:
        """Settle the row before the caller gets the answer; an answer that cannot be recorded rides on the error."""
        columns = record.completed(answer, exchange, completion)
        try:
            await self._ledger.settle(entry, **columns)
        except LLMError as error:
            _log(entry, logging.ERROR)
            raise LLMError(
                f"the answer came and was not recorded, it is in .response: {error}",
                self.provider_type,
                completion.response.model,
                request_id=entry.id,
                response=completion.response,
            ) from error
        _log(entry, logging.INFO)

    async def _update_llm_request_error(
        self, entry: Entry, exchange: http.Exchange, error: BaseException, elapsed_ms: int
    ) -> None:
        """Settle the row of a failed attempt, with what was billed; `error` then names it."""
        if isinstance(error, LLMError):
            error.provider, error.model = self.provider_type, entry.row["model"]
            error.request_id = entry.id if entry.is_open else None
        if not entry.is_open:
            return
        columns = record.failed(self.parse(exchange), exchange, error, elapsed_ms)
        try:
            await self._ledger.settle(entry, **columns)
        except LLMError as ledger_error:
            logger.error("llm_request %s stays pending: %s", entry.id, ledger_error)  # the caller gets its own error
        _log(entry, logging.INFO)


def _wait(error: LLMError, attempt: int) -> float:
    """Return the seconds to wait: the server's own figure, else exponential backoff with jitter."""
    if error.retry_after is not None:
        return error.retry_after
    longest = BACKOFF_SECONDS * 2.0 ** (attempt - 1)
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, no secret


def _ms_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


def _log(entry: Entry, level: int) -> None:
    """Write the one line of an attempt: figures, never a body or a key."""
    row = entry.row
    figures = " ".join(f"{name}={row[name]}" for name in (*LOGGED, "error_type") if row[name] is not None)
    logger.log(level, "llm_request id=%s %s", entry.id, figures)
