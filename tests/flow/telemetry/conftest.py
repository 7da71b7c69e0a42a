"""OpenTelemetry's SDK, set up as in an application, and a service that calls the stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from flow.telemetry.collected import CONTENT, EXPORTER, KEY, READER
from modules.llm_services.config import VARIABLE_NAMES
from modules.llm_services.public import llm_services_provider

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from modules.llm_services.public import LLMServicesProvider


@pytest.fixture(scope="session", autouse=True)
def _sdk() -> None:
    """Set up OpenTelemetry as an application does, once for the process."""
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(tracing)
    metrics.set_meter_provider(MeterProvider([READER]))


@pytest.fixture(autouse=True)
def _nothing_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    EXPORTER.clear()
    READER.get_metrics_data()
    monkeypatch.delenv(CONTENT, raising=False)


@pytest.fixture
def llm(session: Session, base_url: str, monkeypatch: pytest.MonkeyPatch) -> LLMServicesProvider:
    """Return a service that calls the stand-in."""
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENROUTER_BASE_URL", base_url)
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    return llm_services_provider(session)
