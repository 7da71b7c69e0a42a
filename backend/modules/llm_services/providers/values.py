"""What goes into a provider's flow and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from ..types import Usage

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from pydantic import BaseModel

    from ..types import AudioResponse, ImageResponse, LLMMessage, LLMResponse, ToolCall, ToolDefinition


class Kind(Enum):
    """What a call asks for: text (an object and tool calls are text too), an image, or speech."""

    TEXT = auto()
    IMAGE = auto()
    SPEECH = auto()


@dataclass(frozen=True)
class LLMCall:
    """What a caller asks of a provider; None is the configured default, until the flow fills it in.

    `options` are the keywords beyond the named ones; `..._is_given` tells the caller's word from a default.
    """

    messages: list[LLMMessage]
    model: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    user_id: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    response_model: type[BaseModel] | None = None
    tools: list[ToolDefinition] = field(default_factory=list)
    kind: Kind = Kind.TEXT
    temperature_is_given: bool = False
    max_output_tokens_is_given: bool = False

    @property
    def model_name(self) -> str:
        """The model, once it is filled in."""
        return self.model or ""

    @property
    def prompt(self) -> str:
        """The one message of a call for an image or for speech."""
        return str(self.messages[0].content)


@dataclass(frozen=True)
class Answer:
    """Everything that a body says, read leniently; `details` is what only its provider says (served model, ...).

    `is_found` says that there is an answer at all; `malformed` what is wrong with one whose JSON cannot be decoded;
    `turn` is an answer that calls tools, as a Chat Completions message, for the conversation to go on from.
    """

    content: str = ""
    finish_reason: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    response_id: str | None = None
    system_fingerprint: str | None = None
    created_at: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)
    is_found: bool = False
    malformed: str | None = None
    turn: dict[str, Any] | None = None
    media: ImageResponse | AudioResponse | None = None


@dataclass(frozen=True)
class Completion:
    """What a finished call hands out; `spent` is what its earlier attempts used and cost."""

    response: LLMResponse
    request_id: UUID
    tool_calls: tuple[ToolCall, ...] = ()
    parsed: BaseModel | None = None
    media: ImageResponse | AudioResponse | None = None
    spent: tuple[Usage, ...] = ()
