"""Every value that crosses a boundary of this module, defined once."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    StrictStr,
    model_serializer,
)


def in_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; one without a zone, as SQLite hands them out, is taken to be UTC.

    So is one at an end of time whose date in UTC is in no calendar.
    """
    if moment.tzinfo:
        with suppress(OverflowError):
            return moment.astimezone(UTC)
    return moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(in_utc)]


LONGEST_MODEL_NAME: Final = 100  # characters: the width of the column
DEEPEST_JSON: Final = 100  # levels that are read and stored as they are; a wire that needs more is no wire we know
LARGEST_INTEGER: Final = 2**31 - 1  # what an integer column holds


class LLMProviderType(StrEnum):
    """The services that a model name can be routed to."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    AZURE_OPENAI = "azure_openai"
    BEDROCK = "bedrock"
    GEMINI = "gemini"
    OPENROUTER = "openrouter"


class MessageRole(StrEnum):
    """Who speaks in a message; compares equal to the plain string."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    FUNCTION = "function"


# A message may be made with the plain string; what it holds is the member, which compares equal to it.
if TYPE_CHECKING:
    from collections.abc import Mapping

    Role: TypeAlias = MessageRole | str
else:
    Role = MessageRole


class RequestStatus(StrEnum):
    """Where a request row stands: sent or about to be, answered, or failed."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class CostSource(StrEnum):
    """Where the cost of a row comes from: the answer, the provider's books later on, a price table, or nowhere.

    What the response cache answered cost nothing.
    """

    REPORTED = "reported"
    RECONCILED = "reconciled"
    ESTIMATED = "estimated"
    UNPRICED = "unpriced"
    CACHED = "cached"


class Value(BaseModel):
    """A value of this module; its validator is built when the first one is made, so that importing stays cheap."""

    model_config = ConfigDict(defer_build=True)


class Input(Value):
    """A value that callers make: a field that it does not have is a ValueError, and not dropped."""

    model_config = ConfigDict(extra="forbid")


class LLMMessage(Input):
    """One turn of a conversation; `content` is text, or a list of text, image, file and audio parts.

    `tool_calls` are the calls of an assistant's turn, as Chat Completions has them or as dumped ToolCalls;
    `reasoning_details` what the vendor gave with them, unchanged. `cache_control` marks the end of the message as a
    cache breakpoint, on wires that know it.
    """

    role: Role
    content: StrictStr | list[dict[str, Any]] | None = None
    name: str | None = None
    function_call: dict[str, Any] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    reasoning_details: list[dict[str, Any]] | None = None
    cache_control: dict[str, Any] | None = None


class ToolDefinition(Input):
    """A function the model may ask for; `parameters` is the JSON Schema of its arguments.

    `strict` asks the vendor to hold the model to the schema; `cache_control` marks a cache breakpoint. Both go to
    wires that know them.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool | None = None
    cache_control: dict[str, Any] | None = None

    @model_serializer(mode="wrap")
    def _without_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Dump what was given: who dumps a tool may send it as it is."""
        return {name: value for name, value in handler(self).items() if value is not None}


class ToolCall(Value):
    """A function the model asked for, with its arguments decoded."""

    id: str
    name: str
    arguments: dict[str, Any]


class ImageResponse(Value):
    """A generated image, by its http(s) or `data:` URL; cost in USD."""

    image_url: str
    revised_prompt: str | None = None
    size: str | None = None
    cost_estimate: float | None = None

    def image_bytes(self) -> bytes:
        """Return the image of a `data:` URL, decoded; raises ValueError for an http URL, which has to be fetched."""
        header, comma, data = self.image_url.partition(",")
        if not (comma and header.startswith("data:")):
            raise ValueError("image_url is no data: URL: download the image from it")
        return base64.b64decode(data) if header.endswith(";base64") else unquote_to_bytes(data)


class AudioResponse(Value):
    """Generated speech; cost in USD, duration in seconds."""

    audio_base64: str
    mime_type: str
    voice: str | None = None
    model: str | None = None
    cost_estimate: float | None = None
    duration_seconds: float | None = None

    def audio_bytes(self) -> bytes:
        """Return the audio, decoded."""
        return base64.b64decode(self.audio_base64)


class LLMResponse(Value):
    """What a model answered: text, token counts, cost in USD and time in milliseconds.

    `cached` says that cached input tokens, a response-cache hit or our own cache took part.
    `input_tokens` includes `cached_input_tokens` and `cache_creation_tokens`. `reasoning` is the model's reasoning as
    text, `reasoning_details` what its vendor wants back unchanged in the next turn; `images` are URLs, `data:`
    included; `annotations` are citations as they came. `response_output` is the answer's structured part: the object,
    the tool calls, or what was made.
    """

    content: str
    provider: str
    model: str
    tokens_used: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_estimate: float | None = None
    response_time_ms: int | None = None
    cached: bool = False
    provider_response_id: str | None = None
    system_fingerprint: str | None = None
    response_output: Any = None
    response_created_at: datetime | None = None
    finish_reason: str | None = None
    cached_input_tokens: int | None = None
    cache_creation_tokens: int | None = None
    reasoning: str | None = None
    reasoning_details: list[dict[str, Any]] | None = None
    refusal: str | None = None
    images: list[str] = []
    audio: AudioResponse | None = None
    annotations: list[dict[str, Any]] = []


class WebSearchResponse(Value):
    """Results of a web search, as the provider gave them."""

    search_results: list[dict[str, Any]] = []
    cost_estimate: float | None = None


class LLMRequest(Value):
    """One row of `llm_requests`, column by column; cost in USD, time in milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    user_id: int | None = None
    api_variant: str
    provider: str
    model: str
    provider_response_id: str | None = None
    system_fingerprint: str | None = None
    temperature: float
    max_output_tokens: int | None = None
    messages: Any
    additional_params: Any = None
    request_payload: Any = None
    response_content: str | None = None
    response_raw: Any = None
    response_output: Any = None
    tokens_used: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_estimate: float | None = None
    response_created_at: Moment | None = None
    status: str
    execution_time_ms: int | None = None
    error_message: str | None = None
    error_type: str | None = None
    retry_attempt: int
    cached: bool
    created_at: Moment
    updated_at: Moment


@dataclass(frozen=True)
class Usage:
    """What a call used and cost, None where the wire does not say; cost in USD, all in.

    `rates` are what the answer names in place of the list price (a service tier, a speed, ...), `pieces` what is billed
    by the piece beside the tokens, or in their place; both by the names of the price table where it has any.
    `price_table` is the table, and its version, that an estimated cost comes from.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_creation_tokens: int | None = None
    reasoning_tokens: int | None = None
    rates: Mapping[str, str] = field(default_factory=dict)
    pieces: Mapping[str, int] = field(default_factory=dict)
    cost: float | None = None
    cost_source: CostSource = CostSource.REPORTED
    price_table: str | None = None
    cached: bool = False
