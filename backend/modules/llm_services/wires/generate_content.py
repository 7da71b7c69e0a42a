"""Google's generateContent (https://ai.google.dev/api/generate-content), for text and for speech.

Requests are checked against the types of Google's own package, and answers against recorded exchanges.
"""

from __future__ import annotations

import mimetypes
import re
from typing import TYPE_CHECKING, Any, Final, cast

from ..sanitize import excerpt
from ..types import ToolCall, Usage
from .abilities import GeminiAbilities, Sampling, Thinking, effort_for, gemini, nearest_effort
from .conversation import call_id, choice_mode, chosen_tool, system_parts, tool_turn
from .errors import server_wait
from .generate_content_contents import contents_of, part_of
from .generate_content_stream import GenerateContentAssembly
from .lenient import arguments, count, items, mapping, present, rates, text, total, undecodable
from .schemas import generate_content_schema, wire_schema
from .speech import joined_samples, playable
from .wire import (
    Answer,
    LLMCall,
    Number,
    Options,
    ParsedError,
    Wire,
    defaults_of,
    failed_end,
    has_own_tools,
    with_extra_body,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import AudioResponse
    from .wire import Exchange

Part = dict[str, Any]

# Thinking budgets of the 2.5 models, in tokens: https://ai.google.dev/gemini-api/docs/generate-content/thinking.
THINKING_BUDGETS: Final = {
    "none": 0,
    "minimal": 0,
    "low": 1024,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}
DYNAMIC_BUDGET: Final = -1  # the model decides
FINISH_REASONS: Final = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR"),
            *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
        ),
        "content_filter",
    ),
}
ANNOTATIONS: Final = ("groundingMetadata", "citationMetadata", "urlContextMetadata")
RETRY_INFO: Final = "RetryInfo"
PRICED_BY_PROMPT: Final = re.compile(r"gemini-[12]\b")  # these bill one price for all searches of a prompt
MAKES_IMAGES: Final = re.compile("image|banana")
DAILY_QUOTA: Final = "PerDay"
BAD_KEY_REASONS: Final = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "ACCESS_TOKEN_EXPIRED"})


class GenerateContentOptions(Options):
    """Options for text; `stop` is sent as `stopSequences`."""

    top_p: Number | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    tool_choice: str | dict[str, Any] | None = None
    safety_settings: list[dict[str, Any]] | None = None
    cached_content: str | None = None
    service_tier: str | None = None
    response_modalities: list[str] | None = None
    media_resolution: str | None = None

    def generation_config(self) -> dict[str, Any]:
        """Return the fields of `generationConfig`."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop
        given = {
            "topP": self.top_p,
            "topK": self.top_k,
            "seed": self.seed,
            "stopSequences": stops,
            "presencePenalty": self.presence_penalty,
            "frequencyPenalty": self.frequency_penalty,
            "responseModalities": self.response_modalities,
            "mediaResolution": self.media_resolution,
        }
        return present(given)


class GenerateContentReader(Wire):
    """Parses answers and errors, for text and speech."""

    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Parse a candidate, including a partial one; a blocked prompt has none."""
        del call
        body = mapping(exchange.body)
        candidate = mapping(next(iter(items(body.get("candidates"))), None))
        parts = [mapping(part) for part in items(mapping(candidate.get("content")).get("parts"))]
        calls = [mapping(part["functionCall"]) for part in parts if part.get("functionCall") is not None]
        readable = [number for number, function in enumerate(calls) if _problem(function) is None]
        tool_calls = tuple(_tool_call(calls[number], number) for number in readable)
        reason = text(candidate.get("finishReason"))
        blocked = text(mapping(body.get("promptFeedback")).get("blockReason"))
        finish = FINISH_REASONS.get(reason or "", reason and reason.lower())
        images = tuple(filter(None, map(_image_url, parts)))
        is_signed = any("thoughtSignature" in part or part.get("thought") is True for part in parts)
        return Answer(
            content="".join(_texts(parts, is_thought=False)),
            finish_reason="content_filter" if blocked else "tool_calls" if tool_calls and finish == "stop" else finish,
            refusal=blocked,
            tool_calls=tool_calls,
            usage=_usage(body, candidate, images),
            response_id=text(body.get("responseId")),
            details={"served_model": text(body.get("modelVersion")), "native_finish_reason": blocked or reason},
            is_found=bool(parts or reason or blocked),
            malformed=next(filter(None, map(_problem, calls)), None),
            tool_turn=tool_turn(tool_calls, parts),
            reasoning="\n".join(_texts(parts, is_thought=True)) or None,
            reasoning_details=parts if is_signed else None,
            images=images,
            annotations=tuple(filter(None, (mapping(candidate.get(name)) for name in ANNOTATIONS))),
            media=_sound(parts),
        )

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error in a body, or in a list of bodies: https://ai.google.dev/gemini-api/docs/troubleshooting."""
        del call
        body = exchange.body
        body = mapping(body[0]) if isinstance(body, list) and body else mapping(body)
        if not body.get("error"):
            candidate = mapping(next(iter(items(body.get("candidates"))), None))
            return failed_end(exchange, text(candidate.get("finishReason")))
        error = mapping(body["error"]) or {"message": str(body["error"])}
        details = [mapping(detail) for detail in items(error.get("details"))]
        reasons = {text(detail.get("reason")) for detail in details}
        code = count(error.get("code"))
        return ParsedError(
            (exchange.status_code or 0) if code is None else code,
            text(error.get("message")) or "",
            error_code=text(error.get("status")),
            retryable=False if _is_daily(details) else None,
            retry_after=server_wait(_delay(details), None, exchange.headers),
            is_key_refused=bool(reasons & BAD_KEY_REASONS),
        )


class GenerateContentWire(GenerateContentReader):
    """Text, objects and tool calls."""

    api_variant = "generate_content"
    options = GenerateContentOptions
    assembly = GenerateContentAssembly

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /models/<model>:generateContent."""
        options, abilities = cast("GenerateContentOptions", call.options), gemini(call.model)
        texts = [part_of(part) for part in system_parts(call.chat_messages)]
        config = {
            "temperature": call.temperature,
            "maxOutputTokens": call.max_output_tokens,
            **options.generation_config(),
            "thinkingConfig": _thinking(options, abilities),
        }
        beside = mapping((options.extra_body or {}).get("generationConfig"))
        for name, gives_way in RULES:
            if gives_way(call, abilities, {**config, **beside}):
                del config[name]
        if call.response_model is not None:
            schema = generate_content_schema(wire_schema(call.response_model))
            config |= {"responseMimeType": "application/json", "responseJsonSchema": schema}
        payload = {
            "systemInstruction": {"parts": texts} if texts else None,
            "contents": contents_of(call.chat_messages, signs_calls=abilities.signs_calls),
            "generationConfig": present(config),
            "safetySettings": options.safety_settings,
            "cachedContent": options.cached_content,
            "serviceTier": options.service_tier,
            **_tools(call, options),
        }
        return with_extra_body(payload, options.extra_body, defaults_of(call))


# The field of `generationConfig` that is left out, and the field that excludes it.
RULES: Final[tuple[tuple[str, Callable[[LLMCall, GeminiAbilities, Part], bool]], ...]] = (
    (
        "temperature",
        lambda call, abilities, config: (
            not call.temperature_is_given and (abilities.sampling is not Sampling.DEFAULT or "topP" in config)
        ),
    ),
)


def _thinking(options: GenerateContentOptions, abilities: GeminiAbilities) -> Part | None:
    """Return the thinking level or budget; None if the model has no such setting or the call gives no value."""
    reasoning = options.reasoning
    if reasoning is None or abilities.thinking is Thinking.NONE:
        return None
    tokens, effort = reasoning.max_tokens, options.effort
    if abilities.thinking is Thinking.BUDGET:
        budget = THINKING_BUDGETS.get(effort or "") if tokens is None else tokens
        if budget not in {None, DYNAMIC_BUDGET}:
            budget = min(max(budget, abilities.min_budget), abilities.max_budget)
        return None if budget is None else {"thinkingBudget": budget}
    wanted = effort or (None if tokens in {None, DYNAMIC_BUDGET} else effort_for(tokens, THINKING_BUDGETS))
    return {"thinkingLevel": nearest_effort(wanted, abilities.levels)} if wanted else None


def _tools(call: LLMCall, options: GenerateContentOptions) -> dict[str, Any]:
    declarations = [
        {
            "name": tool.name,
            "description": tool.description,
            "parametersJsonSchema": generate_content_schema(tool.parameters),
        }
        for tool in call.tools
    ]
    name, mode = chosen_tool(options.tool_choice), choice_mode(options.tool_choice)
    config: dict[str, Any] = {}
    if name:
        config = {"mode": "ANY", "allowedFunctionNames": [name]}
    elif options.tool_choice:
        config = {"mode": {"required": "ANY", "none": "NONE"}.get(mode or "", "AUTO")}
    if not (declarations or has_own_tools(options)):
        return {}
    return {
        "tools": [{"functionDeclarations": declarations}] if declarations else None,
        "toolConfig": {"functionCallingConfig": config} if config else None,
    }


def _tool_call(call: dict[str, Any], index: int) -> ToolCall:
    name = text(call.get("name")) or ""
    return ToolCall(id=call_id(call.get("id"), index, name), name=name, arguments=arguments(call.get("args")) or {})


def _problem(call: dict[str, Any]) -> str | None:
    given = call.get("args")
    if not (text(call.get("name")) or "").strip():
        return f"the model called a tool without a name: {excerpt(call)}"
    return undecodable(call.get("name"), given) if arguments(given) is None else None


def _texts(parts: list[dict[str, Any]], *, is_thought: bool) -> list[str]:
    """Return the text of the answer, or that of its thoughts."""
    chosen = (part for part in parts if (part.get("thought") is True) is is_thought)
    return [found for part in chosen if (found := text(part.get("text")))]


def _image_url(part: dict[str, Any]) -> str | None:
    """Return the URL of an image, which is inline or stored at Google; drafts in the model's thoughts are left out."""
    inline, stored = mapping(part.get("inlineData")), mapping(part.get("fileData"))
    data, address = text(inline.get("data")), text(stored.get("fileUri")) or ""
    kind = text(inline.get("mimeType") or stored.get("mimeType")) or mimetypes.guess_type(address.partition("?")[0])[0]
    if part.get("thought") is True or not (kind or "").startswith("image/"):
        return None
    return f"data:{kind};base64,{data}" if data else address or None


def _sound(parts: list[dict[str, Any]]) -> AudioResponse | None:
    """Return the sound; samples in several parts belong together."""
    inline = [mapping(part["inlineData"]) for part in parts if "inlineData" in part]
    given = [(text(data.get("data")) or "", text(data.get("mimeType")) or "") for data in inline]
    sounds = [(data, kind) for data, kind in given if playable(data, kind)]
    return playable(*joined_samples(sounds)) if sounds else None


def _usage(body: dict[str, Any], candidate: dict[str, Any], images: tuple[str, ...]) -> Usage:
    """Parse the token counts; the API counts thoughts apart from the output, and tool prompts apart from the input.

    JSON from Protobuf leaves out zeros: if the total equals the input, there was no output. Images without a count of
    their own are pieces.
    """
    usage, model = mapping(body.get("usageMetadata")), text(body.get("modelVersion")) or ""
    prompt = total(usage.get("promptTokenCount"), usage.get("toolUsePromptTokenCount"))
    output = [usage.get("candidatesTokenCount"), usage.get("thoughtsTokenCount")]
    all_tokens, cached = count(usage.get("totalTokenCount")), count(usage.get("cachedContentTokenCount"))
    is_zero = output == [None, None] and prompt is not None and prompt == all_tokens
    traffic = (text(usage.get("trafficType")) or "").removeprefix("ON_DEMAND_")
    modalities = {mapping(detail).get("modality") for detail in items(usage.get("candidatesTokensDetails"))}
    uncounted = {"images": len(images)} if images and "IMAGE" not in modalities and MAKES_IMAGES.search(model) else {}
    return Usage(
        input_tokens=prompt,
        output_tokens=0 if is_zero else total(*output),
        total_tokens=all_tokens,
        cached_input_tokens=cached,
        reasoning_tokens=count(usage.get("thoughtsTokenCount")),
        rates=rates(service_tier=usage.get("serviceTier") or traffic),
        pieces=_searches(model, mapping(candidate.get("groundingMetadata"))) | uncounted,
        cached=bool(cached),
    )


def _searches(model: str, grounding: dict[str, Any]) -> dict[str, int]:
    """Count the billed searches: every distinct query that is not empty; up to Gemini 2.5, one for each prompt.

    https://ai.google.dev/gemini-api/docs/google-search#pricing
    """
    queries = len({query for query in map(text, items(grounding.get("webSearchQueries"))) if query})
    searches = min(queries, 1) if PRICED_BY_PROMPT.search(model) else queries
    has_places = any("maps" in mapping(chunk) for chunk in items(grounding.get("groundingChunks")))
    used = {"web_searches": searches, "maps": int(has_places)}
    return {name: number for name, number in used.items() if number}


def _delay(details: list[dict[str, Any]]) -> str | None:
    """Return the seconds of a RetryInfo, which look like `12.5s`."""
    delays = (text(detail.get("retryDelay")) for detail in details if RETRY_INFO in str(detail.get("@type")))
    return next((delay.removesuffix("s") for delay in delays if delay), None)


def _is_daily(details: list[dict[str, Any]]) -> bool:
    violations = (mapping(violation) for detail in details for violation in items(detail.get("violations")))
    return any(DAILY_QUOTA in str(violation.get("quotaId")) for violation in violations)
