"""Answers and errors of the vendors, recorded by others, if a folder of recordings is available.

RECORDINGS_FOLDER names it: a folder for each vendor, with files that have a `response` of status, headers and body. The
expected values are taken from the body according to the vendor's documentation. Without the folder, nothing is tested.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from modules.llm_services.providers.bedrock import BedrockWire
from modules.llm_services.wires.generate_content import GenerateContentWire
from modules.llm_services.wires.messages import MessagesWire
from modules.llm_services.wires.responses import ResponsesWire
from modules.llm_services.wires.wire import FAILED_REASONS, Exchange, LLMCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from modules.llm_services.wires.wire import Wire

Json = dict[str, Any]


class Expected(NamedTuple):
    """A body's values by the vendor's documentation: its text, the names of the called tools, its finish reason."""

    text: str
    tools: list[str]
    is_cut: bool


def of_responses(body: Json) -> Expected:
    """Read an OpenAI response."""
    output = body.get("output") or []
    parts = [part for item in output if item["type"] == "message" for part in item["content"]]
    text = "".join(part["text"] for part in parts if part["type"] == "output_text")
    tools = [item["name"] for item in output if item["type"] == "function_call"]
    return Expected(text, tools, (body.get("incomplete_details") or {}).get("reason") == "max_output_tokens")


def of_messages(body: Json) -> Expected:
    """Read a Claude message."""
    blocks = body["content"]
    text = "".join(block["text"] for block in blocks if block["type"] == "text")
    tools = [block["name"] for block in blocks if block["type"] == "tool_use"]
    return Expected(text, tools, body["stop_reason"] == "max_tokens")


def of_generate_content(body: Json) -> Expected:
    """Read a Gemini candidate."""
    candidate = (body.get("candidates") or [{}])[0]
    parts = (candidate.get("content") or {}).get("parts") or []
    text = "".join(part.get("text") or "" for part in parts if not part.get("thought"))
    tools = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
    return Expected(text, tools, candidate.get("finishReason") == "MAX_TOKENS")


READERS: Final[dict[str, tuple[Wire, Callable[[Json], Expected]]]] = {
    "openai": (ResponsesWire(), of_responses),
    "azure": (ResponsesWire(), of_responses),
    "anthropic": (MessagesWire(), of_messages),
    "bedrock": (BedrockWire(), of_messages),
    "gemini": (GenerateContentWire(), of_generate_content),
}
FOLDER: Final = os.environ.get("RECORDINGS_FOLDER", "")
FILES: Final = sorted(file for vendor in READERS for file in Path(FOLDER, vendor).glob("*.json")) if FOLDER else []
UNFINISHED: Final = ("queued", "in_progress", "cancelled")


def fails(body: Json) -> bool:
    """Return True for a 200 that is not an answer: an unfinished job, or a malformed tool call."""
    reason = ((body.get("candidates") or [{}])[0]).get("finishReason")
    return body.get("status") in UNFINISHED or reason in FAILED_REASONS


@pytest.mark.skipif(not FILES, reason="RECORDINGS_FOLDER names no folder of recorded exchanges")
@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_recorded_exchange(file: Path) -> None:
    """Answers are parsed completely, errors are recognised, and parsing does not change the body."""
    recorded = json.loads(file.read_text(encoding="utf-8"))["response"]
    wire, read = READERS[file.parent.name]
    exchange, before = Exchange(body=recorded["body"]), json.dumps(recorded["body"])
    exchange.note(recorded["status"], recorded["headers"])
    call = LLMCall([])
    answer, error = wire.parse(exchange, call), wire.parse_error(exchange, call)
    assert before == json.dumps(exchange.body)
    if not exchange.is_success or fails(recorded["body"]):
        assert error is not None
        assert error.message
        return
    expected = read(recorded["body"])
    assert error is None
    assert answer.is_found
    assert expected == (answer.content, [tool_call.name for tool_call in answer.tool_calls], answer.is_cut)
