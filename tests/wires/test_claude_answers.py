"""A structured answer of Claude counts only if it was complete."""

from __future__ import annotations

from typing import Any, Final

import pytest
from pydantic import BaseModel

from modules.llm_services.types import LLMMessage
from modules.llm_services.wires.messages import MessagesWire
from modules.llm_services.wires.wire import Answer, Exchange, LLMCall


class Found(BaseModel):
    """A class that accepts an empty object."""

    items: list[str] = []


ASKED: Final = [LLMMessage(role="user", content="hi")]
TOOL_USE: Final = {"type": "tool_use", "id": "t", "name": "answer", "input": {"items": ["a"]}}
TEXT: Final = {"type": "text", "text": '{"items": ["a"]}'}


def answered(block: dict[str, Any], reason: str | None, response_model: type[BaseModel] | None = Found) -> Answer:
    """Return a message with one block and this stop reason."""
    body = {"content": [block], "stop_reason": reason, "usage": {"input_tokens": 1, "output_tokens": 2}}
    return MessagesWire().parse(Exchange(200, body=body), LLMCall(ASKED, response_model=response_model))


@pytest.mark.parametrize("block", [TOOL_USE, TEXT], ids=["tool", "schema"])
def test_a_whole_object(block: dict[str, Any]) -> None:
    """A tool's input, and the text of a model that follows a schema, are parsed in the same way."""
    answer = answered(block, "tool_use" if block is TOOL_USE else "end_turn")
    assert ('{"items": ["a"]}', "stop", None) == (answer.content, answer.finish_reason, answer.malformed)


@pytest.mark.parametrize("block", [TOOL_USE, TEXT], ids=["tool", "schema"])
@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
def test_an_object_that_was_cut(block: dict[str, Any], reason: str) -> None:
    """An answer that the token limit or the context window ended is truncated."""
    assert answered(block, reason).is_cut


@pytest.mark.parametrize("block", [TOOL_USE, TEXT], ids=["tool", "schema"])
def test_an_object_that_was_refused(block: dict[str, Any]) -> None:
    """The model refused to continue."""
    assert answered(block, "refusal").is_refused


@pytest.mark.parametrize("block", [TOOL_USE, TEXT], ids=["tool", "schema"])
def test_an_object_that_was_paused(block: dict[str, Any]) -> None:
    """A paused turn continues in the next one; as text it is returned."""
    assert "pause_turn" in (answered(block, "pause_turn").malformed or "")
    spoken = answered(TEXT, "pause_turn", response_model=None)
    assert (None, "stop", "pause_turn") == (
        spoken.malformed,
        spoken.finish_reason,
        spoken.details["native_finish_reason"],
    )
