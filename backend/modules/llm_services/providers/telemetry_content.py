"""What was asked and answered, as OpenTelemetry's conventions spell it; written only where their variable asks for it.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/#capturing-instructions-inputs-and-outputs
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

from .lenient import text

if TYPE_CHECKING:
    from ..types import LLMMessage
    from .values import Answer, LLMCall

VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
WANTED: Final = frozenset({"true", "1", "span_only", "span_and_event"})


def is_wanted() -> bool:
    """Say whether the environment asks for content on spans."""
    return os.environ.get(VARIABLE, "").strip().lower() in WANTED


def said(call: LLMCall, answer: Answer) -> dict[str, str]:
    """Return the messages of a call and of its answer, as attributes."""
    parts = [_text(answer.content)] if answer.content else []
    parts += [{"type": "tool_call", **each.model_dump()} for each in answer.tool_calls]
    spoken = {"role": "assistant", "parts": parts, "finish_reason": answer.finish_reason or "unknown"}
    return {
        "gen_ai.input.messages": json.dumps([_message(each) for each in call.messages], default=str),
        "gen_ai.output.messages": json.dumps([spoken] if parts else []),
    }


def _message(message: LLMMessage) -> dict[str, Any]:
    content = message.content
    if isinstance(content, list):
        parts = [_text(part["text"]) if text(part.get("text")) else part for part in content]
    elif message.role == "tool":
        parts = [{"type": "tool_call_response", "id": message.tool_call_id, "response": content}]
    else:
        parts = [_text(content)] if content else []
    return {"role": message.role, "parts": parts}


def _text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}
