"""A span and metrics of each attempt, by OpenTelemetry's conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/. An application that has not imported OpenTelemetry cannot have
set it up: then nothing is imported, and nothing is done.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ..types import LLMProviderType
from . import telemetry_content
from .values import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from contextlib import AbstractContextManager

    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Span

    from ..ledger import Entry
    from .values import Answer, LLMCall

SCOPE: Final = "modules.llm_services"
REQUEST_ID: Final = "llm_services.request_id"
# The conventions' names of vendors, where they are others than ours.
VENDORS: Final = {
    LLMProviderType.AZURE_OPENAI: "azure.ai.openai",
    LLMProviderType.BEDROCK: "aws.bedrock",
    LLMProviderType.GEMINI: "gcp.gemini",
}
CHATS: Final = frozenset({"chat_completions", "responses", "messages"})
MEDIA: Final = {Kind.IMAGE: "image", Kind.SPEECH: "speech"}
PORTS: Final = {"http": 80, "https": 443}
# The conventions' boundaries, in seconds and in tokens.
SECONDS: Final = tuple(0.01 * 2.0**power for power in range(14))
TOKENS: Final = tuple(4.0**power for power in range(14))


def observed(entry: Entry, call: LLMCall, base_url: str, answer: Callable[[], Answer]) -> AbstractContextManager[None]:
    """Return a block whose span and figures are those of an attempt; its row and `answer` are read at the end."""
    if "opentelemetry" not in sys.modules:
        return nullcontext()
    return _observed(entry, call, base_url, answer)


@contextmanager
def _observed(entry: Entry, call: LLMCall, base_url: str, answer: Callable[[], Answer]) -> Generator[None]:
    from opentelemetry import trace  # noqa: PLC0415 - an extra, and the application has imported it

    asked = _asked(entry.row, base_url)
    tracer = trace.get_tracer(SCOPE)
    with tracer.start_as_current_span(
        f"{asked['gen_ai.operation.name']} {asked['gen_ai.request.model']}",
        kind=trace.SpanKind.CLIENT,
        attributes=asked | _sampling(entry.row, call) | {REQUEST_ID: str(entry.id)},
        record_exception=False,  # its words may quote what was asked and answered
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except BaseException as error:
            failure = type(error).__name__
            span.set_status(trace.StatusCode.ERROR, failure)
            span.set_attribute("error.type", failure)
            _ended(span, asked | {"error.type": failure}, entry.row, call, answer())
            raise
        _ended(span, asked, entry.row, call, answer())


def _asked(row: Mapping[str, Any], base_url: str) -> dict[str, str | int]:
    """Return what tells one kind of request from another, on spans and metrics alike."""
    server = urlsplit(base_url)
    return {
        "gen_ai.operation.name": "chat" if row["api_variant"] in CHATS else "generate_content",
        "gen_ai.provider.name": VENDORS.get(row["provider"], row["provider"]),
        "gen_ai.request.model": row["model"],
        "server.address": server.hostname or "",
        "server.port": server.port or PORTS[server.scheme],
    }


def _sampling(row: Mapping[str, Any], call: LLMCall) -> dict[str, Any]:
    structured = "json" if call.response_model else "text"
    given = {
        "gen_ai.output.type": MEDIA.get(call.kind, structured),
        "gen_ai.request.temperature": row["temperature"],
        "gen_ai.request.max_tokens": row["max_output_tokens"],
        "llm_services.retry_attempt": row["retry_attempt"],
        "llm_services.user_id": row["user_id"],
    }
    return _known(given)


def _ended(span: Span, asked: dict[str, str | int], row: Mapping[str, Any], call: LLMCall, answer: Answer) -> None:
    """Write what came of an attempt; what was said only where OpenTelemetry's own variable asks for it."""
    kind = asked | _known({"gen_ai.response.model": answer.details.get("served_model")})
    for direction, tokens in (("input", row["input_tokens"]), ("output", row["output_tokens"])):
        if tokens is not None:
            _tokens().record(tokens, kind | {"gen_ai.token.type": direction})
    if row["execution_time_ms"] is not None:
        _duration().record(row["execution_time_ms"] / 1000, kind)
    if not span.is_recording():
        return
    told = {
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
    span.set_attributes(_known(told))
    if telemetry_content.is_wanted():
        span.set_attributes(telemetry_content.said(call, answer))


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


@cache
def _duration() -> Histogram:
    return _histogram("gen_ai.client.operation.duration", "s", "How long an attempt took.", SECONDS)


@cache
def _tokens() -> Histogram:
    return _histogram("gen_ai.client.token.usage", "{token}", "Tokens that an attempt used.", TOKENS)


def _histogram(name: str, unit: str, description: str, boundaries: tuple[float, ...]) -> Histogram:
    from opentelemetry import metrics  # noqa: PLC0415 - an extra

    return metrics.get_meter(SCOPE).create_histogram(
        name, unit, description, explicit_bucket_boundaries_advisory=boundaries
    )
