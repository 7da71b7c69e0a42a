"""The response cache works in the same way for every vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modules.llm_services.types import LLMProviderType
from providers.conftest import QUESTION
from providers.test_every_vendor import WEATHER, City

if TYPE_CHECKING:
    from pathlib import Path

    from providers.conftest import At


@pytest.fixture
def cached(at: At, tmp_path: Path) -> At:
    """Return a service with the cache on."""
    return at.scene(LLM_CACHE_ENABLED="true", LLM_CACHE_DIR=str(tmp_path / "answers"))


async def test_a_hit_is_the_same_answer(cached: At) -> None:
    """Text, an object and tool calls are returned unchanged, with a row that has cost 0 and names the first row."""
    llm, model = cached.llm, cached.door.model
    for _ in range(2):
        text = await llm.generate_response(QUESTION, model=model)
        city = await llm.generate_structured_response(QUESTION, City, model=model)
        tools = await llm.generate_response_with_tools(QUESTION, [WEATHER], model=model)
    assert text[0].cached
    assert city[2]["cached"]
    assert tools[0].cached
    asked, hits = cached.rows()[:3], cached.rows()[3:]
    kept = ("response_content", "response_output", "request_payload", "status", "model", "api_variant")
    assert [[row[name] for name in kept] for row in asked] == [[row[name] for name in kept] for row in hits]
    assert [str(row["id"]) for row in asked] == [row["response_raw"]["cached_request_id"] for row in hits]
    assert [(0.0, 0, True)] * 3 == [(row["cost_estimate"], row["tokens_used"], row["cached"]) for row in hits]
    assert [row["response_raw"]["body"] for row in asked] == [row["response_raw"]["body"] for row in hits]


async def test_speech_is_kept_and_an_image_is_not(cached: At) -> None:
    """Speech is cached; an image is not, because its URL may expire."""
    if cached.door.provider not in {LLMProviderType.OPENAI, LLMProviderType.GEMINI}:
        pytest.skip("speech is OpenAI's and Gemini's")
    model = "tts-1" if cached.door.provider is LLMProviderType.OPENAI else "gemini-2.5-flash-preview-tts"
    first, _request_id = await cached.llm.generate_audio("Hello", "plain", model=model)
    second, _request_id = await cached.llm.generate_audio("Hello", "plain", model=model)
    assert (first.audio_bytes(), 0.0) == (second.audio_bytes(), second.cost_estimate)
    if cached.door.provider is LLMProviderType.OPENAI:
        for _ in range(2):
            await cached.llm.generate_image("A town")
        assert [False, True, False, False] == [row["cached"] for row in cached.rows()]
