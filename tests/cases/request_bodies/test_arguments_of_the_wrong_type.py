"""Requests 11: an argument of the wrong type is refused by name, or converted if its meaning is plain."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel

from cases.bodies import VENDORS, completion
from cases.caller import QUESTION
from modules.llm_services.arguments import MAX_LEVELS
from modules.llm_services.public import LLMMessage

if TYPE_CHECKING:
    from cases.bodies import Vendor
    from cases.caller import Caller


class A(BaseModel):
    """The requested object."""

    answer: int


def cyclic() -> dict[str, Any]:
    """Return a dict that contains itself."""
    found: dict[str, Any] = {}
    found["self"] = found
    return found


def nested(levels: int) -> list[Any]:
    """Return this many nested lists."""
    found: list[Any] = []
    for _ in range(levels - 1):
        found = [found]
    return found


MESSAGES: Final = {
    "a text": "hi",
    "None": None,
    "a number": 5,
    "a list of None": [None],
    "a list of texts": ["hi"],
    "a list of numbers": [1],
    "a dict without a role": [{"content": "hi"}],
    "a dict with an unknown role": [{"role": "king", "content": "hi"}],
    "a dict whose content is a number": [{"role": "user", "content": 5}],
    "a dict with an unknown field": [{"role": "user", "content": "hi", "colour": "red"}],
    "a dict with a level too many": [{"role": "user", "content": "hi", "cache_control": {"a": nested(MAX_LEVELS)}}],
    "an empty list": [],
    "a message and None": [*QUESTION, None],
    "a set": {1, 2},
}
OTHERS: Final = {
    "temperature, a text": ("temperature", "hot"),
    "temperature, a list": ("temperature", [1]),
    "temperature, NaN": ("temperature", float("nan")),
    "temperature, a huge integer": ("temperature", 10**400),
    "max_output_tokens, a text": ("max_output_tokens", "many"),
    "max_output_tokens, half a token": ("max_output_tokens", 1.5),
    "max_output_tokens, infinite": ("max_output_tokens", float("inf")),
    "max_output_tokens, negative": ("max_output_tokens", -1),
    "max_output_tokens, beyond the column": ("max_output_tokens", 10**30),
    "user_id, a text": ("user_id", "ann"),
    "user_id, a dict": ("user_id", {}),
    "user_id, beyond the column": ("user_id", 10**30),
    "model, a number": ("model", 5),
    "model, a list": ("model", ["openrouter/a/b"]),
    "model, bytes": ("model", b"openrouter/a/b"),
    "extra_body, cyclic": ("extra_body", cyclic()),
    "extra_body, a list": ("extra_body", []),
    "extra_body, bytes inside": ("extra_body", {"a": b"x"}),
    "extra_body, a set inside": ("extra_body", {"a": {1}}),
    "extra_body, NaN inside": ("extra_body", {"a": float("nan")}),
    "extra_body, keys that are no texts": ("extra_body", {(1, 2): 3}),
    "extra_body, bottomless": ("extra_body", {"a": nested(10_000)}),
    "extra_body, a level too deep": ("extra_body", {"a": nested(MAX_LEVELS)}),
    "metadata, cyclic": ("metadata", cyclic()),
    "reasoning, a text": ("reasoning", "high"),
    "provider, a list": ("provider", ["Azure"]),
    "an unknown option, cyclic": ("colour", cyclic()),
    "an unknown option, an object": ("colour", object()),
    "an unknown option, a level too deep": ("colour", nested(MAX_LEVELS + 1)),
    "use_cache, a text": ("use_cache", "sometimes"),
}
TOOLS: Final = {
    "a list of None": [None],
    "a list of texts": ["look"],
    "a number": 5,
    "a dict without a name": [{"description": "x", "parameters": {}}],
}


def nothing_happened(caller: Caller) -> bool:
    """Return True if no request was sent and no row was written."""
    return not caller.server.requests and not caller.rows()


@pytest.mark.parametrize("messages", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize("call", ["text", "with_tools", "structured"])
async def test_messages_that_are_none_are_refused(caller: Caller, call: str, messages: Any) -> None:
    """Anything but a list of messages raises a ValueError or TypeError that names `messages`."""
    arguments = (A, completion()) if call == "structured" else (completion(),)
    with pytest.raises((ValueError, TypeError), match="messages"):
        await getattr(caller, call)(*arguments, messages=messages)
    assert nothing_happened(caller)


@pytest.mark.parametrize(("name", "value"), OTHERS.values(), ids=OTHERS)
async def test_another_argument_is_refused_by_name(caller: Caller, name: str, value: Any) -> None:
    """The same is true of every other argument and option."""
    with pytest.raises((ValueError, TypeError), match=name):
        await caller.text(completion(), **{name: value})
    assert nothing_happened(caller)


@pytest.mark.parametrize("tools", TOOLS.values(), ids=TOOLS)
async def test_tools_that_are_none_are_refused(caller: Caller, tools: Any) -> None:
    """The same is true of tools."""
    with pytest.raises((ValueError, TypeError), match="tool"):
        await caller.with_tools(completion(), tools=tools)
    assert nothing_happened(caller)


async def test_the_deepest_option_is_recorded(caller: Caller) -> None:
    """An option of 500 levels, which is the maximum, is on the row."""
    deepest = nested(MAX_LEVELS)
    outcome = await caller.text(completion(), colour=deepest)
    assert json.dumps(deepest) in json.dumps(outcome.row.additional_params)


async def test_plain_dicts_are_messages(caller: Caller, vendor: Vendor) -> None:
    """A dict with a role and a content is accepted as a message, or refused."""
    messages = [{"role": "system", "content": "You are X"}, {"role": "user", "content": "hi"}]
    try:
        outcome = await caller.text(vendor.text("Ghent"), messages=messages, model=vendor.model)
    except (ValueError, TypeError) as error:
        caller.check_refused(error, "messages")
    else:
        assert "Ghent" == outcome.response.content
        assert [("system", "You are X"), ("user", "hi")] == [
            (message["role"], message["content"]) for message in outcome.row.messages
        ]


async def test_a_tuple_of_messages_is_taken(caller: Caller) -> None:
    """Other sequences than lists are accepted."""
    assert "Ghent" == (await caller.text(completion(), messages=tuple(QUESTION))).response.content


@pytest.mark.parametrize(
    "content", [b"hi", 5, [5], ["hi"], [None], [{"text": "hi"}], {"type": "text"}, [{"type": "text", "text": b"x"}]]
)
async def test_content_of_the_wrong_type_is_refused(caller: Caller, content: Any) -> None:
    """Content that is neither text nor a list of parts is refused when the message is made or sent."""
    with pytest.raises((ValueError, TypeError), match=r"content|messages"):
        await caller.text(completion(), messages=[LLMMessage(role="user", content=content)])
    assert nothing_happened(caller)


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
async def test_half_a_character_is_refused_or_replaced(caller: Caller, text: str) -> None:
    """A lone surrogate raises a ValueError that names `messages`, or is replaced."""
    try:
        outcome = await caller.text(completion(), messages=[LLMMessage(role="user", content=text)])
    except (ValueError, TypeError) as error:
        caller.check_refused(error, "messages")
    else:
        assert "Ghent" == outcome.response.content


async def test_integers_in_place_of_floats_are_taken(caller: Caller) -> None:
    """A whole number is accepted as a temperature, but True is not."""
    assert 1 == (await caller.text(completion(), temperature=1)).payload["temperature"]
    with pytest.raises((ValueError, TypeError), match="temperature"):
        await caller.text(completion(), temperature=True)


async def test_the_same_holds_at_every_vendor(caller: Caller) -> None:
    """A wrong message is refused in the same way for every vendor."""
    for vendor in VENDORS.values():
        with pytest.raises((ValueError, TypeError), match="messages"):
            await caller.text(vendor.text("Ghent"), messages=[None], model=vendor.model)
    assert nothing_happened(caller)
