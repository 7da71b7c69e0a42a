"""A call as the flow passes it to a wire, for the tests of wires."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modules.llm_services.wires.conversation import ToolCallMemory

if TYPE_CHECKING:
    from modules.llm_services.wires.wire import LLMCall, Wire


def prepared(wire: Wire, call: LLMCall) -> LLMCall:
    """Return `call` with its options parsed and its messages in the neutral form."""
    options, messages = (
        wire.options.read(call.params),
        ToolCallMemory().to_chat_messages(call.messages, wire.api_variant),
    )
    return replace(call, options=options, chat_messages=messages, is_streamed=bool(options.stream))


def rendered(wire: Wire, call: LLMCall) -> dict[str, Any]:
    """Return the JSON that `wire` sends for a call."""
    return wire.render(prepared(wire, call))
