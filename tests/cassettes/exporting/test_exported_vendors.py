"""Rows of the other vendors: text, objects, tools, images, speech and errors replay from a cassette."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cassettes.exporting.incidents import QUESTION, WEATHER, City, check_same, check_same_kind, make_calls
from modules.llm_services.types import LLMProviderType
from support.doors import DOORS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from modules.llm_services import LLMServicesProvider

Lead = Callable[..., str]
SCENES = ("cached-prompt", "truncated", "refused", "empty", "rate-limited", "server-error", "overloaded")
ERRORS = ("unauthorized", "unknown-model", "bad-request", "out-of-quota", "html-200")
OBJECTS = ("", "truncated", "refused", "wrong-shape", "not-json")
EVERY_VENDOR = pytest.mark.parametrize("provider", list(DOORS))
MASKED = pytest.mark.parametrize("mask", [False, True], ids=["kept", "masked"])


def check_replay(session: Session, call: Callable[[LLMServicesProvider], Any], *, mask: bool) -> None:
    """Make a call, export its row, and compare the replay with it."""
    incident = make_calls(session, call)
    exported = incident.export(mask=mask)
    (check_same_kind if mask else check_same)(incident, exported)
    assert ("Walnut" in exported.text) is not mask or "Walnut" not in str(incident.requests[-1].request_payload)


@MASKED
@EVERY_VENDOR
@pytest.mark.parametrize("scene", ["", *SCENES, *ERRORS])
def test_text(session: Session, lead: Lead, provider: LLMProviderType, scene: str, *, mask: bool) -> None:
    """A text answer, and every vendor's errors, replay."""
    model = lead(provider, scene)
    check_replay(session, lambda llm: llm.generate_response(QUESTION, model=model), mask=mask)


@MASKED
@EVERY_VENDOR
@pytest.mark.parametrize("scene", OBJECTS)
def test_structured(session: Session, lead: Lead, provider: LLMProviderType, scene: str, *, mask: bool) -> None:
    """An object, valid or not, replays with a model made from the schema that was sent."""
    model = lead(provider, scene)
    check_replay(session, lambda llm: llm.generate_structured_response(QUESTION, City, model=model), mask=mask)


@MASKED
@EVERY_VENDOR
def test_tools(session: Session, lead: Lead, provider: LLMProviderType, *, mask: bool) -> None:
    """A tool call replays with its arguments."""
    model = lead(provider)
    check_replay(session, lambda llm: llm.generate_response_with_tools(QUESTION, [WEATHER], model=model), mask=mask)


@MASKED
def test_an_image(session: Session, lead: Lead, *, mask: bool) -> None:
    """An image's URL replays; masked, it is another URL."""
    lead(LLMProviderType.OPENAI)
    check_replay(session, lambda llm: llm.generate_image("The plan Walnut-4711", style="vivid"), mask=mask)


@MASKED
@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (LLMProviderType.OPENAI, "tts-1"),
        (LLMProviderType.AZURE_OPENAI, "tts-1"),
        (LLMProviderType.GEMINI, "gemini-2.5-flash-preview-tts"),
    ],
)
def test_speech(session: Session, lead: Lead, provider: LLMProviderType, model: str, *, mask: bool) -> None:
    """Speech replays byte for byte; masked, it is silence of the same length."""
    lead(provider)
    check_replay(session, lambda llm: llm.generate_audio("The plan Walnut-4711", "nova", model=model), mask=mask)


@EVERY_VENDOR
def test_a_model_that_no_call_can_name(
    session: Session, lead: Lead, monkeypatch: pytest.MonkeyPatch, provider: LLMProviderType
) -> None:
    """A model that only the configuration can name is configured for the replay."""
    lead(provider)
    variables = {
        LLMProviderType.OPENAI: ("OPENAI_MODEL", "gpt-5.1"),
        LLMProviderType.AZURE_OPENAI: ("OPENAI_MODEL", "gpt-5.1"),
        LLMProviderType.ANTHROPIC: ("ANTHROPIC_MODEL", "claude-next"),
        LLMProviderType.BEDROCK: ("BEDROCK_MODEL_ID", "us.anthropic.claude-next-v1:0"),
        LLMProviderType.GEMINI: ("GEMINI_MODEL", "gemini-next"),
    }
    monkeypatch.setenv("LLM_PROVIDER", provider)
    monkeypatch.setenv(*variables[provider])
    check_replay(session, lambda llm: llm.generate_response(QUESTION), mask=False)
