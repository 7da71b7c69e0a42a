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


class Billing(Enum):
    """Who pays for a completion, as its usage reports it."""

    CREDITS = auto()
    OWN_KEY = auto()
    FREE = auto()
    UNREPORTED = auto()


class Body(Enum):
    """What of its body an answer sends."""

    WHOLE = auto()
    CUT = auto()
    PADDING_ONLY = auto()
    PADDING_WITHOUT_END = auto()
    HTML = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error body; `{model}` and the other blanks of `bodies.py` are filled in from the request."""

    code: int
    message: str
    metadata: Mapping[str, Any] | None = None
    user_id: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A completion body; `fields`, when given, names its top-level fields in their order."""

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
    choice_error: Failure | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One answer, chosen by model name, and the public source that shows it on the real wire.

    `then` names the scenario that answers when the same request comes again.
    """

    name: str
    does: str
    follows: str
    answer: Completion | Failure
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = Body.WHOLE
    then: str | None = None
