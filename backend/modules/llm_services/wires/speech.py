"""Speech, and the callers' names for voices (https://platform.openai.com/docs/api-reference/audio/createSpeech).

Requests are checked against the types of OpenAI's own package. Answers are audio; there are no recordings.
"""

from __future__ import annotations

import base64
import io
import re
import wave
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
# Audio that arrives without a media type has the type of the requested format.
UNLABELLED: Final = frozenset({"application/octet-stream", "binary/octet-stream"})
BASE64_CHARACTERS: Final = 4
SAMPLES: Final = frozenset({"audio/l16", "audio/pcm"})
SAMPLE_BYTES: Final = 2
SAMPLE_RATE: Final = re.compile(r"rate=([0-9]{4,6})")
DEFAULT_SAMPLE_RATE: Final = 24_000
MEDIA_TYPES: Final = {"mp3": "audio/mpeg", "pcm": "audio/pcm"}


def voice(name: str, voices: Mapping[str, str]) -> str:
    """Return the voice for a caller's `name`, in any case; an unknown name means FALLBACK_VOICE."""
    lower = name.strip().lower()
    return voices.get(NEUTRAL_VOICE if lower in NEUTRAL_NAMES else lower, voices[FALLBACK_VOICE])


def playable(data: str, kind: str) -> AudioResponse | None:
    """Return base64 audio as a file that players can play: samples become WAV; None if it is not audio."""
    media_type = kind.partition(";")[0].strip().lower()
    if not data or not media_type.startswith("audio/"):
        return None
    try:
        samples = base64.b64decode(data, validate=True)
    except ValueError:
        return None
    if media_type not in SAMPLES:
        return AudioResponse(audio_base64=data, mime_type=media_type)
    rate = SAMPLE_RATE.search(kind.lower())
    wav, seconds = _wave_file(samples, int(rate[1]) if rate else DEFAULT_SAMPLE_RATE)
    return AudioResponse(audio_base64=wav, mime_type="audio/wav", duration_seconds=round(seconds, 3))


def joined_samples(sounds: list[tuple[str, str]]) -> tuple[str, str]:
    """Return the base64 and the type of sounds: samples of the first one's type are joined, of others it is the first.

    Files, such as MP3, cannot be joined.
    """
    data, kind = sounds[0]
    if kind.partition(";")[0].strip().lower() not in SAMPLES:
        return data, kind
    samples = b"".join(base64.b64decode(piece) for piece, its_kind in sounds if its_kind == kind)
    return base64.b64encode(samples).decode(), kind


def _wave_file(samples: bytes, rate: int) -> tuple[str, float]:
    """Return 16-bit mono samples as a WAV file in base64, and its length in seconds."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(SAMPLE_BYTES)
        sound.setframerate(rate)
        sound.writeframes(samples)
    return base64.b64encode(file.getvalue()).decode(), len(samples) / SAMPLE_BYTES / rate


class SpeechOptions(Options):
    """Options for speech (https://platform.openai.com/docs/api-reference/audio/createSpeech)."""

    voice: str = "fable"
    audio_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Number | None = None
    instructions: str | None = None


class SpeechWire(Wire):
    """Speech, which arrives as the bytes of an audio file."""

    api_variant = "speech"
    options = SpeechOptions
    voices = VOICES
    is_audio = True

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
        return with_extra_body(parameters, options.extra_body)

    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Parse the audio; the response has no length or usage, because speech is billed by the characters of the text.

        Some servers label audio as bytes. It is accepted, because a retry would be billed again.
        """
        kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_unlabelled = kind in UNLABELLED
        is_sound = exchange.is_success and bool(exchange.body) and (kind.startswith("audio/") or is_unlabelled)
        is_read = is_sound and _is_base64(exchange.body)
        given = cast("SpeechOptions", call.options).audio_format
        media_type = MEDIA_TYPES.get(given, f"audio/{given}") if is_unlabelled else kind
        return Answer(
            usage=Usage(pieces={"input_characters": len(call.prompt)} if is_read else {}),
            details={"vendor_request_id": exchange.headers.get("x-request-id")},
            is_found=is_read,
            malformed=f"the response is {kind} and not audio" if is_sound and not is_read else None,
            media=AudioResponse(audio_base64=exchange.body, mime_type=media_type) if is_read else None,
        )

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return the error in a body."""
        del call
        return openai_error(exchange)


def _is_base64(body: object) -> bool:
    """Return True if a body was stored as bytes in base64; a body stored as text would not be ASCII."""
    return isinstance(body, str) and body.isascii() and len(body) % BASE64_CHARACTERS == 0
