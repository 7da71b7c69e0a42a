"""Idempotency keys: a call whose key was answered within a day gets that row's answer, and nothing is sent.

The id of a keyed row is made of the user, the key, the UTC day and the attempt's number. So a key is looked up by the
primary key, and of two processes that begin at once one finds that the row is the other's. In one process, callers
with one key share the call that is in flight.
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

from .. import threads
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
CLAIM: Final = "idempotency_claim"  # in additional_params: which call wrote the row
QUESTION: Final = "idempotency_question"  # and a hash of what it asked
# What an answer has of its row, since the body alone would be priced anew.
FIGURES: Final = ("cost_estimate", "tokens_used", "input_tokens", "output_tokens", "cached", "provider_response_id")
TABLE: Final = cast("Table", LLMRequestModel.__table__)


class KeyTakenError(Exception):
    """Another process has begun the same call: its row is waited for."""


@dataclass
class Claim:
    """The rows that one call writes for its key, from the attempt `number` of a day on."""

    job: Job
    day: str
    number: int
    token: str = field(default_factory=partial(secrets.token_hex, 16))

    @property
    def params(self) -> dict[str, str]:
        """What additional_params say of it."""
        return {QUESTION: self.job.question, CLAIM: self.token}

    def name(self, entry: Entry) -> None:
        """Give a new row the id that the key leads to."""
        entry.id = entry.row["id"] = self.job.row_id(self.day, self.number)
        self.number += 1

    async def confirm(self, entry: Entry) -> None:
        """Raise KeyTakenError where the row that was opened is another's, which is then left alone.

        A row that was written in the caller's own transaction is not seen, and then there is no other.
        """
        found = await self.job.reader.rows(select(TABLE.c.additional_params).where(TABLE.c.id == entry.id))
        if found and mapping(found[0].additional_params).get(CLAIM) != self.token:
            entry.is_open = False
            raise KeyTakenError


@dataclass(frozen=True)
class InFlight:
    """A keyed call of this process that is in flight.

    `ended` gets its answer or error; None if its caller was cancelled, or raised an exception of its own.
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
        """Answer by `send` where nobody has; `remember` is called with what a row answers."""
        self._attempt, self._send, self._remember = attempt, send, remember
        self.reader: Reader = reader_of(ledger)
        self._key = str(attempt.call.options.idempotency_key)
        self._timeout = attempt.call.options.timeout or config.request_timeout

    @cached_property
    def question(self) -> str:
        """A hash of what is asked: kind, model, messages, tools and schema."""
        call = self._attempt.call
        asked = [
            self._attempt.wire.api_variant,
            call.model,
            [message.model_dump(mode="json", exclude_none=True) for message in call.messages],
            [tool.model_dump(mode="json") for tool in call.tools],
            None if call.response_model is None else wire_schema(call.response_model),
        ]
        return hmac.new(self._key.encode(errors="replace"), json.dumps(asked).encode(), hashlib.sha256).hexdigest()

    def row_id(self, day: str, number: int) -> UUID:
        """Return the id of the row of the key's attempt `number`, from 0, of a day."""
        return derived_request_id(self._attempt.call.user_id, self._key, day, number)

    async def answer(self) -> Completion:
        """Answer from the row of the key, from the same call where it goes on in this process, or by sending.

        Raises ValueError where the key is another question's, LLMTimeoutError where the other call takes too long, and
        LLMError where the row's content is not stored.
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
        """Answer, and let those who wait have the same; one that is cancelled leaves the call to the next."""
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
        """Answer from the row of the key, wait for one that is pending, or send."""
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
        """Return True if a row is pending, and its process may be alive."""
        longest = timedelta(seconds=longest_attempt(self._timeout))
        return row.status == RequestStatus.PENDING and in_utc(row.created_at) > now - longest

    async def _rows(self, *days: str) -> tuple[list[Row[Any]], int]:
        """Return the rows of the key that were begun on some days, and the next free number of the first."""
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
        """Return the answer of a row as its call returned it, with the row's figures and id."""
        (row,) = await self.reader.rows(select(TABLE).where(TABLE.c.id == request_id))
        raw = mapping(row.response_raw)
        if raw.get("body") is None:
            raise LLMError(
                f"{self._name} was answered, on row {request_id}, and the content of that row is not stored "
                "(LLM_STORE=figures, store_content=False, or forget.py): it cannot be returned, and nothing was sent",
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
            raise ValueError(f"{self._name} belongs to a call with another model, other messages or of another kind")

    def _give_up(self, request_id: UUID | None = None) -> NoReturn:
        raise LLMTimeoutError(
            f"the other call with {self._name} has not ended within {self._timeout:g} s; nothing was sent",
            self._attempt.vendor.provider_type,
            self._attempt.call.model,
            request_id=request_id,
        )


def _exchange(row: Row[Any], raw: dict[str, Any]) -> Exchange:
    """Return the exchange that a row keeps, with the headers that it knows of."""
    headers = {
        "content-type": mapping(row.response_output).get("mime_type") or "application/json",
        "x-generation-id": raw.get("generation_id"),
    }
    known = {name: str(value) for name, value in headers.items() if value}
    return Exchange(raw.get("status_code"), known, raw["body"])
