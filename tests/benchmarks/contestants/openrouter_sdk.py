"""OpenRouter's official SDK."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from openrouter import OpenRouter


def caller(model: str, question: str) -> Callable[[], Awaitable[object]]:
    """Return a chat request."""
    client = OpenRouter(api_key=os.environ["OPENROUTER_API_KEY"], server_url=os.environ["OPENROUTER_BASE_URL"])
    messages: list[Any] = [{"role": "user", "content": question}]

    async def call() -> object:
        return await client.chat.send_async(model=model, messages=messages)

    return call
