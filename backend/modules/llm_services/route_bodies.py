"""What the routes take and give, as the generated OpenAPI shows it."""

import inspect
import sqlite3
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field
from sqlalchemy.exc import SQLAlchemyError

from .exceptions import LLMError
from .public import LLMMessage, LLMResponse, LLMServicesProvider
from .types import LARGEST_INTEGER, LONGEST_MODEL_NAME, MessageRole

STRICT: Final = ConfigDict(strict=True, extra="forbid")
# What a call has arguments for; and what is sent unchecked, which code may be trusted with, and its callers may not.
ARGUMENTS: Final = frozenset(inspect.signature(LLMServicesProvider.generate_response).parameters) - {"options"}
REFUSED: Final = ARGUMENTS | {"extra_body"}
ROLES: Final = ", ".join(MessageRole)
NOT_TAKEN: Final = "nothing was sent: the database did not take the row of this call"
NOT_RECORDED: Final = "the answer came and the database did not take it: it is in `response`, its row stays pending"


def _permitted(options: dict[str, Any] | None) -> dict[str, Any] | None:
    if refused := REFUSED & set(options or {}):
        raise ValueError(f"provider_kwargs must not hold {', '.join(sorted(refused))}")
    return options


class Message(LLMMessage):
    """One turn of a conversation; a role that nobody knows is a 400."""

    model_config = STRICT

    role: str = Field(json_schema_extra={"enum": list(MessageRole)})  # wider, until it is read


class CreateResponse(BaseModel):
    """What is asked of which model; what is left out is the configured default.

    `provider_kwargs` are options as in the provider's documentation, checked before anything is sent; one that the
    provider does not know is recorded and not sent.
    """

    model_config = STRICT

    # A long list of nonsense is not read to its end: it is judged on the event loop.
    messages: Annotated[list[Message], FailFast(), Field(min_length=1)]
    user_id: Annotated[int, Field(ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)] | None = None
    model: Annotated[str, Field(max_length=LONGEST_MODEL_NAME)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_output_tokens: Annotated[int, Field(gt=0, le=LARGEST_INTEGER)] | None = None
    provider_kwargs: Annotated[dict[str, Any] | None, AfterValidator(_permitted)] = None

    def llm_messages(self) -> list[LLMMessage]:
        """Return the messages as the door takes them; raises ValueError for a role that nobody knows."""
        unknown = [index for index, message in enumerate(self.messages) if message.role not in set(MessageRole)]
        if unknown:
            raise ValueError(f"messages.{unknown[0]}.role is unknown: use one of {ROLES}")
        return [LLMMessage.model_validate(message.model_dump()) for message in self.messages]


class CreatedResponse(BaseModel):
    """An answer, and the id of its row."""

    request_id: UUID
    response: LLMResponse


class Problem(BaseModel):
    """What is wrong, in words."""

    detail: str


class FailedCall(Problem):
    """A call that failed; `retry_after` in seconds, `request_id` its row, `response` a paid answer not recorded."""

    error: str = Field(description="the class of the error", examples=["LLMRateLimitError"])
    provider: str | None = None
    model: str | None = None
    status_code: int | None = Field(default=None, description="the provider's")
    error_code: str | None = None
    retryable: bool = False
    retry_after: float | None = None
    request_id: UUID | None = None
    response: LLMResponse | None = None

    @classmethod
    def of(cls, error: LLMError) -> Self:
        """Return what may be told of a failure; the database's own words, which name hosts and users, may not."""
        facts = {name: getattr(error, name) for name in cls.model_fields if name not in {"detail", "error"}}
        words = error.message
        if is_of_the_database(error):
            words = NOT_TAKEN if error.response is None else NOT_RECORDED
        return cls(detail=words, error=type(error).__name__, **facts)


def is_of_the_database(error: BaseException | None) -> bool:
    """Say whether a database is the cause of an error."""
    while error and not isinstance(error, SQLAlchemyError | sqlite3.Error):
        error = error.__cause__
    return error is not None
