"""pydantic-ai: an agent on its OpenAI-compatible model."""

import os
from collections.abc import Awaitable, Callable

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def caller(model: str, question: str) -> Callable[[], Awaitable[object]]:
    """Return a run of an agent with a text answer."""
    base_url, key = os.environ["OPENROUTER_BASE_URL"], os.environ["OPENROUTER_API_KEY"]
    agent = Agent(OpenAIChatModel(model, provider=OpenAIProvider(base_url=base_url, api_key=key)))

    async def call() -> object:
        return await agent.run(question)

    return call
