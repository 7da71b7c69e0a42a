"""What a scenario is: what goes over the wire, and what a caller of llm_services gets from it."""

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


# What the message of a completion holds. "as requested" is text, JSON or a tool call; "prose" is text where JSON was
# asked for. The other vendors' wires answer as requested where OpenRouter's has "text".
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
# Who pays for a completion, as its usage reports it.
Billing: TypeAlias = Literal["credits", "own key", "free", "unreported"]
# What of its body a response sends, in proper HTTP.
Part: TypeAlias = Literal["whole", "cut", "only padding", "endless padding"]


class Fault(Enum):
    """What breaks below the answer: the connection, or HTTP itself. `connection.py` does it."""

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
    """An answer. Of the fields, `content`, `finish_reason`, `token_limit` and `cached` count on every vendor's wire.

    On OpenRouter's, `fields` names the body's top-level fields in their order, and `error_in` says where the error of
    the scenario's name stands. A `nested` one stands whole under `provider`, all else null. `tried` are the providers
    that failed before `provider` was tried, with their statuses.
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
    """A body that is no vendor's, as it stands."""

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
    """One thing that can happen: what goes over the wire, and what a caller of llm_services gets.

    OpenRouter's wire plays every scenario, chosen by the model's name, with this `status`; the others play those that
    happen `everywhere`, chosen by the path, also under an `alias`. Where it is an error, each vendor's file has it by
    the scenario's name. With `once` the same request is answered when it is repeated. `follows` is the public source
    that shows it on the real wire.

    What `generate_response` gives its caller with MAX_RETRIES=0: an answer or a `failure`, with `code` as its
    error_code and its `retry_after` in seconds; its status_code is the status that arrives, or the body's own,
    `error_status`. `billed` says where the cost on the row is from: `reported` as `usage.cost`, `upstream` with the
    caller's own key, `unpriced` and so 0.0; by default it is reported with an answer, and unknown with a failure.
    `structured`: `generate_structured_response` gets its object too; from any other answer it raises
    LLMValidationError. On the other wires `structured` holds, and the failure, whose class may be another: `elsewhere`.
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
        """Whether the status is an error's."""
        return self.status >= BAD_REQUEST

    @property
    def shown_status(self) -> str:
        """The status as text, "-" when none is ever sent."""
        return "-" if self.fault in WITHOUT_STATUS else str(self.status)

    @property
    def arrives(self) -> bool:
        """Whether a client reads the status and the headers: not where the body is longer than its Content-Length."""
        return self.fault not in WITHOUT_STATUS and self.fault is not Fault.CONTENT_LENGTH_TOO_SHORT

    @property
    def has_id(self) -> bool:
        """Whether the row has the generation's id, which a header brings."""
        return self.arrives and self.status == OK and not isinstance(self.answer, Page)
