"""Requests 07: `extra_body` is merged into the call or refused; neither is lost silently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel

from cases.bodies import GEMINI, OPENAI, VENDORS, completion

if TYPE_CHECKING:
    from cases.caller import Caller

SEARCH: Final = {"type": "openrouter:web_search"}
OWN_TOOLS: Final = {
    "openrouter": SEARCH,
    "openai": {"type": "web_search"},
    "claude": {"type": "web_search_20250305", "name": "web_search"},
    "gemini": {"googleSearch": {}},
}


class A(BaseModel):
    """The requested object."""

    answer: int


@pytest.mark.parametrize("name", OWN_TOOLS)
async def test_server_tools_stand_beside_functions(caller: Caller, name: str) -> None:
    """The vendor's own tools, given in `extra_body`, and the caller's functions are both sent."""
    vendor, server_tool = VENDORS[name], OWN_TOOLS[name]
    outcome = await caller.with_tools(vendor.text("Ghent"), model=vendor.model, extra_body={"tools": [server_tool]})
    sent = outcome.payload["tools"]
    assert server_tool in sent
    assert 2 == len(sent)
    assert "look" in str(sent)


async def test_several_server_tools_are_kept(caller: Caller) -> None:
    """All server tools and functions are sent, in order."""
    own = [SEARCH, {"type": "openrouter:datetime", "parameters": {}}]
    outcome = await caller.with_tools(completion(), extra_body={"tools": own})
    assert own == [tool for tool in outcome.payload["tools"] if tool["type"] != "function"]


@pytest.mark.parametrize("call", ["text", "with_tools"])
async def test_server_tools_alone_are_sent(caller: Caller, call: str) -> None:
    """Without functions, only the server tools are sent."""
    options: dict[str, Any] = {"extra_body": {"tools": [SEARCH]}} | ({"tools": []} if call == "with_tools" else {})
    outcome = await getattr(caller, call)(completion(), **options)
    assert [SEARCH] == outcome.payload["tools"]


CONTRADICTIONS: Final = {
    "provider": {"provider": {"order": ["Azure"]}, "extra_body": {"provider": {"order": ["OpenAI"]}}},
    "models": {"models": ["openai/gpt-5"], "extra_body": {"models": ["openai/gpt-4.1"]}},
    "top_p": {"top_p": 0.9, "extra_body": {"top_p": 0.5}},
    "temperature": {"temperature": 0.2, "extra_body": {"temperature": 0.9}},
    "max_output_tokens": {"max_output_tokens": 50, "extra_body": {"max_tokens": 60}},
    "reasoning": {"reasoning": {"effort": "low"}, "extra_body": {"reasoning": {"effort": "high"}}},
    "tool_choice": {"tool_choice": "auto", "extra_body": {"tool_choice": "none"}},
    "plugins": {"plugins": [{"id": "web"}], "extra_body": {"plugins": [{"id": "moderation"}]}},
    "verbosity": {"verbosity": "low", "extra_body": {"verbosity": "high"}},
    "reasoning_effort": {"reasoning": {"effort": "low"}, "reasoning_effort": "high"},
    "reasoning_effort beside none": {"reasoning": {"enabled": False}, "reasoning_effort": "high"},
    "text and verbosity": {"verbosity": "low", "text": {"verbosity": "high"}},
}


@pytest.mark.parametrize("options", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
async def test_a_contradiction_is_refused(caller: Caller, options: dict[str, Any]) -> None:
    """Two values for one field raise a ValueError that names it, before anything is sent."""
    name = next(iter(options["extra_body"])) if "extra_body" in options else "effort|verbosity"
    with pytest.raises(ValueError, match=name):
        await caller.text(completion(), **options)
    assert ([], []) == (caller.server.requests, list(caller.rows()))


@pytest.mark.parametrize(
    "options",
    [
        {"top_p": 0.9, "extra_body": {"top_p": 0.9}},
        {"provider": {"order": ["Azure"]}, "extra_body": {"provider": {"order": ["Azure"]}}},
        {"extra_body": {"provider": {"order": ["Azure"]}}},
        {"extra_body": {"brand_new": True}},
    ],
)
async def test_what_does_not_contradict_is_sent(caller: Caller, options: dict[str, Any]) -> None:
    """The same value given twice, or a field that only `extra_body` has, is sent."""
    outcome = await caller.text(completion(), **options)
    assert options["extra_body"].items() <= outcome.payload.items()


@pytest.mark.parametrize("field", ["model", "messages", "stream"])
async def test_what_the_call_sets_is_refused(caller: Caller, field: str) -> None:
    """The fields that the call itself sets cannot be replaced."""
    with pytest.raises(ValueError, match=field):
        await caller.text(completion(), extra_body={field: "x"})


async def test_a_structured_calls_format_is_not_replaced(caller: Caller) -> None:
    """`extra_body` does not silently replace the format of a structured call."""
    with pytest.raises(ValueError, match="response_format"):
        await caller.structured(A, completion('{"answer": 1}'), extra_body={"response_format": {"type": "text"}})
    assert [] == caller.server.requests


async def test_geminis_configuration_is_joined(caller: Caller) -> None:
    """A key of `generationConfig` in `extra_body` keeps the others, including the schema."""
    extra = {"generationConfig": {"candidateCount": 1}}
    answer = VENDORS["gemini"].object('{"answer": 1}')
    config = (await caller.structured(A, answer, model=GEMINI, extra_body=extra)).payload["generationConfig"]
    assert (1, "application/json") == (config["candidateCount"], config["responseMimeType"])
    assert "responseJsonSchema" in config


async def test_openais_text_is_joined(caller: Caller) -> None:
    """A key of `text` in `extra_body` keeps the others, including the format."""
    answer = VENDORS["openai"].object('{"answer": 1}')
    outcome = await caller.structured(A, answer, model=OPENAI, extra_body={"text": {"verbosity": "low"}})
    assert ("low", "json_schema") == (outcome.payload["text"]["verbosity"], outcome.payload["text"]["format"]["type"])


async def test_what_openai_is_to_include_is_joined(caller: Caller) -> None:
    """`include` in `extra_body` is sent beside what `store=False` includes."""
    extra = {"include": ["web_search_call.action.sources"]}
    outcome = await caller.text(VENDORS["openai"].text("Ghent"), model=OPENAI, store=False, extra_body=extra)
    assert ["reasoning.encrypted_content", "web_search_call.action.sources"] == outcome.payload["include"]


async def test_a_provider_in_extra_body_joins_json_schema_mode(caller: Caller) -> None:
    """Preferences in `extra_body` are merged with the `require_parameters` of json_schema mode."""
    outcome = await caller.structured(
        A,
        completion('{"answer": 1}'),
        structured_output="json_schema",
        extra_body={"provider": {"order": ["Azure"]}},
    )
    assert {"require_parameters": True, "order": ["Azure"]} == outcome.payload["provider"]
