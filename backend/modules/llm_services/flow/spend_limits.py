"""Spend limits: no attempt starts once LLM_LIMIT_USD_DAY, LLM_LIMIT_USD_MONTH or LLM_LIMIT_USD_DAY_PER_USER is reached.

The amount spent on each database is kept in memory: the sums of the last read of its rows, plus the attempts of this
process since then. A read scans the table, so reads are at least `PAUSE_SECONDS` apart.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from .. import pricing, threads
from ..config import VARIABLES
from ..exceptions import LLMError, LLMRateLimitError
from ..ledger.reading import REFUSALS, costs_since, reader_of
from ..types import LLMProviderType
from ..vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from concurrent.futures import Future
    from uuid import UUID

    from sqlalchemy import Engine

    from ..config import LLMConfig
    from ..ledger.ledger import Ledger
    from ..ledger.reading import Reader, Rows
    from .attempt import Attempt

    Clock = Callable[[], datetime]
    Account = tuple[str, datetime, int | None]  # field of the limit, start of the period, user id

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 5.0
# After a slow read, the pause is this many times the duration of the read.
PAUSE_PER_READING: Final = 20.0
DAY: Final = "limit_usd_day"
MONTH: Final = "limit_usd_month"
DAY_PER_USER: Final = "limit_usd_day_per_user"
LIMITS: Final = (DAY, MONTH, DAY_PER_USER)
NEVER: Final = float("inf")


@asynccontextmanager
async def reserved(config: LLMConfig, ledger: Ledger, attempt: Attempt) -> AsyncGenerator[None]:
    """Count the estimated cost of an attempt while it runs, and its actual cost afterwards.

    Raises LLMRateLimitError if a limit is reached, and LLMError if the rows cannot be read; nothing is sent then.
    """
    reader = reader_of(ledger)
    spend = spend_of(reader.engine, reader.schemas)
    await pricing.load()
    try:
        await spend.bring_up_to_date(reader, is_monthly=config.limit_usd_month is not None)
    except LLMError as error:
        raise LLMError(f"nothing was sent, because the spend limits cannot be checked: {error}") from error
    spend.reserve(config, attempt)
    try:
        yield
    finally:
        spend.settle(attempt)


@dataclass(eq=False)
class Reservation:
    """The cost in USD of one attempt of this process; an estimate until it `is_settled`."""

    usd: float
    accounts: tuple[Account, ...]
    created_at: datetime
    is_settled: bool = False


class Spend:
    """The amounts spent on one database in the current day and month."""

    def __init__(self, clock: Clock = lambda: datetime.now(UTC)) -> None:
        """Start without sums; `clock` returns the current time in UTC."""
        self._clock = clock
        self._lock = threading.Lock()
        self._totals: defaultdict[Account, float] = defaultdict(float)
        self._own: dict[UUID, Reservation] = {}  # running attempts, and those that started after the last read
        self._paid: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])  # by model: USD, calls
        self._read_at: datetime | None = None
        self._is_monthly = False
        self._pause = PAUSE_SECONDS
        self._reading: Future[None] | None = None

    async def bring_up_to_date(self, reader: Reader, *, is_monthly: bool) -> None:
        """Start a read when the pause is over; wait for it only if the last one is more than two pauses old.

        `is_monthly` reads the rows of the whole month, which only the monthly limit needs.
        """
        if is_monthly and not self._is_monthly:
            self._is_monthly, self._read_at = True, None
        while (age := self._age()) > self._pause:
            if reader.is_shared:
                self._read(reader)
                return
            with self._lock:
                self._reading = self._reading or threads.begin(partial(self._read, reader))
                reading = self._reading
            if age <= 2 * self._pause:
                return
            await asyncio.shield(asyncio.wrap_future(reading))

    def _age(self) -> float:
        """Return the seconds since the last read; NEVER if there was none today."""
        now = self._clock()
        if self._read_at is None or now < self._read_at or _day(now) != _day(self._read_at):
            return NEVER
        return (now - self._read_at).total_seconds()

    def _read(self, reader: Reader) -> None:
        """Read the rows, except those of this process's running attempts, which `_own` counts."""
        started = self._clock()
        day, month, is_monthly = _day(started), _month(started), self._is_monthly
        with self._lock:
            going_on = {request_id for request_id, attempt in self._own.items() if not attempt.is_settled}
        try:
            rows = reader.read(costs_since(month if is_monthly else day, day, started, going_on))
            totals = self._totals_of(rows, day, month)
            with self._lock:
                self._own = {
                    request_id: attempt
                    for request_id, attempt in self._own.items()
                    if request_id in going_on or attempt.created_at >= started
                }
                for attempt in self._own.values():
                    _add(totals, attempt.accounts, attempt.usd)
                self._totals, self._read_at = totals, started if is_monthly is self._is_monthly else None
                took = (self._clock() - started).total_seconds()
                self._pause = max(PAUSE_SECONDS, PAUSE_PER_READING * took)
        except LLMError as error:
            logger.warning("the amount spent cannot be updated: %s", error)
            raise
        finally:
            with self._lock:
                self._reading = None

    def _totals_of(self, rows: Rows, day: datetime, month: datetime) -> defaultdict[Account, float]:
        totals: defaultdict[Account, float] = defaultdict(float)
        for row in rows:
            usd = row.cost
            if row.provider in VENDORS:
                vendor = LLMProviderType(row.provider)
                usd += self._estimate(vendor, row.model, int(row.prompt_tokens), int(row.answer_tokens), row.rows)
            _add(totals, _accounts(day if row.is_today else None, month, row.user_id), usd)
        return totals

    def _estimate(self, vendor: LLMProviderType, model: str, prompt: int, answer: int, calls: int = 1) -> float:
        """Return the estimated cost of calls by the price table, or by the model's earlier calls in this process."""
        usd = pricing.price_of_tokens(prompt, answer, vendor, model)
        if usd is None and model in self._paid:
            paid, paid_calls = self._paid[model]
            usd = calls * paid / paid_calls
        return usd or 0.0

    def reserve(self, config: LLMConfig, attempt: Attempt) -> None:
        """Add the estimated cost of an attempt that starts now; raise LLMRateLimitError if a limit is reached."""
        call, entry = attempt.call, attempt.entry
        prompt, answer = pricing.expected_tokens(call.messages, call.max_output_tokens)
        usd = self._estimate(attempt.vendor.provider_type, call.model, prompt, answer)
        with self._lock:
            now = self._clock()
            accounts = _accounts(_day(now), _month(now), call.user_id)
            for account in accounts:
                limit: float | None = getattr(config, account[0])
                if limit is not None and self._totals[account] >= limit:
                    raise _limit_reached(account, limit, self._totals[account], now, attempt)
            entry.row |= {"created_at": now, "updated_at": now}
            self._own[entry.id] = Reservation(usd, accounts, now)
            _add(self._totals, accounts, usd)

    def settle(self, attempt: Attempt) -> None:
        """Replace the estimated cost of an attempt with its actual cost, if that is known."""
        cost: float | None = attempt.entry.row["cost_estimate"]
        is_refused = attempt.entry.row["error_type"] in REFUSALS and not attempt.exchange.is_success
        with self._lock:
            reservation = self._own[attempt.entry.id]
            reservation.is_settled = True
            if cost is not None:
                paid = self._paid[attempt.call.model]
                paid[0], paid[1] = paid[0] + cost, paid[1] + 1
            elif attempt.entry.is_open and attempt.exchange.is_sent and not is_refused:
                return
            _add(self._totals, reservation.accounts, (cost or 0.0) - reservation.usd)
            reservation.usd = cost or 0.0


def _accounts(day: datetime | None, month: datetime, user_id: int | None) -> tuple[Account, ...]:
    """Return the accounts that a cost is added to; `day` is None for a cost of an earlier day."""
    accounts: list[Account] = [(MONTH, month, None)]
    if day:
        accounts.append((DAY, day, None))
        if user_id is not None:
            accounts.append((DAY_PER_USER, day, user_id))
    return tuple(accounts)


def _add(totals: defaultdict[Account, float], accounts: tuple[Account, ...], usd: float) -> None:
    for account in accounts:
        totals[account] += usd


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _month(moment: datetime) -> datetime:
    return _day(moment).replace(day=1)


def _limit_reached(account: Account, limit: float, spent: float, now: datetime, attempt: Attempt) -> LLMRateLimitError:
    """Return the error with the limit, the amount spent, the user and the wait, and log it."""
    field, begun, user_id = account
    ends = _month(begun + timedelta(days=31)) if field == MONTH else begun + timedelta(days=1)
    (variable,) = VARIABLES[field]
    spender = "everybody" if user_id is None else f"user {user_id}"
    message = (
        f"{variable} is reached: {spent:.6g} USD of {limit:g} were spent by {spender} since {begun:%Y-%m-%d} (UTC), "
        f"calls in flight included; nothing was sent, and calls are possible again at {ends:%Y-%m-%d %H:%M} (UTC)"
    )
    logger.info("a call of %s by user %s was refused: %s", attempt.call.model, attempt.call.user_id, message)
    return LLMRateLimitError(
        message,
        retry_after=(ends - now).total_seconds(),
        error_code=variable,
        provider=attempt.vendor.provider_type,
        model=attempt.call.model,
    )


_spends: WeakKeyDictionary[Engine, dict[object, Spend]] = WeakKeyDictionary()
os.register_at_fork(after_in_child=_spends.clear)


def spend_of(engine: Engine, schemas: object = (), clock: Clock | None = None) -> Spend:
    """Return this process's sums for a database, in the schemas that a session translates to.

    If there are none yet, they are created with `clock`.
    """
    spends = _spends.setdefault(engine, {})
    if schemas not in spends:
        spends[schemas] = Spend(clock) if clock else Spend()
    return spends[schemas]
