"""OpenAI's own options (https://platform.openai.com/docs/api-reference/responses), by name and type."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from .options import Number, Options


class ResponsesOptions(Options):
    """Options of text; `structured_output` says how a structured answer is asked for, the model's best way if unset."""

    sent: ClassVar[frozenset[str]] = frozenset(
        {
            "parallel_tool_calls",
            "store",
            "metadata",
            "user",
            "service_tier",
            "safety_identifier",
            "prompt_cache_key",
            "truncation",
        }
    )

    structured_output: Literal["json_object", "json_schema"] | None = None
    top_p: Number | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    truncation: str | None = None


class ImageOptions(Options):
    """Options of images (https://platform.openai.com/docs/api-reference/images/create)."""

    sent: ClassVar[frozenset[str]] = frozenset({"size", "quality", "style", "user"})

    size: str | None = None
    quality: str | None = None
    style: str | None = None
    user: str | None = None


class SpeechOptions(Options):
    """Options of speech (https://platform.openai.com/docs/api-reference/audio/createSpeech)."""

    voice: str = "fable"
    audio_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Number | None = None
    instructions: str | None = None
