"""The content of messages, in both forms that consumers use."""

from __future__ import annotations

from typing import Any

import pytest

from modules.llm_services.types import LLMMessage, MessageRole
from modules.llm_services.wires.conversation import ToolCallMemory

URL = "https://example.org/a.png"
DATA = "data:application/pdf;base64,JVBERi0="


def sent(*messages: LLMMessage) -> list[dict[str, Any]]:
    """Return messages as they are sent."""
    return ToolCallMemory().to_chat_messages(messages, "chat_completions")


@pytest.mark.parametrize(
    ("part", "wire"),
    [
        ({"type": "text", "text": "hi"}, {"type": "text", "text": "hi"}),
        ({"type": "input_text", "text": "hi"}, {"type": "text", "text": "hi"}),
        ({"type": "output_text", "text": "hi"}, {"type": "text", "text": "hi"}),
        ({"type": "image_url", "image_url": {"url": URL}}, {"type": "image_url", "image_url": {"url": URL}}),
        ({"type": "image_url", "image_url": URL}, {"type": "image_url", "image_url": {"url": URL}}),
        ({"type": "input_image", "image_url": URL}, {"type": "image_url", "image_url": {"url": URL}}),
        (
            {"type": "input_image", "image_url": URL, "detail": "low"},
            {"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": DATA},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": DATA}},
        ),
        (
            {"type": "input_file", "file_url": "https://example.org/a.pdf"},
            {"type": "file", "file": {"filename": "file", "file_data": "https://example.org/a.pdf"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        ),
        (
            {"type": "input_audio", "data": "UklGRg==", "format": "wav"},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        ),
        ({"type": "invented", "x": 1}, {"type": "invented", "x": 1}),
        (
            {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}},
        ),
    ],
)
def test_a_part_is_sent_as_chat_completions_has_it(part: dict[str, Any], wire: dict[str, Any]) -> None:
    """Responses-style parts are translated; Chat Completions parts, and unknown types, are sent unchanged."""
    assert [{"role": "user", "content": [wire]}] == sent(LLMMessage(role=MessageRole.USER, content=[part]))


@pytest.mark.parametrize("role", [MessageRole.SYSTEM, MessageRole.DEVELOPER, MessageRole.USER, MessageRole.ASSISTANT])
def test_every_role_goes_out_as_it_is(role: MessageRole) -> None:
    """System, developer, user and assistant messages keep their role; a final assistant message is a prefill."""
    assert [{"role": role.value, "content": "hi"}] == sent(LLMMessage(role=role, content="hi"))


def test_no_content_is_an_empty_string() -> None:
    """None as content is sent as "", because the API refuses null."""
    assert [{"role": "user", "content": ""}] == sent(LLMMessage(role=MessageRole.USER, content=None))


def test_explicit_nones_are_left_out() -> None:
    """A field that a consumer passes as None is not sent; a name is."""
    message = LLMMessage(role=MessageRole.USER, content="hi", name="Ada", function_call=None, tool_calls=None)
    assert [{"role": "user", "content": "hi", "name": "Ada"}] == sent(message)


def test_reasoning_details_go_round_unmodified() -> None:
    """Reasoning details of an earlier answer are sent back unchanged and in order."""
    details = [
        {"type": "reasoning.text", "text": "Hm.", "signature": "s=="},
        {"type": "reasoning.encrypted", "data": "d"},
    ]
    message = LLMMessage(role=MessageRole.ASSISTANT, content="Yes.", reasoning_details=details)
    assert [{"role": "assistant", "content": "Yes.", "reasoning_details": details}] == sent(message)
