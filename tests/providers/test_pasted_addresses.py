"""Calls work with an address or a model name as it is pasted from the vendor's pages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modules.llm_services.config import LLMConfig
from modules.llm_services.types import LLMProviderType
from modules.llm_services.vendors import route
from providers.conftest import QUESTION

if TYPE_CHECKING:
    from providers.conftest import At

PASTED = {
    LLMProviderType.OPENAI: ["/", "/responses", "/chat/completions/", "/models", "/chat"],
    LLMProviderType.AZURE_OPENAI: [
        *("/openai", "/openai/v1", "/openai/v1/", "/OpenAI/v1", "/models"),
        *("/openai/deployments/d/chat/completions", "/openai/v1/responses?api-version=preview"),
    ],
    LLMProviderType.ANTHROPIC: ["/", "/v1", "/v1/messages", "/v1/models"],
    LLMProviderType.GEMINI: ["/", "/models/", "/models/gemini-3.8-flash:generateContent", "/openai/chat/completions"],
}
BEGINNINGS = {
    "openai_base_url": ("https://api.openai.com", "https://api.openai.com/v1"),
    "gemini_base_url": (
        "https://generativelanguage.googleapis.com/",
        "https://generativelanguage.googleapis.com/v1beta",
    ),
    "openrouter_base_url": ("https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
    "anthropic_base_url": ("https://api.anthropic.com/", "https://api.anthropic.com"),
}


@pytest.mark.parametrize(("field", "pasted", "expected"), [(name, *pair) for name, pair in BEGINNINGS.items()])
def test_the_end_of_the_default_address_may_be_left_out(field: str, pasted: str, expected: str) -> None:
    """A host, or a host with part of the path, is completed; another host is not changed."""
    assert expected == getattr(LLMConfig.model_validate({field: pasted}), field)
    assert "https://gateway.example/x" == getattr(LLMConfig.model_validate({field: "https://gateway.example/x"}), field)


@pytest.mark.parametrize(
    ("at", "path"), [(vendor, path) for vendor, paths in PASTED.items() for path in paths], indirect=["at"]
)
async def test_a_pasted_path_leads_to_the_vendor(at: At, path: str) -> None:
    """A path that the provider adds itself is not doubled."""
    pasted = os.environ[at.door.url_variable] + path
    await at.scene("", **{at.door.url_variable: pasted}).llm.generate_response(QUESTION, model=at.door.model)
    assert "completed" == at.row()["status"]


@pytest.mark.parametrize("at", [LLMProviderType.GEMINI], indirect=True)
async def test_geminis_name_with_its_path(at: At) -> None:
    """`models/gemini-...` is the model without the path, in a call and as a default, in the request and on the row."""
    await at.llm.generate_response(QUESTION, model="models/gemini-3.8-flash")
    environment = {"GEMINI_MODEL": "models/gemini-3.6-flash", "LLM_PROVIDER": "gemini"}
    await at.scene("", **environment).llm.generate_response(QUESTION)
    assert ["gemini-3.8-flash", "gemini-3.6-flash"] == [row["model"] for row in at.rows()]
    assert ["gemini-3.8-flash", "gemini-3.6-flash"] == [
        row["response_raw"]["body"]["modelVersion"] for row in at.rows()
    ]


@pytest.mark.parametrize("at", [LLMProviderType.AZURE_OPENAI], indirect=True)
async def test_a_deployment_is_called_by_its_name(at: At) -> None:
    """A deployment that LLM_MODELS assigns to Azure goes there, even if OpenAI has a key."""
    environment = {"LLM_MODELS": "prod-chat-eu=azure", "OPENAI_API_KEY": "sk-of-another"}
    await at.scene("", **environment).llm.generate_response(QUESTION, model="prod-chat-eu")
    assert ("azure_openai", "prod-chat-eu", "completed") == tuple(
        at.row()[column] for column in ("provider", "model", "status")
    )


@pytest.mark.parametrize(
    ("provider", "field", "name"),
    [
        (LLMProviderType.AZURE_OPENAI, "openai_model", "prod-chat-eu"),
        (LLMProviderType.OPENAI, "openai_model", "ft:gpt-4.1:acme::1"),
        (LLMProviderType.BEDROCK, "anthropic_model", "claude-of-next-year"),
    ],
)
def test_the_default_providers_model_is_called_there_by_its_name(
    provider: LLMProviderType, field: str, name: str
) -> None:
    """A default model leads to the default provider, even if another vendor shares the setting and has a key."""
    keys = {
        "openai_api_key": "sk-of-another",
        "azure_openai_api_key": "k",
        "azure_openai_endpoint": "https://r.example",
    }
    config = LLMConfig.model_validate({**keys, "provider": provider, field: name})
    assert provider is route(name, config)
