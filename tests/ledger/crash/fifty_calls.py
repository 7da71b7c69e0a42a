"""A process that forks on request, and forks that keep calls in flight until they are killed.

It reads its standard input and writes to its standard output, one JSON object a line. The fork reports the result of
each call at the moment when the call returns; the parent reports the fork's process id, and how it ended.
"""

import asyncio
import itertools
import json
import os
import sys
from typing import Any
from unittest import mock

import psycopg  # noqa: F401 - what is imported before the fork is not waited for after it

from ledger.crash.script import MODEL, is_streamed
from modules.llm_services import LLMError, LLMServicesProvider
from modules.llm_services.ledger.writer import PendingWrite, Writer, finish
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole

STANDARD_OUTPUT = 1


def main() -> None:
    """Fork and wait, one process for each line."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            play(**json.loads(line))
            return
        tell(pid=child)
        _, status = os.waitpid(child, 0)
        tell(ended=os.waitstatus_to_exitcode(status))


def tell(**what: object) -> None:
    """Write a line, which is atomic because it is shorter than a pipe's PIPE_BUF."""
    os.write(STANDARD_OUTPUT, json.dumps(what).encode() + b"\n")


def play(run: int, base_url: str, late: int, in_flight: int) -> None:
    """Make calls to `OPENROUTER_BASE_URL` endlessly; the rows of DATABASE_URL have `run` as their user."""
    os.environ["OPENROUTER_BASE_URL"] = base_url
    if late:
        break_the_ledgers_word(late)
    asyncio.run(calls(run, in_flight))


async def calls(run: int, in_flight: int) -> None:
    """Keep this many calls in flight."""
    llm, numbers = llm_services_provider(), itertools.count()
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(call_after_call(llm, run, numbers))


async def call_after_call(llm: LLMServicesProvider, run: int, numbers: "itertools.count[int]") -> None:
    """Make calls and report their ends, one after another."""
    for number in numbers:
        tell(**await call(llm, run, f"{run}-{number}"))


async def call(llm: LLMServicesProvider, run: int, marker: str) -> dict[str, Any]:
    """Call a model, and return the result; for a stream, the text that was handed out."""
    message = LLMMessage(role=MessageRole.USER, content=marker)
    pieces: list[str] = []
    options: dict[str, Any] = {"on_text": pieces.append} if is_streamed(marker) else {}
    try:
        response, request_id = await llm.generate_response([message], user_id=run, model=MODEL, **options)
    except LLMError as error:
        return {"marker": marker, "id": str(error.request_id), "error": type(error).__name__}
    text = "".join(pieces) if options else response.content
    return {"marker": marker, "id": str(request_id), "text": text, "cost": response.cost_estimate}


def break_the_ledgers_word(late: int) -> None:
    """Report every write at once, but make it only after `late` more were submitted."""
    submit, kept = Writer.submit, list[PendingWrite]()

    def report_and_keep(writer: Writer, write: PendingWrite) -> None:
        kept.append(PendingWrite(dict(write.row), write.changes, write.patience))
        if len(kept) > late:
            submit(writer, kept.pop(0))
        finish([write])

    mock.patch.object(Writer, "submit", report_and_keep).start()


if __name__ == "__main__":
    main()
