"""OpenAI's images and speech: https://platform.openai.com/docs/api-reference/images and .../audio/createSpeech."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..types import AudioResponse, ImageResponse
from . import openai_errors
from .lenient import items, mapping, moment, text
from .openai_options import ImageOptions, SpeechOptions
from .values import Answer
from .wire import Wire

if TYPE_CHECKING:
    from .failures import Failure
    from .http import Exchange
    from .values import LLMCall

SUCCESS: Final = 200
NO_ADDRESS: Final = "the image came without a URL, as those of gpt-image do: set IMAGE_MODEL to a model that has one"
VOICES: Final = {
    name: name
    for name in ["alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse"]
}


class ImagesWire(Wire):
    """Images, by the URL that OpenAI keeps them at for an hour."""

    api_variant = "images"
    options = ImageOptions

    def __init__(self, quality: str) -> None:
        """Ask for `quality` where the caller does not."""
        self._quality = quality

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Map a call; dall-e-2 has neither qualities nor styles."""
        options = ImageOptions.read(call.options)
        body = {"quality": self._quality, **options.body()}
        if call.model_name == "dall-e-2":
            body = {name: value for name, value in body.items() if name not in {"quality", "style"}}
        asked = {"model": call.model_name, "prompt": call.prompt, "n": 1, "response_format": "url"}
        return asked | body | (options.extra_body or {})

    def parse(self, exchange: Exchange) -> Answer:
        """Read the image's address."""
        body = mapping(exchange.body)
        image = mapping(next(iter(items(body.get("data"))), None))
        url = text(image.get("url"))
        revised = text(image.get("revised_prompt"))
        return Answer(
            content=url or "",
            created_at=moment(body.get("created")),
            details={"vendor_request_id": exchange.headers.get("x-request-id")},
            is_found=bool(image),
            malformed=None if url else NO_ADDRESS,
            media=ImageResponse(image_url=url, revised_prompt=revised, size=text(body.get("size"))) if url else None,
        )

    def complaint(self, exchange: Exchange, call: LLMCall) -> Failure | None:
        """Return what OpenAI says is wrong."""
        del call
        return openai_errors.complaint(exchange)


class SpeechWire(Wire):
    """Speech, as the bytes of an audio file."""

    api_variant = "speech"
    options = SpeechOptions

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Map a call."""
        options = SpeechOptions.read(call.options)
        asked = {
            "model": call.model_name,
            "input": call.prompt,
            "voice": options.voice,
            "response_format": options.audio_format,
            "speed": options.speed,
            "instructions": options.instructions,
        }
        return {name: value for name, value in asked.items() if value is not None} | (options.extra_body or {})

    def parse(self, exchange: Exchange) -> Answer:
        """Read the audio; how long it lasts stands nowhere."""
        kind = exchange.headers.get("content-type", "")
        is_audio = exchange.status_code == SUCCESS and kind.startswith("audio/") and bool(exchange.body)
        media = AudioResponse(audio_base64=str(exchange.body), mime_type=kind.split(";")[0]) if is_audio else None
        return Answer(
            details={"vendor_request_id": exchange.headers.get("x-request-id")}, is_found=is_audio, media=media
        )

    def complaint(self, exchange: Exchange, call: LLMCall) -> Failure | None:
        """Return what OpenAI says is wrong."""
        del call
        return openai_errors.complaint(exchange)
