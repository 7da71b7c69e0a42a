"""Unique texts that a test can search for, and an OpenRouter that answers with them and quotes the request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from modules.llm_services.config import VARIABLE_NAMES
from support.databases import apart
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from sqlalchemy import Engine

    Reply = Callable[[Visit], Awaitable[None] | None]


@dataclass
class Texts:
    """Unique sentences, each recognised by a word that is in no other text."""

    written: dict[str, str] = field(default_factory=dict)

    def __call__(self, where: str) -> str:
        """Return a new sentence; `where` names it when a test fails."""
        word = uuid4().hex
        self.written[word] = where
        return f"the {where} says {word} and more"

    def found_in(self, stored: str) -> list[str]:
        """Return the names of the sentences that occur in `stored`."""
        return sorted(where for word, where in self.written.items() if word in stored)


@pytest.fixture
def texts() -> Texts:
    """Return Texts without sentences."""
    return Texts()


@dataclass
class OpenRouter:
    """Its replies to the requests, in order; the last reply is repeated."""

    replies: list[Reply]

    def __call__(self, visit: Visit) -> Awaitable[None] | None:
        """Answer."""
        return (self.replies.pop(0) if len(self.replies) > 1 else self.replies[0])(visit)


@pytest.fixture
async def openrouter(monkeypatch: pytest.MonkeyPatch, texts: Texts) -> AsyncGenerator[OpenRouter]:
    """Serve OpenRouter on this machine, with LLM_STORE=figures and nothing else set."""
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)
    router = OpenRouter([completion(texts("answer"))])
    async with serving(router) as served:
        monkeypatch.setenv("OPENROUTER_BASE_URL", served.base_url)
        monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-figures")
        monkeypatch.setenv("LLM_STORE", "figures")
        monkeypatch.setenv("MAX_RETRIES", "0")
        yield router


def completion(content: str | None, *, message: object = None, **fields: object) -> Reply:
    """Return a handler that answers with `content`, followed by the whole request."""

    def reply(visit: Visit) -> None:
        quoted = None if content is None else f"{content} {json.dumps(visit.payload)}"
        said = {"role": "assistant", "content": quoted} | (message if isinstance(message, dict) else {})
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.1}
        body = {"id": "gen-1", "model": "author/model", "provider": "Google AI Studio", "usage": usage}
        visit.answer({**body, "choices": [{"message": said, "finish_reason": "stop"}], **fields})

    return reply


def stored(engine: Engine) -> str:
    """Return everything in a database: every column as text and, for SQLite, the bytes of its files."""
    with apart(engine.url) as connection:
        if engine.dialect.name == "postgresql":
            return "\n".join(connection.scalars(text("SELECT CAST(llm_requests AS text) FROM llm_requests")))
        rows = json.dumps([list(map(str, row)) for row in connection.execute(text("SELECT * FROM llm_requests"))])
        file = str(engine.url.database)
        return rows + "".join(_bytes(f"{file}{end}") for end in ("", "-wal"))


def _bytes(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 - SQLite's own name of it
        return file.read().decode("latin-1")


def files(folder: Path) -> str:
    """Return the bytes of every file below a folder."""
    return "".join(_bytes(str(path)) for path in folder.rglob("*") if path.is_file())


def messages(texts: Texts) -> list[dict[str, Any]]:
    """Return a conversation with a unique text in every field that can hold one."""
    call = {"name": "look", "arguments": json.dumps({"where": texts("argument of a call")})}
    parts = [
        {"type": "text", "text": texts("part")},
        {"type": "image_url", "image_url": {"url": f"data:text/plain,{texts('picture')}"}},
    ]
    return [
        {"role": "system", "content": texts("system prompt")},
        {"role": "user", "content": parts, "name": texts("name")},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call-1", "type": "function", "function": call}]},
        {"role": "tool", "content": texts("result of a tool"), "tool_call_id": "call-1"},
        {"role": "user", "content": texts("question")},
    ]
