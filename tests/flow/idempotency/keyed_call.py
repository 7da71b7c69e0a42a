"""Make a call with an idempotency key and a timeout in seconds; print the row's id, or the error."""

import asyncio
import json
import sys

from modules.llm_services import LLMError
from modules.llm_services.public import LLMMessage, llm_services_provider


async def main(key: str, seconds: str) -> None:
    """Call OpenRouter; the row goes to DATABASE_URL."""
    asyncio.get_running_loop().slow_callback_duration = 60  # keeps a slow machine from failing the test
    message = LLMMessage(role="user", content="What is the capital of France?")
    call = llm_services_provider().generate_response(
        [message], model="openrouter/stand-in/completion", idempotency_key=key, timeout=float(seconds)
    )
    try:
        _answer, request_id = await call
        said = str(request_id)
    except LLMError as error:
        said = type(error).__name__
    sys.stdout.write(json.dumps({"said": said}))


asyncio.run(main(*sys.argv[1:]))
