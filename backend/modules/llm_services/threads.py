"""Threads for work that would block the event loop; the module has its own because the application's may all be busy.

A child of `os.fork` has none of its parent's threads, and a lock that one of them holds stays locked in the child. So
idle threads of the module end before a fork, and start again when there is work.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_THREADS: Final = 32
# How long a fork waits for busy threads. Python 3.12 and later warn about those that remain.
FORK_SECONDS: Final = 1.0


class Pausable(Protocol):
    """Something with threads that end in `pause` and may start again after `resume`."""

    def pause(self) -> Iterable[threading.Thread]:
        """End the threads, and wait at most FORK_SECONDS for their work; return the threads that have ended."""

    def resume(self) -> None:
        """Allow threads to start again; called in the parent and in the child of a fork."""


_pausable: weakref.WeakSet[Pausable] = weakref.WeakSet()
_paused: list[Pausable] = []


def end_before_forks(threads: Pausable) -> None:
    """Pause `threads` before each fork, for as long as they are referenced."""
    _pausable.add(threads)


def _before_fork() -> None:
    _paused[:] = _pausable
    ended = [thread.native_id for threads in _paused for thread in threads.pause()]
    # Before 3.13, `join` returns while the thread is still ending below Python, and may hold a lock of OpenSSL.
    ends_at = time.monotonic() + FORK_SECONDS
    while any(Path(f"/proc/self/task/{number}").exists() for number in ended) and time.monotonic() < ends_at:
        time.sleep(0.001)


def _after_fork() -> None:
    for threads in _paused:
        threads.resume()
    _paused.clear()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)


class JobThread:
    """A thread that runs jobs one after another. It is a daemon, so that a process can end without waiting for it."""

    def __init__(self, name: str, at_end: Callable[[], object] | None = None) -> None:
        """Prepare a thread; it starts with the first job, and calls `at_end` before it ends."""
        self.jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self.starting = threading.Lock()  # held to start the thread and to give it a job
        self.thread: threading.Thread | None = None
        self._name, self._at_end = name, at_end
        end_before_forks(self)

    def start(self) -> None:
        """Start the thread."""
        self.thread = threading.Thread(target=_run, args=(self.jobs,), name=self._name, daemon=True)
        self.thread.start()

    def end(self) -> None:
        """End the thread after its last job."""
        if self._at_end:
            self.jobs.put(self._at_end)
        self.jobs.put(None)

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end; return True if it has ended or never started."""
        if self.thread:
            self.thread.join(seconds)
        return not (self.thread and self.thread.is_alive())

    def pause(self) -> Iterable[threading.Thread]:
        """End the thread, unless its job takes too long."""
        self.starting.acquire()
        thread, is_idle = self.thread, threading.Event()
        if thread is None or not thread.is_alive():
            return []
        self.jobs.put(is_idle.set)
        if not is_idle.wait(FORK_SECONDS):
            return []
        self.end()
        thread.join()
        self.thread = None
        return [thread]

    def resume(self) -> None:
        """Allow the next job to start another thread."""
        self.starting.release()


def _run(jobs: SimpleQueue[Callable[[], object] | None]) -> None:
    """Run jobs, and keep no reference to a finished one: a job refers to the owner of its thread."""
    while job := jobs.get():
        try:
            job()
        except Exception as error:  # noqa: BLE001 - whoever waits for the job gives it up; the thread goes on
            logger.error("%s failed: %r", threading.current_thread().name, error)
        del job


class ThreadPool:
    """Threads that wait for work from any event loop."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None
        self._unfinished: set[Future[Any]] = set()
        self._threads: set[threading.Thread] = set()
        self._starting = threading.Lock()

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Return a future for the result of `work`."""
        with self._starting:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(MAX_THREADS, "llm-services", self._begun)
            future = self._executor.submit(work)
            self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def pause(self) -> Iterable[threading.Thread]:
        """End the threads that have nothing to do."""
        self._starting.acquire()
        executor, self._executor = self._executor, None
        threads, self._threads = self._threads, set()
        if executor:
            left = wait(set(self._unfinished), FORK_SECONDS).not_done
            executor.shutdown(wait=not left)
        return {thread for thread in threads if not thread.is_alive()}

    def _begun(self) -> None:
        self._threads.add(threading.current_thread())

    def resume(self) -> None:
        """Allow new threads to start when there is work."""
        self._starting.release()


_pool = ThreadPool()
end_before_forks(_pool)


async def run(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises; a cancelled caller does not wait for it."""
    return await asyncio.wrap_future(begin(partial(contextvars.copy_context().run, work)))


def begin(work: Callable[[], Result]) -> Future[Result]:
    """Start `work`, and return a future that callers in several event loops may wait for."""
    return _pool.submit(work)
