"""Costs from the price table: every billed part of a body is priced, or there is no cost at all."""

from __future__ import annotations

import logging
from typing import Any, Final

import pytest

from modules.llm_services.types import CostSource, LLMProviderType
from modules.llm_services.wires.wire import Kind
from support.billed import billed

OPENAI, AZURE = LLMProviderType.OPENAI, LLMProviderType.AZURE_OPENAI
CLAUDE, BEDROCK, GEMINI = LLMProviderType.ANTHROPIC, LLMProviderType.BEDROCK, LLMProviderType.GEMINI
THOUSAND: Final = {"input_tokens": 1000, "output_tokens": 1000}
# 100,000 input tokens, of which 40,000 are cached, and 10,000 output tokens.
LARGE: Final = {"input_tokens": 100_000, "input_tokens_details": {"cached_tokens": 40_000}, "output_tokens": 10_000}


def openai(model: str, usage: dict[str, Any], **body: object) -> dict[str, Any]:
    """Return an OpenAI response."""
    return {"model": model, "usage": usage, **body}


def claude(model: str, **usage: object) -> dict[str, Any]:
    """Return an Anthropic message with a thousand tokens in and out, unless `usage` says otherwise."""
    return {"model": model, "usage": THOUSAND | usage}


def gemini(model: str, prompt: int, output: int | None, **usage: object) -> dict[str, Any]:
    """Return a Gemini answer."""
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": output}
    return {"modelVersion": model, "usageMetadata": {k: v for k, v in (counts | usage).items() if v is not None}}


def modality(name: str, tokens: int) -> list[dict[str, Any]]:
    """Return the tokens of one modality, in the form of Gemini's details."""
    return [{"modality": name, "tokenCount": tokens}]


HOUR: Final = {"cache_creation_input_tokens": 10_000, "cache_creation": {"ephemeral_1h_input_tokens": 10_000}}
MINUTES: Final = {"cache_creation_input_tokens": 10_000, "cache_creation": {"ephemeral_5m_input_tokens": 10_000}}
BOTH: Final = {
    "cache_creation_input_tokens": 10_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 4_000, "ephemeral_1h_input_tokens": 6_000},
}
SEARCHED: Final = {"server_tool_use": {"web_search_requests": 5}}
PAINTED: Final = {
    "candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]}}]
}
HAIKU, MINI, FLASH, PAINTER = "claude-haiku-4-5", "gpt-5-mini", "gemini-2.5-flash", "gemini-2.5-flash-image"


@pytest.mark.parametrize(
    ("vendor", "body", "cost"),
    [
        # Writing to a cache costs twice the input price for one hour, and 1.25 times for five minutes.
        (CLAUDE, claude(HAIKU, input_tokens=100, output_tokens=100, **HOUR), 0.0206),
        (CLAUDE, claude(HAIKU, input_tokens=100, output_tokens=100, **MINUTES), 0.0131),
        (CLAUDE, claude(HAIKU, input_tokens=100, output_tokens=100, **BOTH), 0.0176),
        (CLAUDE, claude(HAIKU, input_tokens=100, output_tokens=100, cache_creation_input_tokens=10_000), 0.0131),
        (
            OPENAI,
            openai(
                "gpt-5.6-sol",
                {"input_tokens": 1220, "input_tokens_details": {"cache_write_tokens": 1217}, "output_tokens": 100},
            ),
            0.008097,
        ),
        # Service tiers.
        (OPENAI, openai(MINI, LARGE), 0.036),
        (OPENAI, openai(MINI, LARGE, service_tier="default"), 0.036),
        (OPENAI, openai(MINI, LARGE, service_tier="flex"), 0.018),
        (OPENAI, openai(MINI, LARGE, service_tier="priority"), 0.0648),
        (CLAUDE, claude(HAIKU, service_tier="standard"), 0.006),
        (CLAUDE, claude(HAIKU, service_tier="batch"), 0.003),
        (CLAUDE, claude("claude-opus-4-8", speed="fast"), 0.06),
        (GEMINI, gemini(FLASH, 1000, 100, serviceTier="standard"), 0.00055),
        # Gemini's token counts.
        (GEMINI, gemini(FLASH, 2595, None, totalTokenCount=2595), 0.0007785),
        (
            GEMINI,
            gemini(FLASH, 151, 1089, toolUsePromptTokenCount=18_329, thoughtsTokenCount=1120, totalTokenCount=20_689),
            0.0110665,
        ),
        (
            GEMINI,
            gemini(
                FLASH,
                1000,
                100,
                promptTokensDetails=modality("AUDIO", 800),
                cachedContentTokenCount=800,
                cacheTokensDetails=modality("AUDIO", 800),
            ),
            0.00039,
        ),
        (GEMINI, gemini(FLASH, 1000, 100, promptTokensDetails=modality("AUDIO", 800)), 0.00111),
        # Images.
        (GEMINI, gemini(PAINTER, 15, 1290, candidatesTokensDetails=modality("IMAGE", 1290)), 0.0387045),
        (GEMINI, gemini(PAINTER, 15, 1302, candidatesTokensDetails=modality("IMAGE", 1290)), 0.0387345),
        (GEMINI, gemini(PAINTER, 15, 1290), 0.0032295),
        # Searches.
        (CLAUDE, claude(HAIKU, **SEARCHED), 0.056),
        (CLAUDE, claude(HAIKU, server_tool_use={"web_fetch_requests": 5}), 0.006),
        (CLAUDE, claude(HAIKU, iterations=[{"type": "message", "input_tokens": 1000}]), 0.006),
        (OPENAI, openai(MINI, THOUSAND, output=[{"type": "web_search_call", "action": {"type": "search"}}]), 0.01225),
        (OPENAI, openai(MINI, THOUSAND, output=[{"type": "file_search_call"}]), 0.00475),
        (
            GEMINI,
            gemini("gemini-3-flash-preview", 1000, 0)
            | {"candidates": [{"groundingMetadata": {"webSearchQueries": ["a", "b"]}}]},
            0.0285,
        ),
    ],
)
def test_every_part_of_a_body_is_priced(vendor: LLMProviderType, body: dict[str, Any], cost: float) -> None:
    """Cache writes, tiers, modalities and searches each have their own price."""
    found = billed(vendor, body, body.get("model") or body["modelVersion"])
    assert pytest.approx(cost, rel=1e-12) == found.cost
    assert CostSource.ESTIMATED == found.cost_source


@pytest.mark.parametrize(
    ("vendor", "body", "reason"),
    [
        (OPENAI, openai("gpt-5-nano", THOUSAND, service_tier="priority"), "service_tier priority"),
        (OPENAI, openai(MINI, THOUSAND, service_tier="scale"), "service_tier scale"),
        (AZURE, openai(MINI, THOUSAND, service_tier="priority"), "service_tier priority"),
        (CLAUDE, claude(HAIKU, service_tier="priority"), "service_tier priority"),
        (CLAUDE, claude(HAIKU, speed="fast"), "speed fast"),
        (CLAUDE, claude("claude-opus-4-8", speed="fast", inference_geo="us"), "inference_geo us"),
        (GEMINI, gemini(FLASH, 1000, 100, serviceTier="flex"), "service_tier flex"),
        (GEMINI, gemini(FLASH, 1000, 100, trafficType="PROVISIONED_THROUGHPUT"), "provisioned_throughput"),
        (CLAUDE, claude("claude-3-haiku-20240307", **SEARCHED), "web_searches"),
        (CLAUDE, claude(HAIKU, server_tool_use={"new_requests": 1}), "new_requests"),
        (CLAUDE, claude(HAIKU, iterations=[{"type": "compaction"}, {"type": "message"}]), "compaction"),
        (OPENAI, openai(MINI, THOUSAND, output=[{"type": "code_interpreter_call"}]), "containers"),
        (OPENAI, openai(MINI, THOUSAND, output=[{"type": "image_generation_call"}]), "images"),
        (GEMINI, gemini("gemini-2.0-flash", 15, 1290, candidatesTokensDetails=modality("IMAGE", 1290)), "images"),
        (GEMINI, gemini(PAINTER, 15, 1290) | PAINTED, "images"),
        (
            GEMINI,
            gemini(FLASH, 9, 9) | {"candidates": [{"groundingMetadata": {"groundingChunks": [{"maps": {}}]}}]},
            "maps",
        ),
    ],
)
def test_a_part_is_not_taken_for_the_whole(
    vendor: LLMProviderType, body: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """If a billed part has no price in the table, there is no cost, and the log names the part."""
    with caplog.at_level(logging.INFO):
        found = billed(vendor, body, body.get("model") or body["modelVersion"])
    assert None is found.cost
    assert reason in caplog.text


@pytest.mark.parametrize(
    ("vendor", "body"),
    [
        (OPENAI, openai(MINI, {"input_tokens": 10, "output_tokens": 1, "input_tokens_details": {"cached_tokens": 11}})),
        (OPENAI, openai(MINI, {"input_tokens": 10, "output_tokens": 1, "input_tokens_details": {"cached_tokens": -9}})),
        (
            OPENAI,
            openai(MINI, {"input_tokens": 10, "output_tokens": 1, "input_tokens_details": {"cached_tokens": 1e300}}),
        ),
        (
            OPENAI,
            openai(MINI, {"input_tokens": 10, "output_tokens": 1, "input_tokens_details": {"cached_tokens": 0.5}}),
        ),
        (OPENAI, openai(MINI, {"input_tokens": -9, "output_tokens": 1})),
        (OPENAI, openai(MINI, {"input_tokens": 1e300, "output_tokens": 1})),
        (CLAUDE, claude(HAIKU, cache_creation={"ephemeral_1h_input_tokens": 10})),
        (CLAUDE, claude(HAIKU, cache_read_input_tokens=float("nan"))),
        (GEMINI, gemini(FLASH, 10, 1, cacheTokensDetails=modality("AUDIO", 11))),
        (GEMINI, gemini(FLASH, 10, 1, promptTokensDetails=[{"modality": 5, "tokenCount": 1}])),
        (GEMINI, gemini(FLASH, 10, -9)),
    ],
)
def test_counts_that_cannot_be_have_no_price(vendor: LLMProviderType, body: dict[str, Any]) -> None:
    """Negative, absurd or contradictory counts are not priced, and raise nothing."""
    assert None is billed(vendor, body, body.get("model") or body["modelVersion"]).cost


@pytest.mark.parametrize(
    ("vendor", "served", "requested", "cost"),
    [
        (BEDROCK, "claude-3-haiku-48k-20240307", "claude-3-haiku-20240307", 0.0015),
        (GEMINI, "models/gemini-2.5-pro", "gemini-2.5-pro", 0.01125),
        (GEMINI, "gemini-of-tomorrow", "models/gemini-2.5-pro", 0.01125),
        (OPENAI, "gpt-5-mini-of-tomorrow-x", "gpt-5-mini", 0.00225),
        (OPENAI, None, "gpt-5-mini", 0.00225),
        (AZURE, "gpt-5-mini-2025-08-07", "my-deployment", 0.00225),
        (OPENAI, "gpt-of-tomorrow", "gpt-of-tomorrow", None),
        (OPENAI, "gpt-5-mini", "gpt-4o", 0.00225),
    ],
)
def test_the_requested_name_where_the_served_one_has_no_price(
    vendor: LLMProviderType, served: str | None, requested: str, cost: float | None
) -> None:
    """The served name is tried first, without Gemini's path, then the requested one."""
    body = {"model": served, "modelVersion": served, "usage": THOUSAND}
    body["usageMetadata"] = {"promptTokenCount": 1000, "candidatesTokenCount": 1000}
    assert (cost if cost is None else pytest.approx(cost, rel=1e-12)) == billed(vendor, body, requested).cost


@pytest.mark.parametrize(
    ("profile", "cost"),
    [
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 0.0066),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", 0.0066),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", 0.006),
        ("arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fx", 0.0066),
        ("us.anthropic.claude-3-haiku-20240307-v1:0", 0.0066),
    ],
)
def test_a_profile_of_amazons_has_its_own_price(profile: str, cost: float) -> None:
    """A regional profile costs a tenth more than the global one; profiles of other models are ignored."""
    found = billed(BEDROCK, claude("claude-haiku-4-5-20251001"), HAIKU, path=f"/model/{profile}/invoke")
    assert pytest.approx(cost, rel=1e-12) == found.cost


def image_usage(text_out: int | None = None) -> dict[str, Any]:
    """Return the usage of an image: 1,000 text tokens in, and 1,000 tokens out, of which `text_out` are text."""
    details = {} if text_out is None else {"text_tokens": text_out, "image_tokens": 1000 - text_out}
    usage: dict[str, Any] = THOUSAND | {"input_tokens_details": {"text_tokens": 1000, "image_tokens": 0}}
    return {"data": [{}], "usage": usage | ({"output_tokens_details": details} if details else {})}


@pytest.mark.parametrize(
    ("model", "body", "cost"),
    [
        ("gpt-image-2", image_usage(), 0.035),
        ("gpt-image-1.5", image_usage(0), 0.037),
        ("gpt-image-1.5", image_usage(500), 0.026),
        ("gpt-image-1.5", image_usage(), None),
        ("dall-e-3", {"data": [{"url": "https://images.example/1"}]}, None),
    ],
)
def test_images_of_openai(model: str, body: dict[str, Any], cost: float | None) -> None:
    """Image tokens have their own price; without details about the tokens, or for an image alone, there is no price."""
    found = billed(OPENAI, body, model, kind=Kind.IMAGE)
    assert (cost if cost is None else pytest.approx(cost, rel=1e-12)) == found.cost


@pytest.mark.parametrize(("model", "cost"), [("tts-1", 0.0015), ("tts-1-hd", 0.003), ("gpt-4o-mini-tts", None)])
def test_speech_of_openai(model: str, cost: float | None) -> None:
    """Speech is priced by the characters of its text if the model is billed that way; no answer counts tokens."""
    found = billed(OPENAI, "AAAA", model, kind=Kind.SPEECH, prompt="x" * 100)
    assert (cost if cost is None else pytest.approx(cost, rel=1e-12)) == found.cost
    assert None is billed(OPENAI, "", model, kind=Kind.SPEECH).cost


def test_speech_of_gemini() -> None:
    """Gemini's speech is priced by tokens, like other answers."""
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 111, "totalTokenCount": 122}
    body = {"modelVersion": "gemini-2.5-flash-preview-tts", "usageMetadata": usage}
    assert pytest.approx(0.0011155) == billed(GEMINI, body, "gemini-2.5-flash-preview-tts", kind=Kind.SPEECH).cost
