"""Idempotency keys: a call with a key that was answered within a day returns that row's answer and sends nothing.

The id of a keyed row is derived from the user, the key, the UTC day and the number of the attempt. A key is therefore
looked up by primary key, and if two processes start the same call at once, one of them finds the row of the other.
Within one process, callers with the same key share the call in flight.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import secrets
import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from sqlalchemy import select

from .. import pieces, threads
from ..exceptions import LLMError, LLMTimeoutError
from ..ledger.ledger import Entry
from ..ledger.maintenance import longest_attempt
from ..ledger.reading import reader_of
from ..models import LLMRequestModel, derived_request_id
from ..types import RequestStatus, in_utc
from ..wires.lenient import mapping
from ..wires.schemas import wire_schema
from ..wires.wire import Exchange
from . import columns, streaming

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from sqlalchemy import Row, Table

    from ..config import LLMConfig
    from ..ledger.ledger import Ledger
    from ..ledger.reading import Reader
    from .attempt import Attempt, Completion

VALID_FOR: Final = timedelta(days=1)
ROWS_PER_LOOK: Final = 8
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0
CLAIM: Final = "idempotency_claim"  # in additional_params: identifies the call that wrote the row
QUESTION: Final = "idempotency_question"  # in additional_params: a hash of the request
# The values that an answer takes from its row, because pricing the body again could give other figures.
FIGURES: Final = ("cost_estimate", "tokens_used", "input_tokens", "output_tokens", "cached", "provider_response_id")
TABLE: Final = cast("Table", LLMRequestModel.__table__)


class KeyTakenError(Exception):
    """Another process has started the same call; this one has to wait for its row."""


@dataclass
class Claim:
    """The rows that one call writes for its key, starting with attempt `number` of a day."""

    job: Job
    day: str
    number: int
    token: str = field(default_factory=partial(secrets.token_hex, 16))

    @property
    def params(self) -> dict[str, str]:
        """The fields for additional_params."""
        return {QUESTION: self.job.question, CLAIM: self.token}

    def name(self, entry: Entry) -> None:
        """Give a new row the id that is derived from the key."""
        entry.id = entry.row["id"] = self.job.row_id(self.day, self.number)
        self.number += 1

    async def confirm(self, entry: Entry) -> None:
        """Raise KeyTakenError if the row was written by another call; that row is left alone.

        A row written in the caller's own transaction cannot be read here; no other process can have written one then.
        """
        found = await self.job.reader.rows(select(TABLE.c.additional_params).where(TABLE.c.id == entry.id))
        if found and mapping(found[0].additional_params).get(CLAIM) != self.token:
            entry.is_open = False
            raise KeyTakenError


@dataclass(frozen=True)
class InFlight:
    """A keyed call that this process is making.

    `ended` gets the answer or the error, or None if the caller was cancelled or raised its own exception.
    """

    question: str
    response_model: object
    ended: Future[Completion | LLMError | None] = field(default_factory=Future)


_in_flight: dict[tuple[object, ...], InFlight] = {}
_lock = threading.Lock()
os.register_at_fork(after_in_child=_in_flight.clear)


class Job:
    """One call with an idempotency key."""

    def __init__(
        self,
        config: LLMConfig,
        ledger: Ledger,
        attempt: Attempt,
        send: Callable[[Attempt], Awaitable[Completion]],
        remember: Callable[[Attempt], None],
    ) -> None:
        """Use `send` if the key has no answer yet; `remember` is called with an answer that was read from a row."""
        self._attempt, self._send, self._remember = attempt, send, remember
        self.reader: Reader = reader_of(ledger)
        self._key = str(attempt.call.options.idempotency_key)
        self._timeout = attempt.call.options.timeout or config.request_timeout

    @cached_property
    def question(self) -> str:
        """A hash of the request: kind of call, model, messages, tools and schema."""
        call = self._attempt.call
        asked = [
            self._attempt.wire.api_variant,
            call.model,
            [message.model_dump(mode="json", exclude_none=True) for message in call.messages],
            [tool.model_dump(mode="json") for tool in call.tools],
            None if call.response_model is None else wire_schema(call.response_model),
        ]
        return hmac.new(
            self._key.encode(errors="replace"), json.dumps(pieces.digested(asked)).encode(), hashlib.sha256
        ).hexdigest()

    def row_id(self, day: str, number: int) -> UUID:
        """Return the row id for attempt `number` (from 0) on `day`."""
        return derived_request_id(self._attempt.call.user_id, self._key, day, number)

    async def answer(self) -> Completion:
        """Return the answer from the key's row or from the same call in this process; otherwise send the request.

        Raises ValueError if the key belongs to a different request, LLMTimeoutError if the other call takes too long,
        and LLMError if the row's content is not stored.
        """
        call = self._attempt.call
        await threads.run(lambda: self.question)
        place = (self.reader.engine, self.reader.schemas, call.user_id, self._key)
        while True:
            own = InFlight(self.question, call.response_model)
            with _lock:
                other = _in_flight.setdefault(place, own)
            if other is own:
                return await self._lead(place, own)
            self._check_question(other.question)
            try:
                outcome = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(other.ended)), self._timeout)
            except TimeoutError:
                self._give_up()
            if isinstance(outcome, LLMError):
                raise outcome
            if outcome and other.response_model == call.response_model:
                await streaming.hand_out(self._attempt, outcome.response.content)
                return outcome

    async def _lead(self, place: tuple[object, ...], own: InFlight) -> Completion:
        """Answer the call and share the answer with waiting callers; if cancelled, leave the call to one of them."""
        outcome: Completion | LLMError | None = None
        try:
            completion = outcome = await self._answer()
        except LLMError as error:
            outcome = error
            raise
        finally:
            with _lock:
                del _in_flight[place]
            own.ended.set_result(outcome)
        return completion

    async def _answer(self) -> Completion:
        """Answer from the key's row, wait for a pending row, or send the request."""
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._timeout, FIRST_PAUSE_SECONDS
        while True:
            now = datetime.now(UTC)
            day = now.date().isoformat()
            rows, number = await self._rows(day, (now - VALID_FOR).date().isoformat())
            valid = [row for row in rows if in_utc(row.created_at) > now - VALID_FOR]
            if answered := next((row for row in valid if row.status == RequestStatus.COMPLETED), None):
                self._check_question(mapping(answered.additional_params).get(QUESTION))
                return await self._stored_answer(answered.id)
            going_on = next((row for row in valid if self._is_going_on(row, now)), None)
            if going_on is None:
                self._attempt.claim = Claim(self, day, number)
                with suppress(KeyTakenError):
                    return await self._send(self._attempt)
            else:
                self._check_question(mapping(going_on.additional_params).get(QUESTION))
            if loop.time() + pause > deadline:
                self._give_up(going_on and going_on.id)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _is_going_on(self, row: Row[Any], now: datetime) -> bool:
        """Return True if a row is pending and its process may still be alive."""
        longest = timedelta(seconds=longest_attempt(self._timeout))
        return row.status == RequestStatus.PENDING and in_utc(row.created_at) > now - longest

    async def _rows(self, *days: str) -> tuple[list[Row[Any]], int]:
        """Return the key's rows that were created on `days`, and the next free attempt number of the first day."""
        found: list[Row[Any]] = []
        free, first, is_full = 0, 0, True
        read = (TABLE.c.id, TABLE.c.status, TABLE.c.created_at, TABLE.c.additional_params)
        while is_full:
            numbers = range(first, first + ROWS_PER_LOOK)
            ids = {self.row_id(day, number): (day, number) for day in days for number in numbers}
            rows = await self.reader.rows(select(*read).where(TABLE.c.id.in_(ids)))
            found += rows
            free = max([free, *(1 + ids[row.id][1] for row in rows if ids[row.id][0] == days[0])])
            first += ROWS_PER_LOOK
            is_full = any((day, numbers[-1]) in {ids[row.id] for row in rows} for day in days)
        return found, free

    async def _stored_answer(self, request_id: UUID) -> Completion:
        """Return a row's answer as the original call returned it, with the row's figures and id."""
        (row,) = await self.reader.rows(select(TABLE).where(TABLE.c.id == request_id))
        raw = mapping(row.response_raw)
        if raw.get("body") is None:
            raise LLMError(
                f"{self._name} was answered by row {request_id}, but the content of that row is not stored "
                "(LLM_STORE=figures, store_content=False or forget.py); nothing was sent. Use a new key to ask again",
                self._attempt.vendor.provider_type,
                self._attempt.call.model,
                request_id=request_id,
            )
        stored = replace(self._attempt, exchange=_exchange(row, raw), is_large=True)
        stored.entry = Entry(request_id, {})
        completion = await columns.completion(stored)
        figures = {name: getattr(row, name) for name in FIGURES} | {"response_time_ms": row.execution_time_ms}
        media = completion.media and completion.media.model_copy(update={"cost_estimate": row.cost_estimate})
        completion = replace(completion, response=completion.response.model_copy(update=figures), media=media)
        self._remember(stored)
        await streaming.hand_out(stored, completion.response.content)
        return completion

    @property
    def _name(self) -> str:
        return f"idempotency_key {self._key!r}"

    def _check_question(self, stored: object) -> None:
        if stored not in {None, self.question}:
            raise ValueError(f"{self._name} was used for another call (kind, model or messages); use a new key")

    def _give_up(self, request_id: UUID | None = None) -> NoReturn:
        raise LLMTimeoutError(
            f"the other call with {self._name} has not ended within {self._timeout:g} s; nothing was sent",
            self._attempt.vendor.provider_type,
            self._attempt.call.model,
            request_id=request_id,
        )


def _exchange(row: Row[Any], raw: dict[str, Any]) -> Exchange:
    """Return the exchange that is stored in a row, with the headers that can be restored."""
    headers = {
        "content-type": mapping(row.response_output).get("mime_type") or "application/json",
        "x-generation-id": raw.get("generation_id"),
    }
    known = {name: str(value) for name, value in headers.items() if value}
    return Exchange(raw.get("status_code"), known, raw["body"])
