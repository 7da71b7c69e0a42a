"""Complaints 26, 29 to 33, 35, 36, 46 to 48: what is sent, to whom, and who served it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from complaints.asking import KEY, MESSAGES, MODEL, TOOLS, Reply, completion, error, provider, story
from modules.llm_services.exceptions import LLMValidationError
from modules.llm_services.public import llm_services_provider
from modules.llm_services.types import LLMMessage, MessageRole
from support.server import Visit, serving

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


async def test_reasoning_details_come_back_as_they_were(session: Session) -> None:
    """26. unarbos/arbos#34: a tool's result follows the model's own message, with all reasoning details in order."""
    details = [
        {"type": "reasoning.text", "text": "Hm.", "signature": "s"},
        {"type": "reasoning.encrypted", "data": "x"},
    ]
    calls = [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}]
    sent: list[dict[str, Any]] = []

    def answer(visit: Visit) -> None:
        sent.append(visit.payload)
        visit.answer(completion("", "tool_calls", tool_calls=calls, reasoning_details=details))

    async with serving(answer) as server:
        llm = provider(session, server.base_url)
        await llm.generate_response_with_tools(MESSAGES, TOOLS, model=MODEL)
        result = LLMMessage(role=MessageRole.TOOL, name="look", content="{}")
        await llm.generate_response_with_tools([*MESSAGES, result], TOOLS, model=MODEL)
    _, said, answered = sent[1]["messages"]
    assert (details, calls, "call_1") == (said["reasoning_details"], said["tool_calls"], answered["tool_call_id"])


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        pytest.param("openrouter/author/model:nitro", "author/model:nitro", id="29-openclaw/openclaw#79309"),
        pytest.param("openrouter/google/gemini-2.5-pro", "google/gemini-2.5-pro", id="29-BerriAI/litellm#24234"),
        pytest.param("openrouter/free", "openrouter/free", id="30-HKUDS/nanobot#847"),
        pytest.param("openrouter/hunter-alpha", "openrouter/hunter-alpha", id="30-HKUDS/nanobot#2222"),
        pytest.param("openrouter/openrouter/auto", "openrouter/auto", id="30-openclaw/openclaw#2636"),
    ],
)
async def test_the_prefix_goes_once_and_only_where_it_is_one(session: Session, model: str, sent: str) -> None:
    """29. and 30.: `openrouter/a/b` is sent as `a/b`; a name of two segments is OpenRouter's own and sent whole."""
    told = await story(session, completion(), model=model)
    assert (sent, model) == (told.sent[0]["model"], told.rows[0].model)


@pytest.mark.parametrize("model", ["openrouter/google/gemini-2.5-flash", "openrouter/anthropic/claude-opus-4.1"])
async def test_the_first_segment_is_the_route(session: Session, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """31. HKUDS/nanobot#276: a name that contains another provider's goes to OpenRouter, even if that one has a key."""
    for variable in ("GEMINI_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.setenv(variable, KEY)
    async with serving(lambda visit: visit.answer(completion())) as server:
        monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
        answer, _ = await llm_services_provider(session).generate_response(MESSAGES, model=model)
    assert ("openrouter", model) == (answer.provider, answer.model)


async def test_a_schema_demands_endpoints_that_honour_it(session: Session) -> None:
    """32. CultivateLabs/raif#462: json_schema mode sets require_parameters, and sends no other parameters."""
    told = await story(session, completion('{"name": "Ghent"}'), call="structured", structured_output="json_schema")
    assert {"require_parameters": True} == told.sent[0]["provider"]
    assert {"model", "messages", "response_format", "provider"} == set(told.sent[0])


async def test_json_mode_works_anywhere(session: Session) -> None:
    """32. autifyhq/aethr#18: the default mode also instructs the model, requires nothing, and validates the answer."""
    told = await story(session, completion('{"name": "Ghent"}'), call="structured")
    assert ("Ghent", "json_object") == (told.value[0].name, told.sent[0]["response_format"]["type"])
    assert "provider" not in told.sent[0]
    assert "JSON Schema" in told.sent[0]["messages"][0]["content"]


async def test_no_table_says_what_a_model_can(session: Session) -> None:
    """33. BerriAI/litellm#10465, crewAIInc/crewAI#2729: a schema is sent for an unknown model."""
    options: dict[str, Any] = {"model": "openrouter/brand/new-model", "structured_output": "json_schema"}
    told = await story(session, completion('{"name": "Ghent"}'), call="structured", **options)
    assert "json_schema" == told.sent[0]["response_format"]["type"]


async def test_a_404_about_tools_is_not_an_unknown_model(session: Session) -> None:
    """35. evalstate/fast-agent#122: the error quotes that no endpoint accepts this request for the model."""
    told = await story(session, Reply(error(404, "No endpoints found that support tool use."), 404), call="tools")
    assert isinstance(told.failed, LLMValidationError)
    assert f"no endpoint for {MODEL} that takes this request" in str(told.failed)
    assert "support tool use" in str(told.failed)


async def test_nothing_falls_back_unless_asked(session: Session) -> None:
    """36. langchain-ai/openwiki#61: no other model is sent; the one that served is on the row."""
    told = await story(session, completion() | {"model": "author/model-4-7-20260101"})
    assert set() == {"models", "route", "provider", "plugins", "transforms"} & set(told.sent[0])
    assert (MODEL, "author/model-4-7-20260101") == (told.rows[0].model, told.raw["served_model"])


async def test_a_fallback_that_was_asked_for_is_sent(session: Session) -> None:
    """36. langchain-ai/openwiki#85: `models` is sent if, and as, a caller gives it."""
    told = await story(session, completion(), models=["author/other"])
    assert ["author/other"] == told.sent[0]["models"]


async def test_provider_routing_reaches_the_wire(session: Session) -> None:
    """46. OpenRouterTeam/ai-sdk-provider#153: every key of `provider` is sent unchanged."""
    routing = {
        "order": ["google-vertex"],
        "allow_fallbacks": False,
        "data_collection": "deny",
        "max_price": {"prompt": 1},
    }
    assert routing == (await story(session, completion(), provider=routing)).sent[0]["provider"]


async def test_cache_control_reaches_the_wire(session: Session) -> None:
    """47. pydantic/pydantic-ai#4392: a breakpoint on a part, or for the whole request, is sent unchanged."""
    breakpoint_ = {"type": "ephemeral", "ttl": "1h"}
    parts = [{"type": "text", "text": "long", "cache_control": breakpoint_}]
    asked = [LLMMessage(role=MessageRole.USER, content=parts)]
    told = await story(session, completion(), messages=asked, cache_control=breakpoint_)
    assert (parts, breakpoint_) == (told.sent[0]["messages"][0]["content"], told.sent[0]["cache_control"])


async def test_who_served_is_on_the_row(session: Session) -> None:
    """48. openstory-so/openstory#1318: max_tokens is the name most endpoints know; the served model is kept."""
    told = await story(session, completion() | {"provider": "Some Cloud"}, max_output_tokens=64)
    assert ("Some Cloud", False) == (told.raw["upstream_provider"], "max_completion_tokens" in told.sent[0])
