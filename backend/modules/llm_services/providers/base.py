"""The flow that every call takes, written once: record, send, parse, record.

A provider says where (`endpoint`), maps a call to its wire (`render`) and its wire to an answer (`parse`), and
names what is wrong with an answer (`failure`). `parse` reads whatever is there and never raises, so that an
answer that fails leaves its tokens, cost and text on the row like one that does not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ..config import DEFAULT_MODELS
from ..exceptions import LLMError
from ..ledger import Ledger
from ..types import Completion, LLMCall
from . import calls, http, record, structured
from .attempts import Attempts
from .calls import Calls

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy.orm import Session

    from ..config import LLMConfig
    from ..ledger import Entry
    from ..types import Answer

logger = logging.getLogger(__name__)

LOGGED: Final = ("provider", "model", "status", "retry_attempt", "execution_time_ms", "tokens_used", "cost_estimate")


class LLMProvider(Calls):
    """One vendor's wire, on the shared flow."""

    api_variant: ClassVar[str]
    known_options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, config: LLMConfig, db_session: Session) -> None:
        """Write rows to the database of `db_session`, in transactions of their own."""
        self.config = config
        self._ledger = Ledger(db_session, config.request_timeout)

    @abstractmethod
    def endpoint(self, call: LLMCall) -> http.Endpoint:
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

    def answered(self, call: LLMCall, exchange: http.Exchange) -> None:
        """Take note of an answer that a later call of the conversation refers to."""

    async def _complete(self, call: LLMCall) -> Completion:
        """Make attempts, a row each, until one succeeds, or neither waiting nor asking again can help."""
        call = calls.filled(call, self.config, DEFAULT_MODELS[self.provider_type])
        calls.report_unknown(call.options, self.known_options)
        payload = self.render(call)
        attempts = Attempts(self.config.max_retries)
        while True:
            exchange = http.Exchange()
            try:
                completion = await self._attempt(call, payload, exchange, attempts)
            except LLMError as error:
                answer = self.parse(exchange)
                wait = attempts.wait(error)
                correction = (
                    None if attempts.is_last or attempts.corrected else structured.corrected(call, answer, error)
                )
                if wait is None and correction is None:
                    raise
                attempts.failed(error.request_id, answer.usage, wait or 0.0)
            else:
                return replace(completion, spent=tuple(attempts.spent))
            if correction is not None:
                call, payload, attempts.corrected = correction, self.render(correction), True
            await asyncio.sleep(wait or 0.0)

    async def _attempt(
        self, call: LLMCall, payload: dict[str, Any], exchange: http.Exchange, attempts: Attempts
    ) -> Completion:
        entry = self._ledger.entry(
            provider=self.provider_type,
            api_variant=self.api_variant,
            **record.pending(call, payload, attempts.number, attempts.first),
        )
        started = time.perf_counter()
        try:
            await self._create_llm_request(entry)
            started = time.perf_counter()
            await http.post(self.endpoint(call), payload, self.config.request_timeout, exchange)
            answer, parsed = self._read(exchange, call)
        except BaseException as error:
            await self._update_llm_request_error(entry, exchange, error, _ms_since(started))
            raise
        response = record.response(answer, self.provider_type, call.model_name, _ms_since(started))
        completion = Completion(response, entry.id, answer.tool_calls, parsed)
        await self._update_llm_request_success(entry, exchange, answer, completion)
        self.answered(call, exchange)
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


def _ms_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


def _log(entry: Entry, level: int) -> None:
    """Write the one line of an attempt: figures, never a body or a key."""
    row = entry.row
    figures = " ".join(f"{name}={row[name]}" for name in (*LOGGED, "error_type") if row[name] is not None)
    logger.log(level, "llm_request id=%s %s", entry.id, figures)
