"""The interface of a wire: it renders a call as JSON, and parses an answer or an error from the exchange.

A wire is one API (Chat Completions, Messages, ...). It only maps values; it has no session, clock, logger or retry. The
smallest one:

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
# The lists of which both the call and `extra_body` may have a part.
JOINED_LISTS: Final = frozenset({"tools", "include"})
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
    "x-should-retry",
)

# The vendors' own finish reasons, which a router may pass on beside its own:
# https://docs.anthropic.com/en/api/messages, https://ai.google.dev/api/generate-content#FinishReason,
# https://platform.openai.com/docs/api-reference/responses/object.
CUT_REASONS: Final = frozenset({"MAX_TOKENS", "MAX_OUTPUT_TOKENS", "LENGTH", "MODEL_CONTEXT_WINDOW_EXCEEDED"})
REFUSED_REASONS: Final = frozenset(
    {
        *("REFUSAL", "CONTENT_FILTER", "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
        *("MODEL_ARMOR", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    }
)
# Finish reasons that mean failure, and whether a retry may succeed (other clients retry them successfully:
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
    """How much a model thinks before it answers, and whether it returns its reasoning."""

    model_config = ConfigDict(strict=True, extra="allow")

    effort: Literal[EFFORTS] | None = None  # type: ignore[valid-type]  # a tuple of literals
    max_tokens: int | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class Text(BaseModel):
    """The Responses API's field for `verbosity`."""

    model_config = ConfigDict(strict=True, extra="ignore")

    verbosity: Verbosity | None = None


class Options(BaseModel):
    """The options that work with every vendor; a wire leaves out an option that its API has no field for.

    The vendor checks the values, because they change without notice. `reasoning_effort` is another name of
    `reasoning.effort`. `extra_body` has further fields, which are merged into the request. `metadata` labels the row,
    for reports; it is sent if the API has a field for it. `use_cache` turns the response cache on or off.
    `store_content=False` keeps the text of prompt and answer out of the table. `timeout`, in seconds, replaces
    REQUEST_TIMEOUT. `stream` requests the answer as a stream. A call with an `idempotency_key` that was answered within
    a day returns that answer, and nothing is sent.
    """

    model_config = STRICT

    # The options that are fields of the body.
    sent: ClassVar[frozenset[str]] = frozenset()
    # Whether `reasoning_effort` is a field of the body; otherwise it is read as `reasoning.effort`.
    sends_effort: ClassVar[bool] = False

    reasoning: Reasoning | None = None
    reasoning_effort: Literal[EFFORTS] | None = None  # type: ignore[valid-type]  # a tuple of literals
    verbosity: Verbosity | None = None
    text: Text | None = None
    extra_body: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    use_cache: bool | None = None
    store_content: bool | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=255, pattern=r"\S")] | None = None
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    stream: bool | None = None

    @classmethod
    def read(cls, params: dict[str, Any]) -> Self:
        """Return the known options among a call's keyword arguments; raise ValueError, naming it, if one is invalid."""
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
        if options.reasoning_effort and options.effort != options.reasoning_effort:
            raise ValueError("options reasoning_effort and reasoning.effort differ: give one of them")
        if options.reasoning_effort and not cls.sends_effort:
            reasoning = (options.reasoning or Reasoning()).model_copy(update={"effort": options.reasoning_effort})
            options = options.model_copy(update={"reasoning": reasoning, "reasoning_effort": None})
        if replaced := SET_BY_THE_CALL & set(options.extra_body or {}):
            raise ValueError(f"option extra_body must not contain {', '.join(sorted(replaced))}: the call sets it")
        return options

    @property
    def any_verbosity(self) -> str | None:
        """The verbosity, from either of its two fields."""
        return self.verbosity or (self.text.verbosity if self.text else None)

    @property
    def effort(self) -> str | None:
        """The effort, one of EFFORTS; `none` for reasoning that is turned off."""
        if self.reasoning is None:
            return self.reasoning_effort
        own = self.reasoning.effort or ("none" if self.reasoning.enabled is False else None)
        return own or self.reasoning_effort

    def body(self) -> dict[str, Any]:
        """Return the fields that go into the body under their own names: those that were given and are not None."""
        return self.model_dump(include=set(self.sent), exclude_none=True)


_DEFAULTS: Final[dict[type[Options], Options]] = {}


class Kind(Enum):
    """The kind of a call: text (including objects and tool calls), an image, or speech."""

    TEXT = auto()
    IMAGE = auto()
    SPEECH = auto()


@dataclass(frozen=True)
class LLMCall:
    """A call, as the caller made it.

    `params` has the further keyword arguments, and `options` the same after the wire has parsed them. `chat_messages`
    are the messages in the neutral form of `conversation.py`, from which every wire renders. `response_model` is a type
    that `schemas.response_type` accepts. Defaults are filled in later; `..._is_given` is True for the caller's own
    values. If the call `is_streamed`, the answer is requested as a stream, and `on_text` is called with its text.
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
        """The text that an image or speech is made from."""
        return str(self.messages[0].content)


@dataclass
class Exchange:
    """The exchange of one attempt, filled in as the response arrives, so that a failure keeps what has arrived.

    `is_audio` is True if audio was requested, `is_sent` if a byte of the request may have been sent. `body` is decoded
    JSON, audio or an image in base64, or text. `receive` reads a body that is a stream of events; then `is_stream` is
    True. `incomplete` is None, or says how a stream broke off.
    """

    status_code: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)  # tracebacks may show it before keys are masked in it
    is_audio: bool = False
    is_sent: bool = False
    is_stream: bool = False
    incomplete: str | None = None
    receive: Callable[[AsyncGenerator[bytes]], Awaitable[None]] | None = None

    @property
    def is_success(self) -> bool:
        """True if the status is 2xx."""
        status = self.status_code or 0
        return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES

    def note(self, status_code: int, headers: object) -> None:
        """Keep the status, and under lower-case names the headers with facts about the call."""
        self.status_code = status_code
        if isinstance(headers, Mapping):
            named = {str(name).lower(): str(value) for name, value in headers.items()}
            self.headers |= {name: value for name, value in named.items() if name.startswith(KEPT_HEADERS)}


@dataclass(frozen=True)
class Answer:
    """The content of a body, read leniently; `details` has facts that only some vendors give, such as the served model.

    `is_found` is False if there is no answer at all. `malformed` describes malformed JSON in the answer. `tool_turn` is
    an answer with tool calls as a Chat Completions message, with which the conversation continues.
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
        """True if a limit ended the answer, by our finish reason or the vendor's own."""
        return self.finish_reason == "length" or self._native_reason in CUT_REASONS

    @property
    def is_refused(self) -> bool:
        """True if the model, or a filter, refused to answer."""
        return self.finish_reason == "content_filter" or bool(self.refusal) or self._native_reason in REFUSED_REASONS

    @property
    def is_without_end(self) -> bool:
        """True if the answer is empty and its finish reason unknown."""
        is_empty = not (self.content.strip() or self.tool_calls or self.images or self.media)
        return is_empty and self.finish_reason not in {None, *ENDED_WELL}

    @property
    def _native_reason(self) -> str:
        return str(self.details.get("native_finish_reason")).upper()


@dataclass(frozen=True)
class ParsedError:
    """The error in a body, in the same form for every vendor.

    `status_code` is the error's own number, otherwise HTTP's. `upstream` names the vendor behind the one that was
    called, with `upstream_message`. `remedy` is the vendor's advice. `retryable` is the vendor's own statement, or
    None. `retry_after` is in seconds. `is_key_refused` is True if the key was refused with a status other than 401;
    some services use 400 or 403.
    """

    status_code: int
    message: str = field(repr=False)  # as that of Exchange.body
    error_code: str | None = None
    upstream: str | None = None
    upstream_message: str | None = field(default=None, repr=False)
    remedy: str | None = field(default=None, repr=False)
    retryable: bool | None = None
    retry_after: float | None = None
    is_key_refused: bool = False


class Wire(ABC):
    """One API for one kind of call."""

    api_variant: ClassVar[str]
    options: ClassVar[type[Options]]
    # The voices, by the names that callers may use; for speech only.
    voices: ClassVar[Mapping[str, str]] = {}
    # Whether the body of an answer is an audio file.
    is_audio: ClassVar[bool] = False
    # What puts the events of a stream together; None for an API that is not streamed.
    assembly: ClassVar[type[Assembly] | None] = None

    @abstractmethod
    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the JSON to send; raise ValueError for a call that the API cannot express."""

    @abstractmethod
    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Parse everything in a body, even in an error's body; never raise."""

    @abstractmethod
    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error in a body, also in a 200; None if there is none."""


def failed_end(exchange: Exchange, *reasons: str | None) -> ParsedError | None:
    """Return the error if one of `reasons` is a finish reason that means failure, otherwise None."""
    failed = next((reason for reason in reasons if reason and reason.upper() in FAILED_REASONS), None)
    if failed is None:
        return None
    retryable, message = FAILED_REASONS[failed.upper()], f"the answer ended with {failed}"
    return ParsedError(exchange.status_code or 0, message, error_code=failed, retryable=retryable)


def has_own_tools(options: Options) -> bool:
    """Return True if `extra_body` has tools, such as those that the vendor runs itself."""
    return bool((options.extra_body or {}).get("tools"))


def defaults_of(call: LLMCall) -> frozenset[str]:
    """Return the fields, by every API's names, that have a configured default rather than the caller's value."""
    temperature = frozenset() if call.temperature_is_given else frozenset({"temperature"})
    return temperature if call.max_output_tokens_is_given else temperature | MAX_TOKENS_NAMES


def with_extra_body(
    payload: dict[str, Any], extra_body: dict[str, Any] | None, replaceable: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return what `payload` has, merged with the caller's `extra_body`: lists of tools are joined, objects merged.

    The caller's values replace the defaults of the fields `replaceable`. Any other contradiction is a ValueError.
    """
    own = {name: value for name, value in payload.items() if value is not None}
    merged: dict[str, Any] = _joined("", own, extra_body or {}, replaceable)
    return merged


def _joined(path: str, own: Any, extra: Any, replaceable: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
    name = path.rpartition(".")[2]
    if own == extra or name in replaceable:
        return extra
    if isinstance(own, dict) and isinstance(extra, dict):
        both = [key for key in own if key in extra]
        joined = {key: _joined(f"{path}.{key}", own[key], extra[key], replaceable) for key in both}
        return {**own, **extra, **joined}
    if name in JOINED_LISTS and isinstance(own, list) and isinstance(extra, list):
        return [*own, *extra]
    raise ValueError(f"option extra_body contradicts the call in {path[1:]}: {extra!r} and {own!r}; give one of them")
