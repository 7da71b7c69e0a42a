"""The models of 2026, and an unknown name, at each endpoint; the stand-in refuses what the real models refuse."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel, Field

from modules.llm_services import LLMError
from modules.llm_services.public import LLMMessage
from modules.llm_services.types import LLMProviderType
from providers.conftest import QUESTION
from providers.test_every_vendor import WEATHER, City

if TYPE_CHECKING:
    from providers.conftest import At

VARIABLES: Final = {
    LLMProviderType.OPENAI: "OPENAI_MODEL",
    LLMProviderType.AZURE_OPENAI: "OPENAI_MODEL",
    LLMProviderType.ANTHROPIC: "ANTHROPIC_MODEL",
    LLMProviderType.BEDROCK: "BEDROCK_MODEL_ID",
    LLMProviderType.GEMINI: "GEMINI_MODEL",
}
MODELS: Final = {
    LLMProviderType.OPENAI: "gpt-4.1 o4-mini gpt-5 gpt-5.1 gpt-5.4-mini gpt-5.6-luna gpt-6.1-sol gpt-9",
    LLMProviderType.AZURE_OPENAI: "prod-chat-eu gpt-4o-prod",
    LLMProviderType.ANTHROPIC: (
        "claude-opus-4-1 claude-opus-4-5 claude-sonnet-4-6 claude-opus-4-8 claude-opus-5 claude-haiku-5-5 claude-next"
    ),
    LLMProviderType.BEDROCK: (
        "eu.anthropic.claude-haiku-4-5-20251001-v1:0 eu.anthropic.claude-opus-4-8-v1:0 "
        "us.anthropic.claude-opus-5-5-v1:0"
    ),
    LLMProviderType.GEMINI: (
        "gemini-2.5-pro gemini-3-flash-preview gemini-3.1-pro-preview gemini-3.8-flash gemini-4-argon "
        "gemini-flash-latest"
    ),
}
EACH: Final = pytest.mark.parametrize(
    ("at", "model"),
    [(provider, model) for provider, names in MODELS.items() for model in names.split()],
    indirect=["at"],
)
EFFORTS: Final = ("none", "minimal", "low", "high", "xhigh", "max")

pytestmark = pytest.mark.judged


class Trip(BaseModel):
    """A class with schema features that endpoints often refuse: siblings of references, bounds, defaults."""

    start: City = Field(description="where it begins")
    stops: list[City] = []
    days: int = Field(default=1, ge=1, le=365)


class Tree(BaseModel):
    """A recursive class."""

    name: str
    children: list[Tree] = Field(default=[], max_length=2)


async def called(at: At, model: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    """Make calls of a model, each of which has to succeed."""
    llm = at.scene("", **{VARIABLES[at.door.provider]: model}).llm
    for method, options in calls:
        given = dict(options)
        asked = [given.pop("messages", QUESTION), *given.pop("wanted", [])]
        await getattr(llm, method)(*asked, **given)
    for row in at.rows():
        assert ("completed", model) == (row["status"], row["model"])


@EACH
async def test_defaults(at: At, model: str) -> None:
    """Text, tools and an object are answered with default arguments."""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("generate_response", {}),
        ("generate_response_with_tools", {"wanted": [[WEATHER]]}),
        ("generate_structured_response", {"wanted": [Trip]}),
    ]
    await called(at, model, calls)


@EACH
async def test_every_effort(at: At, model: str) -> None:
    """Every effort is answered: in text, with tools and for an object, with a token limit and without."""
    calls: list[tuple[str, dict[str, Any]]] = []
    for effort in EFFORTS:
        reasoning = {"reasoning": {"effort": effort}, "verbosity": "low"}
        calls += [
            ("generate_response", {**reasoning, "max_output_tokens": 3000}),
            ("generate_response_with_tools", {**reasoning, "wanted": [[WEATHER]]}),
            ("generate_structured_response", {**reasoning, "wanted": [City]}),
        ]
    await called(at, model, calls)


@EACH
async def test_a_tool_loop_that_the_caller_keeps(at: At, model: str) -> None:
    """A tool result is sent by name, and also after a turn that another vendor made, with blank text."""
    call = {"id": "call 1/é", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    own = [*QUESTION, LLMMessage(role="tool", name="weather", content="clear")]
    foreign = [
        *QUESTION,
        LLMMessage(role="assistant", content="\n", tool_calls=[call]),
        LLMMessage(role="tool", tool_call_id="call 1/é", content="clear"),
    ]
    calls: list[tuple[str, dict[str, Any]]] = [
        ("generate_response_with_tools", {"wanted": [[WEATHER]], "reasoning": {"effort": "low"}}),
        ("generate_response_with_tools", {"wanted": [[WEATHER]], "messages": own, "reasoning": {"effort": "low"}}),
        ("generate_response_with_tools", {"wanted": [[WEATHER]], "messages": foreign, "reasoning": {"effort": "low"}}),
    ]
    await called(at, model, calls)


@EACH
@pytest.mark.parametrize("wanted", [list[City], City | Trip, Tree], ids=["list", "union", "recursive"])
async def test_any_root(at: At, model: str, wanted: Any) -> None:  # noqa: ANN401 - a type
    """A list, a union and a recursive class are requested in a form that the model accepts."""
    llm = at.scene("", **{VARIABLES[at.door.provider]: model}).llm
    with suppress(LLMError):  # the stand-in does not find the schema in the prompt
        await llm.generate_structured_response(QUESTION, wanted)
    assert 200 == at.rows()[0]["response_raw"]["status_code"]
