"""Speech from Google's generateContent (https://ai.google.dev/gemini-api/docs/speech-generation)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from .generate_content import GenerateContentReader
from .wire import Number, Options, with_extra_body

if TYPE_CHECKING:
    from .wire import Answer, Exchange, LLMCall

# Google's own voices (https://ai.google.dev/gemini-api/docs/speech-generation#voices), and one of them for each of
# OpenAI's.
GOOGLE_VOICES: Final = (
    "Zephyr Puck Charon Kore Fenrir Leda Orus Aoede Callirrhoe Autonoe Enceladus Iapetus Umbriel Algieba Despina "
    "Erinome Algenib Rasalgethi Laomedeia Achernar Alnilam Schedar Gacrux Pulcherrima Achird Zubenelgenubi "
    "Vindemiatrix Sadachbia Sadaltager Sulafat"
)
VOICES: Final = {name.lower(): name for name in GOOGLE_VOICES.split()} | {
    "alloy": "Kore",
    "ash": "Orus",
    "ballad": "Algieba",
    "coral": "Aoede",
    "echo": "Charon",
    "fable": "Puck",
    "nova": "Leda",
    "onyx": "Fenrir",
    "sage": "Sulafat",
    "shimmer": "Zephyr",
    "verse": "Umbriel",
}


class SpeechOptions(Options):
    """Options for speech; Gemini always sends samples, and accepts a speed only as an instruction in the prompt."""

    voice: str = "Puck"
    audio_format: str | None = None
    speed: Number | None = None


class GeneratedSpeechWire(GenerateContentReader):
    """Speech, which arrives as samples and is returned as a WAV file."""

    api_variant = "speech"
    options = SpeechOptions
    voices = VOICES

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of a request for audio."""
        options = cast("SpeechOptions", call.options)
        payload = {
            "contents": [{"role": "user", "parts": [{"text": call.prompt}]}],
            "generationConfig": {
                "responseModalities": ["AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": options.voice}}},
            },
        }
        return with_extra_body(payload, options.extra_body)

    def parse(self, exchange: Exchange, call: LLMCall) -> Answer:
        """Parse the audio; a response without audio is not an answer (google-gemini/cookbook#1231)."""
        answer = super().parse(exchange, call)
        return replace(answer, is_found=answer.media is not None)
