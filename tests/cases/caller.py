"""A caller of the public interface, and the outcome of one of its calls."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cases.bodies import OPENROUTER
from modules.llm_services.exceptions import LLMError, LLMValidationError
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import LLMMessage, LLMResponse, ToolDefinition, llm_services_provider

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cases.scripted_server import Request, ScriptedServer
    from modules.llm_services.public import LLMServicesProvider, ToolCall

QUESTION: Final = [LLMMessage(role="user", content="Which city?")]


def tool(name: str = "look", **fields: Any) -> ToolDefinition:
    """Return a tool with a city as its argument."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    return ToolDefinition(name=name, description="look at a city", parameters=parameters, **fields)


@dataclass
class Outcome:
    """What a call returned or raised, its rows in the order of their attempts, and its requests."""

    value: Any
    error: LLMError | None
    rows: Sequence[LLMRequestModel] = ()
    requests: Sequence[Request] = field(default_factory=list)

    @property
    def returned(self) -> Any:
        """The first value that the call returned: a response, or the object of a structured call."""
        assert self.error is None, f"{type(self.error).__name__}: {self.error}"
        return self.value[0]

    @property
    def response(self) -> Any:
        """The response of a text call, with or without tools."""
        assert isinstance(self.returned, LLMResponse)
        return self.returned

    @property
    def tool_calls(self) -> list[ToolCall] | None:
        """The tool calls that the caller got."""
        assert self.error is None, f"{type(self.error).__name__}: {self.error}"
        calls: list[ToolCall] | None = self.value[1]
        return calls

    @property
    def failure(self) -> LLMError:
        """The error; fails the test if there is none."""
        assert self.error is not None, f"returned {self.value!r:.300}"
        return self.error

    @property
    def validation_error(self) -> LLMValidationError:
        """The error; fails the test if it is not an LLMValidationError."""
        assert LLMValidationError is type(self.failure), f"{type(self.failure).__name__}: {self.failure}"
        return self.failure

    @property
    def row(self) -> LLMRequestModel:
        """The last row."""
        return self.rows[-1]

    @property
    def payload(self) -> dict[str, Any]:
        """The body of the last request."""
        payload: dict[str, Any] = self.requests[-1].body
        return payload

    def check_row(self) -> None:
        """Assert that no row is pending, and that the last one matches what the caller got."""
        assert {"pending"}.isdisjoint(row.status for row in self.rows)
        if self.error is None:
            assert ("completed", None) == (self.row.status, self.row.error_type)
            assert self.row.id in [part for part in self.value if isinstance(part, UUID)]
        elif self.rows:
            assert ("failed", type(self.error).__name__) == (self.row.status, self.row.error_type)
            assert self.row.id == self.error.request_id


class Caller:
    """Makes calls with a new service for each, as consumers do, and reads the rows in another session."""

    def __init__(self, session: Session, server: ScriptedServer) -> None:
        """Use `session`; `server` plays every vendor."""
        self.session = session
        self.server = server

    async def text(
        self, *replies: object, messages: Any = QUESTION, model: Any = OPENROUTER, **options: Any
    ) -> Outcome:
        """Make a text call; the server sends each reply in turn, the last one repeatedly."""
        return await self.outcome(replies, lambda llm: llm.generate_response(messages, model=model, **options))

    async def structured(
        self, response_model: Any, *replies: object, messages: Any = QUESTION, model: Any = OPENROUTER, **options: Any
    ) -> Outcome:
        """Make a structured call."""
        return await self.outcome(
            replies, lambda llm: llm.generate_structured_response(messages, response_model, model=model, **options)
        )

    async def with_tools(
        self, *replies: object, tools: Any = None, messages: Any = QUESTION, model: Any = OPENROUTER, **options: Any
    ) -> Outcome:
        """Make a call with tools, by default `look`."""
        offered = [tool()] if tools is None else tools
        return await self.outcome(
            replies, lambda llm: llm.generate_response_with_tools(messages, offered, model=model, **options)
        )

    async def outcome(
        self, replies: Sequence[object], call: Callable[[LLMServicesProvider], Awaitable[Any]]
    ) -> Outcome:
        """Return the outcome of `call`; an exception other than LLMError fails the test."""
        if replies:
            self.server.script(*replies)
        sent, written = len(self.server.requests), len(self.rows())
        value, caught = None, None
        try:
            value = await call(llm_services_provider(self.session))
        except LLMError as error:
            caught = error
        # In a separate thread, because they may be large and a test may occupy the default executor.
        with ThreadPoolExecutor(1) as thread:
            rows = await asyncio.get_running_loop().run_in_executor(thread, self.rows)
        outcome = Outcome(value, caught, rows[written:], self.server.requests[sent:])
        outcome.check_row()
        return outcome

    def check_refused(self, error: Exception, *names: str) -> None:
        """Assert that an error names the argument, by one of `names`, and that nothing was sent or written."""
        assert any(name in str(error) for name in names), str(error)
        assert ([], []) == (self.server.requests, list(self.rows()))

    def rows(self) -> Sequence[LLMRequestModel]:
        """Return all rows, oldest first, as another session sees them."""
        order = (LLMRequestModel.created_at, LLMRequestModel.retry_attempt)
        with Session(self.session.get_bind(), expire_on_commit=False) as reader:
            return reader.scalars(select(LLMRequestModel).order_by(*order)).all()
