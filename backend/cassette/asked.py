"""The call behind a row: what a consumer asks of the service to have that request sent again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from modules.llm_services.config import LLMConfig
from modules.llm_services.providers.openrouter import PREFIX
from modules.llm_services.public import LLMMessage, ToolDefinition
from modules.llm_services.service import MODEL_PROVIDER_MAP
from modules.llm_services.wires import schemas
from modules.llm_services.wires.lenient import items, mapping
from modules.llm_services.wires.messages import ANSWER_TOOL

from .vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Collection

    from modules.llm_services import LLMServicesProvider

Row = dict[str, Any]

TEXT: Final = "generate_response"
STRUCTURED: Final = "generate_structured_response"
TOOLS: Final = "generate_response_with_tools"
IMAGE: Final = "generate_image"
SPEECH: Final = "generate_audio"
# The method of a wire that takes one text, and what it calls that.
SPEECH_WIRE: Final = "speech"
ONE_PROMPT: Final = {"images": (IMAGE, "prompt"), SPEECH_WIRE: (SPEECH, "text")}
# What a caller says or the configuration does; some wires tell the difference.
SETTINGS: Final = {"temperature": "TEMPERATURE", "max_output_tokens": "MAX_OUTPUT_TOKENS"}
# Where each wire has the schema of a structured answer.
SCHEMAS: Final = (
    ("response_format", "json_schema", "schema"),
    ("text", "format", "schema"),
    ("generationConfig", "responseJsonSchema"),
)
FORCED: Final = {"type": "tool", "name": ANSWER_TOOL}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One call: a method of the service, its arguments as JSON, the schema of the object asked for.

    `environment` is what has to be configured beside the vendor's address and key.
    """

    method: str
    arguments: dict[str, Any]
    schema: dict[str, Any] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    async def make(self, llm: LLMServicesProvider, response_model: type[BaseModel] | None) -> Any:  # noqa: ANN401 - each method's own
        """Make the call; return what the method returns."""
        given = dict(self.arguments)
        if "messages" in given:
            given["messages"] = [LLMMessage.model_validate(each) for each in given["messages"]]
        if "tools" in given:
            given["tools"] = [ToolDefinition.model_validate(each) for each in given["tools"]]
        if response_model:
            given["response_model"] = response_model
        return await getattr(llm, self.method)(**given)


def asked(row: Row, said: Collection[str] = tuple(SETTINGS)) -> Asked:
    """Return the call behind a row; of SETTINGS it says what `said` names, the environment the rest."""
    options = own_options(row)
    if row["api_variant"] in ONE_PROMPT:
        return _of_one_prompt(row, options)
    environment = _configured(row, SETTINGS.keys() - said)
    arguments = {name: row[name] for name in SETTINGS if name in said and row[name] is not None}
    if row["model"].startswith(PREFIX) or row["model"] in MODEL_PROVIDER_MAP:
        arguments["model"] = row["model"]
    else:
        environment |= {"LLM_PROVIDER": row["provider"], VENDORS[row["provider"]].model_variable or "": row["model"]}
    payload = _own(row["request_payload"], options)
    tools = [_tool(each) for each in _declared(payload)]
    method = TOOLS if tools else TEXT
    if schema := wanted_schema(payload):
        method, tools = STRUCTURED, []
    given = {"messages": row["messages"], **({"tools": tools} if tools else {}), **arguments, **options}
    return Asked(method=method, arguments=given, schema=schema, environment=environment)


def _configured(row: Row, names: Collection[str]) -> dict[str, str]:
    """Return the variables that give these settings the values of the row, where the default is another."""
    default = LLMConfig()
    return {SETTINGS[name]: str(row[name]) for name in names if row[name] not in (None, getattr(default, name))}


def own_options(row: Row) -> dict[str, Any]:
    """Return the options that the caller gave, without what the flow keeps beside them."""
    return {name: value for name, value in (row["additional_params"] or {}).items() if name != "first_attempt"}


def _of_one_prompt(row: Row, options: dict[str, Any]) -> Asked:
    method, name = ONE_PROMPT[row["api_variant"]]
    environment = _configured(row, SETTINGS)
    quality = row["request_payload"].get("quality")
    if quality and "quality" not in options:
        environment["IMAGE_QUALITY"] = quality
    arguments = {name: row["messages"][0]["content"], "model": row["model"], **options}
    return Asked(method=method, arguments=arguments, environment=environment)


def _own(payload: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return a payload without what the caller's `extra_body` put into it."""
    return {name: value for name, value in payload.items() if name not in mapping(options.get("extra_body"))}


def _declared(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tools that a payload declares, one by one."""
    tools = [mapping(each) for each in items(payload.get("tools"))]
    return [
        mapping(each)
        for tool in tools
        for each in items(tool.get("functionDeclarations")) or [tool.get("function", tool)]
    ]


def _tool(declared: dict[str, Any]) -> dict[str, Any]:
    """Return a tool as callers define it, whatever its wire calls its schema."""
    schemas = (declared.get(name) for name in ("parameters", "input_schema", "parametersJsonSchema"))
    return {
        "name": declared.get("name"),
        "description": declared.get("description") or "",
        "parameters": next(filter(None, schemas), {}),
    }


class _Anything(BaseModel):
    """Stands for the model whose schema the words of `schemas.instruction` end with."""


INSTRUCTION: Final = schemas.instruction(_Anything).partition("{")[0]


def wanted_schema(payload: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of the object that a payload asks for, None where it asks for none."""
    if payload.get("tool_choice") == FORCED:
        return mapping(mapping(items(payload.get("tools"))[0]).get("input_schema"))
    for path in SCHEMAS:
        found: Any = payload
        for step in path:
            found = mapping(found).get(step)
        if isinstance(found, dict):
            return found
    first = mapping(next(iter(items(payload.get("messages") or payload.get("input"))), None)).get("content")
    if isinstance(first, str) and first.startswith(INSTRUCTION):
        return mapping(json.loads(first[len(INSTRUCTION) :]))
    return None
