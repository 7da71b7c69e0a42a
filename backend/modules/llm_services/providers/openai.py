"""OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses), at OpenAI and at Azure.

Requests and answers here have been checked against the types of OpenAI's own package, and not against the live API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..types import LLMProviderType, ToolCall, Usage
from . import openai_errors, structured
from .base import LLMProvider
from .conversation import NATIVE, as_call
from .http import Endpoint
from .lenient import arguments, count, items, mapping, moment, text
from .openai_input import response_input
from .openai_media import VOICES, ImagesWire, SpeechWire
from .openai_options import ResponsesOptions
from .schemas import json_schema_format
from .values import Answer, Kind, LLMCall
from .verdict import undecodable
from .wire import Service

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from ..config import LLMConfig
    from .failures import Failure
    from .http import Exchange
    from .wire import Wire

REASONING_MODELS: Final = ("gpt-5", "o1", "o3", "o4")
# https://platform.openai.com/docs/guides/structured-outputs: older models know no schemas, gpt-4 not even JSON mode.
SCHEMA_MODELS: Final = ("gpt-4o", "gpt-5", "o1", "o3", "o4")
JSON_MODELS: Final = ("gpt-4-turbo", "gpt-3.5-turbo")
PATHS: Final = {Kind.TEXT: "/responses", Kind.IMAGE: "/images/generations", Kind.SPEECH: "/audio/speech"}
FINISH_REASONS: Final = {"max_output_tokens": "length"}


class OpenAIProvider(LLMProvider):
    """OpenAI's models, text on this wire, images and speech on wires of their own."""

    provider_type = LLMProviderType.OPENAI
    api_variant = "responses"
    kinds = frozenset(Kind)
    voices = VOICES
    options = ResponsesOptions
    service = Service("OpenAI", "OPENAI_API_KEY", "OPENAI_BASE_URL", "https://platform.openai.com/api-keys")

    def __init__(self, config: LLMConfig, db_session: Session) -> None:
        """Raise LLMAuthenticationError without a key."""
        super().__init__(config, db_session)
        self._wires: dict[Kind, Wire] = {
            Kind.TEXT: self,
            Kind.IMAGE: ImagesWire(config.image_quality),
            Kind.SPEECH: SpeechWire(),
        }

    def wire(self, call: LLMCall) -> Wire:
        """Return the wire of text, images or speech."""
        return self._wires[call.kind]

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the path of the kind of call, with the key."""
        headers = {"Authorization": f"Bearer {self.config.openai_api_key}"}
        return Endpoint(self.config.openai_base_url, PATHS[call.kind], headers)

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Map a call to the Responses API; a reasoning model gets no sampling parameters, for it refuses them."""
        options = ResponsesOptions.read(call.options)
        payload = {
            "model": call.model_name,
            "input": response_input(self.turns.wire(call.messages)),
            "max_output_tokens": call.max_output_tokens,
            **options.body(),
            **_thinking(call, options),
        }
        if call.tools:
            payload["tools"] = [{"type": "function", "strict": False, **tool.model_dump()} for tool in call.tools]
            payload["tool_choice"] = _tool_choice(options.tool_choice)
        if call.response_model:
            _ask_for_json(payload, call, options)
        if options.store is False:
            payload["include"] = ["reasoning.encrypted_content"]  # or the next turn cannot refer to what was thought
        return {name: value for name, value in payload.items() if value is not None} | (options.extra_body or {})

    def parse(self, exchange: Exchange) -> Answer:
        """Read a response, or what there is of one."""
        body = mapping(exchange.body)
        output = [mapping(item) for item in items(body.get("output"))]
        calls = [item for item in output if item.get("type") == "function_call"]
        parts = [
            mapping(part) for item in output for part in items(item.get("content")) if item.get("type") == "message"
        ]
        reason = text(mapping(body.get("incomplete_details")).get("reason"))
        tool_calls = tuple(_tool_call(call, index) for index, call in enumerate(calls))
        ended = "tool_calls" if tool_calls else "stop"
        return Answer(
            content="".join(text(part.get("text")) or "" for part in parts),
            finish_reason=FINISH_REASONS.get(reason, reason) if reason else ended if output else None,
            refusal="".join(text(part.get("refusal")) or "" for part in parts) or None,
            tool_calls=tool_calls,
            usage=_usage(mapping(body.get("usage"))),
            response_id=text(body.get("id")),
            created_at=moment(body.get("created_at")),
            details={
                "served_model": text(body.get("model")),
                "native_finish_reason": reason or text(body.get("status")),
                "service_tier": text(body.get("service_tier")),
                "vendor_request_id": exchange.headers.get("x-request-id"),
            },
            is_found=bool(output) or bool(reason),
            malformed=next(filter(None, map(_malformed, calls)), None),
            turn=_turn(tool_calls, output),
        )

    def complaint(self, exchange: Exchange, call: LLMCall) -> Failure | None:
        """Return what OpenAI says is wrong; also inside a 200."""
        del call
        return openai_errors.complaint(exchange)


class AzureOpenAIProvider(OpenAIProvider):
    """The same at Azure (https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle), by another key."""

    provider_type = LLMProviderType.AZURE_OPENAI
    service = Service("Azure OpenAI", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "https://ai.azure.com")

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the resource's version 1 API, with its key."""
        base_url = f"{self.config.azure_openai_endpoint}/openai/v1"
        return Endpoint(base_url, PATHS[call.kind], {"api-key": self.config.azure_openai_api_key or ""})


def _thinking(call: LLMCall, options: ResponsesOptions) -> dict[str, Any]:
    """Return reasoning and verbosity for a model that has them, temperature and top_p for one that has not."""
    if not call.model_name.startswith(REASONING_MODELS):
        return {"temperature": call.temperature, "top_p": options.top_p}
    asked = (
        options.reasoning.model_dump(exclude_none=True, exclude={"exclude", "enabled", "max_tokens"})
        if (options.reasoning)
        else {}
    )
    is_newest = call.model_name.startswith("gpt-5")
    if asked.get("effort") == "minimal" and not is_newest:
        asked["effort"] = "low"
    verbosity = {"text": {"verbosity": options.asked_verbosity}} if options.asked_verbosity and is_newest else {}
    return verbosity | ({"reasoning": asked} if asked else {})


def _tool_choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    """Return a choice of a function as this wire spells it."""
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        return {"type": "function", "name": choice["function"].get("name")}
    return choice


def _ask_for_json(payload: dict[str, Any], call: LLMCall, options: ResponsesOptions) -> None:
    """Ask for the model's schema where the model takes one, for JSON where it takes that, and in words where not."""
    assert call.response_model  # noqa: S101 - the caller has looked
    best = "json_schema" if call.model_name.startswith(SCHEMA_MODELS) else "json_object"
    if (options.structured_output or best) == "json_schema":
        wanted: dict[str, Any] = {"type": "json_schema", **json_schema_format(call.response_model)}
    else:
        payload["input"] = [
            {"role": "developer", "content": structured.instruction(call.response_model)},
            *payload["input"],
        ]
        wanted = {"type": "json_object"}
        if not call.model_name.startswith((*SCHEMA_MODELS, *JSON_MODELS)):
            return
    payload["text"] = {**payload.get("text", {}), "format": wanted}


def _malformed(call: dict[str, Any]) -> str | None:
    given = call.get("arguments")
    return undecodable(call.get("name"), given) if arguments(given) is None else None


def _tool_call(call: dict[str, Any], index: int) -> ToolCall:
    name = text(call.get("name")) or ""
    call_id = text(call.get("call_id")) or f"call_{index}_{name}"
    return ToolCall(id=call_id, name=name, arguments=arguments(call.get("arguments")) or {})


def _turn(calls: tuple[ToolCall, ...], output: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not calls:
        return None
    return {"role": "assistant", "content": None, "tool_calls": [as_call(each) for each in calls], NATIVE: output}


def _usage(usage: dict[str, Any]) -> Usage:
    cached = count(mapping(usage.get("input_tokens_details")).get("cached_tokens"))
    return Usage(
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        total_tokens=count(usage.get("total_tokens")),
        cached_input_tokens=cached,
        reasoning_tokens=count(mapping(usage.get("output_tokens_details")).get("reasoning_tokens")),
        cached=bool(cached),
    )
