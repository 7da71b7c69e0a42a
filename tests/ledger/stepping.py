"""Cancel a call at a chosen step of its way through the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")
Cancel = Callable[[], object]


class CancelledAt:
    """An awaitable that runs `call`, and calls `cancel` when the call waits for the nth time."""

    def __init__(self, call: Coroutine[Any, Any, Result], step: int, cancel: Cancel, *, late: bool = False) -> None:
        """Cancel while the call waits; if `late`, exactly when its wait ends."""
        self.steps = 0
        self._call, self._step, self._cancel, self._late = call, step, cancel, late

    def __await__(self) -> Generator[Any, Any, Any]:
        """Pass each wait of the call on to its task."""
        advance: Callable[[], Any] = partial(self._call.send, None)
        while True:
            try:
                waited_for = advance()
            except StopIteration as end:
                return end.value
            if self.steps == self._step:
                self._arrange(waited_for)
            self.steps += 1
            try:
                answer = yield waited_for
            except BaseException as error:  # noqa: BLE001 - it is the call's to deal with
                advance = partial(self._call.throw, error)
            else:
                advance = partial(self._call.send, answer)

    def _arrange(self, waited_for: asyncio.Future[Any] | None) -> None:
        if self._late and waited_for is not None:
            waited_for.add_done_callback(lambda _: self._cancel())  # called before the task wakes up
        else:
            asyncio.get_running_loop().call_soon(self._cancel)
