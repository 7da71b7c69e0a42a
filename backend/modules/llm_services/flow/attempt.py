"""One attempt of a call as a value: its request, its row, and its response, which is parsed once."""

from __future__ import annotations

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote

from .. import pricing
from ..types import CostSource, Usage
from ..wires.wire import Exchange, Kind
from . import structured
from .errors import exception_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from ..ledger.ledger import Entry
    from ..sanitize import JSONText
    from ..types import AudioResponse, ImageResponse, LLMResponse, ToolCall
    from ..vendors import Vendor
    from ..wires.wire import Answer, LLMCall, Wire
    from .figures_only import FiguresOnly
    from .http import Endpoint
    from .idempotency import Claim
    from .structured import ParsedObject

Result = TypeVar("Result")

PROFILE: Final = re.compile("/model/(.+)/invoke(?:-with-response-stream)?")
NOTHING_SPENT: Final = Usage(
    input_tokens=0, output_tokens=0, total_tokens=0, cost=0.0, cost_source=CostSource.CACHED, cached=True
)


@dataclass(kw_only=True)
class Attempt:
    """An attempt to send `call`, rendered by `wire`, to `endpoint` of `vendor`.

    `payload` is the rendered request and `body` its encoded bytes. `number` is 1 for the first attempt. A later attempt
    has the id of the first row in `first_id`, the usage of the earlier attempts in `spent`, and the total seconds of
    all waits in `waited`. If the response cache had an answer, `cached_request_id` is the id of its row, and nothing is
    sent. `figures_only` keeps prompt and answer out of the row. `claim` gives the row the id that belongs to its
    idempotency key. If the response `is_large`, it is processed in a thread, and `prepared` contains the result: the
    columns to settle the row with, and the error. For a stream, `first_piece_ms` is the time in milliseconds until the
    first piece of the answer, `is_handed_out` is True once `on_text` has been called, and `callback_error` is the
    exception that `on_text` raised.
    """

    vendor: Vendor
    wire: Wire
    endpoint: Endpoint
    call: LLMCall
    payload: dict[str, Any]
    body: JSONText
    number: int = 1
    first_id: UUID | None = None
    is_correction: bool = False
    waited: float = 0.0
    spent: tuple[Usage, ...] = ()
    exchange: Exchange = field(default_factory=Exchange)
    cached_request_id: UUID | None = None
    figures_only: FiguresOnly | None = None
    claim: Claim | None = None
    is_large: bool = False
    started: float = 0.0
    entry: Entry = field(init=False)
    parsed: ParsedObject | None = field(init=False, default=None)
    prepared: tuple[BaseException | None, dict[str, Any]] | None = field(init=False, default=None)
    first_piece_ms: int | None = field(init=False, default=None)
    is_handed_out: bool = field(init=False, default=False)
    callback_error: Exception | None = field(init=False, default=None)
    _is_read: bool = field(init=False, default=False)

    @cached_property
    def answer(self) -> Answer:
        """The answer with its price; available when the exchange is over, whether or not it failed."""
        return self._parse_answer()

    def _parse_answer(self) -> Answer:
        answer = self.wire.parse(self.exchange, self.call)
        if self.cached_request_id:
            details = answer.details | {"cached_request_id": str(self.cached_request_id)}
            return replace(answer, usage=NOTHING_SPENT, response_id=None, details=details)
        if self.vendor.reports_cost or self.exchange.incomplete:  # the token counts of a partial answer have no price
            return answer
        models = self._names_in_the_price_table(answer.details.get("served_model"))
        body = self.exchange.body
        usage = pricing.priced(answer.usage, self.vendor.provider_type, models, self.wire.api_variant, body)
        return replace(answer, usage=usage)

    def _names_in_the_price_table(self, served: str | None) -> list[str]:
        """Return the model names to price the answer by: of Amazon's inference profile, as served, as requested."""
        path = PROFILE.fullmatch(unquote(self.endpoint.path))
        profile = path[1] if path and (served or "") in path[1] else None
        return [name for name in (profile, served, self.call.model) if name]

    async def read(self) -> ParsedObject | None:
        """Parse the exchange once; in a thread if that may take long."""
        if self._is_read:
            return self.parsed
        call = self.call
        if self.is_large or call.tools or call.options.extra_body:
            # The arguments of a tool call may need repair, so they are parsed in the thread too. The value is stored
            # from here because until Python 3.12 a cached_property holds one lock for all attempts, and the thread
            # would hold it too.
            self.answer = await _in_thread(self._parse_answer)
        is_quick = not self.is_large and (call.response_model is None or structured.is_quick(self.answer))
        self.parsed = self.parse() if is_quick else await _in_thread(self.parse)
        self._is_read = True
        return self.parsed

    def parse(self) -> ParsedObject | None:
        """Return a structured call's object, or None for other calls; raise LLMError if there is no valid object."""
        error = self.wire.parse_error(self.exchange, self.call)
        if error or not self.exchange.is_success or not self._is_answered:
            raise exception_for(error, self.vendor, self.call, self.exchange, self.answer)
        if self.call.response_model is None:
            return None
        return structured.parse(self.answer, self.call.response_model, self.call.messages)

    @property
    def _is_answered(self) -> bool:
        """Return True if there is an answer of the requested kind, with complete tool calls."""
        answer = self.answer
        is_spoilt = bool(answer.tool_calls) and (answer.is_cut or answer.is_refused)
        has_media = answer.media is not None or self.call.kind is Kind.TEXT
        is_whole = answer.is_found and has_media and not self.exchange.incomplete
        return is_whole and not (answer.malformed or is_spoilt or answer.is_without_end)

    @property
    def elapsed_ms(self) -> int:
        """The milliseconds since the attempt was sent."""
        return round((time.perf_counter() - self.started) * 1000)


@dataclass(frozen=True)
class Completion:
    """The result of a call; `spent` is the usage and cost of its earlier attempts."""

    response: LLMResponse
    request_id: UUID
    tool_calls: tuple[ToolCall, ...] = ()
    parsed: ParsedObject | None = None
    media: ImageResponse | AudioResponse | None = None
    spent: tuple[Usage, ...] = ()


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, run in one of our threads: the application may keep the event loop's threads busy."""
    executor = ThreadPoolExecutor(1, "llm-answer")
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, copy_context().run, work)
    finally:
        executor.shutdown(wait=False)
