"""The parameters for each generation of Claude: sampling, thinking, limit, object, and the rules between them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import pytest
from pydantic import BaseModel, Field

from modules.llm_services.types import LLMMessage, ToolDefinition
from modules.llm_services.wires.messages import MessagesWire
from modules.llm_services.wires.wire import LLMCall
from support.rendering import rendered

TOOLS: Final = [ToolDefinition(name="look", description="", parameters={"type": "object", "properties": {}})]
NEWEST: Final = (
    "claude-opus-4-7",
    "claude-opus-4-7-20260416",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-sonnet-5-5",
    "claude-fable-5-1",
    "claude-haiku-7",
    "claude-haiku-latest",
    "us.anthropic.claude-opus-5-5-v1:0",
    "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2",
)
SAMPLED: Final = (
    "claude-3-haiku-20240307",
    "claude-3-5-sonnet-20241022",
    "claude-opus-4-1",
    "claude-sonnet-4-20250514",
    "claude-haiku-4-5-20251001",
    "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "claude-sonnet-4-6",
)
UNFORCEABLE: Final = ("claude-opus-5-5", "claude-fable-5-1", "claude-next")


class Found(BaseModel):
    """The requested object."""

    count: int = Field(ge=0)


class Node(BaseModel):
    """A recursive class, which no strict schema can express."""

    children: list[Node] = []


def sent(model: str, messages: list[LLMMessage] | None = None, **call: Any) -> dict[str, Any]:
    """Return the request of a call; `temperature` is the caller's, otherwise the configured default."""
    options = {name: call.pop(name) for name in list(call) if name in MessagesWire.options.model_fields}
    is_given = "temperature" in call
    temperature = call.pop("temperature", 0.7)
    asked = messages or [LLMMessage(role="user", content="hi")]
    given = LLMCall(asked, model, temperature, params=options, temperature_is_given=is_given, **call)
    return rendered(MessagesWire(), given)


@pytest.mark.parametrize("model", NEWEST)
def test_no_default_sampling(model: str) -> None:
    """From Opus 4.7 on, and for an unknown name, no sampling parameter is sent by default."""
    for call in ({}, {"tools": TOOLS}, {"response_model": Found}, {"reasoning": {"effort": "low"}}):
        assert not {"temperature", "top_p", "top_k"} & sent(model, **call).keys()


@pytest.mark.parametrize("model", NEWEST)
def test_the_callers_own_sampling(model: str) -> None:
    """The caller's values are sent; if the model does not accept one, the vendor's error names it."""
    payload = sent(model, temperature=0.2, top_p=0.9, top_k=5)
    assert (0.2, 0.9, 5) == (payload["temperature"], payload["top_p"], payload["top_k"])


@pytest.mark.parametrize("model", SAMPLED)
def test_the_default_temperature_of_older_ones(model: str) -> None:
    """Until 4.6, the configured temperature is sent, unless there is a `top_p`."""
    assert 0.7 == sent(model)["temperature"]
    assert "temperature" not in sent(model, top_p=0.9)


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "sent_effort"),
    [
        ("claude-3-haiku-20240307", "high", None, None),
        ("claude-haiku-4-5", "low", {"type": "enabled", "budget_tokens": 1024}, None),
        ("claude-haiku-4-5", "minimal", None, None),
        ("claude-haiku-4-5", "none", None, None),
        ("claude-opus-4-1", "high", {"type": "enabled", "budget_tokens": 10_000}, None),
        ("claude-opus-4-6", "xhigh", {"type": "adaptive"}, "high"),
        ("claude-opus-4-6", "max", {"type": "adaptive"}, "max"),
        ("claude-opus-4-8", "low", {"type": "adaptive"}, "low"),
        ("claude-opus-4-8", "minimal", {"type": "adaptive"}, "low"),
        ("claude-opus-5", "xhigh", {"type": "adaptive"}, "xhigh"),
        ("claude-haiku-5-5", "none", None, "low"),
        ("claude-of-next-month", "max", {"type": "adaptive"}, "max"),
    ],
)
def test_how_much_to_think(model: str, effort: str, thinking: object, sent_effort: str | None) -> None:
    """Older generations get a thinking budget; from 4.6 on, adaptive thinking with the nearest effort."""
    payload = sent(model, reasoning={"effort": effort})
    assert (thinking, sent_effort) == (payload.get("thinking"), payload.get("output_config", {}).get("effort"))


@pytest.mark.parametrize(("tokens", "effort"), [(500, "low"), (4096, "medium"), (9000, "high"), (90_000, "max")])
def test_thinking_in_tokens(tokens: int, effort: str) -> None:
    """`max_tokens` for reasoning becomes a budget of at least 1,024, or the effort that covers it."""
    old = sent("claude-haiku-4-5", reasoning={"max_tokens": tokens})["thinking"]["budget_tokens"]
    assert max(1024, min(tokens, 48_000)) == old
    assert {"effort": effort} == sent("claude-opus-5-5", reasoning={"max_tokens": tokens})["output_config"]


@pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh", "max"])
@pytest.mark.parametrize("cap", [None, 100, 20_000, 31_500])
@pytest.mark.parametrize(("model", "most"), [("claude-opus-4-1", 32_000), ("claude-sonnet-4-5", 64_000)])
def test_a_budget_within_the_models_limit(model: str, most: int, cap: int | None, effort: str) -> None:
    """The answer keeps its limit, and thinking gets the rest of the model's; below 1,024 tokens, none."""
    payload = sent(model, reasoning={"effort": effort}, max_output_tokens=cap)
    budget = payload.get("thinking", {}).get("budget_tokens", 0)
    assert payload["max_tokens"] <= most
    assert (cap or 16_000) == payload["max_tokens"] - budget
    assert budget >= 1024 or (model, cap) == ("claude-opus-4-1", 31_500)


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-4-1", "claude-opus-4-8", "claude-opus-5-5"])
@pytest.mark.parametrize(
    "beside",
    [
        {"tools": TOOLS, "tool_choice": "required"},
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "look"}}},
        {"tools": TOOLS, "tool_choice": {"type": "any"}},
        {"top_k": 5},
        {"top_p": 0.5},
    ],
    ids=["required", "named", "any", "top_k", "top_p"],
)
def test_what_rules_thinking_out(model: str, beside: dict[str, Any]) -> None:
    """A forced tool, `top_k` and a low `top_p` are sent, and thinking is left out."""
    payload = sent(model, reasoning={"effort": "low"}, **beside)
    assert "thinking" not in payload
    assert beside.keys() - {"tools"} <= payload.keys()


@pytest.mark.parametrize("beside", [{"tools": TOOLS}, {"tools": TOOLS, "tool_choice": "auto"}, {"top_p": 0.97}])
def test_what_stands_beside_thinking(beside: dict[str, Any]) -> None:
    """An optional tool and a high `top_p` are sent with thinking; a temperature is left out."""
    payload = sent("claude-haiku-4-5", reasoning={"effort": "low"}, temperature=0.2, **beside)
    assert "thinking" in payload
    assert "temperature" not in payload


@pytest.mark.parametrize(
    "extra_body",
    [{"thinking": {"type": "adaptive"}}, {"top_p": 0.9}, {"temperature": 0.1}],
    ids=["thinking", "top_p", "temperature"],
)
def test_what_extra_body_excludes(extra_body: dict[str, Any]) -> None:
    """Values in `extra_body` exclude defaults too."""
    payload = sent("claude-sonnet-4-6", extra_body=extra_body)
    assert extra_body.items() <= payload.items()
    assert extra_body.get("temperature") == payload.get("temperature")


def test_thinking_as_the_caller_spells_it() -> None:
    """`thinking` is sent unchanged in any combination, and its tokens are added to the limit."""
    thinking = {"type": "enabled", "budget_tokens": 2000}
    payload = sent("claude-haiku-4-5", thinking=thinking, tools=TOOLS, tool_choice="required", max_output_tokens=100)
    assert (thinking, 2100) == (payload["thinking"], payload["max_tokens"])


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-sonnet-4-6", *NEWEST])
def test_an_object_by_its_schema(model: str) -> None:
    """From 4.5 on, the request has the schema, closed and without bounds, and the model may think."""
    payload = sent(model, response_model=Found, reasoning={"effort": "low"})
    schema = payload["output_config"]["format"]["schema"]
    assert {"count": {"title": "Count", "type": "integer"}} == schema["properties"]
    assert (False, ["count"]) == (schema["additionalProperties"], schema["required"])
    assert "thinking" in payload
    assert not {"tools", "tool_choice"} & payload.keys()


@pytest.mark.parametrize("model", ["claude-3-haiku-20240307", "claude-opus-4-1"])
def test_an_object_by_a_tool(model: str) -> None:
    """Older models are forced to use a tool, and do not think."""
    payload = sent(model, response_model=Found, reasoning={"effort": "low"})
    assert {"type": "tool", "name": "answer"} == payload["tool_choice"]
    assert not {"thinking", "output_config"} & payload.keys()


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-opus-5"])
def test_an_object_that_no_schema_expresses(model: str) -> None:
    """A recursive class is requested by a tool if the model can be forced to use one."""
    payload = sent(model, response_model=Node)
    assert "answer" == payload["tools"][0]["name"]
    assert "output_config" not in payload


@pytest.mark.parametrize("model", UNFORCEABLE)
def test_an_object_asked_for_in_the_prompt(model: str) -> None:
    """If no tool can be forced either, the prompt asks for the object."""
    payload = sent(model, response_model=Node)
    assert "JSON Schema" in payload["system"][0]["text"]
    assert not {"tools", "tool_choice", "output_config"} & payload.keys()


def test_an_object_beside_thinking_as_the_caller_spells_it() -> None:
    """The caller's `thinking` excludes the tool, so the prompt asks for the object."""
    payload = sent("claude-opus-4-1", response_model=Found, thinking={"type": "enabled", "budget_tokens": 1024})
    assert "JSON Schema" in payload["system"][0]["text"]
    assert "tools" not in payload


@pytest.mark.parametrize("blank", ["", " ", "\n", "\t\n "])
@pytest.mark.parametrize("place", ["assistant", "system", "part", "calls", "user"])
def test_blank_texts_are_left_out(blank: str, place: str) -> None:
    """Blank texts, which models write before a tool call, are not sent, because the API refuses them."""
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    hello = LLMMessage(role="user", content="hi")
    messages = {
        "assistant": [hello, LLMMessage(role="assistant", content=blank), LLMMessage(role="user", content="well?")],
        "system": [LLMMessage(role="system", content=blank), hello],
        "part": [LLMMessage(role="user", content=[{"type": "text", "text": blank}, {"type": "text", "text": "hi"}])],
        "calls": [
            hello,
            LLMMessage(role="assistant", content=blank, tool_calls=[call]),
            LLMMessage(role="tool", tool_call_id="c", content="seen"),
        ],
        "user": [LLMMessage(role="user", content=blank), hello],
    }[place]
    payload = sent("claude-haiku-4-5", messages)
    blocks = [block for turn in payload["messages"] for block in turn["content"]] + payload.get("system", [])
    assert all(block["text"].strip() for block in blocks if block["type"] == "text")
    roles = [turn["role"] for turn in payload["messages"]]
    assert all(one != other for one, other in pairwise(roles))


@pytest.mark.parametrize("model", ["claude-sonnet-4-6", *NEWEST])
def test_no_prefill(model: str) -> None:
    """From 4.6 on, a conversation that ends in the assistant's text is refused before it is sent."""
    messages = [LLMMessage(role="user", content="hi"), LLMMessage(role="assistant", content="{")]
    with pytest.raises(ValueError, match="an assistant message at the end"):
        sent(model, messages)


def test_a_prefill_of_older_ones() -> None:
    """Until 4.5, the model continues an assistant's text."""
    messages = [LLMMessage(role="user", content="hi"), LLMMessage(role="assistant", content="{")]
    assert "{" == sent("claude-haiku-4-5", messages)["messages"][-1]["content"][0]["text"]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [({"team": "growth"}, None), ({"user_id": "u-1", "team": "growth"}, {"user_id": "u-1"}), ({}, None)],
)
def test_of_the_metadata_only_the_user_is_sent(metadata: dict[str, str], expected: dict[str, str] | None) -> None:
    """Only `user_id` of `metadata` is sent, because the API refuses other names; the labels stay on the row."""
    assert expected == sent("claude-sonnet-5-5", metadata=metadata).get("metadata")
