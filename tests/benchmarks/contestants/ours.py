"""The project itself, through its public door, a session for each call; rows go to DATABASE_URL.

With BENCH_UNRECORDED set the ledger's two writes are left out, in this process only, to show what they cost.
"""

import os
from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.orm import Session

from modules.infrastructure.database import Database
from modules.llm_services.ledger.ledger import Entry, Ledger
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole

FILL = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) "
    "INSERT INTO llm_requests (id, api_variant, provider, model, temperature, messages, status, retry_attempt, cached) "
    "SELECT lower(hex(randomblob(12))) || 'abcdef01', 'chat_completions', 'openrouter', 'openrouter/a/b', 0.7, '[]', "
    "'completed', 1, 0 FROM n"
)


async def _unrecorded(_ledger: Ledger, entry: Entry, **_columns: object) -> None:
    entry.is_open = True


def caller(model: str, question: str) -> Callable[[], Awaitable[object]]:
    """Return a call that is recorded."""
    database = Database(os.environ["DATABASE_URL"])
    database.session().close()
    if rows := int(os.environ.get("BENCH_ROWS", "0")):
        with database.engine.begin() as connection:
            connection.execute(FILL, {"rows": rows})
    if "BENCH_UNRECORDED" in os.environ:
        for name in ("open", "settle"):
            setattr(Ledger, name, _unrecorded)
    messages = [LLMMessage(role=MessageRole.USER, content=question)]

    async def call() -> object:
        with Session(database.engine) as session:
            return await llm_services_provider(session).generate_response(messages, model=f"openrouter/{model}")

    return call
