"""OpenRouter: Chat Completions with its own options, costs and errors.

https://openrouter.ai/docs/api-reference/chat-completion
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, cast

from pydantic import BaseModel, Field

from ..addresses import OPENROUTER_BASE_URL
from ..flow.http import Endpoint
from ..types import LLMProviderType, Usage
from ..wires.chat_completions import NOT_IN_THE_BODY, ChatCompletionsOptions, ChatCompletionsWire
from ..wires.errors import answered_at, seconds_until_reset, server_wait
from ..wires.lenient import count, exact_sum, items, mapping, text, usd
from ..wires.wire import STRICT, Kind, LLMCall, Number, ParsedError, defaults_of, failed_end
from .base import LLMProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..wires.wire import Exchange, Wire

PREFIX: Final = "openrouter/"
NOT_IN_OPENROUTERS_BODY: Final = NOT_IN_THE_BODY - {"reasoning", "reasoning_effort", "verbosity"} | {
    "response_cache",
    "response_cache_ttl",
    "response_cache_clear",
    "router_metadata",
}
IN_FLIGHT: Final = frozenset({"in_flight_budget_exhausted", "openrouter_in_flight_budget"})
# OpenRouter's names for a limit that ends at midnight (`limit_rpd/...`, free-models-per-day, ..._free_tier_daily, "Key
# limit exceeded (daily limit)"), and for its other limits, in any field.
OWN_LIMIT: Final = re.compile(r"limit_rp[a-z]/")
UPSTREAM_CODES: Final = ("provider_error_code", "provider_code")
DAILY_LIMIT: Final = re.compile(r"limit_rpd(?![a-z])|per[-_ ]day(?![a-z])|(?<![a-z])daily(?![a-z])", re.IGNORECASE)
SECONDS_PER_DAY: Final = 86_400
# The key's own limit, recognised by its source or the linked page: https://openrouter.ai/docs/api-reference/limits
KEY_LIMIT: Final = re.compile(r"openrouter_key_limit|settings/keys|\bkey limit\b|\bkey's [a-z ]*limit\b", re.IGNORECASE)
MAX_SEARCHED_CHARACTERS: Final = 10_000  # characters of an error's text, which may come from a proxy
RAISE_KEY_LIMIT: Final = "raise the limit of the API key at https://openrouter.ai/settings/keys"
AFFORDABLE_TOKENS: Final = re.compile(r"requested up to ([0-9]{1,12}) tokens, but can only afford ([0-9]{1,12})")
# Transient and permanent errors by name; the status decides for other names.
TRANSIENT_ERRORS: Final = (
    "rate_limit_exceeded provider_unavailable provider_overloaded timeout server capacity_exhausted "
    "temporarily_unavailable server_error internal_server_error overloaded_error"
)
LASTING_ERRORS: Final = (
    "invalid_request invalid_prompt context_length_exceeded max_tokens_exceeded token_limit_exceeded string_too_long "
    "content_policy_violation refusal authentication payment_required permission_denied not_found "
    "precondition_failed payload_too_large unprocessable"
)
IS_TRANSIENT: Final = dict.fromkeys(TRANSIENT_ERRORS.split(), True) | dict.fromkeys(LASTING_ERRORS.split(), False)
ATTEMPT_FIELDS: Final = frozenset({"provider", "model", "status", "latency"})
MAX_ATTEMPTS: Final = 20  # the most attempts of one call that a row lists
UPSTREAM_PARTS: Final = ("upstream_inference_prompt_cost", "upstream_inference_completions_cost")
MODEL_NAME_SLASHES: Final = 2  # in openrouter/<author>/<model>

Seconds = Annotated[int, Field(ge=1)]


class ProviderPreferences(BaseModel):
    """Which endpoints may serve a call (https://openrouter.ai/docs/features/provider-routing); no other keys."""

    model_config = STRICT

    order: list[str] | None = None
    only: list[str] | None = None
    ignore: list[str] | None = None
    allow_fallbacks: bool | None = None
    require_parameters: bool | None = None
    data_collection: str | None = None
    zdr: bool | None = None
    enforce_distillable_text: bool | None = None
    quantizations: list[str] | None = None
    sort: str | dict[str, Any] | None = None
    preferred_min_throughput: Number | dict[str, Number] | None = None
    preferred_max_latency: Number | dict[str, Number] | None = None
    max_price: dict[str, Number | str] | None = None
    options: dict[str, Any] | None = None


class OpenRouterOptions(ChatCompletionsOptions):
    """OpenRouter's own options (https://openrouter.ai/docs/api-reference/parameters), by name and type.

    `response_cache`, `response_cache_ttl` (seconds) and `response_cache_clear` control OpenRouter's response cache.
    With `router_metadata` the row has the endpoints that were tried.
    """

    provider: ProviderPreferences | None = None
    models: list[str] | None = None
    plugins: list[dict[str, Any]] | None = None
    session_id: str | None = None
    cache_control: dict[str, Any] | None = None
    preset: str | None = None
    transforms: list[str] | None = None
    top_k: int | None = None
    top_a: Number | None = None
    min_p: Number | None = None
    repetition_penalty: Number | None = None
    trace: dict[str, Any] | None = None
    image_config: dict[str, Any] | None = None
    stop_server_tools_when: list[dict[str, Any]] | None = None
    deferred_tools: dict[str, Any] | None = None
    response_cache: bool | None = None
    response_cache_ttl: Seconds | None = None
    response_cache_clear: bool | None = None
    router_metadata: bool | None = None

    def body(self) -> dict[str, Any]:
        """Return the fields of the body: the options that are not None, with model names without our prefix."""
        body = self.model_dump(exclude=NOT_IN_OPENROUTERS_BODY, exclude_none=True)
        verbosity = {"verbosity": self.any_verbosity} if self.any_verbosity else {}
        return _own_names(body) | verbosity

    def headers(self) -> dict[str, str]:
        """Return the headers that control OpenRouter's response cache."""
        given = {
            "X-OpenRouter-Cache": self.response_cache,
            "X-OpenRouter-Cache-TTL": self.response_cache_ttl,
            "X-OpenRouter-Cache-Clear": self.response_cache_clear,
            "X-OpenRouter-Metadata": "enabled" if self.router_metadata else None,
        }
        return {name: str(value).lower() for name, value in given.items() if value is not None}


class OpenRouterWire(ChatCompletionsWire):
    """Chat Completions at OpenRouter; `usage` is always sent, so it need not be requested."""

    options = OpenRouterOptions
    stream_parameters: ClassVar[dict[str, Any]] = {"stream": True}

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /chat/completions, with model names without our prefix."""
        if extra_body := call.options.extra_body:
            options = call.options.model_copy(update={"extra_body": _own_names(extra_body)})
            call = replace(call, options=options)
        return super().render(call)

    def model_name(self, model: str) -> str:
        """Return the name without our prefix."""
        return wire_model(model)

    def schema_mode(self, call: LLMCall) -> dict[str, Any]:
        """Request an answer by the schema, from endpoints that support it."""
        requested = super().schema_mode(call)
        given = cast("OpenRouterOptions", call.options).body().get("provider", {})
        return requested | {"provider": {"require_parameters": True, **given}}

    def excluded_defaults(self, call: LLMCall, payload: dict[str, Any]) -> frozenset[str]:
        """Return the defaults to leave out; with `require_parameters`, all of them.

        `require_parameters` excludes every endpoint that lacks a parameter of the request, so only the caller's
        parameters are sent: https://openrouter.ai/docs/features/provider-routing.
        """
        providers = (payload.get("provider"), (call.options.extra_body or {}).get("provider"))
        if any(mapping(provider).get("require_parameters") for provider in providers):
            return defaults_of(call)
        return super().excluded_defaults(call, payload)

    def usage(self, body: dict[str, Any], exchange: Exchange) -> Usage:
        """Parse tokens and cost from OpenRouter's fields, and from those of the specification's example.

        https://openrouter.ai/docs/use-cases/usage-accounting: `usage.cost` is what was charged.
        """
        tokens, usage = super().usage(body, exchange), mapping(body.get("usage"))
        cached = tokens.cached_input_tokens
        cached = count(usage.get("cached_tokens")) if cached is None else cached
        cost = body.get("cost") if usage.get("cost") is None else usage["cost"]
        charged = charged_usd(cost, mapping(usage.get("cost_details")), is_byok=usage.get("is_byok") is True)
        hit = exchange.headers.get("x-openrouter-cache-status", "").upper() == "HIT" or usage.get("cache_hit") is True
        return replace(tokens, cached_input_tokens=cached, cost=charged, cached=bool(cached) or hit)

    def details(self, body: dict[str, Any], choice: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """Return further facts for the row: the generation, and who served it."""
        is_byok = mapping(body.get("usage")).get("is_byok")
        return {
            "generation_id": exchange.headers.get("x-generation-id") or text(body.get("id")),
            "served_model": text(body.get("model")),
            "upstream_provider": text(body.get("provider")),
            "native_finish_reason": text(choice.get("native_finish_reason")),
            "service_tier": text(body.get("service_tier")),
            "cache_status": exchange.headers.get("x-openrouter-cache-status"),
            "is_byok": is_byok if isinstance(is_byok, bool) else None,
            **(_router_facts(mapping(body["openrouter_metadata"])) if "openrouter_metadata" in body else {}),
        }

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error of OpenRouter, or of the vendor behind it, from the body or its first choice.

        https://openrouter.ai/docs/api-reference/errors
        """
        body = mapping(exchange.body)
        choice = mapping(next(iter(items(body.get("choices"))), None))
        if error := body.get("error") or choice.get("error"):
            return _parse_error_object(error, exchange, call)
        failed = failed_end(exchange, text(choice.get("native_finish_reason")), text(choice.get("finish_reason")))
        if failed is None and choice.get("finish_reason") == "error":
            return _parse_error_object({"message": "the answer ended in an error"}, exchange, call)
        return failed


class OpenRouterProvider(LLMProvider):
    """All models of OpenRouter; names are `openrouter/<author>/<model>`."""

    provider_type = LLMProviderType.OPENROUTER
    wires: ClassVar[Mapping[Kind, Wire]] = {Kind.TEXT: OpenRouterWire()}

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the path of Chat Completions, with the key and, if configured, the application's name."""
        headers = cast("OpenRouterOptions", call.options).headers() | {
            "Authorization": f"Bearer {self.config.openrouter_api_key}",
            "HTTP-Referer": self.config.openrouter_app_url,
            "X-Title": self.config.openrouter_app_title,
        }
        base_url = self.config.openrouter_base_url or OPENROUTER_BASE_URL
        return Endpoint(base_url, "/chat/completions", {name: value for name, value in headers.items() if value})


def _router_facts(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the attempts that OpenRouter made for one of ours, in order, and the milliseconds that the last one took.

    https://openrouter.ai/docs/guides/features/router-metadata
    """
    attempts = [
        {
            name: value
            for name, value in mapping(attempt).items()
            if name in ATTEMPT_FIELDS and isinstance(value, str | int)
        }
        for attempt in items(metadata.get("attempts"))[:MAX_ATTEMPTS]
    ]
    return {"upstream_attempts": attempts or None, "upstream_time_ms": count(metadata.get("generation_time"))}


def charged_usd(cost: object, details: dict[str, Any], *, is_byok: bool) -> float | None:
    """Return the full cost of a call in USD; None if a part of it is missing or impossible.

    With the caller's own provider key (BYOK), `cost` is OpenRouter's fee, or null if there is none; the upstream cost,
    given as a sum or in two parts, is added. Otherwise `cost` includes everything.
    """
    if not is_byok:
        return usd(cost)
    fee = 0.0 if cost is None else usd(cost)
    upstream = [details.get("upstream_inference_cost")]
    if upstream == [None]:
        upstream = [details.get(name) for name in UPSTREAM_PARTS]
    figures = [fee, *map(usd, upstream)]
    return None if None in figures else usd(exact_sum(*figures))


def wire_model(model: str) -> str:
    """Return OpenRouter's own name of a model.

    The prefix is removed once if `<author>/<model>` or `@preset/...` follows. A single segment is one of OpenRouter's
    own models, such as `openrouter/auto`, and keeps the prefix, which is its author. Raises ValueError for empty parts
    and for spaces.
    """
    rest = model.removeprefix(PREFIX)
    head = rest.split("@", 1)[0]
    if rest.split() != [rest] or (head and not all(head.split("/"))):
        raise ValueError(f"{model!r} is not a model name: expected openrouter/<author>/<model>")
    return rest if "/" in head or not head else model


def _own_names(value: dict[str, Any]) -> dict[str, Any]:
    """Return a body with OpenRouter's own names for its fallback models, and for those in plugins and server tools."""
    own: dict[str, Any] = {"plugins": _without_prefix(value["plugins"])} if "plugins" in value else {}
    if isinstance(models := value.get("models"), list):
        own["models"] = [wire_model(str(model).strip()) for model in models]
    if isinstance(tools := value.get("tools"), list):
        own["tools"] = [tool if mapping(tool).get("type") == "function" else _without_prefix(tool) for tool in tools]
    return value | own


def _without_prefix(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case str() if value.strip().startswith(PREFIX):
            return wire_model(value.strip())
        case list():
            return [_without_prefix(item) for item in value]
        case dict():
            return {name: _without_prefix(item) for name, item in value.items()}
        case _:
            return value


def _parse_error_object(given: object, exchange: Exchange, call: LLMCall) -> ParsedError:
    """Parse an error object; its own numeric code takes precedence over the HTTP status."""
    error = mapping(given) or {"message": str(given)}
    metadata, availability = mapping(error.get("metadata")), mapping(error.get("availability"))
    codes = (_numeric(error.get("code")), _numeric(error.get("http_status")))
    status = next((code for code in codes if code is not None), None)
    name = _first_name(
        *(metadata.get("error_type"), error.get("error_type"), availability.get("code"), error.get("code")),
        metadata.get("reason"),
    )
    retryable = _retryable(status, name, metadata, availability)
    is_daily = not (status == HTTPStatus.PAYMENT_REQUIRED and retryable) and _is_mentioned(DAILY_LIMIT, error, metadata)
    return ParsedError(
        status_code=(exchange.status_code or 0) if status is None else status,
        message=_message(error, metadata) + _hint(status, name, call),
        error_code=name or _first_name(*(metadata.get(key) for key in UPSTREAM_CODES), metadata.get("limit_source")),
        upstream=text(metadata.get("provider_name")),
        upstream_message=_upstream_message(metadata),
        remedy=_remedy(status, error, metadata),
        retryable=False if is_daily else retryable,
        retry_after=_wait(availability, metadata, exchange.headers, is_daily=is_daily),
    )


def _first_name(*names: object) -> str | None:
    """Return the first value that is a name and not a number."""
    return next((name for name in map(text, names) if name and not name.isdigit()), None)


def _is_mentioned(limit: re.Pattern[str], error: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """Return True if OpenRouter's own text names a limit; a provider's text names the limit of the provider's pool."""
    named = (error.get("message"), error.get("code"), metadata.get("limit_source"), metadata.get("remedy_hint"))
    own_limit = OWN_LIMIT.search(text(metadata.get("raw")) or "")
    names = filter(None, (*map(text, named), own_limit and own_limit[0]))
    return any(limit.search(name, 0, MAX_SEARCHED_CHARACTERS) for name in names)


def _upstream_message(metadata: dict[str, Any]) -> str | None:
    """Return the message of the provider behind OpenRouter, without the error's name in front of it."""
    raw = metadata.get("raw")
    message = raw if isinstance(raw, str) else json.dumps(raw) if raw else ""
    code = _first_name(*(metadata.get(key) for key in UPSTREAM_CODES))
    return ": ".join(filter(None, (code, message))) or None


def _remedy(status: int | None, error: dict[str, Any], metadata: dict[str, Any]) -> str | None:
    """Return OpenRouter's advice, or the name of the limit if there is no advice."""
    if hint := text(metadata.get("remedy_hint")):
        return hint
    is_payment = status in {HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN}
    return RAISE_KEY_LIMIT if is_payment and _is_mentioned(KEY_LIMIT, error, metadata) else None


def _wait(
    availability: dict[str, Any], metadata: dict[str, Any], headers: Mapping[str, str], *, is_daily: bool
) -> float | None:
    """Return the seconds until the next call is allowed: OpenRouter's own figure, otherwise those until midnight."""
    limits = {key.lower(): value for key, value in mapping(metadata.get("headers")).items()}
    reset = next(filter(None, (limits.get("x-ratelimit-reset"), metadata.get("resets_at"))), None)
    hints = (availability.get("retry_after"), metadata.get("retry_after_seconds"), limits.get("retry-after"))
    wait = server_wait(hints, reset, headers)
    if not is_daily:
        return wait
    # If there is a reset, a shorter hint concerns a limit per minute. Daily limits end at midnight UTC.
    until_reset = max(wait or 0.0, seconds_until_reset(reset, headers) or 0.0)
    return until_reset or SECONDS_PER_DAY - answered_at(headers) % SECONDS_PER_DAY


def _numeric(code: object) -> int | None:
    """Return a numeric code, even if it is written as a string."""
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    return int(code) if isinstance(code, str) and re.fullmatch("[0-9]{1,4}", code) else None


def _message(error: dict[str, Any], metadata: dict[str, Any]) -> str:
    """Return OpenRouter's message, after the balance if there is one, and with the reasons of a moderation."""
    message = text(error.get("message")) or ""
    if balance := AFFORDABLE_TOKENS.search(message):
        requested, affordable = map(int, balance.groups())
        return f"it can afford {affordable:,} of the {requested:,} tokens requested: {message}"
    reasons = ", ".join(filter(None, map(text, items(metadata.get("reasons")))))
    return f"{message}, for {reasons}" if reasons else message


def _retryable(
    status: int | None, name: str | None, metadata: dict[str, Any], availability: dict[str, Any]
) -> bool | None:
    """Return whether OpenRouter advises a retry, by its flag or by the error's name; None if it has neither."""
    if isinstance(availability.get("retryable"), bool):
        return bool(availability["retryable"])
    in_flight = {str(metadata.get("reason")), str(metadata.get("limit_source"))} & IN_FLIGHT
    if status == HTTPStatus.PAYMENT_REQUIRED and in_flight:
        return True
    return IS_TRANSIENT.get(name or "")


def _hint(status: int | None, name: str | None, call: LLMCall) -> str:
    """Return advice about a name that was sent whole, or about a model without an endpoint that supports schemas."""
    if status == HTTPStatus.BAD_REQUEST and call.model.count("/") < MODEL_NAME_SLASHES:
        return "; a model of another author is named openrouter/<author>/<model>"
    by_schema = call.response_model is not None and call.params.get("structured_output") == "json_schema"
    if by_schema and (status == HTTPStatus.NOT_FOUND or name == "constraint_filtered"):
        return "; no endpoint honours structured_output='json_schema' here: leave it out for JSON mode"
    return ""
