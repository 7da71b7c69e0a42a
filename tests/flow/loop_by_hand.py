"""Calls in event loops that are made, run and closed by hand, as in Celery's tasks: python loop_by_hand.py TASKS.

It prints the log, and the sockets that are open at the end; the garbage collector is off.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
from pathlib import Path

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services.public import LLMMessage, llm_services_provider

MESSAGES = [LLMMessage(role="user", content="hi")]
MODEL = "openrouter/author/model"


class Records(logging.Handler):
    """Keeps warnings and errors that are logged."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


def open_sockets() -> list[str]:
    """Return the open connections of this process."""
    return [str(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_socket()]


async def call() -> str:
    """Make a call, and leave its connection idle."""
    response, _request_id = await llm_services_provider().generate_response(MESSAGES, model=MODEL)
    return response.content


def main() -> None:
    """Run the tasks, one loop for each."""
    records = Records()
    logging.getLogger().addHandler(records)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # steps that are slow because the machine is
    infrastructure_provider().initialize()
    gc.disable()
    before, said = open_sockets(), []
    for _ in range(int(sys.argv[1])):
        loop = asyncio.new_event_loop()
        said.append(loop.run_until_complete(call()))
        loop.close()
    print(json.dumps({"said": said, "logged": records.lines, "open": len(open_sockets()) - len(before)}))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main()
