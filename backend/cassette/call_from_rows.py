"""Turn rows back into a call: find the rows that belong to it, and the method and arguments that repeat its request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import or_, select

from modules.llm_services.config import LLMConfig
from modules.llm_services.ledger.forgetting import FIRST_ATTEMPT
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.providers.openrouter import PREFIX
from modules.llm_services.public import LLMMessage, ToolDefinition
from modules.llm_services.repo import WITHOUT_BODIES
from modules.llm_services.service import MODEL_PROVIDER_MAP
from modules.llm_services.types import LLMRequest, RequestStatus
from modules.llm_services.wires.conversation import RESULT_ROLES
from modules.llm_services.wires.lenient import items, mapping

from .response_models import requested_schema
from .vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import BaseModel
    from sqlalchemy.orm import Session

    from modules.llm_services import LLMServicesProvider

Row = dict[str, Any]

# The longest time between the attempts of a call, and between the turns of a conversation, since one process made them.
MAX_CALL_DURATION: Final = timedelta(hours=1)
MAX_CONVERSATION_DURATION: Final = timedelta(days=1)
ROWS_PER_FETCH: Final = 100

TEXT: Final = "generate_response"
STRUCTURED: Final = "generate_structured_response"
TOOLS: Final = "generate_response_with_tools"
IMAGE: Final = "generate_image"
SPEECH: Final = "generate_audio"
SPEECH_VARIANT: Final = "speech"
# By api_variant, the method that takes a single text, and the name of that argument.
METHODS_OF_ONE_PROMPT: Final = {"images": (IMAGE, "prompt"), SPEECH_VARIANT: (SPEECH, "text")}
# Arguments that the configuration supplies if the caller does not; some wires send them only if the caller does.
SETTING_VARIABLES: Final = {"temperature": "TEMPERATURE", "max_output_tokens": "MAX_OUTPUT_TOKENS"}


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """A call of the service: its method, its arguments as JSON, and the schema of a structured answer with its model.

    `environment` has the variables that the call needs besides the vendor's address and key; `attempts` is the number
    of its requests.
    """

    method: str
    arguments: dict[str, Any]
    schema: dict[str, Any] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    response_model: type[BaseModel] | None = None
    attempts: int = 1

    async def make(self, llm: LLMServicesProvider) -> Any:  # noqa: ANN401 - every method returns something else
        """Make the call, and return what the method returns."""
        arguments = dict(self.arguments)
        if "messages" in arguments:
            arguments["messages"] = [LLMMessage.model_validate(message) for message in arguments["messages"]]
        if "tools" in arguments:
            arguments["tools"] = [ToolDefinition.model_validate(tool) for tool in arguments["tools"]]
        if self.response_model:
            arguments["response_model"] = self.response_model
        return await getattr(llm, self.method)(**arguments)


def attempts_of(session: Session, request: LLMRequest) -> list[LLMRequest]:
    """Return the attempts of the call that `request` belongs to, in order."""
    rows = LLMRequestModel
    first_id = (request.additional_params or {}).get(FIRST_ATTEMPT, str(request.id))
    query = select(rows).where(
        rows.model == request.model,
        rows.created_at.between(request.created_at - MAX_CALL_DURATION, request.created_at + MAX_CALL_DURATION),
        or_(rows.id == UUID(first_id), rows.additional_params[FIRST_ATTEMPT].as_string() == first_id),
    )
    return [LLMRequest.model_validate(row) for row in session.scalars(query.order_by(rows.retry_attempt))]


def previous_turn(session: Session, request: LLMRequest) -> LLMRequest | None:
    """Return the answer with the tool calls that `request` sends the results of; None if it has no row."""
    messages, rows = request.messages, LLMRequestModel
    is_result = [message.get("role") in RESULT_ROLES for message in messages]
    starts = [at for at in range(1, len(messages)) if is_result[at] and not is_result[at - 1]]
    conversations = [messages[:start] for start in starts]
    query = (
        select(rows)
        .where(
            rows.provider == request.provider,
            rows.status == RequestStatus.COMPLETED.value,
            rows.created_at.between(request.created_at - MAX_CONVERSATION_DURATION, request.created_at),
            rows.id != request.id,
        )
        .order_by(rows.created_at.desc())
        .options(*WITHOUT_BODIES)
        .execution_options(yield_per=ROWS_PER_FETCH)
    )
    turns = (row for row in session.scalars(query) if row.response_output and row.messages in conversations)
    turn = next(turns, None)
    return None if turn is None else LLMRequest.model_validate(turn)


def call_from_row(row: Row, caller_settings: Collection[str] = tuple(SETTING_VARIABLES)) -> RecordedCall:
    """Return the call behind a row; settings that the caller did not give are in its environment."""
    options = caller_options(row)
    if row["api_variant"] in METHODS_OF_ONE_PROMPT:
        return _call_of_one_prompt(row, options)
    environment = _changed_settings(row, SETTING_VARIABLES.keys() - caller_settings)
    settings = {name: row[name] for name in SETTING_VARIABLES if name in caller_settings and row[name] is not None}
    if row["model"].startswith(PREFIX) or row["model"] in MODEL_PROVIDER_MAP:
        settings["model"] = row["model"]
    else:
        environment |= {"LLM_PROVIDER": row["provider"], VENDORS[row["provider"]].model_variable: row["model"]}
    extra_body = mapping(options.get("extra_body"))
    payload = {name: value for name, value in row["request_payload"].items() if name not in extra_body}
    schema, tools = requested_schema(payload), _tools(payload)
    method = STRUCTURED if schema else TOOLS if tools else TEXT
    arguments = {"messages": row["messages"], **({"tools": tools} if method == TOOLS else {}), **settings, **options}
    return RecordedCall(method=method, arguments=arguments, schema=schema, environment=environment)


def caller_options(row: Row) -> dict[str, Any]:
    """Return the options that the caller gave, without those that the service adds and without an idempotency key."""
    return {
        name: value
        for name, value in (row["additional_params"] or {}).items()
        if name != FIRST_ATTEMPT and not name.startswith("idempotency_")
    }


def _changed_settings(row: Row, names: Collection[str]) -> dict[str, str]:
    """Return the variables of the settings that differ from the default in the row."""
    defaults = LLMConfig()
    changed = (name for name in names if row[name] not in (None, getattr(defaults, name)))
    return {SETTING_VARIABLES[name]: str(row[name]) for name in changed}


def _call_of_one_prompt(row: Row, options: dict[str, Any]) -> RecordedCall:
    method, name = METHODS_OF_ONE_PROMPT[row["api_variant"]]
    environment = _changed_settings(row, SETTING_VARIABLES)
    quality = row["request_payload"].get("quality")
    if quality and "quality" not in options:
        environment["IMAGE_QUALITY"] = quality
    arguments = {name: row["messages"][0]["content"], "model": row["model"], **options}
    return RecordedCall(method=method, arguments=arguments, environment=environment)


def _tools(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tools of a payload as callers define them, whichever wire sent it."""
    tools = [mapping(tool) for tool in items(payload.get("tools"))]
    declarations = (
        mapping(declaration)
        for tool in tools
        for declaration in items(tool.get("functionDeclarations")) or [tool.get("function", tool)]
    )
    return [_tool(declaration) for declaration in declarations]


def _tool(declaration: dict[str, Any]) -> dict[str, Any]:
    schemas = (declaration.get(name) for name in ("parameters", "input_schema", "parametersJsonSchema"))
    return {
        "name": declaration.get("name"),
        "description": declaration.get("description") or "",
        "parameters": next(filter(None, schemas), {}),
    }
