"""A span and metrics for each attempt, by OpenTelemetry's conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/. This module is used only if the application has imported
OpenTelemetry. Messages are recorded only if OpenTelemetry's own variable enables it.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ..secret import mask
from ..wires.lenient import text
from ..wires.wire import Kind
from .network import DEFAULT_PORTS

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Span

    from ..types import LLMMessage
    from ..wires.wire import Answer, LLMCall
    from .attempt import Attempt

SCOPE: Final = "modules.llm_services"
REQUEST_ID: Final = "llm_services.request_id"
CHAT_APIS: Final = frozenset({"chat_completions", "responses", "messages"})
MEDIA: Final = {Kind.IMAGE: "image", Kind.SPEECH: "speech"}
# The bucket boundaries that the conventions give, in seconds and in tokens.
DURATION_BOUNDARIES_SECONDS: Final = tuple(0.01 * 2.0**power for power in range(14))
TOKEN_BOUNDARIES: Final = tuple(4.0**power for power in range(14))
# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/#capturing-instructions-inputs-and-outputs
CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CONTENT_VALUES: Final = frozenset({"true", "1", "span_only", "span_and_event"})


@contextmanager
def span_of(attempt: Attempt) -> Generator[None]:
    """Keep a span open during an attempt; at the end, record its row and answer."""
    from opentelemetry import trace  # noqa: PLC0415 - an extra, and the application has imported it

    request = _request_attributes(attempt)
    tracer = trace.get_tracer(SCOPE)
    with tracer.start_as_current_span(
        f"{request['gen_ai.operation.name']} {request['gen_ai.request.model']}",
        kind=trace.SpanKind.CLIENT,
        attributes=request | _parameters(attempt),
        record_exception=False,  # its message may quote prompts and answers
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except BaseException as error:
            failure = type(error).__name__
            span.set_status(trace.StatusCode.ERROR, failure)
            span.set_attribute("error.type", failure)
            _record_end(span, request | {"error.type": failure}, attempt)
            raise
        _record_end(span, request, attempt)


def _request_attributes(attempt: Attempt) -> dict[str, str | int]:
    """Return the attributes of a request that spans and metrics share."""
    server, vendor = urlsplit(attempt.endpoint.base_url), attempt.vendor
    return {
        "gen_ai.operation.name": "chat" if attempt.wire.api_variant in CHAT_APIS else "generate_content",
        "gen_ai.provider.name": vendor.telemetry_name or vendor.provider_type,
        "gen_ai.request.model": attempt.call.model,
        "server.address": server.hostname or "",
        "server.port": server.port or DEFAULT_PORTS[server.scheme],
    }


def _parameters(attempt: Attempt) -> dict[str, Any]:
    call = attempt.call
    return _known(
        {
            REQUEST_ID: str(attempt.entry.id),
            "gen_ai.output.type": MEDIA.get(call.kind, "json" if call.response_model else "text"),
            "gen_ai.request.temperature": call.temperature,
            "gen_ai.request.max_tokens": call.max_output_tokens,
            "gen_ai.request.stream": call.is_streamed or None,
            "llm_services.retry_attempt": attempt.number,
            "llm_services.user_id": call.user_id,
        }
    )


def _record_end(span: Span, request: dict[str, str | int], attempt: Attempt) -> None:
    """Record how an attempt ended."""
    row, answer = attempt.entry.row, attempt.answer
    kind = request | _known({"gen_ai.response.model": answer.details.get("served_model")})
    for direction, tokens in (("input", row["input_tokens"]), ("output", row["output_tokens"])):
        if tokens is not None:
            _tokens().record(tokens, kind | {"gen_ai.token.type": direction})
    if row["execution_time_ms"] is not None:
        _duration().record(row["execution_time_ms"] / 1000, kind)
    first_chunk_ms = attempt.first_piece_ms
    if first_chunk_ms is not None:
        _time_to_first_chunk().record(first_chunk_ms / 1000, kind)
    if not span.is_recording():
        return
    span.set_attributes(_response_attributes(row, answer))
    if first_chunk_ms is not None:
        span.set_attribute("gen_ai.response.time_to_first_chunk", first_chunk_ms / 1000)
    if not attempt.figures_only and os.environ.get(CONTENT_VARIABLE, "").strip().lower() in CONTENT_VALUES:
        span.set_attributes(_content(attempt.call, answer))


def _response_attributes(row: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    return _known(
        {
            "gen_ai.response.id": row["provider_response_id"],
            "gen_ai.response.model": answer.details.get("served_model"),
            "gen_ai.response.finish_reasons": answer.finish_reason and [answer.finish_reason],
            "gen_ai.usage.input_tokens": row["input_tokens"],
            "gen_ai.usage.output_tokens": row["output_tokens"],
            "gen_ai.usage.cache_read.input_tokens": answer.usage.cached_input_tokens,
            "gen_ai.usage.cache_creation.input_tokens": answer.usage.cache_creation_tokens,
            "gen_ai.usage.reasoning.output_tokens": answer.usage.reasoning_tokens,
            "llm_services.cost_usd": row["cost_estimate"],
            "llm_services.upstream_provider": answer.details.get("upstream_provider"),
        }
    )


def _content(call: LLMCall, answer: Answer) -> dict[str, str]:
    """Return the messages of a call and of its answer as attributes; keys are masked."""
    parts = [_text_part(answer.content)] if answer.content else []
    parts += [{"type": "tool_call", **tool_call.model_dump()} for tool_call in answer.tool_calls]
    reply = {"role": "assistant", "parts": parts, "finish_reason": answer.finish_reason or "unknown"}
    return {
        "gen_ai.input.messages": mask(json.dumps([_message(message) for message in call.messages], default=str)),
        "gen_ai.output.messages": mask(json.dumps([reply] if parts else [])),
    }


def _message(message: LLMMessage) -> dict[str, Any]:
    content = message.content
    if isinstance(content, list):
        parts = [_text_part(part["text"]) if text(part.get("text")) else part for part in content]
    elif message.role == "tool":
        parts = [{"type": "tool_call_response", "id": message.tool_call_id, "response": content}]
    else:
        parts = [_text_part(content)] if content else []
    return {"role": message.role, "parts": parts}


def _text_part(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


@cache
def _duration() -> Histogram:
    return _histogram("gen_ai.client.operation.duration", "s", "How long an attempt took.", DURATION_BOUNDARIES_SECONDS)


@cache
def _time_to_first_chunk() -> Histogram:
    name, description = "gen_ai.client.operation.time_to_first_chunk", "How long until a streamed answer began."
    return _histogram(name, "s", description, DURATION_BOUNDARIES_SECONDS)


@cache
def _tokens() -> Histogram:
    return _histogram("gen_ai.client.token.usage", "{token}", "Tokens that an attempt used.", TOKEN_BOUNDARIES)


def _histogram(name: str, unit: str, description: str, boundaries: tuple[float, ...]) -> Histogram:
    from opentelemetry import metrics  # noqa: PLC0415 - an extra

    return metrics.get_meter(SCOPE).create_histogram(
        name, unit, description, explicit_bucket_boundaries_advisory=boundaries
    )
