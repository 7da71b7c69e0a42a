"""The requests of the cassettes: the tests replay them and record.py sends them to a server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import BaseModel

from cassette import vendors
from modules.llm_services.public import LLMMessage, ToolDefinition
from modules.llm_services.types import LLMProviderType
from stand_in.vendors import VENDORS as PLAYED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from modules.llm_services.public import LLMResponse, LLMServicesProvider, ToolCall

# The folder for new recordings until their test has passed.
FOLDER_VARIABLE: Final = "CASSETTE_FOLDER"
# Cheap, documented, and old enough to stay for a while (https://openrouter.ai/openai/gpt-4.1-mini).
MODEL: Final = "openrouter/openai/gpt-4.1-mini"
# Free to call, and refused after some requests a minute (https://openrouter.ai/docs/api-reference/limits).
FREE_MODEL: Final = "openrouter/openai/gpt-oss-20b:free"
# Longer than the 1,024 tokens from which OpenAI caches prompts, and always the same
# (https://openrouter.ai/docs/guides/best-practices/prompt-caching).
FACTS: Final = "\n".join(f"City number {n} has {n * n} inhabitants and {n % 7} bridges." for n in range(1, 121))
LONG_QUESTION: Final = f"{FACTS}\nHow many bridges does city number 9 have?"
REFUSED_KEY: Final = "sk-or-v1-invalid"
WEATHER: Final = ToolDefinition(
    name="weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


class City(BaseModel):
    """A city and the country it lies in."""

    name: str
    country: str


# Azure has OpenAI's API, so its cassettes would be the same.
VENDORS: Final = {name: vendor for name, vendor in vendors.VENDORS.items() if name != LLMProviderType.AZURE_OPENAI}


@dataclass(frozen=True, kw_only=True)
class Live:
    """How to get such an answer from a vendor: repeat the request until `is_wanted`, and keep the last one.

    `is_wanted` gets the status and the body of an answer. After `most_requests`, recording stops.
    """

    model: str
    most_requests: int
    is_wanted: Callable[[int, Any], bool]
    question: str | None = None


def is_refused(status: int, _body: object) -> bool:
    """Return True for an answer that reports too many requests."""
    return status == HTTPStatus.TOO_MANY_REQUESTS


def is_from_cache(_status: int, body: Any) -> bool:  # noqa: ANN401 - what the vendor answered
    """Return True for an answer with at least a part of the prompt read from a cache."""
    usage = body.get("usage") or {} if isinstance(body, dict) else {}
    return bool((usage.get("prompt_tokens_details") or {}).get("cached_tokens"))


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One call, and the cassette of the same name.

    `live` says how to get such an answer if one request is not enough; `not_live` says why it cannot be recorded live.
    """

    name: str
    vendor: str = LLMProviderType.OPENROUTER
    model: str = MODEL
    question: str = "What is the capital of France? Answer in one sentence."
    structured: bool = False
    tool: bool = False
    max_output_tokens: int | None = None
    key: str | None = None
    stream: bool = False
    live: Live | None = None
    not_live: str | None = None

    @property
    def as_live(self) -> Scenario:
        """The scenario as it is sent to its vendor."""
        if self.live is None:
            return self
        return replace(self, model=self.live.model, question=self.live.question or self.question)

    def as_recorded(self, folder: Path) -> Scenario:
        """Return the scenario as it was sent to the server that answered, by its cassette in `folder`."""
        if self.live is None:
            return self
        recorded = yaml.safe_load((folder / f"{self.cassette}.yaml").read_text("utf-8"))
        model = recorded["interactions"][0]["request"]["body"]["model"]
        return self.as_live if self.live.model.endswith(f"/{model}") else self

    async def ask(
        self, llm: LLMServicesProvider, on_text: Callable[[str], None] | None = None
    ) -> tuple[LLMResponse, UUID]:
        """Make a text call."""
        options: dict[str, Any] = {"stream": True, "on_text": on_text} if self.stream else {}
        return await llm.generate_response(
            [LLMMessage(role="user", content=self.question)],
            model=self.model,
            max_output_tokens=self.max_output_tokens,
            **options,
        )

    async def ask_for_city(self, llm: LLMServicesProvider) -> tuple[City, UUID, dict[str, Any]]:
        """Make a call for a City."""
        return await llm.generate_structured_response(
            [LLMMessage(role="user", content=self.question)],
            City,
            model=self.model,
            max_output_tokens=self.max_output_tokens,
        )

    async def ask_for_a_call(self, llm: LLMServicesProvider) -> tuple[LLMResponse, list[ToolCall] | None, UUID]:
        """Make a call with the weather tool."""
        return await llm.generate_response_with_tools(
            [LLMMessage(role="user", content=self.question)], [WEATHER], model=self.model, tool_choice="required"
        )

    async def play(self, llm: LLMServicesProvider) -> None:
        """Make the scenario's call."""
        if self.tool:
            await self.ask_for_a_call(llm)
        else:
            await (self.ask_for_city(llm) if self.structured else self.ask(llm))

    @property
    def cassette(self) -> str:
        """The cassette's path in the folder of cassettes, without its suffix."""
        return f"{self.vendor}/{self.name.removeprefix(f'{self.vendor}-')}"

    @property
    def test(self) -> str:
        """The name of the test that replays it, in test_cassettes.py or test_vendors_cassettes.py."""
        name = self.name.removeprefix(f"{self.vendor}-").replace("-", "_")
        return f"test_{name}" if self.vendor == LLMProviderType.OPENROUTER else f"test_{name}[{self.vendor}]"

    def environment(self, url: str | None = None, key: str | None = None) -> dict[str, str]:
        """Return the module's whole environment: one attempt per call, and none of the user's settings; blank is unset.

        Without `url` and `key`, the address is the vendor's own and the keys are made up.
        """
        return vendors.environment(self.vendor, url, self.key or key)

    def stand_ins_url(self, base_url: str) -> str:
        """Return the base URL of this vendor's wire at the stand-in."""
        return PLAYED[self.vendor].url(base_url)


_TABLE: Final = (
    Scenario(name="plain-completion"),
    Scenario(name="streamed", stream=True),
    Scenario(
        name="prompt-cache-hit",
        model="openrouter/stand-in/prompt-cache-hit",
        live=Live(model=MODEL, question=LONG_QUESTION, most_requests=5, is_wanted=is_from_cache),
    ),
    Scenario(
        name="byok",
        model="openrouter/stand-in/byok",
        not_live="needs an account that has a provider's own key stored",
    ),
    Scenario(name="structured", question="Which city is the capital of France?", structured=True),
    Scenario(
        name="structured-in-prose",
        model="openrouter/stand-in/structured-in-prose",
        question="Which city is the capital of France?",
        structured=True,
        not_live="models that were asked for JSON seldom wrap it in prose, and never when told to",
    ),
    Scenario(name="invalid-key", key=REFUSED_KEY),
    Scenario(
        name="rate-limited",
        model="openrouter/stand-in/rate-limited",
        not_live="whether a refusal names a Retry-After is up to OpenRouter; free-model-limit records one as it comes",
    ),
    Scenario(
        name="rate-limited-without-hint",
        model="openrouter/stand-in/rate-limited-no-hint",
        not_live="whether a refusal names a Retry-After is up to OpenRouter; free-model-limit records one as it comes",
    ),
    Scenario(
        name="free-model-limit",
        model="openrouter/stand-in/rate-limited-no-hint",
        max_output_tokens=16,
        live=Live(model=FREE_MODEL, most_requests=30, is_wanted=is_refused),
    ),
    # One of OpenRouter's own names, sent whole: an alpha model that has ended.
    Scenario(name="no-endpoint", model="openrouter/horizon-beta"),
    Scenario(name="unknown-model", model="openrouter/stand-in/no-such-model"),
    Scenario(
        name="error-in-200",
        model="openrouter/stand-in/error-in-200",
        not_live="needs a provider that fails after OpenRouter has begun to answer",
    ),
    # the smallest limit that every provider accepts
    Scenario(name="truncated", question="Describe Paris in three long sentences.", max_output_tokens=16),
)
# One long-lived model of each vendor, and the shapes that only its API has.
_MODELS: Final = {
    "openai": "gpt-5-mini",
    "anthropic": "claude-haiku-4-5",
    "bedrock": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
}
_OF_VENDORS: Final = tuple(
    scenario
    for vendor, model in _MODELS.items()
    for scenario in (
        Scenario(name=f"{vendor}-text", vendor=vendor, model=model),
        Scenario(
            name=f"{vendor}-structured",
            vendor=vendor,
            model=model,
            question="Which city is the capital of France?",
            structured=True,
        ),
        Scenario(
            name=f"{vendor}-tool-call", vendor=vendor, model=model, question="What is the weather in Paris?", tool=True
        ),
        Scenario(name=f"{vendor}-invalid-key", vendor=vendor, model=model, key="sk-invalid"),
    )
)
SCENARIOS: Final = {scenario.name: scenario for scenario in (*_TABLE, *_OF_VENDORS)}
