"""One attempt of a call as a value: what is sent, the row that records it, and what came back, read once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from .. import pricing
from ..types import CostSource, Usage
from ..wires.wire import Exchange, Kind
from . import structured
from .errors import exception_for

if TYPE_CHECKING:
    from uuid import UUID

    from pydantic import BaseModel

    from ..ledger.ledger import Entry
    from ..sanitize import JSONText
    from ..types import AudioResponse, ImageResponse, LLMResponse, ToolCall
    from ..vendors import Vendor
    from ..wires.wire import Answer, LLMCall, Wire
    from .http import Endpoint

NOTHING_SPENT: Final = Usage(
    input_tokens=0, output_tokens=0, total_tokens=0, cost=0.0, cost_source=CostSource.CACHED, cached=True
)


@dataclass(kw_only=True)
class Attempt:
    """An attempt of `call`, by `wire`, at `endpoint` of `vendor`.

    `payload` is what the wire rendered, `body` the same as it is sent. `number` is 1 for the first attempt; later
    ones name the row of the first in `first_id`, and know what the earlier ones `spent` and for how many seconds they
    `waited`. `cached_request_id` is the row whose answer the response cache gave: such an attempt is not sent.
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
    started: float = 0.0
    entry: Entry = field(init=False)

    @cached_property
    def answer(self) -> Answer:
        """What the exchange holds, with a price; to be read once the exchange is over, whether or not it failed."""
        answer = self.wire.parse(self.exchange, self.call)
        if self.cached_request_id:
            details = answer.details | {"cached_request_id": str(self.cached_request_id)}
            return replace(answer, usage=NOTHING_SPENT, response_id=None, details=details)
        if self.vendor.reports_cost:
            return answer
        served = answer.details.get("served_model") or self.call.model
        return replace(answer, usage=pricing.priced(answer.usage, self.vendor.provider_type, served))

    @cached_property
    def parsed(self) -> BaseModel | None:
        """The object of a structured call, None of any other; raises the LLMError that says what is wrong."""
        error = self.wire.parse_error(self.exchange, self.call)
        if error or not self.exchange.is_success or not self._is_answered:
            raise exception_for(error, self.vendor, self.call, self.exchange, self.answer)
        return structured.validated(self.answer, self.call.response_model) if self.call.response_model else None

    @property
    def _is_answered(self) -> bool:
        """Whether there is an answer, of the kind that was wanted, whose tool calls are whole."""
        answer = self.answer
        is_spoilt = bool(answer.tool_calls) and (answer.is_cut or answer.is_refused)
        has_media = answer.media is not None or self.call.kind is Kind.TEXT
        return answer.is_found and has_media and not (answer.malformed or is_spoilt or answer.is_without_end)

    def check(self) -> None:
        """Raise the LLMError that says what is wrong, if the exchange holds no answer to the call."""
        _ = self.parsed

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the attempt was sent."""
        return round((time.perf_counter() - self.started) * 1000)


@dataclass(frozen=True)
class Completion:
    """What a finished call hands out; `spent` is what its earlier attempts used and cost."""

    response: LLMResponse
    request_id: UUID
    tool_calls: tuple[ToolCall, ...] = ()
    parsed: BaseModel | None = None
    media: ImageResponse | AudioResponse | None = None
    spent: tuple[Usage, ...] = ()
