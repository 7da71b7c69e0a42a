"""Speech, and voices by their callers' names (https://platform.openai.com/docs/api-reference/audio/createSpeech)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from ..types import AudioResponse, Usage
from .errors import openai_error
from .wire import Answer, Number, Options, Wire, with_extra_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .wire import Exchange, LLMCall, ParsedError

VOICES: Final = {
    name: name
    for name in ["alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse"]
}
NEUTRAL_NAMES: Final = frozenset({"plain", "neutral", "default"})
NEUTRAL_VOICE: Final = "fable"
FALLBACK_VOICE: Final = "alloy"


def voice(name: str, voices: Mapping[str, str]) -> str:
    """Return the voice of `voices` that a caller means by `name`, in any case; an unknown name means FALLBACK_VOICE."""
    lower = name.strip().lower()
    return voices.get(NEUTRAL_VOICE if lower in NEUTRAL_NAMES else lower, voices[FALLBACK_VOICE])


class SpeechOptions(Options):
    """Options of speech (https://platform.openai.com/docs/api-reference/audio/createSpeech)."""

    voice: str = "fable"
    audio_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Number | None = None
    instructions: str | None = None


class SpeechWire(Wire):
    """Speech, as the bytes of an audio file."""

    api_variant = "speech"
    options = SpeechOptions
    voices = VOICES

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /audio/speech."""
        options = cast("SpeechOptions", call.options)
        parameters = {
            "model": call.model,
            "input": call.prompt,
            "voice": options.voice,
            "response_format": options.audio_format,
            "speed": options.speed,
            "instructions": options.instructions,
        }
        present = {name: value for name, value in parameters.items() if value is not None}
        return with_extra_body(present, options.extra_body)

    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Read the audio; its length is in no field, nor is its price, which is by the characters that were read."""
        kind = exchange.headers.get("content-type", "")
        is_audio = exchange.status_code == HTTPStatus.OK and kind.startswith("audio/") and bool(exchange.body)
        media = AudioResponse(audio_base64=str(exchange.body), mime_type=kind.split(";")[0]) if is_audio else None
        return Answer(
            usage=Usage(pieces={"input_characters": len(call.prompt)} if is_audio else {}),
            details={"vendor_request_id": exchange.headers.get("x-request-id")},
            is_found=is_audio,
            media=media,
        )

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error in a body."""
        del call
        return openai_error(exchange)
