"""Voices by the names that callers know, how long a text takes to say, and sound that needs a file around it."""

from __future__ import annotations

import base64
import io
import wave
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NEUTRAL_NAMES: Final = frozenset({"plain", "neutral", "default"})
NEUTRAL_VOICE: Final = "fable"
ANY_VOICE: Final = "alloy"
# English as it is read aloud: some 150 words a minute, of six characters with the space.
CHARACTERS_A_SECOND: Final = 15.0
SAMPLE_BYTES: Final = 2


def voice(name: str, voices: Mapping[str, str]) -> str:
    """Return the voice of `voices` that a caller means by `name`, in any case; an unknown name means any voice."""
    known = name.strip().lower()
    return voices.get(NEUTRAL_VOICE if known in NEUTRAL_NAMES else known, voices[ANY_VOICE])


def spoken_seconds(text: str, speed: float | None) -> float:
    """Return the seconds that reading `text` aloud takes, by its length: an estimate."""
    return round(len(text) / CHARACTERS_A_SECOND / (speed or 1.0), 1)


def wave_file(samples: bytes, rate: int) -> tuple[str, float]:
    """Return 16-bit mono samples as a WAV file in base64, and how many seconds it lasts."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(SAMPLE_BYTES)
        sound.setframerate(rate)
        sound.writeframes(samples)
    return base64.b64encode(file.getvalue()).decode(), len(samples) / SAMPLE_BYTES / rate
