"""Calls as consumers make them, servers that hold answers back, and reads from another session."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID  # noqa: TC003 - SQLAlchemy reads the annotations of a mapped class

from sqlalchemy import ForeignKey, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from modules.llm_services.ledger.sqlite import driver
from modules.llm_services.ledger.writer import NEVER, writer_for
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole
from support.databases import apart
from support.server import Server, Visit

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sqlalchemy import Engine

Answering = Callable[[Visit], Awaitable[None] | None]
Serve = Callable[[Answering], AbstractAsyncContextManager[Server]]

COMPLETION = "openrouter/stand-in/completion"
NO_CREDITS = "openrouter/stand-in/no-credits"
QUESTION = "What is the capital of France?"
ANSWER = {
    "id": "gen-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "author/model",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Paris"}}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8, "cost": 0.25},
}


class Consumer(DeclarativeBase):
    """A separate base, so that its table exists only in the ledger's tests."""


class Lesson(Consumer):
    """A consumer's row, with the request that it came from."""

    __tablename__ = "lessons"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey(LLMRequestModel.id))


class Held:
    """A server's answer that waits until it is released."""

    def __init__(self, expected: int = 1) -> None:
        """Set `arrived` after `expected` requests."""
        self.arrived, self.let_go = asyncio.Event(), asyncio.Event()
        self._missing = expected

    async def __call__(self, visit: Visit) -> None:
        """Answer once `let_go` is set."""
        self._missing -= 1
        if self._missing == 0:
            self.arrived.set()
        await self.let_go.wait()
        visit.answer(ANSWER)


async def ask(session: Session, model: str = COMPLETION, question: str = QUESTION, **options: Any) -> UUID:
    """Call a model as a consumer does, with a new provider; return the request id."""
    message = LLMMessage(role=MessageRole.USER, content=question)
    _, request_id = await llm_services_provider(session).generate_response([message], model=model, **options)
    return request_id


def rows(engine: Engine) -> Sequence[LLMRequestModel]:
    """Return the ledger's rows, oldest first, as another connection sees them."""
    with apart(engine.url) as connection, Session(connection) as session:
        return session.scalars(select(LLMRequestModel).order_by(LLMRequestModel.created_at)).all()


def only_row(engine: Engine) -> LLMRequestModel:
    """Return the ledger's only row, as another connection sees it."""
    (row,) = rows(engine)
    return row


def titles(engine: Engine) -> list[str]:
    """Return the consumer's lessons as another connection sees them."""
    with apart(engine.url) as connection:
        return list(connection.scalars(select(Lesson.title).order_by(Lesson.id)))


def draft(session: Session, title: str = "draft") -> None:
    """Write a lesson and leave it uncommitted; on SQLite, `session` then holds the write lock."""
    session.add(Lesson(title=title))
    session.flush()


def read(session: Session) -> None:
    """Read in a transaction that stays open, even on SQLite, where the driver begins none for a SELECT."""
    if session.get_bind().dialect.name == "sqlite" and not driver(session.connection()).in_transaction:
        session.execute(text("BEGIN"))
    session.scalars(select(Lesson)).all()


def hide_table(engine: Engine) -> None:
    """Rename the ledger's table, so that it is missing."""
    with apart(engine.url) as connection:
        connection.execute(text("ALTER TABLE llm_requests RENAME TO hidden"))


@contextmanager
def writer_held(engine: Engine) -> Generator[threading.Event]:
    """Keep the ledger from writing until the event is set or the block ends."""
    held, gate = threading.Event(), threading.Event()

    def hold() -> None:
        with writer_for(engine).writing:
            held.set()
            gate.wait()

    writer_for(engine)._call(hold)
    held.wait(timeout=60)  # otherwise it might still be about to check the queue once more
    try:
        yield gate
    finally:
        gate.set()


async def at_work(engine: Engine) -> None:
    """Return as soon as the ledger's thread waits for the database."""
    while writer_for(engine)._asked_at == NEVER:  # noqa: ASYNC110 - the ledger's thread sets no event
        await asyncio.sleep(0)


async def queued(engine: Engine, writes: int = 1) -> None:
    """Return as soon as this many writes wait for the ledger's thread."""
    while len(writer_for(engine)._queue) < writes:  # noqa: ASYNC110 - the ledger's queue sets no event
        await asyncio.sleep(0)


async def blocked(engine: Engine) -> None:
    """Return as soon as a statement waits for a PostgreSQL lock."""
    with apart(engine.url) as connection:
        while not connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):  # noqa: ASYNC110
            await asyncio.sleep(0)


async def many_turns() -> None:
    """Let every other task of this loop take many steps."""
    for _ in range(100):
        await asyncio.sleep(0)
