"""Image requests and answers for each generation of models; speech under any media type."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest

from modules.llm_services.types import AudioResponse, ImageResponse, LLMMessage
from modules.llm_services.wires.images import ImagesWire
from modules.llm_services.wires.speech import SpeechWire
from modules.llm_services.wires.wire import Answer, Exchange, Kind, LLMCall
from support.rendering import prepared, rendered

ASKED: Final = [LLMMessage(role="user", content="a cat")]
PIXEL: Final = base64.b64encode(b"pixel").decode()
GPT_IMAGE: Final = ("gpt-image-1", "gpt-image-1.5-2025-12-16", "gpt-image-2", "gpt-image-3-next", "my-deployment")


def sent(model: str, **options: Any) -> dict[str, Any]:
    """Return the request of a call for an image."""
    return rendered(ImagesWire(), LLMCall(ASKED, model, params=options, kind=Kind.IMAGE))


def answered(body: object, **options: Any) -> Answer:
    """Return a parsed answer of the images API."""
    return ImagesWire().parse(Exchange(200, body=body), LLMCall(ASKED, "gpt-image-2", params=options, kind=Kind.IMAGE))


@pytest.mark.parametrize("model", GPT_IMAGE)
def test_what_gpt_image_models_do_not_take(model: str) -> None:
    """GPT image models get no style and no response format; their own options are sent."""
    payload = sent(model, style="vivid", size="1024x1024", quality="low", background="opaque", output_format="webp")
    own = {"size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "webp"}
    assert {"model": model, "prompt": "a cat", "n": 1, **own} == payload


@pytest.mark.parametrize(
    ("given", "quality"),
    [("standard", "medium"), ("hd", "high"), *((word, word) for word in ("low", "medium", "high", "auto", "max"))],
)
def test_qualities(given: str, quality: str) -> None:
    """The old models' qualities are mapped for GPT image models, and unchanged for the old ones."""
    assert quality == sent("gpt-image-2", quality=given)["quality"]
    assert given == sent("dall-e-3", quality=given)["quality"]


@pytest.mark.parametrize(
    ("model", "given", "size"),
    [
        ("gpt-image-1", "1792x1024", "1536x1024"),
        ("gpt-image-1-mini", "1024x1792", "1024x1536"),
        ("gpt-image-1.5", "512x512", "1024x1024"),
        ("gpt-image-2", "1792x1024", "1792x1024"),
        ("gpt-image-2.6-flare", "256x256", "1024x1024"),
        ("gpt-image-2", "1536x864", "1536x864"),
        ("gpt-image-2", "auto", "auto"),
        ("dall-e-3", "1792x1024", "1792x1024"),
        ("dall-e-2", "256x256", "256x256"),
    ],
)
def test_sizes(model: str, given: str, size: str) -> None:
    """A size of the old models becomes the nearest that the model offers."""
    assert size == sent(model, size=given)["size"]


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3"])
def test_the_old_form(model: str) -> None:
    """The retired models are requested as before; dall-e-2 has neither qualities nor styles."""
    payload = sent(model, quality="hd", style="vivid", size="512x512")
    assert "url" == payload["response_format"]
    assert (model == "dall-e-3") == ("quality" in payload) == ("style" in payload)


def test_several_images() -> None:
    """`extra_body` may request several images; the first is the answer, and all are returned."""
    assert 3 == sent("gpt-image-2", extra_body={"n": 3})["n"]
    answer = answered({"data": [{"b64_json": PIXEL}, {"b64_json": "AAAA"}]})
    assert (f"data:image/png;base64,{PIXEL}", "data:image/png;base64,AAAA") == answer.images
    assert isinstance(answer.media, ImageResponse)
    assert b"pixel" == answer.media.image_bytes()


@pytest.mark.parametrize(
    ("told", "given", "media_type"),
    [
        ({}, {}, "image/png"),
        ({"output_format": "webp"}, {}, "image/webp"),
        ({"output_format": "jpeg"}, {"output_format": "png"}, "image/jpeg"),
        ({}, {"output_format": "webp"}, "image/webp"),
        ({"output_format": "svg"}, {}, "image/svg+xml"),
    ],
)
def test_the_media_type_of_an_image(told: dict[str, Any], given: dict[str, Any], media_type: str) -> None:
    """The media type is that of the format in the answer, otherwise that of the requested one."""
    assert answered({"data": [{"b64_json": PIXEL}], **told}, **given).images[0].startswith(f"data:{media_type};base64,")


def test_what_an_image_used() -> None:
    """Tokens, size and the revised prompt are parsed; the bytes are not the row's text."""
    usage = {"input_tokens": 50, "output_tokens": 1056, "total_tokens": 1106}
    body = {"data": [{"b64_json": PIXEL, "revised_prompt": "a grey cat"}], "size": "1024x1536", "usage": usage}
    answer = answered(body)
    assert (50, 1056, 1106) == (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens)
    assert isinstance(answer.media, ImageResponse)
    assert ("a grey cat", "1024x1536", "") == (answer.media.revised_prompt, answer.media.size, answer.content)


def test_an_image_by_its_address() -> None:
    """An http URL is returned unchanged, and is the row's text."""
    answer = answered({"data": [{"url": "https://images.example/cat.png"}]})
    assert isinstance(answer.media, ImageResponse)
    assert "https://images.example/cat.png" == answer.media.image_url == answer.content


@pytest.mark.parametrize("image", [{}, {"b64_json": None}, {"b64_json": ""}, {"url": ""}])
def test_an_image_without_data(image: dict[str, Any]) -> None:
    """An image without data is not an answer, and is not retried."""
    answer = answered({"data": [image]})
    assert (False, None) == (answer.is_found, answer.media)
    assert answer.malformed


def heard(body: object, kind: str, **options: Any) -> Answer:
    """Return a parsed answer of the speech API."""
    call = prepared(SpeechWire(), LLMCall(ASKED, "tts-1", params={"voice": "alloy", **options}, kind=Kind.SPEECH))
    return SpeechWire().parse(Exchange(200, {"content-type": kind}, body), call)


@pytest.mark.parametrize(
    ("kind", "given", "media_type"),
    [
        ("audio/mpeg", "mp3", "audio/mpeg"),
        ("Audio/MPEG", "mp3", "audio/mpeg"),
        ("AUDIO/wav; rate=24000", "wav", "audio/wav"),
        ("application/octet-stream", "mp3", "audio/mpeg"),
        ("Application/Octet-Stream", "opus", "audio/opus"),
        ("binary/octet-stream", "flac", "audio/flac"),
    ],
)
def test_sound_by_any_label(kind: str, given: str, media_type: str) -> None:
    """Audio is accepted even if it is labelled as bytes, or in capitals."""
    answer = heard(PIXEL, kind, audio_format=given)
    assert isinstance(answer.media, AudioResponse)
    assert (media_type, b"pixel") == (answer.media.mime_type, answer.media.audio_bytes())


@pytest.mark.parametrize("kind", ["application/octet-stream", "Audio/MPEG"])
def test_sound_that_was_read_as_text(kind: str) -> None:
    """A body that was decoded as text is not audio, and is not retried."""
    answer = heard("\ufffd\ufffd\x10", kind)
    assert (False, None) == (answer.is_found, answer.media)
    assert answer.malformed


@pytest.mark.parametrize(
    ("body", "kind"), [("", "audio/mpeg"), (None, "audio/mpeg"), ("<html>", "text/html"), ({}, "")]
)
def test_speech_without_sound(body: object, kind: str) -> None:
    """An answer without audio is retried."""
    answer = heard(body, kind)
    assert (False, None, None) == (answer.is_found, answer.media, answer.malformed)
