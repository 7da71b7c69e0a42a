"""What a scenario is made of: the vocabulary in which the tables of answers and failures are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Content(Enum):
    """What the message of a completion holds."""

    TEXT = auto()
    NOTHING = auto()
    TOOL_CALL = auto()
    JSON = auto()
    JSON_IN_PROSE = auto()
    JSON_IN_FENCE = auto()
    JSON_MISFIT = auto()
    FIVE_MEGABYTES = auto()


class Billing(Enum):
    """Who pays for a completion, as its usage reports it."""

    CREDITS = auto()
    OWN_KEY = auto()
    FREE = auto()
    UNREPORTED = auto()


class Body(Enum):
    """What of its body an answer sends, in proper HTTP."""

    WHOLE = auto()
    CUT = auto()
    PADDING_ONLY = auto()
    PADDING_WITHOUT_END = auto()


class Fault(Enum):
    """What breaks below the answer: the connection, or HTTP itself. `faults.py` does it."""

    RESET_WHILE_READING = auto()
    RESET = auto()
    DISCONNECT = auto()
    SILENCE = auto()
    NOT_HTTP = auto()
    STALL = auto()
    HALF_A_CHUNK = auto()
    RESET_IN_A_CHUNK = auto()
    CONTENT_LENGTH_TOO_SHORT = auto()
    CONTENT_LENGTH_TOO_LONG = auto()
    NOT_GZIP = auto()


# The faults that come before any status.
HEADLESS = frozenset({Fault.RESET_WHILE_READING, Fault.RESET, Fault.DISCONNECT, Fault.SILENCE, Fault.NOT_HTTP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error body; `{model}` and the other blanks of `bodies.py` are filled in from the request.

    `code` is the scenario's status unless given, and `members` are the error's beside message, code and metadata.
    """

    message: str
    code: int | str | None = None
    has_code: bool = True
    metadata: Mapping[str, Any] | None = None
    members: Mapping[str, Any] = field(default_factory=dict)
    user_id: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A completion body; `fields`, when given, names its top-level fields in their order.

    `error` stands beside the choices, `choice_error` inside the choice. A `nested` one stands whole under `provider`,
    all else null.
    """

    content: Content = Content.TEXT
    provider: str = "OpenInference"
    model_suffix: str = ""
    service_tier: str | None = None
    finish_reason: str = "stop"
    native_finish_reason: str | None = "stop"
    reasoning: bool = False
    token_limit: int | None = None
    billing: Billing = Billing.CREDITS
    cached: bool = False
    error: Failure | None = None
    choice_error: Failure | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    nested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A body that is not OpenRouter's, as it stands."""

    text: str
    content_type: str = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One answer, chosen by model name, and the public source that shows it on the real wire.

    `then` names the scenario that answers when the same request comes again.
    """

    name: str
    does: str
    follows: str
    answer: Completion | Failure | Page
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = Body.WHOLE
    fault: Fault | None = None
    then: str | None = None

    @property
    def shown_status(self) -> str:
        """Return the status as text, "-" when none is ever sent."""
        return "-" if self.fault in HEADLESS else str(self.status)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: status, headers, a body, how much of that is sent, and what breaks on the way.

    A padded one is preceded by keep-alive padding: its status is out before the provider has answered.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    sends: Body = Body.WHOLE
    fault: Fault | None = None
    padded: bool = False
