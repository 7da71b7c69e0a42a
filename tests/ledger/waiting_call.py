"""A script that makes one call, and says when that has been waiting for its database for a while."""

import asyncio
import sys

from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole


async def main() -> None:
    """Ask; the row goes to DATABASE_URL."""
    message = LLMMessage(role=MessageRole.USER, content="What is the capital of France?")
    call = llm_services_provider().generate_response([message], model="openrouter/stand-in/completion")
    asking = asyncio.ensure_future(call)
    done, _ = await asyncio.wait({asking}, timeout=0.5)
    sys.stdout.write("ended\n" if done else "waiting\n")
    sys.stdout.flush()
    await asking


asyncio.run(main())
