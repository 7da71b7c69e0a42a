"""OpenRouter's own options (https://openrouter.ai/docs/api-reference/parameters), by name and type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from .options import STRICT, Number, Options

Seconds = Annotated[int, Field(ge=1)]


class ProviderPreferences(BaseModel):
    """Which endpoints may serve (https://openrouter.ai/docs/features/provider-routing); the wire refuses other keys."""

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


class OpenRouterOptions(Options):
    """Every option that OpenRouter's provider knows.

    `structured_output` says how a structured answer is asked for; `response_cache`, `response_cache_ttl` (seconds)
    and `response_cache_clear` steer OpenRouter's response cache.
    """

    provider: ProviderPreferences | None = None
    models: list[str] | None = None
    plugins: list[dict[str, Any]] | None = None
    session_id: str | None = None
    service_tier: str | None = None
    cache_control: dict[str, Any] | None = None
    preset: str | None = None
    transforms: list[str] | None = None
    top_p: Number | None = None
    top_k: int | None = None
    top_a: Number | None = None
    min_p: Number | None = None
    frequency_penalty: Number | None = None
    presence_penalty: Number | None = None
    repetition_penalty: Number | None = None
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
    metadata: dict[str, str] | None = None
    user: str | None = None
    trace: dict[str, Any] | None = None
    structured_output: Literal["json_object", "json_schema"] = "json_object"
    response_cache: bool | None = None
    response_cache_ttl: Seconds | None = None
    response_cache_clear: bool | None = None

    def body(self) -> dict[str, Any]:
        """Return what goes into the body: what was given, without what was None."""
        body = self.model_dump(exclude=NOT_IN_THE_BODY, exclude_none=True)
        verbosity = {"verbosity": self.asked_verbosity} if self.asked_verbosity else {}
        return body | verbosity | (self.extra_body or {})

    def headers(self) -> dict[str, str]:
        """Return the headers that steer OpenRouter's response cache."""
        given = {
            "X-OpenRouter-Cache": self.response_cache,
            "X-OpenRouter-Cache-TTL": self.response_cache_ttl,
            "X-OpenRouter-Cache-Clear": self.response_cache_clear,
        }
        return {name: str(value).lower() for name, value in given.items() if value is not None}


NOT_IN_THE_BODY = {
    "structured_output",
    "text",
    "response_cache",
    "response_cache_ttl",
    "response_cache_clear",
    "extra_body",
    "use_cache",
}
