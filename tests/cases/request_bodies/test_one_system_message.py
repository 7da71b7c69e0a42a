"""Requests 02: in JSON mode the schema is appended to the caller's own system message."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel

from cases.bodies import OPENROUTER, VENDORS, completion
from modules.llm_services.public import LLMMessage

if TYPE_CHECKING:
    from cases.bodies import Vendor
    from cases.caller import Caller

EPHEMERAL: Final = {"type": "ephemeral"}
HI: Final = LLMMessage(role="user", content="Hi")
YOU_ARE_X: Final = LLMMessage(role="system", content="You are X")


class A(BaseModel):
    """The requested object."""

    answer: int


class B(BaseModel):
    """Another object to request."""

    reply: str = ""


def text_of(content: Any) -> str:
    """Return the text of a message's content."""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


async def sent(caller: Caller, *messages: LLMMessage, response_model: Any = A, **options: Any) -> list[dict[str, Any]]:
    """Return the messages of a structured call in JSON mode as they were sent."""
    answer = completion('{"answer": 1, "reply": ""}')
    payload = (await caller.structured(response_model, answer, messages=list(messages), **options)).payload
    found: list[dict[str, Any]] = payload["messages"]
    return found


async def test_the_schema_joins_the_callers_system_message(caller: Caller) -> None:
    """There is one system message: the caller's text, then the instruction."""
    system, user = await sent(caller, YOU_ARE_X, HI)
    assert ("system", "user", "Hi") == (system["role"], user["role"], text_of(user["content"]))
    assert text_of(system["content"]).startswith("You are X")
    assert '"answer"' in text_of(system["content"])


async def test_the_instruction_is_a_further_part(caller: Caller) -> None:
    """If the caller's message has parts, they are unchanged, breakpoint included, and one part is appended."""
    part = {"type": "text", "text": "You are X", "cache_control": EPHEMERAL}
    system, _user = await sent(caller, LLMMessage(role="system", content=[part]), HI)
    first, instruction = system["content"]
    assert part == first
    assert '"answer"' in instruction["text"]
    assert "cache_control" not in instruction


@pytest.mark.parametrize("content", ["You are X", [{"type": "text", "text": "You are X"}]])
async def test_the_prefix_does_not_change_with_the_class(caller: Caller, content: Any) -> None:
    """The caller's text comes first, whichever class is requested, so that a prompt cache recognises it."""
    system = LLMMessage(role="system", content=content)
    for response_model in (A, B):
        messages = await sent(caller, system, HI, response_model=response_model)
        assert json.dumps(messages).index("You are X") < json.dumps(messages).index("JSON")


async def test_without_a_system_message_there_is_one_at_most(caller: Caller) -> None:
    """A call without a system prompt gets at most one system message, at the beginning."""
    messages = await sent(caller, HI)
    assert "system" not in [message["role"] for message in messages[1:]]
    assert '"answer"' in json.dumps(json.dumps(messages)).replace("\\", "")
    assert "Hi" in text_of(messages[-1]["content"])


ORDERS: Final = {
    "system later": ["user", "assistant", "system", "user"],
    "two at the beginning": ["system", "system", "user"],
    "one at each end": ["system", "user", "system"],
    "developer": ["developer", "user"],
    "developer and system": ["system", "developer", "user"],
    "a whole conversation": ["system", "user", "assistant", "user"],
}


@pytest.mark.parametrize("roles", ORDERS.values(), ids=ORDERS)
async def test_the_callers_order_is_kept(caller: Caller, roles: list[str]) -> None:
    """No message is added before the caller's, and none is moved, repeated or left out."""
    messages = [LLMMessage(role=role, content=f"message {number}.") for number, role in enumerate(roles)]
    wire = await sent(caller, *messages)
    said = "\n".join(text_of(message["content"]) for message in wire)
    places = [said.index(f"message {number}.") for number in range(len(roles))]
    assert sorted(places) == places
    assert [1] * len(roles) == [said.count(f"message {number}.") for number in range(len(roles))]
    instructing = [message["role"] for message in wire if message["role"] in {"system", "developer"}]
    assert len(instructing) <= len([role for role in roles if role in {"system", "developer"}])
    assert '"answer"' in said


async def test_asking_once_more_adds_no_system_message(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second request has the same single system message."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    wrong, right = completion('{"answer": "many"}'), completion('{"answer": 1}')
    outcome = await caller.structured(A, wrong, right, messages=[YOU_ARE_X, HI])
    first, second = (request.body["messages"] for request in outcome.requests)
    assert first == second[: len(first)]
    assert ["assistant", "user"] == [message["role"] for message in second[len(first) :]]


async def test_the_callers_messages_are_not_changed(caller: Caller) -> None:
    """The caller's objects and the row's messages have the caller's text only."""
    system = LLMMessage(role="system", content=[{"type": "text", "text": "You are X"}])
    outcome = await caller.structured(A, completion('{"answer": 1}'), messages=[system, HI])
    assert [{"type": "text", "text": "You are X"}] == system.content
    assert "JSON Schema" not in json.dumps(outcome.row.messages)


async def test_json_schema_mode_says_nothing_in_words(caller: Caller) -> None:
    """If the schema is sent in its own field, the messages are the caller's only."""
    system, user = await sent(caller, YOU_ARE_X, HI, structured_output="json_schema")
    assert ("You are X", "Hi") == (text_of(system["content"]), text_of(user["content"]))


@pytest.mark.parametrize(("model", "options"), [("gpt-4o", {"structured_output": "json_object"}), ("gpt-4-turbo", {})])
async def test_openais_json_mode_joins_it_too(caller: Caller, model: str, options: dict[str, Any]) -> None:
    """At OpenAI, the instruction is appended to the caller's system message too."""
    answer = VENDORS["openai"].object('{"answer": 1}')
    outcome = await caller.structured(A, answer, messages=[YOU_ARE_X, HI], model=model, **options)
    roles = [item["role"] for item in outcome.payload["input"]]
    assert (2, "user") == (len(roles), roles[-1])
    assert text_of(outcome.payload["input"][0]["content"]).startswith("You are X")


async def test_every_vendor_hears_the_caller_first(caller: Caller, vendor: Vendor) -> None:
    """Whatever a vendor's way to request an object is, the caller's system prompt is sent."""
    answer = vendor.object('{"answer": 1}')
    outcome = await caller.structured(A, answer, messages=[YOU_ARE_X, HI], model=vendor.model)
    assert "You are X" in json.dumps(outcome.payload)
    if vendor.model == OPENROUTER:
        assert ["system", "user"] == [message["role"] for message in outcome.payload["messages"]]
