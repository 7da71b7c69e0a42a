"""A script that makes a call, forks, makes one in the child, which exits as any process does, and one more.

It prints how many connections the parent has made after the fork.
"""

import asyncio
import os
import sys

from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole


async def ask(session: Session, question: str) -> None:
    """Ask the stand-in; the row goes to DATABASE_URL."""
    message = LLMMessage(role=MessageRole.USER, content=question)
    await llm_services_provider(session).generate_response([message], model="openrouter/stand-in/completion")


engine = create_engine(os.environ["DATABASE_URL"])
made: list[object] = []
event.listen(engine, "connect", lambda connection, _: made.append(connection))  # the ledger's connections too

with Session(engine) as session:
    asyncio.run(ask(session, "before the fork"))
    made.clear()
    child = os.fork()
    if child == 0:
        asyncio.run(ask(session, "in the child"))
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    asyncio.run(ask(session, "after the fork"))
    sys.stdout.write(str(len(made)))
    sys.exit(os.waitstatus_to_exitcode(status))
