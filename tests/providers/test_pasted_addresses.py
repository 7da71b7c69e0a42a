"""Calls work with an address or a model name as it is pasted from the vendor's pages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modules.llm_services.types import LLMProviderType
from providers.conftest import QUESTION

if TYPE_CHECKING:
    from providers.conftest import At

PASTED = {
    LLMProviderType.OPENAI: ["/", "/responses", "/chat/completions/"],
    LLMProviderType.AZURE_OPENAI: ["/openai", "/openai/v1", "/openai/v1/", "/openai/deployments/d/chat/completions"],
    LLMProviderType.ANTHROPIC: ["/", "/v1", "/v1/messages"],
    LLMProviderType.GEMINI: ["/", "/models/"],
}


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
