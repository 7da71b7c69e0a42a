"""Gemini's own options (https://ai.google.dev/api/generate-content#generationconfig), by name and type."""

from __future__ import annotations

from typing import Any

from .options import Number, Options


class GenerateContentOptions(Options):
    """Options of text; `stop` is `stopSequences` under the name that other vendors have for it."""

    top_p: Number | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    tool_choice: str | dict[str, Any] | None = None
    safety_settings: list[dict[str, Any]] | None = None

    def generation_config(self) -> dict[str, Any]:
        """Return what goes into `generationConfig`."""
        stops = [self.stop] if isinstance(self.stop, str) else self.stop
        given = {
            "topP": self.top_p,
            "topK": self.top_k,
            "seed": self.seed,
            "stopSequences": stops,
            "presencePenalty": self.presence_penalty,
            "frequencyPenalty": self.frequency_penalty,
        }
        return {name: value for name, value in given.items() if value is not None}


class SpeechOptions(Options):
    """Options of speech; Gemini sends samples, whatever format is asked for, and knows no speed but in words."""

    voice: str = "Puck"
    audio_format: str | None = None
    speed: Number | None = None
