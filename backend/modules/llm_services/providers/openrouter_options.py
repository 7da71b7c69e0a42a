"""OpenRouter's own options (https://openrouter.ai/docs/api-reference/parameters), by name and type.

Values are OpenRouter's to judge, for they grow without notice; so are new options, which `extra_body` carries.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

EFFORTS: Final = ("max", "xhigh", "high", "medium", "low", "minimal", "none")
STRICT: Final = ConfigDict(strict=True, extra="forbid")
NEVER_REPLACED: Final = frozenset({"model", "messages", "stream"})

Number = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[int, Field(ge=1)]


class Reasoning(BaseModel):
    """How much a model thinks before it answers, and whether it shows that."""

    model_config = ConfigDict(strict=True, extra="allow")

    effort: Literal[EFFORTS] | None = None  # type: ignore[valid-type]  # a tuple of literals
    max_tokens: int | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class Text(BaseModel):
    """The Responses API's place for `verbosity`."""

    model_config = ConfigDict(strict=True, extra="ignore")

    verbosity: Literal["low", "medium", "high"] | None = None


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


class WireOptions(BaseModel):
    """Options that go into the body as they are."""

    model_config = STRICT

    provider: ProviderPreferences | None = None
    models: list[str] | None = None
    plugins: list[dict[str, Any]] | None = None
    reasoning: Reasoning | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
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


class OpenRouterOptions(WireOptions):
    """Every option that OpenRouter's provider knows.

    `structured_output` says how a structured answer is asked for; `response_cache`, `response_cache_ttl` (seconds)
    and `response_cache_clear` steer OpenRouter's response cache; `extra_body` is sent beside the rest.
    """

    structured_output: Literal["json_object", "json_schema"] = "json_object"
    text: Text | None = None
    response_cache: bool | None = None
    response_cache_ttl: Seconds | None = None
    response_cache_clear: bool | None = None
    extra_body: dict[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        """Return what goes into the body: what was given, without what was None."""
        body = self.model_dump(include=set(WireOptions.model_fields), exclude_none=True)
        if self.text and self.text.verbosity:
            body.setdefault("verbosity", self.text.verbosity)
        return body | (self.extra_body or {})

    def headers(self) -> dict[str, str]:
        """Return the headers that steer OpenRouter's response cache."""
        given = {
            "X-OpenRouter-Cache": self.response_cache,
            "X-OpenRouter-Cache-TTL": self.response_cache_ttl,
            "X-OpenRouter-Cache-Clear": self.response_cache_clear,
        }
        return {name: str(value).lower() for name, value in given.items() if value is not None}


KNOWN_OPTIONS: Final = frozenset(OpenRouterOptions.model_fields)


NO_OPTIONS: Final = OpenRouterOptions()


def read_options(options: dict[str, Any]) -> OpenRouterOptions:
    """Return the known ones of a call's options; raises ValueError, naming the option, for one of a wrong type."""
    if not options:
        return NO_OPTIONS
    known = {name: value for name, value in options.items() if name in KNOWN_OPTIONS and value is not None}
    try:
        read = OpenRouterOptions.model_validate(known)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError(f"option {'; '.join(problems)}") from error
    if replaced := NEVER_REPLACED & set(read.extra_body or {}):
        raise ValueError(f"option extra_body must not hold {', '.join(sorted(replaced))}: the call itself sets it")
    return read
