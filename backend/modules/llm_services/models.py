"""The table `llm_requests`, which has a row for each attempt of a call, and the ids of its rows."""

from __future__ import annotations

import json
import os
import uuid
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import JSON, Boolean, DateTime, Float, Integer, String, Table, Text, event, func
from sqlalchemy.orm import Mapped, mapped_column

from modules.shared_models import Base, PostgresUUID

from .types import LONGEST_MODEL_NAME, RequestStatus

if TYPE_CHECKING:
    from sqlalchemy import Inspector
    from sqlalchemy.engine.interfaces import ReflectedColumn

ID_BYTES: Final = 16
DRAWN_AT_ONCE: Final = 256

_drawn: deque[uuid.UUID] = deque()
os.register_at_fork(after_in_child=_drawn.clear)


def new_request_id() -> uuid.UUID:
    """Return a random id (UUID 4) that SQLite keeps as text.

    A UUID column has numeric affinity there: about three ids in a million, all digits or digits around one `e`, would
    be stored as a float and lost. Random bytes are read from the system in batches, because a read takes longer than
    everything else here.
    """
    while True:
        try:
            request_id = _drawn.popleft()
        except IndexError:
            _drawn.extend(_draw())
            continue
        if set("abcdf") & set(request_id.hex):
            return request_id


def derived_request_id(*parts: object) -> uuid.UUID:
    """Return the id that belongs to `parts`, the same in every process (UUID 5); SQLite keeps it as text."""
    name = json.dumps(parts)
    request_id = uuid.uuid5(uuid.NAMESPACE_OID, name)
    while not set("abcdf") & set(request_id.hex):
        request_id = uuid.uuid5(request_id, name)
    return request_id


def _draw() -> list[uuid.UUID]:
    drawn = os.urandom(ID_BYTES * DRAWN_AT_ONCE)
    return [uuid.UUID(bytes=drawn[at : at + ID_BYTES], version=4) for at in range(0, len(drawn), ID_BYTES)]


class LLMRequestModel(Base):
    """One attempt: what was sent, what came back, what it cost, or why it failed."""

    __tablename__ = "llm_requests"

    # The request id that calls return.
    id: Mapped[uuid.UUID] = mapped_column(PostgresUUID(as_uuid=True), primary_key=True, default=new_request_id)
    # The application's id of the user.
    user_id: Mapped[int | None] = mapped_column(Integer, index=True)
    # The API: chat_completions, responses, messages, generate_content, images, speech.
    api_variant: Mapped[str] = mapped_column(String(50), default="responses", index=True)
    # The provider that was called, a value of LLMProviderType.
    provider: Mapped[str] = mapped_column(String(50), index=True)
    # The model as the call named it, prefix included; response_raw has the one that served it.
    model: Mapped[str] = mapped_column(String(LONGEST_MODEL_NAME), index=True)
    # The provider's id of the answer; for OpenRouter the generation id.
    provider_response_id: Mapped[str | None] = mapped_column(String(100), index=True)
    # The provider's name for the build that answered.
    system_fingerprint: Mapped[str | None] = mapped_column(String(100))
    # The value of the call or the configuration; request_payload shows whether it was sent.
    temperature: Mapped[float] = mapped_column(Float)
    # The limit on the answer's tokens.
    max_output_tokens: Mapped[int | None] = mapped_column(Integer)
    # The messages of the call: a list of objects with role and content.
    messages: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    # The options of the call; on later attempts also the id of the first one.
    additional_params: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # The JSON body of the request.
    request_payload: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # The text of the answer, or the part of it that arrived before a failure.
    response_content: Mapped[str | None] = mapped_column(Text)
    # The body of the response as it came, and facts about it (status_code, generation_id, cost_source, ...).
    response_raw: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # The structured part of the answer: the JSON that was validated, or the tool calls.
    response_output: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    # Input and output tokens together, as reported.
    tokens_used: Mapped[int | None] = mapped_column(Integer)
    # Tokens of the prompt, cached ones included.
    input_tokens: Mapped[int | None] = mapped_column(Integer)
    # Tokens of the answer, reasoning included.
    output_tokens: Mapped[int | None] = mapped_column(Integer)
    # What the attempt cost in USD; NULL on a failed row means unknown.
    cost_estimate: Mapped[float | None] = mapped_column(Float)
    # When the provider says that it created the answer.
    response_created_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # pending, completed or failed.
    status: Mapped[str] = mapped_column(String(50), default=RequestStatus.PENDING.value, index=True)
    # Milliseconds from sending the request to parsing the answer.
    execution_time_ms: Mapped[int | None] = mapped_column(Integer)
    # The message of the exception.
    error_message: Mapped[str | None] = mapped_column(Text)
    # The class of the exception.
    error_type: Mapped[str | None] = mapped_column(String(100))
    # The number of the attempt; 1 is the first.
    retry_attempt: Mapped[int] = mapped_column(Integer, default=1)
    # Whether input tokens were read from a cache, or a response cache answered.
    cached: Mapped[bool] = mapped_column(Boolean, default=False, index=True)
    # When the attempt began, by our clock, with microseconds.
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # When the row was last written.
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )

    @property
    def total_tokens_calculated(self) -> int | None:
        """The reported total, otherwise the sum of input and output if both are known."""
        if self.tokens_used is not None:
            return self.tokens_used
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    @property
    def request_summary(self) -> str:
        """One line for a log: provider, model, status, tokens, cost."""
        figures = f"{self.total_tokens_calculated} tokens, {self.cost_estimate} USD"
        return f"{self.provider} {self.model} {self.status}: {figures}"


@event.listens_for(Table, "column_reflect")
def _reflect_id(inspector: Inspector, table: Table, column: ReflectedColumn) -> None:
    """Reflect the id from SQLite as a UUID, not as a number; otherwise Alembic would always report a difference.

    SQLAlchemy reflects a type that it does not know by its affinity in SQLite:
    https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#type-reflection
    """
    if table.name == LLMRequestModel.__tablename__ and column["name"] == "id" and inspector.dialect.name == "sqlite":
        column["type"] = PostgresUUID(as_uuid=True)
