"""Spans and metrics of calls, as OpenTelemetry's own SDK collects them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes, server_attributes
from pydantic import BaseModel
from sqlalchemy import select

from flow.telemetry.collected import KEY, MODEL, QUESTION, only_span, points, spans
from modules.llm_services.exceptions import LLMError
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.types import LLMProviderType
from modules.llm_services.vendors import VENDORS
from support.processes import NEEDED, bare_environment, run_python
from support.server import Visit, serving

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from modules.llm_services.public import LLMServicesProvider

BACKEND = Path(__file__).resolve().parents[3] / "backend"
CONVENTIONS = {
    getattr(module, name)
    for module in (gen_ai_attributes, error_attributes, server_attributes)
    for name in dir(module)
    if name.isupper()
}


class Ledger(BaseModel):
    """The requested object."""

    answer: str


async def test_a_span_tells_of_its_row(llm: LLMServicesProvider, session: Session) -> None:
    """A call's span has the row's id and figures, under the conventions' names if there are any."""
    response, request_id = await llm.generate_response(QUESTION, model=MODEL, max_output_tokens=100, user_id=7)
    row = session.scalars(select(LLMRequestModel)).one()
    (span,) = spans()
    assert (f"chat {MODEL}", trace.SpanKind.CLIENT) == (span.name, span.kind)
    told = only_span()
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openrouter",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.output.type": "text",
        "gen_ai.response.id": row.provider_response_id,
        "gen_ai.response.model": "author/model",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": row.input_tokens,
        "gen_ai.usage.output_tokens": row.output_tokens,
        "server.address": "127.0.0.1",
        "llm_services.request_id": str(request_id),
        "llm_services.cost_usd": response.cost_estimate,
        "llm_services.retry_attempt": 1,
        "llm_services.user_id": 7,
    }
    assert expected == {name: told[name] for name in expected}
    own = {name for name in told if name.startswith("llm_services.")}
    assert set() == told.keys() - own - CONVENTIONS


def test_the_vendors_have_the_conventions_names() -> None:
    """Vendors have the names in the conventions, which do not include OpenRouter."""
    named = {each.value for each in gen_ai_attributes.GenAiProviderNameValues}
    assert {"openrouter"} == {VENDORS[each].telemetry_name or each.value for each in LLMProviderType} - named


async def test_the_figures_of_an_attempt(llm: LLMServicesProvider, session: Session) -> None:
    """Duration and tokens are recorded in the conventions' two histograms, with their boundaries."""
    for _ in range(2):
        await llm.generate_response(QUESTION, model=MODEL)
    rows = session.scalars(select(LLMRequestModel)).all()
    found = points()
    tokens = found[gen_ai_metrics.GEN_AI_CLIENT_TOKEN_USAGE]
    assert {
        "input": sum(row.input_tokens or 0 for row in rows),
        "output": sum(row.output_tokens or 0 for row in rows),
    } == {(point.attributes or {})["gen_ai.token.type"]: point.sum for point in tokens}
    assert (1, 4, 16, 64) == tuple(tokens[0].explicit_bounds[:4])
    (duration,) = found[gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION]
    assert 2 == duration.count
    assert pytest.approx(sum(row.execution_time_ms or 0 for row in rows) / 1000) == duration.sum
    assert pytest.approx([0.01, 0.02, 0.04]) == list(duration.explicit_bounds[:3])


async def test_the_time_to_the_first_piece_of_a_stream(llm: LLMServicesProvider, session: Session) -> None:
    """Only a streamed attempt is marked as such and has the time to its first piece."""
    await llm.generate_response(QUESTION, model=MODEL, stream=True)
    row = session.scalars(select(LLMRequestModel)).one()
    seconds = (row.response_raw or {})["time_to_first_piece_ms"] / 1000
    told = only_span()
    assert (True, seconds) == (told["gen_ai.request.stream"], told["gen_ai.response.time_to_first_chunk"])
    (point,) = points()["gen_ai.client.operation.time_to_first_chunk"]
    assert (1, seconds) == (point.count, point.sum)
    await llm.generate_response(QUESTION, model=MODEL)
    assert "gen_ai.client.operation.time_to_first_chunk" not in points()
    assert {"gen_ai.request.stream", "gen_ai.response.time_to_first_chunk"}.isdisjoint(spans()[-1].attributes or {})


async def test_a_failed_attempt(llm: LLMServicesProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt has a span with the error's class but not its message, which may quote content."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    with pytest.raises(LLMError) as raised:
        await llm.generate_response(QUESTION, model="openrouter/stand-in/bad-gateway")
    assert [1, 2] == [(span.attributes or {})["llm_services.retry_attempt"] for span in spans()]
    last = spans()[-1]
    assert str(raised.value.request_id) == (last.attributes or {})["llm_services.request_id"]
    assert ("LLMProviderError", trace.StatusCode.ERROR, "LLMProviderError") == (
        (last.attributes or {})["error.type"],
        last.status.status_code,
        last.status.description,
    )
    assert ((), ()) == tuple(span.events for span in spans())
    (duration,) = points()[gen_ai_metrics.GEN_AI_CLIENT_OPERATION_DURATION]
    assert (2, "LLMProviderError") == (duration.count, (duration.attributes or {})["error.type"])


async def test_a_cancelled_call(llm: LLMServicesProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The span of a cancelled call ends, marked as cancelled."""
    arrived = asyncio.Event()

    async def silent(_visit: Visit) -> None:
        arrived.set()
        await asyncio.Event().wait()

    async with serving(silent) as served:
        monkeypatch.setenv("OPENROUTER_BASE_URL", served.base_url)
        task = asyncio.ensure_future(llm.generate_response(QUESTION, model=MODEL))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert "CancelledError" == only_span()["error.type"]


async def test_a_structured_call_asks_for_json(llm: LLMServicesProvider) -> None:
    """The span says which kind of output was requested."""
    await llm.generate_structured_response(QUESTION, Ledger, model=MODEL)
    assert "json" == only_span()["gen_ai.output.type"]


async def test_a_call_stands_below_its_callers_span(llm: LLMServicesProvider) -> None:
    """A call inside a span of the application creates a child span."""
    with trace.get_tracer("application").start_as_current_span("lesson") as lesson:
        await llm.generate_response(QUESTION, model=MODEL)
    call = spans()[0]
    assert call.parent is not None
    assert lesson.get_span_context().span_id == call.parent.span_id


async def test_a_cache_hit_is_no_request(
    llm: LLMServicesProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hit of the response cache has no span, because nothing was sent."""
    monkeypatch.setenv("LLM_CACHE_DIR", str(tmp_path / "answers"))
    for _ in range(2):
        await llm.generate_response(QUESTION, model=MODEL, use_cache=True)
    assert 1 == len(spans())


def test_an_application_without_it_pays_nothing(base_url: str, tmp_path: Path) -> None:
    """If the application has not imported OpenTelemetry, a call does not import it either."""
    lines = f"""
import asyncio, sys
from modules.llm_services import LLMMessage, llm_services_provider
question = [LLMMessage(role="user", content="Hi")]
asyncio.run(llm_services_provider().generate_response(question, model="{MODEL}"))
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    environment = bare_environment(PYTHONPATH=str(BACKEND), OPENROUTER_BASE_URL=base_url, OPENROUTER_API_KEY=KEY)
    done = run_python(["-c", lines], environment, tmp_path, imported=NEEDED)
    assert (0, "[]\n") == (done.returncode, done.stdout)


async def test_the_log_line_has_the_facts_beside_it(llm: LLMServicesProvider, caplog: pytest.LogCaptureFixture) -> None:
    """An attempt logs one line, with the same facts as a dictionary on the record, for JSON formatters."""
    with caplog.at_level("INFO", "modules.llm_services"):
        response, request_id = await llm.generate_response(QUESTION, model=MODEL)
    (record,) = [each for each in caplog.records if each.name == "modules.llm_services.providers.base"]
    facts = record.__dict__["llm_request"]
    assert (str(request_id), MODEL, "completed", response.cost_estimate) == (
        facts["id"],
        facts["model"],
        facts["status"],
        facts["cost_estimate"],
    )
    assert record.getMessage() == "llm_request " + " ".join(f"{name}={fact}" for name, fact in facts.items())
