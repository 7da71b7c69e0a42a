"""The definition of a scenario: what is sent, and what a caller of llm_services gets."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

OK, BAD_REQUEST, SERVER_ERROR = 200, 400, 500
# Public sources that many scenarios follow.
DOCS = "OpenRouterTeam/docs"
ERRORS_PAGE = f"{DOCS} api_reference/errors-and-debugging.mdx"
OPENAPI = f"{DOCS} openapi/openapi.yaml"
REQ_LLM = "vkryukov/req_llm test/support/fixtures/openrouter"
GITHUB = "https://github.com"


# What the message of a completion contains. "as requested" is text, JSON or a tool call; "prose" is text where JSON was
# requested. The other vendors answer as requested where OpenRouter's scenario has "text".
Content: TypeAlias = Literal[
    "text",
    "as requested",
    "nothing",
    "tool call",
    "json",
    "json in prose",
    "json in a fence",
    "json that does not fit",
    "prose",
    "five megabytes",
]
# Who pays for a completion, according to its usage.
Billing: TypeAlias = Literal["credits", "own key", "free", "unreported"]
# How much of its body a response sends, in valid HTTP.
Part: TypeAlias = Literal["whole", "cut", "only padding", "endless padding"]


class Fault(Enum):
    """A fault below the answer, of the connection or of HTTP itself; `connection.py` produces it."""

    RESET_WHILE_READING = auto()
    RESET = auto()
    DISCONNECT = auto()
    SILENCE = auto()
    NOT_HTTP = auto()
    STALL = auto()
    STALL_IN_THE_BODY = auto()
    HALF_A_CHUNK = auto()
    RESET_IN_A_CHUNK = auto()
    CONTENT_LENGTH_TOO_SHORT = auto()
    CONTENT_LENGTH_TOO_LONG = auto()
    NOT_GZIP = auto()


WITHOUT_STATUS = frozenset({Fault.RESET_WHILE_READING, Fault.RESET, Fault.DISCONNECT, Fault.SILENCE, Fault.NOT_HTTP})


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer; the other vendors use only `content`, `finish_reason`, `token_limit` and `cached`.

    For OpenRouter, `fields` names the body's top-level fields in order, and `error_in` says where the scenario's error
    is. A `nested` answer is in `provider`, and all else is null. `tried` has the providers that failed before
    `provider` was tried, with their statuses.
    """

    content: Content = "text"
    _: KW_ONLY
    provider: str = "OpenInference"
    model_suffix: str = ""
    service_tier: str | None = None
    finish_reason: str = "stop"
    native_finish_reason: str | None = "stop"
    reasoning: bool = False
    token_limit: int | None = None
    billing: Billing = "credits"
    cached: bool = False
    error_in: Literal["body", "choice"] | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    nested: bool = False
    tried: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A body that no vendor sends, returned unchanged."""

    text: str
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class Failure(Enum):
    """The exception that a caller gets: its class, and its `retryable`."""

    BROKEN = "LLMError", False
    NO_ANSWER = "LLMError", True
    INVALID = "LLMValidationError", False
    UNAUTHORIZED = "LLMAuthenticationError", False
    REFUSED = "LLMProviderError", False
    FAILED = "LLMProviderError", True
    CAPPED = "LLMRateLimitError", False
    LIMITED = "LLMRateLimitError", True
    TOO_LATE = "LLMTimeoutError", False
    TIMED_OUT = "LLMTimeoutError", True

    def __init__(self, raises: str, retryable: bool) -> None:  # noqa: FBT001 - Enum passes what stands above
        self.raises, self.retryable = raises, retryable


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that can happen: what is sent, and what a caller of llm_services gets.

    OpenRouter's wire plays every scenario, chosen by the model's name, with this `status`. The others play those that
    happen `everywhere`, chosen by the path, which may use an `alias`. If it is an error, each vendor's file has it
    under the scenario's name. With `once`, a repetition of the same request is answered. `follows` is the public source
    that shows it on the real wire.

    The other fields are what `generate_response` gives its caller with MAX_RETRIES=0: an answer or a `failure`, with
    `code` as its error_code and `retry_after` in seconds. Its status_code is the status that arrives, or the body's
    own, `error_status`. `billed` is the source of the cost on the row: `reported` as `usage.cost`, `upstream` with the
    caller's own key, or `unpriced`, which is 0.0; by default it is reported with an answer, and unknown with a failure.
    `structured` means that `generate_structured_response` gets its object too; for any other answer it raises
    LLMValidationError. For the other vendors, `structured` and the failure are the same, but the failure may have
    another class: `elsewhere`.
    """

    name: str
    does: str
    follows: str
    failure: Failure | None = None
    status: int = OK
    code: str | None = None
    _: KW_ONLY
    error_status: int | None = None
    retry_after: float | None = None
    billed: Literal["reported", "upstream", "unpriced"] | None = None
    structured: bool = False
    elsewhere: str = ""
    answer: Completion | Page = field(default_factory=Completion)
    part: Part = "whole"
    fault: Fault | None = None
    once: bool = False
    everywhere: bool = False
    alias: str = ""

    @property
    def is_error(self) -> bool:
        """True if the status is an error's."""
        return self.status >= BAD_REQUEST

    @property
    def shown_status(self) -> str:
        """The status as text; "-" if none is sent."""
        return "-" if self.fault in WITHOUT_STATUS else str(self.status)

    @property
    def arrives(self) -> bool:
        """True if a client can read the status and the headers, which fails if the body exceeds its Content-Length."""
        return self.fault not in WITHOUT_STATUS and self.fault is not Fault.CONTENT_LENGTH_TOO_SHORT

    @property
    def has_id(self) -> bool:
        """True if the row has the generation's id, which is in a header."""
        return self.arrives and self.status == OK and not isinstance(self.answer, Page)
