"""OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses), which Azure offers too.

Requests are checked against the types of OpenAI's own package, and answers against exchanges that others recorded live
(`tests/wires/test_recorded_exchanges.py`).
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, cast

from ..sanitize import excerpt
from ..types import ToolCall
from .abilities import OpenAIAbilities, Sampling, nearest_effort, openai
from .conversation import (
    NATIVE,
    OPENAIS_IDS,
    call_id,
    choice_mode,
    chosen_tool,
    join_instruction,
    plain_text,
    safe_id,
    tool_turn,
)
from .errors import openai_error
from .lenient import arguments, count, items, mapping, moment, openai_usage, text, undecodable
from .responses_stream import ResponsesAssembly
from .schemas import instruction, json_schema_format
from .wire import Answer, LLMCall, Number, Options, ParsedError, Wire, defaults_of, has_own_tools, with_extra_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import ToolDefinition
    from .wire import Exchange

Item = dict[str, Any]

VERBOSITIES: Final = {"xhigh": "high", "max": "high"}  # the API has nothing above `high`
FINISH_REASONS: Final = {"max_output_tokens": "length"}
KEPT_KEYS: Final = ("prompt_cache_breakpoint",)  # what the API takes on every part, besides its content
# The units by which hosted tools are billed, under the price table's names if it has them:
# https://platform.openai.com/docs/pricing#built-in-tools.
PIECES: Final = {
    "web_search_call": "web_searches",
    "file_search_call": "storage_searches",
    "code_interpreter_call": "containers",
    "image_generation_call": "images",
}
FREE_ACTIONS: Final = ("open_page", "find_in_page")
# The states of a background job that is not finished or was cancelled. A new request would be billed again, although
# the job can be fetched by its id: https://platform.openai.com/docs/guides/background.
UNFINISHED: Final = frozenset({"queued", "in_progress", "cancelled"})


class ResponsesOptions(Options):
    """Options for text; `structured_output` is the mode of a structured answer, by default the model's best one."""

    sent: ClassVar[frozenset[str]] = frozenset(
        {
            "parallel_tool_calls",
            "store",
            "metadata",
            "user",
            "service_tier",
            "safety_identifier",
            "prompt_cache_key",
            "truncation",
            "background",
            "context_management",
            "conversation",
            "max_tool_calls",
            "moderation",
            "previous_response_id",
            "prompt_cache_options",
            "prompt_cache_retention",
            "top_logprobs",
        }
    )

    structured_output: Literal["json_object", "json_schema"] | None = None
    top_p: Number | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    store: bool | None = None
    user: str | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    truncation: str | None = None
    background: bool | None = None
    context_management: list[dict[str, Any]] | None = None
    conversation: str | dict[str, Any] | None = None
    max_tool_calls: int | None = None
    moderation: dict[str, Any] | None = None
    previous_response_id: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None
    top_logprobs: int | None = None


class ResponsesWire(Wire):
    """Text, objects and tool calls."""

    api_variant = "responses"
    options = ResponsesOptions
    assembly = ResponsesAssembly

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /responses."""
        options = cast("ResponsesOptions", call.options)
        payload = {
            "model": call.model,
            "input": _input(call.chat_messages),
            "max_output_tokens": call.max_output_tokens,
            "stream": call.is_streamed or None,
            **options.body(),
            **_reasoning_and_sampling(call, options),
        }
        if call.tools or has_own_tools(options):
            payload["tools"] = [_tool(tool) for tool in call.tools] or None
            payload["tool_choice"] = _tool_choice(options.tool_choice)
        if call.response_model is not None:
            _request_json(payload, call, options)
        if options.store is False:
            # Without it, the next turn could not refer to this reasoning.
            payload["include"] = ["reasoning.encrypted_content"]
        return with_extra_body(payload, options.extra_body, defaults_of(call))

    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Parse a response, including a partial one."""
        del call
        body = mapping(exchange.body)
        output = [mapping(item) for item in items(body.get("output"))]
        calls = [item for item in output if item.get("type") == "function_call"]
        parts = _parts(output)
        reason, status = text(mapping(body.get("incomplete_details")).get("reason")), text(body.get("status"))
        if status == "incomplete":
            reason = reason or "max_output_tokens"
        readable = [number for number, function in enumerate(calls) if _problem(function) is None]
        tool_calls = tuple(_tool_call(calls[number], number) for number in readable)
        refusal = "".join(text(part.get("refusal")) or "" for part in parts) or None
        ended = "content_filter" if refusal else "tool_calls" if tool_calls else "stop"
        return Answer(
            content="".join(text(part.get("text")) or "" for part in parts),
            finish_reason=FINISH_REASONS.get(reason, reason) if reason else ended if output else None,
            refusal=refusal,
            tool_calls=tool_calls,
            usage=openai_usage(body, "input", "output", pieces=_pieces(body, output)),
            response_id=text(body.get("id")),
            created_at=moment(body.get("created_at")),
            details={
                "served_model": text(body.get("model")),
                "native_finish_reason": reason or status,
                "service_tier": text(body.get("service_tier")),
                "vendor_request_id": exchange.headers.get("x-request-id"),
            },
            is_found=bool(output) or bool(reason) or status in UNFINISHED,
            malformed=next(filter(None, map(_problem, calls)), None),
            tool_turn=tool_turn(tool_calls, output),
            reasoning=_reasoning(output),
            reasoning_details=output if any(item.get("type") == "reasoning" for item in output) else None,
            images=tuple(filter(None, (url for item in output for url in _image_urls(item)))),
            annotations=tuple(
                filter(None, (mapping(mark) for part in parts for mark in items(part.get("annotations"))))
            ),
        )

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error in a body, also in a 200; an unfinished job is an error that names its id."""
        del call
        body = mapping(exchange.body)
        status, own_id = text(body.get("status")), text(body.get("id"))
        if body.get("error") or status not in UNFINISHED:
            return openai_error(exchange)
        message = f"the response is {status} and has no answer yet; it is not requested again; its id is {own_id}"
        return ParsedError(exchange.status_code or 0, message, error_code=status, retryable=False)


def _parts(output: list[Item]) -> list[Item]:
    """Return the content parts of the answer."""
    messages = (item for item in output if item.get("type") == "message")
    return [mapping(part) for message in messages for part in items(message.get("content"))]


def _input(messages: list[Item]) -> list[Item]:
    """Map Chat Completions messages to input items."""
    return [item for message in messages for item in _items(message)]


def _items(message: Item) -> list[Item]:
    content = message.get("content")
    if message["role"] == "tool":
        own_id = _id(message["tool_call_id"])
        return [{"type": "function_call_output", "call_id": own_id, "output": _result(content)}]
    if message["role"] != "assistant":
        parts = [_part(part) for part in content] if isinstance(content, list) else content
        return [{"role": message["role"], "content": parts}]
    calls = items(message.get("tool_calls"))
    details = items(message.get("reasoning_details"))
    own = message.get(NATIVE) or (details if any(item.get("type") == "reasoning" for item in details) else None)
    if own:
        return _native(own, {call["id"] for call in calls})
    answer = plain_text(content)
    spoken = [{"role": "assistant", "content": answer}] if answer or not calls else []
    return spoken + [_call(call) for call in calls]


def _native(output: list[Item], answered: set[str]) -> list[Item]:
    """Return the model's own items, without calls that have no result."""
    return [item for item in output if item.get("type") != "function_call" or text(item.get("call_id")) in answered]


def _call(call: Item) -> Item:
    function = mapping(call.get("function"))
    arguments = function.get("arguments") or "{}"
    return {
        "type": "function_call",
        "call_id": _id(call["id"]),
        "name": function.get("name"),
        "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
    }


def _id(own_id: object) -> str:
    """Return a tool call's id in the form that the API accepts."""
    return safe_id(str(own_id), *OPENAIS_IDS)


def _result(content: object) -> str | list[Item]:
    """Return a tool's result: a text, or parts if it contains images or files."""
    is_text = all(part.get("type") == "text" for part in items(content))
    return plain_text(content) if is_text else [_part(part) for part in items(content)]


def _part(part: Item) -> Item:
    kept = {name: part[name] for name in KEPT_KEYS if name in part}
    match part.get("type"):
        case "text":
            return {"type": "input_text", "text": part.get("text") or "", **kept}
        case "image_url":
            image = mapping(part.get("image_url"))
            return {
                "type": "input_image",
                "image_url": image.get("url"),
                "detail": image.get("detail") or "auto",
                **kept,
            }
        case "input_image":
            return {"type": "input_image", "file_id": part["file_id"], "detail": part.get("detail") or "auto", **kept}
        case "file":
            detail = {"detail": part["detail"]} if part.get("detail") else {}
            return {"type": "input_file", **_file(mapping(part.get("file"))), **detail, **kept}
        case "video_url" | "input_audio" as kind:
            raise ValueError(
                f"the Responses API accepts neither audio nor video: messages contain a part of type {kind}"
            )
        case _:
            return part


def _file(file: Item) -> Item:
    if file.get("file_id"):
        return {"file_id": file["file_id"]}
    data = str(file.get("file_data") or "")
    if data.startswith("http"):
        return {"file_url": data}
    return {"filename": file.get("filename") or "file", "file_data": data}


# The sampling parameters that are left out, and when. A reasoning model refuses all of them, except with the effort
# `none`: https://developers.openai.com/api/docs/guides/latest-model.
RULES: Final[tuple[tuple[Callable[[LLMCall, Sampling], bool], frozenset[str]], ...]] = (
    (lambda _call, sampling: sampling is Sampling.NEVER, frozenset({"temperature", "top_p"})),
    (
        lambda call, sampling: sampling is Sampling.GIVEN and not call.temperature_is_given,
        frozenset({"temperature"}),
    ),
    (
        lambda call, _sampling: _top_p(call) is not None and not call.temperature_is_given,
        frozenset({"temperature"}),
    ),
)


def _top_p(call: LLMCall) -> object:
    """Return the caller's `top_p`, from either of its two fields."""
    return call.params.get("top_p", (call.options.extra_body or {}).get("top_p"))


def _reasoning_and_sampling(call: LLMCall, options: ResponsesOptions) -> dict[str, Any]:
    """Return reasoning, verbosity and sampling, as far as the model accepts them."""
    abilities = openai(call.model)
    reasoning = _reasoning_of(options, abilities)
    sampling = abilities.sampling
    if sampling is Sampling.NEVER and reasoning.get("effort") == "none":
        sampling = Sampling.GIVEN
    parameters = {"temperature": call.temperature, "top_p": options.top_p}
    for holds, names in RULES:
        if holds(call, sampling):
            parameters = {name: value for name, value in parameters.items() if name not in names}
    verbosity = options.any_verbosity if abilities.takes_verbosity else None
    text_options = {"verbosity": VERBOSITIES.get(verbosity, verbosity)} if verbosity else None
    return {**parameters, "text": text_options, "reasoning": reasoning or None}


def _reasoning_of(options: ResponsesOptions, abilities: OpenAIAbilities) -> dict[str, Any]:
    """Return `reasoning` with the nearest effort that the model has; {} if it has none."""
    if not options.reasoning or not abilities.efforts:
        return {}
    given = options.reasoning.model_dump(exclude_none=True, exclude={"exclude", "enabled", "max_tokens"})
    effort = nearest_effort(options.effort, abilities.efforts) if options.effort else None
    return {**given, "effort": effort} if effort else given


def _tool(tool: ToolDefinition) -> Item:
    function = tool.model_dump(include={"name", "description", "parameters", "strict"}, exclude_none=True)
    return {"type": "function", "strict": False, **function}


def _tool_choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    """Return a tool choice in this API's form."""
    if name := chosen_tool(choice):
        return {"type": "function", "name": name}
    return choice_mode(choice) or choice


def _request_json(payload: dict[str, Any], call: LLMCall, options: ResponsesOptions) -> None:
    """Request the object by a schema if the model accepts one, otherwise by JSON mode, otherwise by the prompt."""
    assert call.response_model  # noqa: S101 - its caller has checked
    best = openai(call.model).structured_output
    if (options.structured_output or best) == "json_schema":
        text_format: dict[str, Any] = {"type": "json_schema", **json_schema_format(call.response_model)}
    else:
        payload["input"] = _input(join_instruction(call.chat_messages, instruction(call.response_model)))
        text_format = {"type": "json_object"}
        if best is None:
            return
    payload["text"] = {**(payload.get("text") or {}), "format": text_format}


def _reasoning(output: list[Item]) -> str | None:
    """Return the text of the reasoning, or its summary."""
    thoughts = [item for item in output if item.get("type") == "reasoning"]
    parts = (part for item in thoughts for name in ("content", "summary") for part in items(item.get(name)))
    return "\n".join(filter(None, (text(mapping(part).get("text")) for part in parts))) or None


def _image_urls(item: Item) -> list[str | None]:
    """Return the image of an image generation tool as a `data:` URL, and the images that a code interpreter drew."""
    drawn = [text(mapping(output).get("url")) for output in items(item.get("outputs"))]
    data = text(item.get("result")) if item.get("type") == "image_generation_call" else None
    return [data and f"data:image/{text(item.get('output_format')) or 'png'};base64,{data}", *drawn]


def _problem(call: dict[str, Any]) -> str | None:
    given = call.get("arguments")
    if not (text(call.get("name")) or "").strip():
        return f"the model called a tool without a name: {excerpt(call)}"
    return undecodable(call.get("name"), given) if arguments(given) is None else None


def _tool_call(call: dict[str, Any], index: int) -> ToolCall:
    name = text(call.get("name")) or ""
    return ToolCall(
        id=call_id(call.get("call_id"), index, name), name=name, arguments=arguments(call.get("arguments")) or {}
    )


def _pieces(body: dict[str, Any], output: list[Item]) -> dict[str, int]:
    """Count the billed units of hosted tools; of a web search's actions, only `search` is billed.

    https://platform.openai.com/docs/guides/tools-web-search#output-and-citations
    """
    used = Counter(PIECES[kind] for item in output if (kind := _hosted_tool(item)))
    searches = count(mapping(mapping(body.get("tool_usage")).get("web_search")).get("num_requests"))
    return {**used, **({} if searches is None else {"web_searches": searches})}


def _hosted_tool(item: Item) -> str | None:
    kind = text(item.get("type"))
    is_free = mapping(item.get("action")).get("type") in FREE_ACTIONS
    return kind if kind in PIECES and not is_free else None
