"""The openai SDK with OpenRouter's address."""

import os
from collections.abc import Awaitable, Callable

from openai import AsyncOpenAI


def caller(model: str, question: str) -> Callable[[], Awaitable[object]]:
    """Return a chat completion."""
    client = AsyncOpenAI(base_url=os.environ["OPENROUTER_BASE_URL"], api_key=os.environ["OPENROUTER_API_KEY"])

    async def call() -> object:
        return await client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])

    return call
