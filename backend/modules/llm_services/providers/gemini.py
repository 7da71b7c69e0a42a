"""Google's generateContent (https://ai.google.dev/api/generate-content), for text and for speech.

Requests and answers here have been checked against the types of Google's own package, and not against the live API.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from ..types import AudioResponse, LLMProviderType, ToolCall, Usage
from . import gemini_errors
from .base import LLMProvider
from .conversation import NATIVE, as_call
from .gemini_input import contents, schema_of, system_instruction
from .gemini_options import GenerateContentOptions, SpeechOptions
from .http import Endpoint
from .lenient import count, items, mapping, text
from .speech import wave_file
from .values import Answer, Kind, LLMCall
from .verdict import undecodable
from .wire import Service, Wire

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from ..config import LLMConfig
    from .failures import Failure
    from .http import Exchange

# https://ai.google.dev/gemini-api/docs/thinking: tokens to think with; the largest model thinks always.
BUDGETS: Final = {"none": 0, "minimal": 0, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
LEAST_OF_PRO: Final = 128
THINKING_MODELS: Final = re.compile(r"gemini-2\.5-(pro|flash|flash-lite)(-preview)?")
FINISH_REASONS: Final = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE"),
        "content_filter",
    ),
}
RATE: Final = re.compile(r"rate=([0-9]{4,6})")
USUAL_RATE: Final = 24_000
# Google's own voices (https://ai.google.dev/gemini-api/docs/speech-generation#voices), and one for each of OpenAI's.
GOOGLES_VOICES: Final = (
    "Zephyr Puck Charon Kore Fenrir Leda Orus Aoede Callirrhoe Autonoe Enceladus Iapetus Umbriel Algieba Despina "
    "Erinome Algenib Rasalgethi Laomedeia Achernar Alnilam Schedar Gacrux Pulcherrima Achird Zubenelgenubi "
    "Vindemiatrix Sadachbia Sadaltager Sulafat"
)
VOICES: Final = {name.lower(): name for name in GOOGLES_VOICES.split()} | {
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


class GeminiWire(Wire):
    """What text and speech have in common there: how an answer and an error look."""

    def parse(self, exchange: Exchange) -> Answer:
        """Read a candidate, or what there is of one; a prompt that was blocked has none."""
        body = mapping(exchange.body)
        candidate = mapping(next(iter(items(body.get("candidates"))), None))
        parts = [mapping(part) for part in items(mapping(candidate.get("content")).get("parts"))]
        calls = [mapping(part.get("functionCall")) for part in parts if part.get("functionCall")]
        tool_calls = tuple(_tool_call(call, index) for index, call in enumerate(calls))
        reason, blocked = (
            text(candidate.get("finishReason")),
            text(mapping(body.get("promptFeedback")).get("blockReason")),
        )
        finish = FINISH_REASONS.get(reason or "", reason and reason.lower())
        turn = {
            "role": "assistant",
            "content": None,
            "tool_calls": [as_call(call) for call in tool_calls],
            NATIVE: parts,
        }
        return Answer(
            content="".join(text(part.get("text")) or "" for part in parts if part.get("thought") is not True),
            finish_reason="content_filter" if blocked else "tool_calls" if tool_calls and finish == "stop" else finish,
            refusal=blocked,
            tool_calls=tool_calls,
            usage=_usage(mapping(body.get("usageMetadata"))),
            response_id=text(body.get("responseId")),
            details={"served_model": text(body.get("modelVersion")), "native_finish_reason": blocked or reason},
            is_found=bool(parts or reason or blocked),
            malformed=next(filter(None, map(_malformed, calls)), None),
            turn=turn if tool_calls else None,
            media=_sound(parts),
        )

    def complaint(self, exchange: Exchange, call: LLMCall) -> Failure | None:
        """Return what Google says is wrong."""
        del call
        return gemini_errors.complaint(exchange)


class GeminiProvider(GeminiWire, LLMProvider):
    """Google's Gemini; its key travels in a header, never in the URL."""

    provider_type = LLMProviderType.GEMINI
    api_variant = "generate_content"
    kinds = frozenset({Kind.TEXT, Kind.SPEECH})
    voices = VOICES
    options = GenerateContentOptions
    service = Service("Gemini", "GEMINI_API_KEY", "GEMINI_API_BASE_URL", "https://aistudio.google.com/apikey")

    def __init__(self, config: LLMConfig, db_session: Session) -> None:
        """Raise LLMAuthenticationError without a key."""
        super().__init__(config, db_session)
        self._speech = SpeechWire()

    def wire(self, call: LLMCall) -> Wire:
        """Return the wire of text or of speech."""
        return self._speech if call.kind is Kind.SPEECH else self

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the model's own path."""
        headers = {"x-goog-api-key": self.config.gemini_api_key or ""}
        return Endpoint(self.config.gemini_base_url, f"/models/{call.model_name}:generateContent", headers)

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Map a call to generateContent."""
        options = GenerateContentOptions.read(call.options)
        messages = self.turns.wire(call.messages)
        config = {
            "temperature": call.temperature,
            "maxOutputTokens": call.max_output_tokens,
            **options.generation_config(),
            "thinkingConfig": _thinking(call, options),
        }
        if call.response_model:
            schema = schema_of(call.response_model.model_json_schema())
            config |= {"responseMimeType": "application/json", "responseJsonSchema": schema}
        payload = {
            "systemInstruction": system_instruction(messages),
            "contents": contents(messages),
            "generationConfig": {name: value for name, value in config.items() if value is not None},
            "safetySettings": options.safety_settings,
            **_tools(call, options),
        }
        return {name: value for name, value in payload.items() if value is not None} | (options.extra_body or {})


class SpeechWire(GeminiWire):
    """Speech, which comes as samples and goes out as a WAV file."""

    api_variant = "speech"
    options = SpeechOptions

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Map a call to generateContent that answers in sound."""
        options = SpeechOptions.read(call.options)
        return {
            "contents": [{"role": "user", "parts": [{"text": call.prompt}]}],
            "generationConfig": {
                "responseModalities": ["AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": options.voice}}},
            },
        } | (options.extra_body or {})


def _thinking(call: LLMCall, options: GenerateContentOptions) -> dict[str, Any] | None:
    if not options.reasoning or not THINKING_MODELS.fullmatch(call.model_name):
        return None
    asked = options.reasoning.max_tokens
    budget = BUDGETS.get(options.effort or "") if asked is None else asked
    if budget is None:
        return None
    return {"thinkingBudget": max(budget, LEAST_OF_PRO) if "pro" in call.model_name else budget}


def _tools(call: LLMCall, options: GenerateContentOptions) -> dict[str, Any]:
    if not call.tools:
        return {}
    declared = [
        {"name": tool.name, "description": tool.description, "parametersJsonSchema": schema_of(tool.parameters)}
        for tool in call.tools
    ]
    tools = {"tools": [{"functionDeclarations": declared}]}
    choice = options.tool_choice
    if isinstance(choice, dict):
        name = mapping(choice.get("function")).get("name")
        return tools | {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [name]}}}
    if choice:
        mode = {"required": "ANY", "none": "NONE"}.get(choice, "AUTO")
        return tools | {"toolConfig": {"functionCallingConfig": {"mode": mode}}}
    return tools


def _tool_call(call: dict[str, Any], index: int) -> ToolCall:
    name = text(call.get("name")) or ""
    return ToolCall(id=text(call.get("id")) or f"call_{index}_{name}", name=name, arguments=mapping(call.get("args")))


def _malformed(call: dict[str, Any]) -> str | None:
    given = call.get("args")
    return None if given is None or isinstance(given, dict) else undecodable(call.get("name"), given)


def _sound(parts: list[dict[str, Any]]) -> AudioResponse | None:
    inline = next((mapping(part["inlineData"]) for part in parts if "inlineData" in part), {})
    kind, data = text(inline.get("mimeType")) or "", text(inline.get("data"))
    if not data or not kind.startswith("audio/"):
        return None
    if not kind.lower().startswith(("audio/l16", "audio/pcm")):
        return AudioResponse(audio_base64=data, mime_type=kind.split(";")[0])
    try:
        samples = base64.b64decode(data)
    except ValueError:
        return None
    rate = RATE.search(kind)
    file, seconds = wave_file(samples, int(rate[1]) if rate else USUAL_RATE)
    return AudioResponse(audio_base64=file, mime_type="audio/wav", duration_seconds=round(seconds, 3))


def _usage(usage: dict[str, Any]) -> Usage:
    """Read tokens; what was thought is billed as output, and counted apart from it there."""
    cached, thought = count(usage.get("cachedContentTokenCount")), count(usage.get("thoughtsTokenCount"))
    said = count(usage.get("candidatesTokenCount"))
    output = None if said is None and thought is None else (said or 0) + (thought or 0)
    return Usage(
        input_tokens=count(usage.get("promptTokenCount")),
        output_tokens=output,
        total_tokens=count(usage.get("totalTokenCount")),
        cached_input_tokens=cached,
        reasoning_tokens=thought,
        input_audio_tokens=_audio(usage.get("promptTokensDetails")),
        output_audio_tokens=_audio(usage.get("candidatesTokensDetails")),
        cached=bool(cached),
    )


def _audio(details: object) -> int | None:
    found = (mapping(each) for each in items(details))
    return next((count(each.get("tokenCount")) for each in found if each.get("modality") == "AUDIO"), None)
