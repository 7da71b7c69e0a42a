"""LiteLLM, through its OpenRouter provider."""

import os
from collections.abc import Awaitable, Callable

import litellm


def caller(model: str, question: str) -> Callable[[], Awaitable[object]]:
    """Return an asynchronous completion."""
    litellm.suppress_debug_info = True

    async def call() -> object:
        return await litellm.acompletion(
            model=f"openrouter/{model}",
            messages=[{"role": "user", "content": question}],
            api_base=os.environ["OPENROUTER_BASE_URL"],
        )

    return call
