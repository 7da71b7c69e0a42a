"""The size of a row in docs/row.md: each kind of content is in the columns that the page names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel
from sqlalchemy import select

from modules.llm_services.config import LLMConfig
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.providers.gemini import GeminiProvider
from modules.llm_services.providers.openai import OpenAIProvider
from modules.llm_services.providers.openrouter import OpenRouterProvider
from modules.llm_services.types import LLMMessage, ToolDefinition
from support.server import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sqlalchemy.orm import Session

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs" / "row.md").read_text(encoding="utf-8")
SECTION: Final = PAGE.split("## The size of a row")[1].split("\n## ")[0]
LINES: Final = re.findall(r"^\| (.+?) \| (`.+?) \| (once|twice|three times)", SECTION, re.MULTILINE)
OFTEN: Final = {1: "once", 2: "twice", 3: "three times"}
LONG: Final = "QUJD" * 15_000  # also base64, and longer than what `messages` keeps of an image
MODEL: Final = "openrouter/author/model"
TOOL: Final = ToolDefinition(name="look", description="looks", parameters={"type": "object"})
PICTURE: Final = [{"type": "input_image", "image_url": f"data:image/png;base64,{LONG}"}]


class Found(BaseModel):
    """The type of a structured answer."""

    text: str


def completion(**message: object) -> dict[str, Any]:
    """Return a completion with this message."""
    return {"id": "gen-1", "choices": [{"message": {"role": "assistant", **message}, "finish_reason": "stop"}]}


def call_of_tool(arguments: dict[str, str]) -> dict[str, Any]:
    """Return a call of the tool."""
    return {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": json.dumps(arguments)}}


def ask(
    content: str | list[dict[str, Any]] = "hi", tools: list[ToolDefinition] | None = None
) -> Callable[..., Coroutine[Any, Any, object]]:
    """Return a call to OpenRouter."""
    messages = [LLMMessage(role="user", content=content)]
    return lambda llm: llm.generate_response_with_tools(messages, tools or [], model=MODEL)


AUDIO: Final = {"inlineData": {"mimeType": "audio/wav", "data": LONG}}
# By the page's first column: the provider, the call, and the server's answer.
CASES: Final[dict[str, tuple[type, Callable[..., Coroutine[Any, Any, object]], object]]] = {
    "a picture, file or sound that you send in base64 or as a `data:` URL": (
        OpenRouterProvider,
        ask(PICTURE),
        completion(content="ok"),
    ),
    "text that you send": (OpenRouterProvider, ask(LONG), completion(content="ok")),
    "the text of the answer": (OpenRouterProvider, ask(), completion(content=LONG)),
    "an object": (
        OpenRouterProvider,
        lambda llm: llm.generate_structured_response([LLMMessage(role="user", content="hi")], Found, model=MODEL),
        completion(content=json.dumps({"text": LONG})),
    ),
    "tool calls": (
        OpenRouterProvider,
        ask(tools=[TOOL]),
        completion(content="", tool_calls=[call_of_tool({"text": LONG})]),
    ),
    "speech": (
        GeminiProvider,
        lambda llm: llm.generate_audio("hi", "plain"),
        {"candidates": [{"content": {"parts": [AUDIO]}, "finishReason": "STOP"}]},
    ),
    "a generated image": (OpenAIProvider, lambda llm: llm.generate_image("A cat"), {"data": [{"b64_json": LONG}]}),
}


def test_every_kind_has_its_case() -> None:
    """Every line of the page has a call, and every call has a line."""
    assert [name for name, _, _ in LINES] == list(CASES)


@pytest.mark.parametrize(("name", "columns", "often"), LINES, ids=[name for name, _, _ in LINES])
async def test_content_is_in_the_columns(name: str, columns: str, often: str, session: Session) -> None:
    """The whole content is in the columns that the line names, as often as it says."""
    provider, call, body = CASES[name]
    async with serving(lambda visit: visit.answer(body)) as server:
        config = LLMConfig.model_validate(
            {
                "openrouter_api_key": "sk-or-v1-weight",
                "openrouter_base_url": server.base_url,
                "openai_api_key": "sk-weight",
                "openai_base_url": server.base_url,
                "gemini_api_key": "weight",
                "gemini_base_url": server.base_url,
            }
        )
        await call(provider(config, session))
    row = session.scalars(select(LLMRequestModel)).one()
    values = {column: str(getattr(row, column)) for column in LLMRequestModel.__table__.columns.keys()}  # noqa: SIM118 - a mapping of columns
    found = {column for column, value in values.items() if LONG in value}
    assert (set(re.findall(r"`(\w+)`", columns)), often) == (found, OFTEN[len(found)])
