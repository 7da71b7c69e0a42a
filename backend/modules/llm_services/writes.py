"""A row on its way through the ledger's thread, and the task that waits for it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(eq=False)
class Write:
    """A row to insert, or one to settle: `changes` names the columns that settling writes.

    It waits for a lock at most `patience` seconds. `error` says why it was not written.
    """

    row: dict[str, Any]
    changes: tuple[str, ...] = ()
    patience: float = 30.0
    error: Exception | None = None
    asked_at: float = field(default_factory=time.monotonic)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _waiter: asyncio.Future[None] | None = None
    _is_over: bool = False

    @property
    def is_patient(self) -> bool:
        """Whether there is time left to wait for a lock."""
        return time.monotonic() < self.asked_at + self.patience

    async def ended(self) -> None:
        """Wait for the end, also when cancelled meanwhile; the cancellation goes on then, whatever came of the row."""
        cancelled = None
        while not self._is_over:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled:
            raise cancelled
        if self.error:
            raise self.error

    def _end(self) -> None:
        self._is_over = True
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


def end(writes: Iterable[Write], error: Exception | None = None) -> None:
    """Say from the ledger's thread that `writes` are over: one call for each event loop that waits."""
    for loop, waiting in groupby(sorted(writes, key=lambda write: id(write._loop)), lambda write: write._loop):  # noqa: SLF001 - this file's own
        ended = list(waiting)
        for write in ended:
            write.error = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_end_all, ended)


def _end_all(writes: Iterable[Write]) -> None:
    for write in writes:
        write._end()  # noqa: SLF001 - as above
