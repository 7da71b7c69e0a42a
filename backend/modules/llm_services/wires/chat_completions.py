"""Chat Completions (https://platform.openai.com/docs/api-reference/chat), as OpenRouter and many others speak it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from ..types import ToolCall, Usage
from .conversation import call_id
from .errors import openai_error
from .lenient import arguments, count, items, mapping, moment, number, text, undecodable
from .schemas import instruction, json_schema_format
from .wire import Answer, LLMCall, Number, Options, Wire

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .wire import Exchange, ParsedError

NOT_IN_THE_BODY = {"structured_output", "reasoning", "verbosity", "text", "extra_body", "use_cache"}


class ChatCompletionsOptions(Options):
    """Options of the API by its own names; `structured_output` chooses how a structured answer is requested."""

    structured_output: Literal["json_object", "json_schema"] = "json_object"
    top_p: Number | None = None
    frequency_penalty: Number | None = None
    presence_penalty: Number | None = None
    logit_bias: dict[str, Number] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    prediction: dict[str, Any] | None = None
    modalities: list[str] | None = None
    web_search_options: dict[str, Any] | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None

    def body(self) -> dict[str, Any]:
        """Return what goes into the body: what was given, without what was None."""
        body = self.model_dump(exclude=NOT_IN_THE_BODY, exclude_none=True)
        common = {"verbosity": self.any_verbosity, "reasoning_effort": self.effort}
        return body | _present(common) | (self.extra_body or {})


class ChatCompletionsWire(Wire):
    """Text, objects and tool calls.

    A vendor that speaks this API has nothing to write here. One that speaks it with differences overrides
    `model_name`, `schema_mode`, `usage`, `details` or `parse_error`, and names options of its own:

        class AcmeWire(ChatCompletionsWire):
            def model_name(self, call):
                return call.model.removeprefix("acme/")
    """

    api_variant = "chat_completions"
    options = ChatCompletionsOptions

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /chat/completions."""
        options = cast("ChatCompletionsOptions", call.options)
        sampling = {"temperature": call.temperature, "max_tokens": call.max_output_tokens}
        payload: dict[str, Any] = {"model": self.model_name(call), **_present(sampling), **options.body()}
        messages = list(call.chat_messages)
        if call.tools:
            payload["tools"] = [{"type": "function", "function": tool.model_dump()} for tool in call.tools]
        if call.response_model and options.structured_output == "json_schema":
            payload |= self.schema_mode(call, call.response_model, payload)
        elif call.response_model:
            messages.insert(0, {"role": "system", "content": instruction(call.response_model)})
            payload["response_format"] = {"type": "json_object"}
        return payload | {"messages": messages}

    def parse(self, exchange: Exchange) -> Answer:
        """Read a completion, or what there is of one."""
        body = mapping(exchange.body)
        choice = mapping(next(iter(items(body.get("choices"))), None))
        message = mapping(choice.get("message"))
        calls = items(message.get("tool_calls"))
        return Answer(
            content=_content(message.get("content")),
            finish_reason=text(choice.get("finish_reason")),
            refusal=text(message.get("refusal")),
            tool_calls=tuple(_tool_call(call, index) for index, call in enumerate(calls)),
            usage=self.usage(body, exchange),
            response_id=text(body.get("id")) or exchange.headers.get("x-generation-id"),
            system_fingerprint=text(body.get("system_fingerprint")),
            created_at=moment(body.get("created")),
            details=self.details(body, choice, exchange),
            is_found=isinstance(choice.get("message"), dict),
            malformed=next(filter(None, map(_malformed, calls)), None),
            tool_turn=message if calls else None,
        )

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error in a body."""
        del call
        return openai_error(exchange)

    def model_name(self, call: LLMCall) -> str:
        """Return the name that the vendor knows the model by."""
        return call.model

    def schema_mode(self, call: LLMCall, response_model: type[BaseModel], payload: dict[str, Any]) -> dict[str, Any]:
        """Return what requests the model's schema; `payload` is the rest of the body, and may be changed."""
        del call, payload
        return {"response_format": {"type": "json_schema", "json_schema": json_schema_format(response_model)}}

    def usage(self, body: dict[str, Any], exchange: Exchange) -> Usage:
        """Read tokens, which stand where OpenAI puts them."""
        del exchange
        usage = mapping(body.get("usage"))
        prompt = mapping(usage.get("prompt_tokens_details"))
        cached = count(prompt.get("cached_tokens"))
        return Usage(
            input_tokens=count(usage.get("prompt_tokens")),
            output_tokens=count(usage.get("completion_tokens")),
            total_tokens=count(usage.get("total_tokens")),
            cached_input_tokens=cached,
            cache_creation_tokens=count(prompt.get("cache_write_tokens")),
            reasoning_tokens=count(mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")),
            cost=number(usage.get("cost")),
            cached=bool(cached),
        )

    def details(self, body: dict[str, Any], choice: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """Return what else the row keeps of an answer."""
        del choice
        return {
            "served_model": text(body.get("model")),
            "service_tier": text(body.get("service_tier")),
            "vendor_request_id": exchange.headers.get("x-request-id"),
        }


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _content(content: object) -> str:
    if isinstance(content, list):
        return "".join(text(mapping(part).get("text")) or "" for part in content)
    return text(content) or ""


def _malformed(call: object) -> str | None:
    function = mapping(mapping(call).get("function"))
    given = function.get("arguments")
    return undecodable(function.get("name"), given) if arguments(given) is None else None


def _tool_call(call: object, index: int) -> ToolCall:
    """Read one call; arguments that are missing or empty mean none."""
    function = mapping(mapping(call).get("function"))
    name = text(function.get("name")) or ""
    own_id = call_id(mapping(call).get("id"), index, name)
    return ToolCall(id=own_id, name=name, arguments=arguments(function.get("arguments")) or {})
