"""The values that callers pass and receive, and those that the parts of this module share."""

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
    """Return `moment` in UTC; a time without a zone, as SQLite returns it, is taken to be in UTC.

    So is a time at the first or last day of the calendar that cannot be converted.
    """
    if moment.tzinfo:
        with suppress(OverflowError):
            return moment.astimezone(UTC)
    return moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(in_utc)]


LONGEST_MODEL_NAME: Final = 100  # characters: the width of the column
DEEPEST_JSON: Final = 100  # levels that are parsed and stored unchanged; no known API nests deeper
CHARACTERS_OF_A_TOKEN: Final = 4  # an approximation, where the tokens are not counted
LARGEST_INTEGER: Final = 2**31 - 1  # the largest value of an integer column


class LLMProviderType(StrEnum):
    """The providers that a model name can be routed to."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    AZURE_OPENAI = "azure_openai"
    BEDROCK = "bedrock"
    GEMINI = "gemini"
    OPENROUTER = "openrouter"


class MessageRole(StrEnum):
    """The role of a message; equal to the plain string."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    FUNCTION = "function"


# A message accepts the plain string and stores the member, which is equal to it.
if TYPE_CHECKING:
    from collections.abc import Mapping

    Role: TypeAlias = MessageRole | str
else:
    Role = MessageRole


class RequestStatus(StrEnum):
    """The status of a row: sent or about to be sent, answered, or failed."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class CostSource(StrEnum):
    """The source of a row's cost.

    The answer reported it (reported), the provider's statistics did later (reconciled), a price table gave it
    (estimated), none of these did (unpriced), or our response cache answered, which costs nothing (cached).
    """

    REPORTED = "reported"
    RECONCILED = "reconciled"
    ESTIMATED = "estimated"
    UNPRICED = "unpriced"
    CACHED = "cached"


class Value(BaseModel):
    """The base of the values; a validator is built when it is first used, so that the import stays fast."""

    model_config = ConfigDict(defer_build=True)


class Input(Value):
    """The base of the values that callers make; an unknown field is a ValueError."""

    model_config = ConfigDict(extra="forbid")


class LLMMessage(Input):
    """One message of a conversation."""

    role: Role
    """"system", "developer", "user", "assistant", "tool" or "function"; stored as a `MessageRole`."""
    content: StrictStr | list[dict[str, Any]] | None = None
    """Text, or a list of parts: text, images, files, audio."""
    name: str | None = None
    """The tool's name in a message of role "tool"; otherwise the speaker's name."""
    function_call: dict[str, Any] | None = None
    """The function call of an assistant's message in its older form, which `tool_calls` replaced."""
    tool_calls: list[dict[str, Any]] | None = None
    """The tool calls of an assistant's message, in the form of Chat Completions or as dumped `ToolCall`s."""
    tool_call_id: str | None = None
    """The id of the tool call that a message of role "tool" answers; found by `name` if it is None."""
    reasoning_details: list[dict[str, Any]] | None = None
    """`LLMResponse.reasoning_details` of the same assistant's message, unchanged."""
    cache_control: dict[str, Any] | None = None
    """A prompt-cache breakpoint at the end of the message, such as `{"type": "ephemeral"}`, if the API has them."""


class ToolDefinition(Input):
    """A function that the model may request."""

    name: str
    """The function's name."""
    description: str
    """What the function does; the model reads it."""
    parameters: dict[str, Any]
    """The JSON Schema of the arguments."""
    strict: bool | None = None
    """Whether the provider has to enforce the schema, if the API has that option."""
    cache_control: dict[str, Any] | None = None
    """A prompt-cache breakpoint after this tool, if the API has them."""

    @model_serializer(mode="wrap")
    def _without_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Dump only the fields that were set, so that a dumped tool can be sent."""
        return {name: value for name, value in handler(self).items() if value is not None}


class ToolCall(Value):
    """A model's request to call a function."""

    id: str
    """The id of this request; the result may name it as `tool_call_id`."""
    name: str
    """The function's name."""
    arguments: dict[str, Any]
    """The arguments, decoded from JSON."""


class ImageResponse(Value):
    """A generated image."""

    image_url: str
    """An http(s) URL, or the image itself as a `data:` URL."""
    revised_prompt: str | None = None
    """The prompt as the model rewrote it."""
    size: str | None = None
    """Width and height in pixels, such as "1024x1024"."""
    cost_estimate: float | None = None
    """USD."""

    def image_bytes(self) -> bytes:
        """Return the decoded image of a `data:` URL.

        Raises `ValueError` for an http(s) URL, from which the image has to be downloaded.
        """
        header, comma, data = self.image_url.partition(",")
        if not (comma and header.startswith("data:")):
            raise ValueError("image_url is not a data: URL: download the image from it")
        return base64.b64decode(data) if header.endswith(";base64") else unquote_to_bytes(data)


class AudioResponse(Value):
    """Generated speech."""

    audio_base64: str
    """The audio file in base64; `audio_bytes()` decodes it."""
    mime_type: str
    """The format of the file, such as "audio/mpeg"."""
    voice: str | None = None
    """The voice that was used."""
    model: str | None = None
    """The model that was used."""
    cost_estimate: float | None = None
    """USD."""
    duration_seconds: float | None = None
    """The length of the speech, if it is known."""

    def audio_bytes(self) -> bytes:
        """Return the audio file, decoded."""
        return base64.b64decode(self.audio_base64)


class LLMResponse(Value):
    """The answer of a model. A field is None or empty if the provider sends nothing for it."""

    content: str
    """The text; empty if there is none."""
    provider: str
    """The provider that was called, such as "openrouter"."""
    model: str
    """The model, as the call named it."""
    tokens_used: int | None = None
    """Input and output tokens together."""
    input_tokens: int | None = None
    """Tokens of the prompt, those read from a cache and written to it included."""
    output_tokens: int | None = None
    """Tokens of the answer, reasoning included."""
    cost_estimate: float | None = None
    """USD; what the provider reports, otherwise an estimate from list prices."""
    response_time_ms: int | None = None
    """Milliseconds from sending the request to reading the answer."""
    cached: bool = False
    """Whether the provider read part of the prompt from its cache, or a response cache answered."""
    provider_response_id: str | None = None
    """The provider's id of the answer."""
    system_fingerprint: str | None = None
    """The provider's name for the build that answered."""
    response_output: Any = None
    """The structured part of the answer: the object, or the tool calls."""
    response_created_at: datetime | None = None
    """When the provider says that it created the answer."""
    finish_reason: str | None = None
    """How the answer ended: "stop", "length" (truncated), "tool_calls", "content_filter" (refused), ..."""
    cached_input_tokens: int | None = None
    """Tokens of the prompt that were read from the provider's cache."""
    cache_creation_tokens: int | None = None
    """Tokens of the prompt that were written to the provider's cache."""
    reasoning: str | None = None
    """The model's reasoning, as text."""
    reasoning_details: list[dict[str, Any]] | None = None
    """The reasoning in the provider's form; send it back unchanged in the assistant's message."""
    refusal: str | None = None
    """The model's explanation if it refused to answer."""
    images: list[str] = []
    """URLs of images in the answer, `data:` URLs included."""
    audio: AudioResponse | None = None
    """Audio in the answer."""
    annotations: list[dict[str, Any]] = []
    """Citations and parsed files, in the provider's form."""


class WebSearchResponse(Value):
    """The results of a web search."""

    search_results: list[dict[str, Any]] = []
    """The results, in the provider's form."""
    cost_estimate: float | None = None
    """USD."""


class LLMRequest(Value):
    """One row of `llm_requests`; the fields are the columns. Costs are in USD, times in milliseconds."""

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
    """What a call used and cost; None if the provider does not say. The cost is in USD and includes everything.

    `rates` are conditions that change the price, such as a service tier. `pieces` counts what is billed by the piece,
    such as searches. Both use the price table's names, if it has one. `price_table` is the name and version of the
    table that an estimated cost is from.
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
