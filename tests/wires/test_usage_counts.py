"""Tokens, rates and pieces, as each wire parses them, and impossible figures."""

from __future__ import annotations

import math
from typing import Any

import pytest

from modules.llm_services.types import LARGEST_INTEGER, LLMProviderType
from modules.llm_services.wires.lenient import count, rates, total, usd
from modules.llm_services.wires.wire import Kind
from support.billed import billed

OPENAI, CLAUDE, GEMINI = LLMProviderType.OPENAI, LLMProviderType.ANTHROPIC, LLMProviderType.GEMINI
OPENROUTER = LLMProviderType.OPENROUTER
NAMES = ("input_tokens", "output_tokens", "total_tokens", "cached_input_tokens", "cache_creation_tokens")


@pytest.mark.parametrize(
    ("vendor", "body", "counts"),
    [
        (
            OPENAI,
            {"usage": {"input_tokens": 9, "output_tokens": 2, "input_tokens_details": {"cache_write_tokens": 7}}},
            (9, 2, None, None, 7),
        ),
        (
            CLAUDE,
            {"usage": {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 30}},
            (31, 2, None, 30, None),
        ),
        (
            CLAUDE,
            {"usage": {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 400}},
            (401, 2, None, None, 400),
        ),
        (CLAUDE, {"usage": {"output_tokens": 2, "cache_read_input_tokens": 30}}, (None, 2, None, 30, None)),
        (CLAUDE, {"usage": {"input_tokens": 9, "cache_read_input_tokens": -9}}, (None, None, None, None, None)),
        (GEMINI, {"usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}, (5, 0, 5, None, None)),
        (GEMINI, {"usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 7}}, (5, None, 7, None, None)),
        (GEMINI, {"usageMetadata": {"promptTokenCount": 5}}, (5, None, None, None, None)),
        (GEMINI, {"usageMetadata": {"trafficType": "ON_DEMAND"}}, (None, None, None, None, None)),
        (
            GEMINI,
            {
                "usageMetadata": {
                    "promptTokenCount": 151,
                    "toolUsePromptTokenCount": 18329,
                    "candidatesTokenCount": 1089,
                    "thoughtsTokenCount": 1120,
                    "totalTokenCount": 20689,
                }
            },
            (18480, 2209, 20689, None, None),
        ),
        (
            GEMINI,
            {"usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": -9, "totalTokenCount": 5}},
            (5, None, 5, None, None),
        ),
    ],
)
def test_tokens(vendor: LLMProviderType, body: dict[str, Any], counts: tuple[int | None, ...]) -> None:
    """Counts are added up, an omitted zero is 0 if the total says so, and an invalid count is unknown."""
    usage = billed(vendor, body, "model")
    assert counts == tuple(getattr(usage, name) for name in NAMES)


def test_images_have_tokens() -> None:
    """OpenAI's newer image models report tokens."""
    usage = billed(OPENAI, {"usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}, "m", kind=Kind.IMAGE)
    assert (3, 4, 7) == (usage.input_tokens, usage.output_tokens, usage.total_tokens)


@pytest.mark.parametrize(
    ("vendor", "body", "named"),
    [
        (OPENAI, {"service_tier": "default"}, {}),
        (OPENAI, {"service_tier": "Flex"}, {"service_tier": "flex"}),
        (OPENAI, {"service_tier": None}, {}),
        (OPENAI, {"service_tier": 5}, {}),
        (CLAUDE, {"usage": {"service_tier": "standard", "inference_geo": "global", "speed": "standard"}}, {}),
        (CLAUDE, {"usage": {"service_tier": "batch", "speed": "fast"}}, {"service_tier": "batch", "speed": "fast"}),
        (CLAUDE, {"usage": {"inference_geo": "us"}}, {"inference_geo": "us"}),
        (GEMINI, {"usageMetadata": {"serviceTier": "standard"}}, {}),
        (GEMINI, {"usageMetadata": {"serviceTier": "priority"}}, {"service_tier": "priority"}),
        (GEMINI, {"usageMetadata": {"trafficType": "ON_DEMAND"}}, {}),
        (GEMINI, {"usageMetadata": {"trafficType": "ON_DEMAND_FLEX"}}, {"service_tier": "flex"}),
        (
            GEMINI,
            {"usageMetadata": {"trafficType": "PROVISIONED_THROUGHPUT"}},
            {"service_tier": "provisioned_throughput"},
        ),
        (OPENROUTER, {"service_tier": "priority"}, {"service_tier": "priority"}),
    ],
)
def test_rates(vendor: LLMProviderType, body: dict[str, Any], named: dict[str, str]) -> None:
    """Facts that affect the price, besides the model, are parsed wherever they are; the list price has no name."""
    assert named == billed(vendor, body, "model").rates


def called(*actions: str, kind: str = "web_search_call") -> list[dict[str, Any]]:
    """Return the output items of a hosted tool."""
    return [{"type": kind, "action": {"type": action}} for action in actions]


def grounded(*queries: object, model: str = "gemini-3-flash-preview", **found: object) -> dict[str, Any]:
    """Return a Gemini body with an answer from a search."""
    grounding = {"webSearchQueries": list(queries), **found}
    return {"modelVersion": model, "candidates": [{"groundingMetadata": grounding}]}


@pytest.mark.parametrize(
    ("vendor", "body", "pieces"),
    [
        (OPENAI, {"output": called("search", "open_page", "find_in_page", "search")}, {"web_searches": 2}),
        (OPENAI, {"output": [{"type": "web_search_call"}]}, {"web_searches": 1}),
        (
            OPENAI,
            {"output": called("search"), "tool_usage": {"web_search": {"num_requests": 3}}},
            {"web_searches": 3},
        ),
        (OPENAI, {"output": called("x", kind="file_search_call")}, {"storage_searches": 1}),
        (OPENAI, {"output": called("x", kind="code_interpreter_call")}, {"containers": 1}),
        (OPENAI, {"output": called("x", kind="image_generation_call")}, {"images": 1}),
        (OPENAI, {"output": [{"type": "function_call"}, {"type": ["odd"]}]}, {}),
        (
            CLAUDE,
            {"usage": {"server_tool_use": {"web_search_requests": 5, "web_fetch_requests": 2}}},
            {"web_searches": 5},
        ),
        (CLAUDE, {"usage": {"server_tool_use": {"web_search_requests": 0}}}, {}),
        (CLAUDE, {"usage": {"server_tool_use": {"new_requests": 1}}}, {"new_requests": 1}),
        (GEMINI, grounded("a", "b", "", "a", 5), {"web_searches": 2}),
        (GEMINI, grounded("a", "b", model="gemini-2.5-pro"), {"web_searches": 1}),
        (GEMINI, grounded(groundingChunks=[{"maps": {}}, {"web": {}}]), {"maps": 1}),
        (GEMINI, grounded(), {}),
    ],
)
def test_pieces(vendor: LLMProviderType, body: dict[str, Any], pieces: dict[str, int]) -> None:
    """The billed units of the vendors' own tools are counted; free ones are not."""
    assert pieces == billed(vendor, body, "model").pieces


@pytest.mark.parametrize("figure", [-1, -0.01, math.nan, math.inf, 1e300, "1e300", True, None, "much", []])
def test_figures_that_cannot_be(figure: object) -> None:
    """A negative, absurd or infinite figure is neither a cost nor a count."""
    assert (None, None) == (usd(figure), count(figure))


@pytest.mark.parametrize(("given", "counted"), [(0, 0), ("7", 7), (7.0, 7), (LARGEST_INTEGER, LARGEST_INTEGER)])
def test_figures_that_can_be(given: object, counted: int) -> None:
    """A count may be text or have a zero fraction, and must fit its column."""
    assert counted == count(given)
    assert None is count(LARGEST_INTEGER + 1)


def test_sums_are_whole_or_unknown() -> None:
    """A sum ignores missing parts, and is unknown if a part cannot be parsed."""
    assert (3, None, None, None) == (total(1, None, 2), total(None), total(1, -2), total(1, "x"))


def test_rates_of_the_list_price_have_no_name() -> None:
    """A rate is in lower case, and left out if it is the list price or not text."""
    assert {"speed": "fast"} == rates(speed="FAST", service_tier="Standard", inference_geo=None)
