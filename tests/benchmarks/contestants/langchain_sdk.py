"""langchain-openrouter's chat model."""

import os
from collections.abc import Awaitable, Callable

from langchain_openrouter import ChatOpenRouter


def caller(model: str, question: str) -> Callable[[], Awaitable[object]]:
    """Return an asynchronous invocation."""
    chat = ChatOpenRouter(
        model=model, base_url=os.environ["OPENROUTER_BASE_URL"], api_key=os.environ["OPENROUTER_API_KEY"]
    )

    async def call() -> object:
        return await chat.ainvoke(question)

    return call
