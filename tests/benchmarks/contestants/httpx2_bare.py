"""httpx2, a fork of httpx, by itself: one client, a pool without a queue, nothing recorded."""

import os
from collections.abc import Awaitable, Callable

import httpx2


def caller(model: str, question: str) -> Callable[[], Awaitable[object]]:
    """Return a call that posts a prompt and decodes the answer."""
    client = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=None), timeout=60)
    url = os.environ["OPENROUTER_BASE_URL"] + "/chat/completions"
    headers = {"Authorization": "Bearer " + os.environ["OPENROUTER_API_KEY"]}
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0.7}

    async def call() -> object:
        response = await client.post(url, json=body, headers=headers)
        return response.json()["usage"]["cost"]

    return call
