"""Streams of OpenRouter, recorded by others, replayed to a call over HTTP, if a folder of recordings is available.

RECORDINGS_FOLDER names a folder with `openrouter-streams` in it or next to it; a file has a `response` of status,
headers and body, which is the text of the events. The expected values are taken from the events, field by field.
Without the folder, nothing is tested.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import pytest

from modules.llm_services.exceptions import LLMError
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.types import LLMMessage, LLMResponse, MessageRole, ToolCall, ToolDefinition
from support.attempts import provider
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sqlalchemy.orm import Session

Json = dict[str, Any]
Answer = tuple[LLMResponse, list[ToolCall] | None, UUID]

FOLDER: Final = os.environ.get("RECORDINGS_FOLDER", "")
FOLDERS: Final = (Path(FOLDER), Path(FOLDER).parent) if FOLDER else ()
FILES: Final = sorted(file for folder in FOLDERS for file in (folder / "openrouter-streams").glob("*.json"))
MESSAGES: Final = [LLMMessage(role=MessageRole.USER, content="hi")]
TOOLS: Final = [ToolDefinition(name="unused", description="", parameters={"type": "object"})]


class Expected(NamedTuple):
    """The content of a stream's events."""

    text: str
    reasoning: str
    refusal: str
    tools: list[str]
    usage: Json
    error: Json | None
    images: int
    annotations: int
    response_id: str | None


def expected(body: str) -> Expected:
    """Read the events of a stream."""
    data = [line[6:] for line in body.split("\n") if line.startswith("data: {")]
    events = [json.loads(line) for line in data]
    deltas = [choice["delta"] for event in events for choice in event.get("choices") or ()]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    usages = [event["usage"] for event in events if event.get("usage")]
    return Expected(
        text=of(deltas, "content"),
        reasoning=of(deltas, "reasoning"),
        refusal=of(deltas, "refusal"),
        tools=[name for call in calls if (name := call["function"].get("name"))],
        usage=usages[-1] if usages else {},
        error=next((event["error"] for event in events if event.get("error")), None),
        images=sum(len(delta.get("images") or ()) for delta in deltas),
        annotations=sum(len(delta.get("annotations") or ()) for delta in deltas),
        response_id=next((event["id"] for event in events if event.get("id")), None),
    )


async def outcome(call: Awaitable[Answer]) -> tuple[Answer | None, LLMError | None]:
    """Return what a call returns or raises."""
    try:
        return await call, None
    except LLMError as error:
        return None, error


def of(deltas: list[Json], name: str) -> str:
    """Join a field of all deltas."""
    return "".join(delta.get(name) or "" for delta in deltas)


def cost(usage: Json) -> float | None:
    """Return the charged cost in a usage."""
    own_key = usage.get("cost_details", {}).get("upstream_inference_cost") if usage.get("is_byok") else 0
    return None if usage.get("cost") is None else usage["cost"] + own_key


@pytest.fixture
def recorded(request: pytest.FixtureRequest) -> Json:
    """Return the response in a file."""
    response: Json = json.loads(request.param.read_text(encoding="utf-8"))["response"]
    return response


@pytest.mark.skipif(not FILES, reason="RECORDINGS_FOLDER names no folder of recorded streams")
@pytest.mark.parametrize("recorded", FILES, ids=lambda file: str(file.stem), indirect=True)
async def test_a_recorded_stream(session: Session, recorded: Json) -> None:
    """Pieces, answer and row match the events; an error among them is raised, with what was billed."""
    said, pieces = expected(recorded["body"]), list[str]()

    def play(visit: Visit) -> None:
        lines = [f"{name}: {value}\r\n" for name, value in recorded["headers"].items()]
        head = f"HTTP/1.1 {recorded['status']} Recorded\r\n{''.join(lines)}connection: close\r\n\r\n"
        visit.writer.write(head.encode() + recorded["body"].encode())

    async with serving(play) as server:
        call = provider(session, server.base_url).generate_response_with_tools(
            MESSAGES, TOOLS, model="openrouter/author/model", on_text=pieces.append
        )
        answer, error = await outcome(call)
    [row] = session.query(LLMRequestModel).all()
    assert said.text == "".join(pieces) == (row.response_content or "")
    assert (said.response_id, said.usage.get("total_tokens")) == (row.provider_response_id, row.tokens_used)
    if said.error:
        assert error
        assert re.escape(str(said.error["message"]))[:20] in re.escape(str(error))
        assert ("failed", cost(said.usage)) == (row.status, row.cost_estimate)
        return
    assert answer is not None
    response, called, _ = answer
    assert ("completed", cost(said.usage) or 0.0) == (row.status, row.cost_estimate)
    assert said.tools == [tool.name for tool in called or ()]
    assert (said.text, said.refusal) == (response.content, response.refusal or "")
    assert (said.images, said.annotations) == (len(response.images), len(response.annotations))
    if said.reasoning:
        assert said.reasoning == response.reasoning
