"""Make one call, and print a line when its row is on its way to the database."""

import asyncio
import sys

from modules.llm_services.ledger.writer import PendingWrite, Writer
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole


async def main() -> None:
    """Call a model; the row goes to DATABASE_URL."""
    message = LLMMessage(role=MessageRole.USER, content="What is the capital of France?")
    call = llm_services_provider().generate_response([message], model="openrouter/stand-in/completion")
    asking = asyncio.ensure_future(call)
    await submitted.wait()
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    await asking


submitted = asyncio.Event()
submit = Writer.submit


def noted(writer: Writer, write: PendingWrite) -> None:
    """Submit a row, and note it."""
    submit(writer, write)
    submitted.set()


Writer.submit = noted  # type: ignore[assignment, method-assign]


asyncio.run(main())
