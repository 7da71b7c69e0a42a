"""OpenRouter's Chat Completions (https://openrouter.ai/docs/api-reference/chat-completion)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..config import OPENROUTER_BASE_URL
from ..types import LLMProviderType, ToolCall, Usage
from . import openrouter_errors, structured
from .base import LLMProvider
from .http import Endpoint
from .lenient import arguments, count, exact_sum, items, mapping, moment, number, text
from .openrouter_options import OpenRouterOptions
from .schemas import json_schema_format
from .values import Answer, LLMCall
from .verdict import undecodable
from .wire import Service

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .failures import Failure
    from .http import Exchange

PREFIX: Final = "openrouter/"


class OpenRouterProvider(LLMProvider):
    """200+ models behind one key; names are `openrouter/<author>/<model>`."""

    provider_type = LLMProviderType.OPENROUTER
    api_variant = "chat_completions"
    options = OpenRouterOptions
    service = Service(
        "OpenRouter",
        "OPENROUTER_API_KEY",
        "OPENROUTER_BASE_URL",
        "https://openrouter.ai/settings/keys",
        tells_prices=True,
    )

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return Chat Completions, with the key and, where configured, the application's name."""
        headers = OpenRouterOptions.read(call.options).headers() | {
            "Authorization": f"Bearer {self.config.openrouter_api_key}",
            "HTTP-Referer": self.config.openrouter_app_url,
            "X-Title": self.config.openrouter_app_title,
        }
        base_url = self.config.openrouter_base_url or OPENROUTER_BASE_URL
        return Endpoint(base_url, "/chat/completions", {name: value for name, value in headers.items() if value})

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Map a call to Chat Completions; `usage` needs no asking, it always comes."""
        options = OpenRouterOptions.read(call.options)
        sampling = {"temperature": call.temperature, "max_tokens": call.max_output_tokens}
        payload: dict[str, Any] = {"model": wire_model(call.model_name), **_present(sampling), **options.body()}
        messages = self.turns.wire(call.messages)
        if call.tools:
            payload["tools"] = [{"type": "function", "function": tool.model_dump()} for tool in call.tools]
        if call.response_model and options.structured_output == "json_schema":
            payload |= _schema_mode(call, call.response_model, payload)
        elif call.response_model:
            messages.insert(0, {"role": "system", "content": structured.instruction(call.response_model)})
            payload["response_format"] = {"type": "json_object"}
        return payload | {"messages": messages}

    def parse(self, exchange: Exchange) -> Answer:
        """Read a completion, or what there is of one."""
        body = mapping(exchange.body)
        choice = mapping(next(iter(items(body.get("choices"))), None))
        message = mapping(choice.get("message"))
        calls = items(message.get("tool_calls"))
        usage = mapping(body.get("usage"))
        details = {
            "generation_id": exchange.headers.get("x-generation-id") or text(body.get("id")),
            "served_model": text(body.get("model")),
            "upstream_provider": text(body.get("provider")),
            "native_finish_reason": text(choice.get("native_finish_reason")),
            "service_tier": text(body.get("service_tier")),
            "cache_status": exchange.headers.get("x-openrouter-cache-status"),
            "is_byok": usage.get("is_byok") if isinstance(usage.get("is_byok"), bool) else None,
        }
        return Answer(
            content=_content(message.get("content")),
            finish_reason=text(choice.get("finish_reason")),
            refusal=text(message.get("refusal")),
            tool_calls=tuple(_tool_call(call, index) for index, call in enumerate(calls)),
            usage=_usage(usage, body.get("cost"), exchange),
            response_id=text(body.get("id")) or exchange.headers.get("x-generation-id"),
            system_fingerprint=text(body.get("system_fingerprint")),
            created_at=moment(body.get("created")),
            details=details,
            is_found=isinstance(choice.get("message"), dict),
            malformed=next(filter(None, map(_malformed, calls)), None),
            turn=message if calls else None,
        )

    def complaint(self, exchange: Exchange, call: LLMCall) -> Failure | None:
        """Return what OpenRouter, or the provider behind it, says is wrong; also inside a 200."""
        return openrouter_errors.complaint(exchange, call)


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _schema_mode(call: LLMCall, response_model: type[BaseModel], payload: dict[str, Any]) -> dict[str, Any]:
    """Ask for the model's schema, of endpoints that honour it.

    `require_parameters` rules out every endpoint that lacks any parameter sent, so only what the caller gave is sent.
    """
    if not call.temperature_is_given:
        del payload["temperature"]
    if not call.max_output_tokens_is_given:
        payload.pop("max_tokens", None)
    return {
        "response_format": {"type": "json_schema", "json_schema": json_schema_format(response_model)},
        "provider": {"require_parameters": True, **payload.get("provider", {})},
    }


def wire_model(model: str) -> str:
    """Return the name that OpenRouter knows a model by.

    The prefix goes, once, where an `<author>/<model>` or a bare `@preset/...` follows it; a single segment is one
    of OpenRouter's own models (`openrouter/auto`), whose author the prefix is. Raises ValueError for empty parts.
    """
    rest = model.removeprefix(PREFIX)
    head = rest.split("@", 1)[0]
    if not rest.strip() or (head and not all(part.strip() for part in head.split("/"))):
        raise ValueError(f"{model!r} is not a model name: expected openrouter/<author>/<model>")
    return rest if "/" in head or not head else model


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
    call_id = text(mapping(call).get("id")) or f"call_{index}_{name}"
    return ToolCall(id=call_id, name=name, arguments=arguments(function.get("arguments")) or {})


def _usage(usage: dict[str, Any], top_level_cost: object, exchange: Exchange) -> Usage:
    """Read tokens and cost where OpenRouter puts them, and where the specification's example has them.

    https://openrouter.ai/docs/use-cases/usage-accounting: `usage.cost` is what was charged. With your own provider
    key it is OpenRouter's fee alone, and the upstream cost comes on top; otherwise the upstream cost is inside it.
    """
    prompt = mapping(usage.get("prompt_tokens_details"))
    completion = mapping(usage.get("completion_tokens_details"))
    cached = count(prompt.get("cached_tokens"))
    cached = count(usage.get("cached_tokens")) if cached is None else cached
    charged = number(usage.get("cost"))
    charged = number(top_level_cost) if charged is None else charged
    if charged is not None and usage.get("is_byok") is True:
        upstream = number(mapping(usage.get("cost_details")).get("upstream_inference_cost"))
        charged = number(exact_sum(charged, upstream))
    hit = exchange.headers.get("x-openrouter-cache-status", "").upper() == "HIT" or usage.get("cache_hit") is True
    return Usage(
        input_tokens=count(usage.get("prompt_tokens")),
        output_tokens=count(usage.get("completion_tokens")),
        total_tokens=count(usage.get("total_tokens")),
        cached_input_tokens=cached,
        cache_creation_tokens=count(prompt.get("cache_write_tokens")),
        reasoning_tokens=count(completion.get("reasoning_tokens")),
        cost=charged,
        cached=bool(cached) or hit,
    )
