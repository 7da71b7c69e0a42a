"""Make one call and exit without closing anything; print the request id."""

import asyncio
import sys

from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole


async def main() -> None:
    """Call the stand-in; the row goes to DATABASE_URL."""
    asyncio.get_running_loop().slow_callback_duration = 60  # keeps a slow machine from failing the test
    message = LLMMessage(role=MessageRole.USER, content="What is the capital of France?")
    _, request_id = await llm_services_provider().generate_response([message], model="openrouter/stand-in/completion")
    sys.stdout.write(str(request_id))


asyncio.run(main())
