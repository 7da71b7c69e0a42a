"""Tools 05: an id that a vendor refuses is mapped one to one for it, and the caller gets the original id."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.bodies import CLAUDE, GEMINI, OPENAI, VENDORS, completion, function_call
from cases.caller import QUESTION
from modules.llm_services.public import LLMMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cases.caller import Caller, Outcome

CLAUDES: Final = re.compile(r"[a-zA-Z0-9_-]+")
OPENAIS_LONGEST: Final = 64

IDS: Final = {
    "kimi": ["functions.get_weather:0"],
    "kimi, two": ["functions.get_weather:0", "functions.get_weather:1"],
    "two that look alike once they are cleaned": ["get.1", "get:1"],
    "80 characters": ["c" * 80],
    "80 characters, alike to the last": ["c" * 79 + "1", "c" * 79 + "2"],
    "spaces and slashes": ["call 1/2"],
    "not ASCII": ["appel-é", "appel-è"],
    "one that is what another is cleaned to": ["get_1", "get.1"],
}
SOUND: Final = ["toolu_01ABC", "call_abc-123", "3sniiMddS"]


def history(ids: Sequence[str]) -> list[LLMMessage]:
    """Return a conversation with a call and a result for each id."""
    calls = [function_call("look", '{"city": "Ghent"}', call_id) for call_id in ids]
    results = [LLMMessage(role="tool", name="look", content=call_id, tool_call_id=call_id) for call_id in ids]
    return [*QUESTION, LLMMessage(role="assistant", content=None, tool_calls=calls), *results]


async def at_claude(caller: Caller, messages: Any) -> tuple[list[str], dict[str, str]]:
    """Return the ids of the calls that Claude is sent, and those of the results."""
    outcome = await caller.with_tools(VENDORS["claude"].text("Sunny"), model=CLAUDE, messages=messages)
    _, assistant, user = outcome.payload["messages"]
    results = {block["tool_use_id"]: str(block["content"]) for block in user["content"]}
    return [block["id"] for block in assistant["content"]], results


async def at_openai(caller: Caller, messages: Any) -> tuple[list[str], dict[str, str]]:
    """Return the same for OpenAI."""
    outcome = await caller.with_tools(VENDORS["openai"].text("Sunny"), model=OPENAI, messages=messages)
    items = outcome.payload["input"]
    results = {item["call_id"]: item["output"] for item in items if item.get("type") == "function_call_output"}
    return [item["call_id"] for item in items if item.get("type") == "function_call"], results


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
async def test_claude_gets_ids_that_it_takes(caller: Caller, ids: list[str]) -> None:
    """Each id is mapped to a different one in Claude's characters, in the call and in the result."""
    sent, results = await at_claude(caller, history(ids))
    assert all(CLAUDES.fullmatch(call_id) for call_id in sent)
    assert len(ids) == len(set(sent))
    assert ids == [results[call_id] for call_id in sent]


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
async def test_openai_gets_ids_that_it_takes(caller: Caller, ids: list[str]) -> None:
    """Each id is mapped to a different one of at most 64 characters, in the call and in the result."""
    sent, results = await at_openai(caller, history(ids))
    assert all(len(call_id) <= OPENAIS_LONGEST for call_id in sent)
    assert len(ids) == len(set(sent))
    assert ids == [results[call_id] for call_id in sent]


@pytest.mark.parametrize(
    ("author", "allowed"), [("anthropic", CLAUDES), ("~anthropic", CLAUDES), ("openai", re.compile(r"\S{1,64}"))]
)
@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
async def test_they_get_them_behind_openrouter_too(
    caller: Caller, author: str, allowed: re.Pattern[str], ids: list[str]
) -> None:
    """A model's own vendor reads the ids behind OpenRouter: they are mapped by the author in its name."""
    outcome = await caller.with_tools(completion("Sunny"), model=f"openrouter/{author}/model", messages=history(ids))
    _, assistant, *results = outcome.payload["messages"]
    sent = [call["id"] for call in assistant["tool_calls"]]
    assert all(allowed.fullmatch(call_id) for call_id in sent)
    assert len(ids) == len(set(sent))
    assert dict(zip(sent, ids, strict=True)) == {result["tool_call_id"]: result["content"] for result in results}


async def test_ids_that_are_taken_stay(caller: Caller) -> None:
    """An id that the vendor accepts is sent unchanged."""
    for read in (at_claude, at_openai):
        assert SOUND == (await read(caller, history(SOUND)))[0]


async def test_the_same_history_is_the_same_request(caller: Caller) -> None:
    """An id is always mapped in the same way, so that a prompt cache recognises the conversation."""
    messages = history(IDS["kimi, two"])
    for read in (at_claude, at_openai):
        assert await read(caller, messages) == await read(caller, messages)


@pytest.mark.parametrize("call_id", ["functions.look:0", "c" * 80, "call 1/2"])
async def test_the_caller_gets_the_vendors_own_id(caller: Caller, call_id: str) -> None:
    """OpenRouter's ids are returned unchanged, and sent back unchanged."""
    first = await caller.with_tools(completion(None, "tool_calls", tool_calls=[function_call("look", "{}", call_id)]))
    assert [call_id] == [call.id for call in first.tool_calls or []]
    result = LLMMessage(role="tool", name="look", content="1", tool_call_id=call_id)
    second = await caller.with_tools(completion("Sunny"), messages=[*QUESTION, result])
    assert [call_id] == [call["id"] for call in second.payload["messages"][1]["tool_calls"]]


async def test_a_loop_may_change_its_vendor(caller: Caller) -> None:
    """A tool loop can continue with another vendor, which gets the calls that Kimi made."""
    kimi = completion(None, "tool_calls", tool_calls=[function_call("look", '{"city": "Ghent"}', "functions.look:0")])
    await caller.with_tools(kimi)
    messages = [*QUESTION, LLMMessage(role="tool", name="look", content="1")]
    sent, results = await at_claude(caller, messages)
    assert all(CLAUDES.fullmatch(call_id) for call_id in sent)
    assert sent == list(results)


async def test_gemini_knows_calls_by_name(caller: Caller) -> None:
    """Whatever the ids are, Gemini gets each result under the tool's name."""
    outcome: Outcome = await caller.with_tools(
        VENDORS["gemini"].text("Sunny"), model=GEMINI, messages=history(IDS["kimi, two"])
    )
    results = [part["functionResponse"] for part in outcome.payload["contents"][-1]["parts"]]
    assert ["look", "look"] == [result["name"] for result in results]
