"""The project itself, in the way that BENCH_WAY names; rows go to DATABASE_URL.

http        the module's own HTTP, which sends what a call sent
unrecorded  one service object for all calls, the ledger's two writes left out, in this process only
shared      one service object for all calls
per call    a session and a service object for each call, as an application's requests make them
streamed    the same, with its text handed out as it arrives
"""

import os
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from modules.infrastructure.database import Database
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import MessageRole

Call = Callable[[], Awaitable[object]]

FILL: Final = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) "
    "INSERT INTO llm_requests (id, api_variant, provider, model, temperature, messages, status, retry_attempt, cached) "
    "SELECT lower(hex(randomblob(12))) || 'abcdef01', 'chat_completions', 'openrouter', 'openrouter/a/b', 0.7, '[]', "
    "'completed', 1, 0 FROM n"
)


@cache
def _database() -> Database:
    database = Database(os.environ["DATABASE_URL"])
    if rows := int(os.environ.get("BENCH_ROWS", "0")):
        with database.engine.begin() as connection:
            connection.execute(FILL, {"rows": rows})
    return database


def _per_call(messages: list[LLMMessage], model: str, **options: Any) -> Call:
    async def call() -> object:
        with _database().session() as session:
            return await llm_services_provider(session).generate_response(messages, model=model, **options)

    return call


def _streamed(messages: list[LLMMessage], model: str) -> Call:
    return _per_call(messages, model, on_text=str)


def _shared(messages: list[LLMMessage], model: str) -> Call:
    service = llm_services_provider(Session(_database().engine))

    async def call() -> object:
        return await service.generate_response(messages, model=model)

    return call


def _unrecorded(messages: list[LLMMessage], model: str) -> Call:
    from modules.llm_services.ledger.ledger import Entry, Ledger  # noqa: PLC0415 - only here, so that others pay nothing

    async def skip(_ledger: Ledger, entry: Entry, **_columns: object) -> None:
        entry.is_open = True

    for name in ("open", "settle"):
        setattr(Ledger, name, skip)
    return _shared(messages, model)


def _http(messages: list[LLMMessage], model: str) -> Call:
    """Return a call of `http.post` alone, with a real call's arguments and a new exchange each time."""
    from modules.llm_services.flow import http  # noqa: PLC0415 - as above
    from modules.llm_services.wires.wire import Exchange  # noqa: PLC0415

    post: Any = http.post
    sent: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    async def keep(*arguments: Any, **named: Any) -> object:
        sent.append((arguments, named))
        return await post(*arguments, **named)

    async def call() -> object:
        if not sent:
            http.post = keep  # type: ignore[assignment] # it passes on whatever the loop gives it
            await _shared(messages, model)()
            http.post = post
        arguments, named = sent[0]
        exchange = Exchange()
        renewed = (exchange if isinstance(each, Exchange) else each for each in arguments)
        await post(*renewed, **{name: exchange if isinstance(each, Exchange) else each for name, each in named.items()})
        return exchange.body["usage"]["cost"]

    return call


WAYS: Final = {
    "http": _http,
    "unrecorded": _unrecorded,
    "shared": _shared,
    "per call": _per_call,
    "streamed": _streamed,
}


def caller(model: str, question: str) -> Call:
    """Return a call in the way that BENCH_WAY names."""
    messages = [LLMMessage(role=MessageRole.USER, content=question)]
    return WAYS[os.environ["BENCH_WAY"]](messages, f"openrouter/{model}")
