"""Make fifty calls at once, on tables that are created if missing; print nothing if all succeed."""

import asyncio

from sqlalchemy.orm import Session

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole

CALLS = 50


async def main(session: Session) -> None:
    """Call the stand-in; the rows go to DATABASE_URL."""
    messages = [LLMMessage(role=MessageRole.USER, content="What is the capital of France?")]
    llm = llm_services_provider(session)
    calls = [llm.generate_response(messages, model="openrouter/stand-in/completion") for _ in range(CALLS)]
    await asyncio.gather(*calls)


infrastructure = infrastructure_provider()
infrastructure.initialize()
with infrastructure.get_session_context() as session:
    asyncio.run(main(session))
