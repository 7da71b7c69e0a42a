"""Answers 06: speech without audio, and an image call without an image, raise errors with what was billed."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.scripted_server import Reply
from modules.llm_services.exceptions import LLMError
from modules.llm_services.public import AudioResponse

if TYPE_CHECKING:
    from cases.caller import Caller, Outcome

GEMINI_SPEECH: Final = "gemini-2.5-flash-preview-tts"
USAGE: Final = {"promptTokenCount": 713, "candidatesTokenCount": 5516}
BILL: Final = 0.0555  # USD, for these tokens at the list price of that model
SOUND: Final = {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AAAAAA=="}}


def spoken(*parts: Any, reason: str = "STOP") -> dict[str, Any]:
    """Return an answer to a call for speech."""
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {"content": {}}
    return {"candidates": [{**content, "finishReason": reason}], "usageMetadata": USAGE}


SILENT: Final = {
    "nothing, OTHER": spoken(reason="OTHER"),
    "nothing, STOP": spoken(),
    "no parts": {"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}], "usageMetadata": USAGE},
    "no candidates": {"candidates": [], "usageMetadata": USAGE},
    "text where sound was due": spoken({"text": "Hello there"}),
    "an empty piece of sound": spoken({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": ""}}),
    "sound without data": spoken({"inlineData": {"mimeType": "audio/L16;rate=24000"}}),
    "data that is no base64": spoken({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "%%%%%"}}),
    "a picture": spoken({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}),
}


async def speech(caller: Caller, *replies: object, model: str = GEMINI_SPEECH) -> Outcome:
    """Make a call for speech."""
    return await caller.outcome(replies, lambda llm: llm.generate_audio("Hello", "alloy", model=model))


async def test_sound_after_something_else_is_sound(caller: Caller) -> None:
    """A picture or a text before the sound does not hide it."""
    picture = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    outcome = await speech(caller, spoken({"text": "Here:"}, picture, SOUND))
    assert "audio/wav" == outcome.returned.mime_type


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
async def test_speech_without_sound_is_an_error(caller: Caller, body: Any) -> None:
    """The error is retryable, and the failed row has what was billed."""
    outcome = await speech(caller, body)
    assert isinstance(outcome.failure, LLMError)
    assert outcome.failure.retryable
    assert (713, 5516) == (outcome.row.input_tokens, outcome.row.output_tokens)
    assert pytest.approx(BILL, rel=0.02) == outcome.row.cost_estimate


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": USAGE}, "PROHIBITED_CONTENT"),
        (spoken(reason="SAFETY"), "SAFETY"),
    ],
)
async def test_blocked_speech_names_the_reason(caller: Caller, body: Any, reason: str) -> None:
    """A blocked prompt raises an error that says so, and is not retried."""
    outcome = await speech(caller, body)
    assert reason in str(outcome.failure)
    assert not outcome.failure.retryable
    assert 713 == outcome.row.input_tokens


async def test_the_next_try_speaks(caller: Caller, monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    """Speech without audio is retried."""
    monkeypatch.setenv("MAX_RETRIES", "1")
    outcome = await speech(caller, spoken(reason="OTHER"), spoken(SOUND))
    assert isinstance(outcome.returned, AudioResponse)
    assert ["failed", "completed"] == [row.status for row in outcome.rows]
    assert 1 == len(slept)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"", headers={"Content-Type": "audio/mpeg"}),
        Reply("", headers={"Content-Type": "audio/mpeg"}),
        Reply({"text": "Hello"}),
        Reply("<html>", headers={"Content-Type": "text/html"}),
    ],
    ids=["no bytes", "no text", "JSON", "HTML"],
)
async def test_openais_speech_without_sound_is_an_error(caller: Caller, reply: Reply) -> None:
    """The same is true of OpenAI's speech."""
    outcome = await speech(caller, reply, model="gpt-4o-mini-tts")
    assert isinstance(outcome.failure, LLMError)


@pytest.mark.parametrize(
    "body",
    [
        {"data": []},
        {"data": [{}]},
        {"data": None},
        {"created": 1},
        {"data": [{"b64_json": ""}]},
        {"data": [{"url": ""}]},
    ],
)
async def test_an_image_call_without_an_image_is_an_error(caller: Caller, body: Any) -> None:
    """A call for an image never returns None."""
    outcome = await caller.outcome([body], lambda llm: llm.generate_image("a cat"))
    assert isinstance(outcome.failure, LLMError)


async def test_speech_with_sound_is_returned(caller: Caller) -> None:
    """An answer with audio is returned."""
    outcome = await speech(caller, spoken(SOUND))
    assert isinstance(outcome.returned, AudioResponse)
    assert pytest.approx(BILL, rel=0.02) == outcome.row.cost_estimate
