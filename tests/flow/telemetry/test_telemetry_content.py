"""Messages are on a span only if OpenTelemetry's own variable enables it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flow.telemetry.collected import CONTENT, EXPORTER, KEY, MODEL, QUESTION, only_span
from modules.llm_services.public import LLMMessage, ToolDefinition

if TYPE_CHECKING:
    import pytest

    from modules.llm_services.public import LLMServicesProvider


async def test_content_is_left_out(llm: LLMServicesProvider) -> None:
    """By default, prompts and answers are not on spans; keys never are."""
    await llm.generate_response(QUESTION, model=MODEL)
    text = json.dumps(only_span())
    assert [] == [word for word in ("ledger", "stand-in for OpenRouter", "brief", KEY) if word in text]


async def test_content_where_it_is_asked_for(llm: LLMServicesProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's own variable puts the messages on the span, in the conventions' format."""
    monkeypatch.setenv(CONTENT, "true")
    parts = [{"type": "input_text", "text": "And this?"}, {"type": "input_image", "image_url": "https://a.example/b"}]
    messages = [*QUESTION, LLMMessage(role="user", content=parts)]
    response, _request_id = await llm.generate_response(messages, model=MODEL)
    told = only_span()
    assert [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "What is a ledger?"}]},
        {"role": "user", "parts": [{"type": "text", "content": "And this?"}, parts[1]]},
    ] == json.loads(told["gen_ai.input.messages"])
    said = {"role": "assistant", "parts": [{"type": "text", "content": response.content}], "finish_reason": "stop"}
    assert [said] == json.loads(told["gen_ai.output.messages"])
    assert KEY not in json.dumps(told)


async def test_content_that_is_not_stored_is_on_no_span(
    llm: LLMServicesProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `store_content=False`, the messages are not on spans, whatever the variable says."""
    monkeypatch.setenv(CONTENT, "true")
    await llm.generate_response(QUESTION, model=MODEL, store_content=False)
    assert {"gen_ai.input.messages", "gen_ai.output.messages"}.isdisjoint(only_span())


async def test_tool_calls_as_content(llm: LLMServicesProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool call is part of the answer on the span, and its result part of the next request."""
    monkeypatch.setenv(CONTENT, "true")
    tool = ToolDefinition(name="weather", description="The weather.", parameters={"type": "object"})
    _response, calls, _request_id = await llm.generate_response_with_tools(QUESTION, [tool], model=MODEL)
    assert calls is not None
    (said,) = json.loads(only_span()["gen_ai.output.messages"])
    assert [{"type": "tool_call", **calls[0].model_dump()}] == said["parts"]
    EXPORTER.clear()
    again = [*QUESTION, LLMMessage(role="tool", name="weather", content="rain", tool_call_id=calls[0].id)]
    await llm.generate_response(again, model=MODEL)
    result = json.loads(only_span()["gen_ai.input.messages"])[-1]
    assert [{"type": "tool_call_response", "id": calls[0].id, "response": "rain"}] == result["parts"]
