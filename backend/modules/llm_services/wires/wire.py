"""The contract of a wire: a call goes in, JSON goes out; an exchange comes back, an answer or an error is read from it.

A wire is an API that vendors speak (Chat Completions, Messages, ...), and mapping is all that it does: it holds no
session, no clock, no logger and no retry. The smallest one:

    class EchoWire(Wire):
        api_variant = "echo"
        options = Options

        def render(self, call):
            return {"model": call.model, "text": call.prompt}

        def parse(self, exchange, call):
            reply = text(mapping(exchange.body).get("reply"))
            return Answer(content=reply or "", finish_reason="stop", is_found=reply is not None)

        def parse_error(self, exchange, call):
            return openai_error(exchange)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..types import Usage

if TYPE_CHECKING:
    from datetime import datetime

    from ..types import AudioResponse, ImageResponse, LLMMessage, ToolCall, ToolDefinition
    from .assembly import Assembly

EFFORTS: Final = ("max", "xhigh", "high", "medium", "low", "minimal", "none")
STRICT: Final = ConfigDict(strict=True, extra="forbid")
SET_BY_THE_CALL: Final = frozenset({"model", "messages", "input", "contents", "prompt", "stream"})
MAX_TOKENS_NAMES: Final = frozenset({"max_tokens", "max_output_tokens", "maxOutputTokens"})
KEPT_HEADERS: Final = (
    "content-type",
    "date",
    "location",
    "retry-after",
    "retry-after-ms",
    "request-id",
    "x-amzn-",
    "x-generation-id",
    "x-request-id",
    "x-openrouter-cache-",
    "x-ratelimit-",
)

# How answers end in the vendors' own words, which a relay may hand on beside a word of its own:
# https://docs.anthropic.com/en/api/messages, https://ai.google.dev/api/generate-content#FinishReason,
# https://platform.openai.com/docs/api-reference/responses/object.
CUT_REASONS: Final = frozenset({"MAX_TOKENS", "MAX_OUTPUT_TOKENS", "LENGTH", "MODEL_CONTEXT_WINDOW_EXCEEDED"})
REFUSED_REASONS: Final = frozenset(
    {
        *("REFUSAL", "CONTENT_FILTER", "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
        *("MODEL_ARMOR", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    }
)
# Ends that are failures, and whether the next attempt may pass (peers repeat them, and they do:
# pydantic/pydantic-ai#3300, agno-agi/agno#5628).
FAILED_REASONS: Final = {
    "MALFORMED_FUNCTION_CALL": True,
    "MALFORMED_RESPONSE": True,
    "UNEXPECTED_TOOL_CALL": True,
    "TOO_MANY_TOOL_CALLS": True,
    "MISSING_THOUGHT_SIGNATURE": False,
    "IMAGE_OTHER": True,
    "NO_IMAGE": True,
}
ENDED_WELL: Final = frozenset({"stop", "tool_calls", "function_call", "length", "content_filter"})

Number = Annotated[float, Field(allow_inf_nan=False)]
Verbosity = Literal["low", "medium", "high", "xhigh", "max"]


class Reasoning(BaseModel):
    """How much a model thinks before it answers, and whether it shows that."""

    model_config = ConfigDict(strict=True, extra="allow")

    effort: Literal[EFFORTS] | None = None  # type: ignore[valid-type]  # a tuple of literals
    max_tokens: int | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class Text(BaseModel):
    """The Responses API's place for `verbosity`."""

    model_config = ConfigDict(strict=True, extra="ignore")

    verbosity: Verbosity | None = None


class Options(BaseModel):
    """What callers may pass to any vendor; a wire that has nothing for an option leaves it out.

    Values are the vendor's to judge, for they grow without notice; new options go in `extra_body`, which is sent
    beside the rest as it is. `metadata` labels the row, for reports; it is sent where the wire has a place for it.
    `use_cache` says whether the response cache may answer, `store_content=False` keeps the text of prompt and answer
    out of the table, `timeout` replaces REQUEST_TIMEOUT, in seconds, `stream` has the answer sent as it is made.
    """

    model_config = STRICT

    # The options that go into the body under their own names.
    sent: ClassVar[frozenset[str]] = frozenset()

    reasoning: Reasoning | None = None
    verbosity: Verbosity | None = None
    text: Text | None = None
    extra_body: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    use_cache: bool | None = None
    store_content: bool | None = None
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    stream: bool | None = None

    @classmethod
    def read(cls, params: dict[str, Any]) -> Self:
        """Return the known ones of a call's keywords; raises ValueError, naming the option, for a wrong one."""
        if not params:
            if cls not in _DEFAULTS:
                _DEFAULTS[cls] = cls()
            return _DEFAULTS[cls]  # type: ignore[return-value]  # the value under a class is an instance of it
        known = {name: value for name, value in params.items() if name in cls.model_fields and value is not None}
        try:
            options = cls.model_validate(known)
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
            raise ValueError(f"option {'; '.join(problems)}") from error
        if options.verbosity and options.text and options.text.verbosity not in {None, options.verbosity}:
            raise ValueError("options verbosity and text.verbosity differ: give one of them")
        if replaced := SET_BY_THE_CALL & set(options.extra_body or {}):
            raise ValueError(f"option extra_body must not hold {', '.join(sorted(replaced))}: the call itself sets it")
        return options

    @property
    def any_verbosity(self) -> str | None:
        """The verbosity, in whichever of its two places the caller put it."""
        return self.verbosity or (self.text.verbosity if self.text else None)

    @property
    def effort(self) -> str | None:
        """How much the model is to think, as one of EFFORTS."""
        return self.reasoning.effort if self.reasoning else None

    def body(self) -> dict[str, Any]:
        """Return what goes into the body under its own name: what was given, without what was None."""
        return self.model_dump(include=set(self.sent), exclude_none=True)


_DEFAULTS: Final[dict[type[Options], Options]] = {}


class Kind(Enum):
    """What a call asks for: text (an object and tool calls are text too), an image, or speech."""

    TEXT = auto()
    IMAGE = auto()
    SPEECH = auto()


@dataclass(frozen=True)
class LLMCall:
    """What a caller wants of a vendor.

    `params` are the keywords beyond the named ones, `options` the same as the wire read them. `chat_messages` are the
    messages in the neutral form of `conversation.py`, which every wire is rendered from. `response_model` is a type
    that `schemas.response_type` takes. The flow fills in what the caller left open; `..._is_given` tells the caller's
    value from a default. `is_streamed` has the answer sent as it is made, and `on_text` is called with its text.
    """

    messages: list[LLMMessage]
    model: str = ""
    temperature: float | None = None
    max_output_tokens: int | None = None
    user_id: int | None = None
    params: dict[str, Any] = field(default_factory=dict)
    response_model: Any = None
    tools: list[ToolDefinition] = field(default_factory=list)
    kind: Kind = Kind.TEXT
    options: Options = field(default_factory=Options)
    chat_messages: list[dict[str, Any]] = field(default_factory=list)
    temperature_is_given: bool = False
    max_output_tokens_is_given: bool = False
    is_streamed: bool = False
    on_text: Callable[[str], object] | None = None

    @property
    def prompt(self) -> str:
        """The one message of a call for an image or for speech."""
        return str(self.messages[0].content)


@dataclass
class Exchange:
    """What one attempt has shown so far, filled in as it arrives, so that a failure keeps what was seen.

    `is_sent` says whether a byte of the request may have left. `body` is JSON decoded, sound in base64, anything else
    as text. `receive` reads a body that comes as a stream of events, which `is_stream` then says; `incomplete` says
    what is wrong with a stream that has not come whole.
    """

    status_code: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    is_sent: bool = False
    is_stream: bool = False
    incomplete: str | None = None
    receive: Callable[[AsyncGenerator[bytes]], Awaitable[None]] | None = None

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        status = self.status_code or 0
        return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES

    def note(self, status_code: int, headers: object) -> None:
        """Keep the status and those headers that say something about the call, under lower-case names."""
        self.status_code = status_code
        if isinstance(headers, Mapping):
            named = {str(name).lower(): str(value) for name, value in headers.items()}
            self.headers |= {name: value for name, value in named.items() if name.startswith(KEPT_HEADERS)}


@dataclass(frozen=True)
class Answer:
    """Everything that a body holds, read leniently; `details` is what only some vendors give (served model, ...).

    `is_found` is False when there is no answer at all; `malformed` says what is wrong with one whose JSON cannot be
    decoded; `tool_turn` is an answer that calls tools, as a Chat Completions message, for the conversation to go on
    from.
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
    tool_turn: dict[str, Any] | None = None
    reasoning: str | None = None
    reasoning_details: list[dict[str, Any]] | None = None
    images: tuple[str, ...] = ()
    annotations: tuple[dict[str, Any], ...] = ()
    media: ImageResponse | AudioResponse | None = None

    @property
    def is_cut(self) -> bool:
        """Whether a cap ended the answer, by its finish reason or by the vendor's own."""
        return self.finish_reason == "length" or self._native_reason in CUT_REASONS

    @property
    def is_refused(self) -> bool:
        """Whether the model, or a filter, refused to answer."""
        return self.finish_reason == "content_filter" or bool(self.refusal) or self._native_reason in REFUSED_REASONS

    @property
    def is_without_end(self) -> bool:
        """Whether the answer holds nothing, and ended for a reason that nobody knows."""
        is_empty = not (self.content.strip() or self.tool_calls or self.images or self.media)
        return is_empty and self.finish_reason not in {None, *ENDED_WELL}

    @property
    def _native_reason(self) -> str:
        return str(self.details.get("native_finish_reason")).upper()


@dataclass(frozen=True)
class ParsedError:
    """What a body says of a failure, the same for every vendor.

    `status_code` is the error's own number, else HTTP's. `upstream` names a vendor behind the one that was called, and
    `upstream_message` what that one said. `remedy` is what the vendor says to do about it. `retryable` is the vendor's
    own statement, None where it makes none; `retry_after` is in seconds. `is_key_refused` is True where the status
    alone would not say so: some services refuse a key with a 400 or a 403.
    """

    status_code: int
    message: str
    error_code: str | None = None
    upstream: str | None = None
    upstream_message: str | None = None
    remedy: str | None = None
    retryable: bool | None = None
    retry_after: float | None = None
    is_key_refused: bool = False


class Wire(ABC):
    """One API for one kind of call."""

    api_variant: ClassVar[str]
    options: ClassVar[type[Options]]
    # What callers may name a voice, and what the wire calls it; for speech alone.
    voices: ClassVar[Mapping[str, str]] = {}
    # What puts the events of a stream together; None for an API that is not streamed.
    assembly: ClassVar[type[Assembly] | None] = None

    @abstractmethod
    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the JSON to send; raises ValueError for what the wire cannot express."""

    @abstractmethod
    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Read everything that a body holds, an error's too; never raises."""

    @abstractmethod
    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error that a body reports, also inside a 200; None where it reports none."""


def failed_end(exchange: Exchange, *reasons: str | None) -> ParsedError | None:
    """Return the error of an answer with a finish reason that means failure, None if none of `reasons` does."""
    failed = next((reason for reason in reasons if reason and reason.upper() in FAILED_REASONS), None)
    if failed is None:
        return None
    retryable, message = FAILED_REASONS[failed.upper()], f"the answer ended with {failed}"
    return ParsedError(exchange.status_code or 0, message, error_code=failed, retryable=retryable)


def defaults_of(call: LLMCall) -> frozenset[str]:
    """Return the fields, by every API's name for them, that hold a configured default and not the caller's value."""
    temperature = frozenset() if call.temperature_is_given else frozenset({"temperature"})
    return temperature if call.max_output_tokens_is_given else temperature | MAX_TOKENS_NAMES


def with_extra_body(
    payload: dict[str, Any], extra_body: dict[str, Any] | None, replaceable: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return `payload` with what the caller sends beside it: tools are added, objects joined.

    Raises ValueError where the two contradict each other; a default, of the fields `replaceable`, gives way.
    """
    merged: dict[str, Any] = _joined("", payload, extra_body or {}, replaceable)
    return merged


def _joined(path: str, own: Any, extra: Any, replaceable: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
    name = path.rpartition(".")[2]
    if own == extra or name in replaceable:
        return extra
    if isinstance(own, dict) and isinstance(extra, dict):
        both = [key for key in own if key in extra]
        joined = {key: _joined(f"{path}.{key}", own[key], extra[key], replaceable) for key in both}
        return {**own, **extra, **joined}
    if name == "tools" and isinstance(own, list) and isinstance(extra, list):
        return [*own, *extra]
    raise ValueError(f"option extra_body contradicts the call in {path[1:]}: {extra!r} and {own!r}; give one of them")
