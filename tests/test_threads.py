"""Threads of the module's own, which end before a fork."""

from __future__ import annotations

from modules.llm_services.threads import JobThread


def test_a_fork_does_not_wait_for_a_thread_that_has_ended() -> None:
    """A thread whose ledger was closed gets no job that would tell whether it is idle."""
    thread = JobThread("closed")
    thread.start()
    thread.end()
    assert thread.join(60)
    assert [] == list(thread.pause())
    thread.resume()
    assert thread.jobs.empty()
