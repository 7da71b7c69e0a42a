"""Make a call, fork, make one in the child, which exits normally, and one more in the parent.

It prints how many connections the parent has made after the fork. The argument is the state of the ledger's thread at
the time of the fork: "idle" or "busy".
"""

import asyncio
import os
import sys
import threading

from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from modules.llm_services.ledger.writer import writer_for
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole


async def ask(session: Session, question: str) -> None:
    """Call the stand-in; the row goes to DATABASE_URL."""
    message = LLMMessage(role=MessageRole.USER, content=question)
    await llm_services_provider(session).generate_response([message], model="openrouter/stand-in/completion")


engine = create_engine(os.environ["DATABASE_URL"])
made: list[object] = []
event.listen(engine, "connect", lambda connection, _: made.append(connection))  # including the ledger's connections

with Session(engine) as session:
    asyncio.run(ask(session, "before the fork"))
    made.clear()
    is_forked = threading.Event()
    if sys.argv[1] == "busy":
        writer_for(engine)._call(is_forked.wait)
    child = os.fork()
    is_forked.set()
    if child == 0:
        asyncio.run(ask(session, "in the child"))
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    asyncio.run(ask(session, "after the fork"))
    sys.stdout.write(str(len(made)))
    sys.exit(os.waitstatus_to_exitcode(status))
