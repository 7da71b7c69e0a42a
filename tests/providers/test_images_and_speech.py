"""Images from OpenAI, and speech from OpenAI, Azure and Gemini."""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING

import httpx
import pytest

from modules.llm_services import LLMAuthenticationError, LLMError, LLMValidationError
from modules.llm_services.config import LLMConfig
from modules.llm_services.flow.columns import spoken_seconds
from modules.llm_services.providers.openai import OpenAIProvider
from modules.llm_services.types import LLMProviderType
from modules.llm_services.wires.speech import voice
from stand_in.vendors.openai import IMAGE, SILENCE
from support.doors import DOORS
from support.server import serving

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from providers.conftest import At

WORDS = "The capital of France is Paris."
OPENAI = pytest.mark.parametrize("at", [LLMProviderType.OPENAI], indirect=True)
GEMINI = pytest.mark.parametrize("at", [LLMProviderType.GEMINI], indirect=True)
MUTE = pytest.mark.parametrize("at", [LLMProviderType.ANTHROPIC, LLMProviderType.BEDROCK], indirect=True)


@pytest.mark.judged
@OPENAI
async def test_an_image(at: At) -> None:
    """An image is a URL to download, with the prompt as OpenAI revised it; the row calls it unpriced."""
    llm = at.scene("", IMAGE_MODEL="dall-e-3").llm
    image, request_id = await llm.generate_image("A cat", style="vivid", size="1792x1024")
    row = at.row()
    async with httpx.AsyncClient() as client:
        assert IMAGE == (await client.get(image.image_url)).content
    assert ("A cat, says the stand-in", "1792x1024", 0.0) == (image.revised_prompt, image.size, image.cost_estimate)
    assert (request_id, "images", "dall-e-3", "completed") == (
        row["id"],
        row["api_variant"],
        row["model"],
        row["status"],
    )
    assert "unpriced" == row["response_raw"]["cost_source"]
    assert image.image_url == row["response_output"]["image_url"] == row["response_content"]


@OPENAI
async def test_an_image_as_configured(at: At) -> None:
    """Model and quality are IMAGE_MODEL and IMAGE_QUALITY, the quality in the model's own term."""
    await at.scene("", IMAGE_QUALITY="hd").llm.generate_image("A cat")
    await at.scene("", IMAGE_MODEL="dall-e-2").llm.generate_image("A cat", quality="hd", style="vivid")
    first, second = (row["request_payload"] for row in at.rows())
    assert ("gpt-image-2.5-sunburst", "high") == (first["model"], first["quality"])
    assert ("dall-e-2", False) == (second["model"], "quality" in second or "style" in second)


@MUTE
async def test_an_image_without_openai(at: At) -> None:
    """Without OpenAI's key, generate_image raises an LLMError that names the variable, and there is no row."""
    with pytest.raises(LLMError, match="OPENAI_API_KEY"):
        await at.llm.generate_image("A cat")
    assert [] == at.rows()


@OPENAI
async def test_an_image_of_an_impossible_size(at: At) -> None:
    """A size that OpenAI refuses raises an LLMValidationError with OpenAI's message."""
    with pytest.raises(LLMValidationError, match="size"):
        await at.llm.generate_image("A cat", size="1x1")


@pytest.mark.judged
@OPENAI
@pytest.mark.parametrize("model", ["gpt-image-1.5", "gpt-image-2", "gpt-image-2.6-flare"])
@pytest.mark.parametrize("size", ["1024x1024", "1792x1024", "1024x1792", "512x512"])
async def test_an_image_of_todays_models(at: At, model: str, size: str) -> None:
    """An image in base64 becomes a `data:` URL; the row has its tokens, and its bytes only in the body."""
    image, _ = await at.scene("", IMAGE_MODEL=model).llm.generate_image("A cat", style="vivid", size=size)
    row = at.row()
    assert IMAGE == image.image_bytes()
    assert image.image_url.startswith("data:image/png;base64,")
    assert ("completed", 1056) == (row["status"], row["output_tokens"])
    assert "medium" == row["request_payload"]["quality"]
    assert not {"response_format", "style"} & row["request_payload"].keys()
    encoded = image.image_url.partition(",")[2]
    assert encoded in str(row["response_raw"]["body"])
    assert encoded not in f"{row['response_output']} {row['response_content']}"


async def test_an_image_that_is_the_body_itself(session: Session) -> None:
    """A body that is an image, as some gateways send it, is handed out and not paid for again."""
    image = b"\x89PNG\r\n\x1a\n\x00"
    head = f"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: {len(image)}\r\nconnection: close\r\n\r\n"
    async with serving(lambda visit: visit.writer.write(head.encode() + image)) as at:
        config = LLMConfig(provider=LLMProviderType.OPENAI, openai_api_key="sk-image", openai_base_url=at.base_url)
        made, _request_id = await OpenAIProvider(config, session).generate_image("A cat")
    assert (image, 1) == (made.image_bytes(), len(at.visits))
    assert made.image_url.startswith("data:image/png;base64,")


async def test_an_image_without_data(session: Session) -> None:
    """An image without data is an error that is not retried."""
    async with serving(lambda visit: visit.answer({"created": 1, "data": [{"revised_prompt": "a cat"}]})) as at:
        config = LLMConfig(provider=LLMProviderType.OPENAI, openai_api_key="sk-image", openai_base_url=at.base_url)
        with pytest.raises(LLMValidationError, match="without its data"):
            await OpenAIProvider(config, session).generate_image("A cat")
    assert 1 == len(at.visits)


@pytest.mark.judged
@OPENAI
async def test_speech(at: At) -> None:
    """Speech has its bytes, media type and voice, and an estimated duration."""
    spoken, request_id = await at.llm.generate_audio(WORDS, "Plain", model="tts-1-hd", speed=2.0)
    row = at.row()
    assert SILENCE == spoken.audio_bytes()
    assert ("audio/mpeg", "fable", "tts-1-hd") == (spoken.mime_type, spoken.voice, spoken.model)
    assert spoken_seconds(WORDS, 2.0) == spoken.duration_seconds
    assert (request_id, "speech", spoken.audio_base64) == (row["id"], row["api_variant"], row["response_raw"]["body"])
    assert {"model": "tts-1-hd", "input": WORDS, "voice": "fable", "response_format": "mp3", "speed": 2.0} == row[
        "request_payload"
    ]
    assert spoken == type(spoken).model_validate(spoken.model_dump())


@pytest.mark.judged
@GEMINI
async def test_geminis_speech(at: At) -> None:
    """Samples become a valid WAV file of exact length, priced by its audio tokens."""
    spoken, _ = await at.llm.generate_audio(WORDS, "neutral", model="gemini-2.5-flash-preview-tts")
    with wave.open(io.BytesIO(spoken.audio_bytes())) as sound:
        assert (1, 24_000, 1.0) == (sound.getnchannels(), sound.getframerate(), sound.getnframes() / 24_000)
    assert ("audio/wav", 1.0, "Puck") == (spoken.mime_type, spoken.duration_seconds, spoken.voice)
    row = at.row()
    assert 0 < (spoken.cost_estimate or 0)
    assert "UklG" not in str(row["response_output"])


@GEMINI
async def test_the_default_voice_model(at: At) -> None:
    """Without a model, the default provider's configured speech model is used."""
    await at.llm.generate_audio(WORDS, "Kore")
    assert "gemini-3.8-flash-tts" == at.row()["model"]


@MUTE
async def test_who_does_not_speak(at: At) -> None:
    """A provider without speech raises NotImplementedError, and leaves no row."""
    with pytest.raises(NotImplementedError, match=r"audio .*: name a speech model of Azure OpenAI, Gemini, OpenAI"):
        await at.llm.generate_audio(WORDS, "alloy")
    assert [] == at.rows()


@OPENAI
@pytest.mark.parametrize(("scene", "kind"), [("unauthorized", LLMAuthenticationError), ("html-200", LLMError)])
async def test_speech_that_fails(at: At, scene: str, kind: type[LLMError]) -> None:
    """An error, or a page instead of audio, raises the same errors as in a text call."""
    with pytest.raises(LLMError) as caught:
        await at.scene(scene).llm.generate_audio(WORDS, "alloy", model="tts-1")
    assert (kind, "failed") == (type(caught.value), at.row()["status"])


@OPENAI
async def test_nothing_to_say(at: At) -> None:
    """An empty text raises a ValueError before anything is sent."""
    with pytest.raises(ValueError, match="prompt"):
        await at.llm.generate_audio(" ", "alloy", model="tts-1")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("plain", "fable"), ("NEUTRAL", "fable"), (" Default ", "fable"), ("Nova", "nova"), ("somebody", "alloy")],
)
def test_a_voice(name: str, meant: str) -> None:
    """Plain, neutral and default mean fable, in any case; an unknown voice means alloy."""
    assert meant == voice(name, {each: each for each in ("alloy", "fable", "nova")})


def test_every_door_is_here() -> None:
    """Every provider except OpenRouter, which has its own suites, has an endpoint in this folder."""
    assert set(LLMProviderType) - {LLMProviderType.OPENROUTER} == DOORS.keys()
