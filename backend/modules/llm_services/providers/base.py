"""The flow that every call takes, written once: record, send, parse, record.

A provider says where (`endpoint`), maps a call to its wire (`render`) and its wire to an answer (`parse`), and
reads an error out of a body (`complaint`). `parse` reads whatever is there and never raises, so that an answer
that fails leaves its tokens, cost and text on the row like one that does not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from .. import pricing
from ..exceptions import LLMAuthenticationError, LLMError
from ..ledger import Ledger
from . import calls, http, recall, record, structured, telemetry
from .attempts import Attempts
from .calls import Calls
from .conversation import ToolTurns
from .verdict import verdict
from .wire import Wire

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy.orm import Session

    from ..config import LLMConfig
    from ..ledger import Entry
    from .values import Answer, Completion, LLMCall
    from .wire import Service

logger = logging.getLogger(__name__)

LOGGED: Final = (
    "provider",
    "model",
    "status",
    "retry_attempt",
    "execution_time_ms",
    "tokens_used",
    "cost_estimate",
    "error_type",
)


class LLMProvider(Calls, Wire):
    """One vendor, on the shared flow."""

    service: ClassVar[Service]

    def __init__(self, config: LLMConfig, db_session: Session) -> None:
        """Write rows to the database of `db_session`, in transactions of their own.

        Raises LLMAuthenticationError when `config` has no key for this vendor.
        """
        if not config.is_configured(self.provider_type):
            service = self.service
            raise LLMAuthenticationError(
                f"{service.name} has no API key: set {service.key_variable} ({service.keys_page})", self.provider_type
            )
        self.config = config
        self.turns = ToolTurns()
        self._ledger = Ledger(db_session, config.request_timeout)

    @abstractmethod
    def endpoint(self, call: LLMCall) -> http.Endpoint:
        """Return where requests go, key included."""

    def wire(self, call: LLMCall) -> Wire:
        """Return the wire of a kind of call: this one, where the vendor has no other."""
        del call
        return self

    def failure(self, exchange: http.Exchange, call: LLMCall) -> LLMError | None:
        """Return what is wrong with an exchange, None when it is an answer."""
        wire = self.wire(call)
        return verdict(wire, self.service, exchange, call, wire.parse(exchange))

    async def _complete(self, call: LLMCall) -> Completion:
        """Answer from the response cache where it has a part in the call, else by asking."""
        call = calls.filled(call, self.config, self.provider_type)
        wire = self.wire(call)
        calls.report_unknown(call.options, wire.options)
        payload = wire.render(call)
        place = None
        if recall.is_wanted(self.config, wire, call):
            place = recall.place(self.config, self.provider_type, self.endpoint(call), call, payload)
        if place is None:
            return (await self._ask(call, payload))[0]
        if recalled := await self._recalled(place, call, payload):
            return recalled
        asked, exchange = await self._ask(call, payload)
        await place.keep(exchange, asked)
        return asked

    async def _ask(self, call: LLMCall, payload: dict[str, Any]) -> tuple[Completion, http.Exchange]:
        """Make attempts, a row each, until one succeeds, or neither waiting nor asking again can help."""
        if not self.service.tells_prices:
            await pricing.load()
        attempts = Attempts(self.config.max_retries)
        while True:
            exchange = http.Exchange()
            try:
                completion = await self._attempt(call, payload, exchange, attempts)
            except LLMError as error:
                answer = self._answer(exchange, call)
                wait = attempts.wait(error)
                correction = (
                    None if attempts.is_last or attempts.corrected else structured.corrected(call, answer, error)
                )
                if wait is None and correction is None:
                    raise
                attempts.failed(error.request_id, answer.usage, wait or 0.0)
            else:
                return replace(completion, spent=tuple(attempts.spent)), exchange
            if correction is not None:
                call, payload, attempts.corrected = correction, self.wire(call).render(correction), True
            await asyncio.sleep(wait or 0.0)

    async def _recalled(self, place: recall.Place, call: LLMCall, payload: dict[str, Any]) -> Completion | None:
        """Return what the response cache has for a call, on a row of its own; None where that is no answer."""
        started = time.perf_counter()
        kept = await place.find()
        if kept is None:
            return None
        answer = recall.recalled(self.wire(call).parse(kept.exchange), kept.request_id)
        try:
            parsed = self._accepted(answer, kept.exchange, call)
        except LLMError:
            return None
        entry = self._entry(call, payload, Attempts(0))
        await self._create_llm_request(entry)
        completion = record.completion(answer, call, entry.row, parsed, _ms_since(started))
        await self._update_llm_request_success(entry, kept.exchange, answer, completion)
        self._remember(call, answer)
        return completion

    async def _attempt(
        self, call: LLMCall, payload: dict[str, Any], exchange: http.Exchange, attempts: Attempts
    ) -> Completion:
        entry, endpoint = self._entry(call, payload, attempts), self.endpoint(call)
        with telemetry.observed(entry, call, endpoint.base_url, lambda: self._answer(exchange, call)):
            return await self._exchanged(entry, endpoint, call, payload, exchange)

    async def _exchanged(
        self, entry: Entry, endpoint: http.Endpoint, call: LLMCall, payload: dict[str, Any], exchange: http.Exchange
    ) -> Completion:
        started = time.perf_counter()
        try:
            await self._create_llm_request(entry)
            started = time.perf_counter()
            await http.post(endpoint, payload, self.config.request_timeout, exchange)
            answer = self._answer(exchange, call)
            parsed = self._accepted(answer, exchange, call)
        except BaseException as error:
            await self._update_llm_request_error(entry, exchange, error, call, _ms_since(started))
            raise
        completion = record.completion(answer, call, entry.row, parsed, _ms_since(started))
        await self._update_llm_request_success(entry, exchange, answer, completion)
        self._remember(call, answer)
        return completion

    def _entry(self, call: LLMCall, payload: dict[str, Any], attempts: Attempts) -> Entry:
        return self._ledger.entry(
            provider=self.provider_type,
            api_variant=self.wire(call).api_variant,
            **record.pending(call, payload, attempts.number, attempts.first),
        )

    def _remember(self, call: LLMCall, answer: Answer) -> None:
        if answer.turn:
            self.turns.remember(call.messages, answer.turn)

    def _answer(self, exchange: http.Exchange, call: LLMCall) -> Answer:
        """Return what an exchange says, priced by the table where its vendor says no price."""
        answer = self.wire(call).parse(exchange)
        if self.service.tells_prices:
            return answer
        served = answer.details.get("served_model") or call.model_name
        return replace(answer, usage=pricing.priced(answer.usage, self.provider_type, served))

    def _accepted(self, answer: Answer, exchange: http.Exchange, call: LLMCall) -> BaseModel | None:
        """Return the object of a structured call's answer; raises the LLMError that says what is wrong with it."""
        if error := verdict(self.wire(call), self.service, exchange, call, answer):
            raise error
        return structured.validated(answer, call.response_model) if call.response_model else None

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
        if self.config.log_requests:
            _log(entry, logging.INFO)

    async def _update_llm_request_error(
        self, entry: Entry, exchange: http.Exchange, error: BaseException, call: LLMCall, elapsed_ms: int
    ) -> None:
        """Settle the row of a failed attempt, with what was billed; `error` then names it."""
        if isinstance(error, LLMError):
            error.provider, error.model = self.provider_type, entry.row["model"]
            error.request_id = entry.id if entry.is_open else None
        if not entry.is_open:
            return
        columns = record.failed(self._answer(exchange, call), exchange, error, elapsed_ms)
        try:
            await self._ledger.settle(entry, **columns)
        except LLMError as ledger_error:
            logger.error("llm_request %s stays pending: %s", entry.id, ledger_error)  # the caller gets its own error
        if self.config.log_requests:
            _log(entry, logging.INFO)


def _ms_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


def _log(entry: Entry, level: int) -> None:
    """Write the one line of an attempt: figures, never a body or a key."""
    facts = {name: entry.row[name] for name in LOGGED if entry.row[name] is not None}
    figures = " ".join(f"{name}={fact}" for name, fact in facts.items())
    logger.log(level, "llm_request id=%s %s", entry.id, figures, extra={"llm_request": {"id": str(entry.id), **facts}})
