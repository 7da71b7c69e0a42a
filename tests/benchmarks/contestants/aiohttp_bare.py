"""aiohttp by itself, the least that HTTP costs: one session, unlimited connections, nothing recorded."""

import json
import os
from collections.abc import Awaitable, Callable

import aiohttp


def caller(model: str, question: str) -> Callable[[], Awaitable[object]]:
    """Return a call that posts a prompt and decodes the answer."""
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    url = os.environ["OPENROUTER_BASE_URL"] + "/chat/completions"
    headers = {"Authorization": "Bearer " + os.environ["OPENROUTER_API_KEY"]}
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0.7}

    async def call() -> object:
        async with session.post(url, json=body, headers=headers) as response:
            return json.loads(await response.read())["usage"]["cost"]

    return call
