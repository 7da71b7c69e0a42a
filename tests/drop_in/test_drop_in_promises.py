"""Promises of the interface about values, statuses and defaults, tested for every provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from drop_in.places import OPENROUTER_MODEL
from modules.llm_services import (
    ImageResponse,
    LLMAuthenticationError,
    LLMError,
    LLMMessage,
    LLMProviderError,
    LLMRateLimitError,
    LLMResponse,
    LLMTimeoutError,
    LLMValidationError,
    llm_services_provider,
)
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import AudioResponse
from modules.llm_services.types import LLMProviderType, MessageRole
from support.doors import DOORS
from support.server import serving

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from drop_in.places import Place

QUESTION = [LLMMessage(role="user", content="What is a tide?")]
MODELS = {LLMProviderType.OPENROUTER: OPENROUTER_MODEL} | {door.provider: door.model for door in DOORS.values()}
CLASSES: dict[type[LLMError], tuple[int, ...]] = {
    LLMAuthenticationError: (401,),
    LLMRateLimitError: (429,),
    LLMTimeoutError: (408, 504, 524),
    LLMValidationError: (400, 404, 412, 413, 422),
    LLMProviderError: (402, 403, 500, 502, 503, 529),
}


@pytest.mark.parametrize("provider", list(MODELS))
async def test_a_status_is_a_class(
    session: Session, configured: dict[str, str], monkeypatch: pytest.MonkeyPatch, provider: LLMProviderType
) -> None:
    """A status means the same exception for every provider; the message has the model and the upstream's message."""
    status = 0
    told = {"message": "so it is"}
    async with serving(lambda visit: visit.answer({"error": told, **told}, status)) as server:
        for name in configured:
            if name.endswith(("_URL", "_ENDPOINT", "_RUNTIME")):
                monkeypatch.setenv(name, server.base_url)
        if provider is LLMProviderType.AZURE_OPENAI:
            monkeypatch.setenv("OPENAI_API_KEY", "")
        monkeypatch.setenv("CLAUDE_PROVIDER", "bedrock" if provider is LLMProviderType.BEDROCK else "anthropic")
        for kind, statuses in CLASSES.items():
            for status in statuses:
                with pytest.raises(LLMError) as caught:
                    await llm_services_provider(session).generate_response(QUESTION, model=MODELS[provider])
                error = caught.value
                assert (kind, status, provider) == (type(error), error.status_code, error.provider)
                assert "so it is" in str(error)
                assert kind is not LLMValidationError or MODELS[provider] in str(error)


async def test_an_unknown_option(session: Session, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """An option that no provider knows is kept on the row, logged by its name, and never sent."""
    option = f"option_{uuid4().hex}"
    for _ in range(2):
        await llm_services_provider(session).generate_response(QUESTION, model=place.model, **{option: 1})
    for request in session.scalars(select(LLMRequestModel)):
        assert {option: 1} == request.additional_params
        assert option not in str(request.request_payload)
    assert 1 == sum(option in record.getMessage() for record in caplog.records)


def test_the_first_configured_provider_is_the_default(
    configured: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without LLM_PROVIDER, the order is Azure OpenAI, Gemini, OpenAI, Anthropic, Bedrock, OpenRouter."""
    found = []
    for prefix in ("AZURE", "GEMINI", "OPENAI", "ANTHROPIC", "AWS", "OPENROUTER"):
        found.append(create_llm_config_from_env().provider)
        for name in configured:
            if name.startswith(prefix) and "KEY" in name:
                monkeypatch.delenv(name)
    assert ["azure_openai", "gemini", "openai", "anthropic", "bedrock", "openrouter"] == found
    assert None is create_llm_config_from_env().provider


def test_a_message() -> None:
    """A message accepts explicit Nones, and a role as text or as MessageRole, which equals the text."""
    nones: dict[str, Any] = {"name": None, "function_call": None, "tool_calls": None}
    message = LLMMessage(role="user", content="Hello.", **nones)
    assert message == LLMMessage(role=MessageRole.USER, content="Hello.")
    assert "user" == message.role


def test_answers_need_little() -> None:
    """An answer needs text, provider and model, an image a URL, speech its bytes and their type."""
    response = LLMResponse(content="", provider="somebody", model="a")
    assert ("somebody", False, None) == (response.provider, response.cached, response.response_output)
    assert "https://a/b.png" == ImageResponse(image_url="https://a/b.png").image_url
    speech = AudioResponse(audio_base64="aGk=", mime_type="audio/mpeg")
    assert (b"hi", speech) == (speech.audio_bytes(), AudioResponse.model_validate(speech.model_dump()))


@pytest.mark.parametrize(
    ("error", "second"),
    [
        (LLMError("no", "openai", "gpt-5"), ("provider", "openai")),
        (LLMTimeoutError("no", "openai"), ("provider", "openai")),
        (LLMRateLimitError("no", 2.5, provider="openai"), ("retry_after", 2.5)),
        (LLMProviderError("no", "overloaded", model="gpt-5"), ("error_code", "overloaded")),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_error_takes_its_own_fact_second(error: LLMError, second: tuple[str, object]) -> None:
    """The second argument is the provider, or the fact that the class is about; the others stay None."""
    assert (second[1], "no") == (getattr(error, second[0]), str(error))
    assert (None, None, None, False) == (error.status_code, error.request_id, error.response, error.retryable)


def test_an_error_carries_its_facts() -> None:
    """Every class takes every fact by keyword, and has it as an attribute."""
    facts: dict[str, Any] = {
        "provider": "openrouter",
        "model": OPENROUTER_MODEL,
        "status_code": 503,
        "error_code": "overloaded",
        "retry_after": 1.5,
        "retryable": True,
        "request_id": uuid4(),
        "response": LLMResponse(content="", provider="openrouter", model=OPENROUTER_MODEL),
    }
    kinds: list[type[LLMError]] = [LLMError, *CLASSES]
    for kind in kinds:
        error = kind("no", **facts)
        assert facts == {name: getattr(error, name) for name in facts}
