"""Chat Completions (https://platform.openai.com/docs/api-reference/chat), the API of OpenRouter and many others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import Field

from ..sanitize import excerpt
from ..types import AudioResponse, ToolCall, Usage
from .abilities import takes_default_temperature
from .chat_completions_stream import THOUGHT_TYPES, ChatCompletionsAssembly, thought_in
from .conversation import CLAUDES_IDS, OPENAIS_IDS, call_id, choice_mode, chosen_tool, join_instruction, safe_id
from .errors import openai_error
from .lenient import arguments, items, mapping, moment, openai_usage, present, text, undecodable, usd
from .schemas import instruction, json_schema_format
from .wire import (
    CUT_REASONS,
    REFUSED_REASONS,
    Answer,
    LLMCall,
    Number,
    Options,
    Wire,
    defaults_of,
    failed_end,
    with_extra_body,
)

if TYPE_CHECKING:
    from ..types import ToolDefinition
    from .wire import Exchange, ParsedError

NOT_IN_THE_BODY = {
    "structured_output",
    "reasoning",
    "reasoning_effort",
    "verbosity",
    "text",
    "extra_body",
    "idempotency_key",
    "store_content",
    "use_cache",
    "timeout",
    "stream",
}


# The ids that the vendors behind a router accept, by the beginning of the model's name there.
IDS_OF_AUTHORS: Final = {"anthropic": CLAUDES_IDS, "openai": OPENAIS_IDS}
DETAIL_TYPES: Final = "reasoning."  # the beginning of the types of reasoning details; other vendors' have other types
LISTS_OF_A_MESSAGE = ("content", "images", "reasoning_details", "annotations")


class ChatCompletionsOptions(Options):
    """The options, under the API's names; `structured_output` chooses how a structured answer is requested."""

    sends_effort: ClassVar[bool] = True

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
    prompt_cache_options: dict[str, Any] | None = None
    audio: dict[str, Any] | None = None
    max_completion_tokens: Annotated[int, Field(gt=0)] | None = None
    service_tier: str | None = None
    user: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the fields of the body: the options that are not None."""
        body = self.model_dump(exclude=NOT_IN_THE_BODY, exclude_none=True)
        common = {"verbosity": self.any_verbosity, "reasoning_effort": self.effort}
        return body | present(common)


class ChatCompletionsWire(Wire):
    """Text, objects and tool calls.

    A vendor with this API uses the class as it is. A vendor with a variant of it overrides `model_name`, `schema_mode`,
    `excluded_defaults`, `usage`, `details` or `parse_error`, and defines its own options:

        class AcmeWire(ChatCompletionsWire):
            def model_name(self, model):
                return model.removeprefix("acme/")
    """

    api_variant = "chat_completions"
    options = ChatCompletionsOptions
    assembly = ChatCompletionsAssembly
    # The fields for a streamed request; without `stream_options`, most servers send no token counts.
    stream_parameters: ClassVar[dict[str, Any]] = {"stream": True, "stream_options": {"include_usage": True}}

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /chat/completions."""
        options = cast("ChatCompletionsOptions", call.options)
        payload: dict[str, Any] = {
            "model": self.model_name(call.model),
            "temperature": call.temperature,
            "max_tokens": call.max_output_tokens,
            **options.body(),
        }
        if options.tool_choice:
            payload["tool_choice"] = _tool_choice(options.tool_choice)
        if call.is_streamed:
            payload |= self.stream_parameters
        messages = call.chat_messages
        if call.tools:
            payload["tools"] = [_tool(tool) for tool in call.tools]
        if call.response_model is not None and options.structured_output == "json_schema":
            payload |= self.schema_mode(call)
        elif call.response_model is not None:
            messages = join_instruction(messages, instruction(call.response_model))
            payload["response_format"] = {"type": "json_object"}
        if options.max_completion_tokens and call.max_output_tokens_is_given:
            raise ValueError("max_output_tokens and the option max_completion_tokens are one cap: give one of them")
        defaults = self.excluded_defaults(call, payload)
        payload = {name: value for name, value in payload.items() if name not in defaults}
        messages = [_message(message, str(payload["model"])) for message in messages]
        return with_extra_body(payload, options.extra_body, defaults_of(call)) | {"messages": messages}

    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Parse a completion, including a partial one."""
        body = mapping(exchange.body)
        choice = mapping(next(iter(items(body.get("choices"))), None))
        message = mapping(choice.get("message"))
        parts, images, details, annotations = (items(message.get(name)) for name in LISTS_OF_A_MESSAGE)
        refusal = text(message.get("refusal"))
        calls = _function_calls(message)
        problems = list(map(_problem, calls))
        return Answer(
            content=_content(message),
            finish_reason=_finish_reason(choice, refusal),
            refusal=refusal,
            tool_calls=tuple(_tool_call(call, number) for number, call in enumerate(calls) if problems[number] is None),
            usage=self.usage(body, exchange),
            response_id=text(body.get("id")) or exchange.headers.get("x-generation-id"),
            system_fingerprint=text(body.get("system_fingerprint")),
            created_at=moment(body.get("created")),
            details=self.details(body, choice, exchange),
            is_found=isinstance(choice.get("message"), dict),
            malformed=next(filter(None, problems), None),
            tool_turn=message | {"tool_calls": calls} if calls else None,
            reasoning=_reasoning(message),
            reasoning_details=list(filter(mapping, details)) or None,
            images=tuple(filter(None, [*map(_image_url, parts), *map(_listed_url, images)])),
            annotations=tuple(
                [mark for mark in annotations if mapping(mark)]
                or (_citations(body["citations"]) if "citations" in body else [])
            ),
            media=_audio(message, call),
        )

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error in a body, or the error that a finish reason means."""
        del call
        choice = mapping(next(iter(items(mapping(exchange.body).get("choices"))), None))
        reasons = text(choice.get("native_finish_reason")), text(choice.get("finish_reason"))
        return openai_error(exchange) or failed_end(exchange, *reasons)

    def model_name(self, model: str) -> str:
        """Return the vendor's own name of a model."""
        return model

    def schema_mode(self, call: LLMCall) -> dict[str, Any]:
        """Return the fields that request an answer by the schema."""
        return {"response_format": {"type": "json_schema", "json_schema": json_schema_format(call.response_model)}}

    def excluded_defaults(self, call: LLMCall, payload: dict[str, Any]) -> frozenset[str]:
        """Return the defaults to leave out: a temperature beside `top_p` or reasoning, a limit beside another one.

        Anthropic's models refuse `temperature` with `top_p` (open-webui/open-webui#17922). Reasoning models refuse
        sampling parameters, those of 2026 even if the request does not mention reasoning.
        """
        given = {**payload, **(call.options.extra_body or {})}
        models = map(str, [payload["model"], *(given.get("models") or ())])  # with the fallbacks
        gives_way = "top_p" in given or _is_reasoning(given) or not all(map(takes_default_temperature, models))
        excluded = {"temperature"} if gives_way else set[str]()
        if "max_completion_tokens" in given:
            excluded.add("max_tokens")
        return defaults_of(call) & excluded

    def usage(self, body: dict[str, Any], exchange: Exchange) -> Usage:
        """Parse the token counts from OpenAI's fields."""
        del exchange
        return openai_usage(body, "prompt", "completion", cost=usd(mapping(body.get("usage")).get("cost")))

    def details(self, body: dict[str, Any], choice: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """Return further facts about an answer for the row."""
        del choice
        return {
            "served_model": text(body.get("model")),
            "service_tier": text(body.get("service_tier")),
            "vendor_request_id": exchange.headers.get("x-request-id"),
        }


def _message(message: dict[str, Any], model: str) -> dict[str, Any]:
    """Return a message with the ids that the model's vendor accepts, and without other vendors' reasoning details."""
    content = message["content"]
    if isinstance(content, list) and any(part.get("type") == "input_image" for part in content):
        raise ValueError("Chat Completions takes no image by its file_id: messages contain a part of type input_image")
    rule = IDS_OF_AUTHORS.get(model.removeprefix("~").partition("/")[0])
    details = message.get("reasoning_details") or []
    own = [detail for detail in details if (text(mapping(detail).get("type")) or "").startswith(DETAIL_TYPES)]
    if own != details:
        message = {name: value for name, value in message.items() if name != "reasoning_details"}
        message |= {"reasoning_details": own} if own else {}
    if rule and message.get("tool_calls"):
        calls = [{**call, "id": safe_id(str(call["id"]), *rule)} for call in message["tool_calls"]]
        message = {**message, "tool_calls": calls}
    if rule and message.get("tool_call_id"):
        message = {**message, "tool_call_id": safe_id(message["tool_call_id"], *rule)}
    return message


def _finish_reason(choice: dict[str, Any], refusal: str | None) -> str | None:
    """Return the finish reason; one that only the refusal or the native reason shows takes the place of `stop`."""
    reason, native = text(choice.get("finish_reason")), str(choice.get("native_finish_reason")).upper()
    if reason not in {None, "stop"}:
        return reason
    return "content_filter" if refusal or native in REFUSED_REASONS else "length" if native in CUT_REASONS else reason


def _is_reasoning(payload: dict[str, Any]) -> bool:
    """Return True if the request asks for reasoning, in either of the two fields for it."""
    reasoning = mapping(payload.get("reasoning"))
    effort = reasoning.get("effort") or payload.get("reasoning_effort")
    is_on = bool(effort or reasoning.get("max_tokens") or reasoning.get("enabled"))
    return is_on and effort != "none" and reasoning.get("enabled") is not False


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = tool.model_dump(exclude={"cache_control"}, exclude_none=True)
    breakpoint_ = {"cache_control": tool.cache_control} if tool.cache_control else {}
    return {"type": "function", "function": function, **breakpoint_}


def _tool_choice(choice: str | dict[str, Any]) -> str | dict[str, Any]:
    """Return a tool choice in this API's form."""
    if name := chosen_tool(choice):
        return {"type": "function", "function": {"name": name}}
    return choice_mode(choice) or choice


def _content(message: dict[str, Any]) -> str:
    content = message.get("content")
    if content and isinstance(content, str):
        return content
    if isinstance(content, list):
        spoken = [mapping(part) for part in content if mapping(part).get("type") not in THOUGHT_TYPES]
        return "".join(text(part.get("text")) or "" for part in spoken)
    return text(mapping(message.get("audio")).get("transcript")) or ""


def _reasoning(message: dict[str, Any]) -> str | None:
    """Return the reasoning from OpenRouter's field, from DeepSeek's (which others use too), or from the details."""
    plain = text(message.get("reasoning")) or text(message.get("reasoning_content"))
    if plain or not (message.get("reasoning_details") or isinstance(message.get("content"), list)):
        return plain
    content = map(mapping, items(message.get("content")))
    spoken = [thought_in(part) for part in content if part.get("type") in THOUGHT_TYPES]
    details = [mapping(detail) for detail in items(message.get("reasoning_details"))]
    parts = [text(detail.get("text")) or text(detail.get("summary")) for detail in details]
    return "\n".join(filter(None, spoken or parts)) or None


def _image_url(image: object) -> str | None:
    url = mapping(image).get("image_url")
    return text(mapping(url).get("url")) or text(url)


def _listed_url(image: object) -> str | None:
    """Return the URL of an entry of `images`, which may also be the URL itself, or have it as `url`."""
    data = text(mapping(image).get("b64_json"))
    inline = data and f"data:image/png;base64,{data}"
    return text(image) or _image_url(image) or text(mapping(image).get("url")) or inline


def _citations(given: object) -> list[dict[str, Any]]:
    """Return the citations of Perplexity's models, which are beside the choices; a URL becomes an annotation."""
    urls = [{"type": "url_citation", "url_citation": {"url": url}} for url in items(given) if text(url)]
    return urls or [mark for mark in items(given) if mapping(mark)]


def _audio(message: dict[str, Any], call: LLMCall) -> AudioResponse | None:
    data = text(mapping(message["audio"]).get("data")) if "audio" in message else None
    if data is None:
        return None
    requested = mapping(call.params.get("audio")) or mapping(mapping(call.params.get("extra_body")).get("audio"))
    kind = text(requested.get("format")) or "wav"
    return AudioResponse(audio_base64=data, mime_type={"mp3": "audio/mpeg"}.get(kind, f"audio/{kind}"))


def _function_calls(message: dict[str, Any]) -> list[Any]:
    """Return the calls of functions; server tools, which the server ran itself, are left out."""
    if not (message.get("tool_calls") or message.get("function_call")):
        return []
    given = message.get("tool_calls")
    calls = [given] if isinstance(given, dict) and given else items(given)
    calls = [
        call for call in calls if text(mapping(call).get("type")) in {None, "function"} or "function" in mapping(call)
    ]
    legacy = message.get("function_call")  # the older field, for a single call
    return calls if calls or not legacy else [{"type": "function", "function": legacy}]


def _problem(call: object) -> str | None:
    """Return the error of a tool call, or None if it is valid."""
    function = mapping(mapping(call).get("function"))
    given = function.get("arguments")
    if not (text(function.get("name")) or "").strip():
        return f"the model called a tool without a name: {excerpt(call)}"
    return undecodable(function.get("name"), given) if arguments(given) is None else None


def _tool_call(call: object, index: int) -> ToolCall:
    """Parse one call; if the arguments are missing or empty, there are none."""
    function = mapping(mapping(call).get("function"))
    name = text(function.get("name")) or ""
    own_id = call_id(mapping(call).get("id"), index, name)
    return ToolCall(id=own_id, name=name, arguments=arguments(function.get("arguments")) or {})
