"""Work that would block the event loop, in threads of the module's own: the application's may all be busy."""

from __future__ import annotations

import asyncio
import contextvars
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

Result = TypeVar("Result")

MAX_THREADS: Final = 32


async def run(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises; a caller that is cancelled does not wait for its end."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_executor(os.getpid()), context.run, work)


def begin(work: Callable[[], Result]) -> Future[Result]:
    """Begin `work`, whose result callers in several event loops may wait for."""
    return _executor(os.getpid()).submit(work)


@cache
def _executor(process_id: int) -> ThreadPoolExecutor:
    """Return the threads of a process: a fork has none of its parent's."""
    return ThreadPoolExecutor(MAX_THREADS, f"llm-services-{process_id}")
