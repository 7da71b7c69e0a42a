"""httpx's own line reader by itself: each line of a stream is decoded, nothing is assembled or recorded."""

import json
import os
from collections.abc import Awaitable, Callable

import httpx


def caller(model: str, question: str) -> Callable[[], Awaitable[object]]:
    """Return a call that requests a stream, and reads the text of each piece."""
    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=60)
    url = os.environ["OPENROUTER_BASE_URL"] + "/chat/completions"
    headers = {"Authorization": "Bearer " + os.environ["OPENROUTER_API_KEY"]}
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0.7, "stream": True}

    async def call() -> object:
        async with client.stream("POST", url, json=body, headers=headers) as response:
            return [
                json.loads(line.removeprefix("data: "))["choices"][0]["delta"]["content"]
                async for line in response.aiter_lines()
                if line.startswith("data: {")
            ]

    return call
