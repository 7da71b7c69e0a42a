"""What OpenTelemetry's SDK has collected from the calls of a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import Histogram
from opentelemetry.sdk.metrics.export import AggregationTemporality, HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from modules.llm_services.public import LLMMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

QUESTION = [LLMMessage(role="system", content="Be brief."), LLMMessage(role="user", content="What is a ledger?")]
MODEL = "openrouter/author/model"
KEY = "sk-or-telemetry-0123456789"
CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
EXPORTER = InMemorySpanExporter()
READER = InMemoryMetricReader({Histogram: AggregationTemporality.DELTA})


def spans() -> Sequence[ReadableSpan]:
    """Return the collected spans in the order in which they ended."""
    return EXPORTER.get_finished_spans()


def only_span() -> dict[str, Any]:
    """Return the attributes of the only span."""
    (span,) = spans()
    return dict(span.attributes or {})


def points() -> dict[str, list[HistogramDataPoint]]:
    """Return the points of every histogram since the last call of this function."""
    data = READER.get_metrics_data()
    assert data is not None
    found = [metric for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]
    return {
        metric.name: [point for point in metric.data.data_points if isinstance(point, HistogramDataPoint)]
        for metric in found
    }
