"""The module's own threads, which end before a fork."""

from __future__ import annotations

from modules.llm_services.threads import JobThread


def test_a_fork_does_not_wait_for_a_thread_that_has_ended() -> None:
    """A fork does not wait for a thread that has ended, because it can no longer report that it is idle."""
    thread = JobThread("closed")
    thread.start()
    thread.end()
    assert thread.join(60)
    assert [] == list(thread.pause())
    thread.resume()
    assert thread.jobs.empty()
