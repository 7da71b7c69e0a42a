"""docs/configuration.md matches what the code reads."""

from __future__ import annotations

import pytest

from documents.settings_table import PAGE, tables, updated
from modules.llm_services.config import VARIABLE_NAMES, LLMConfig
from modules.llm_services.types import LLMProviderType

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_code() -> None:
    """The tables are written from config.py; `python tests/documents/settings_table.py` writes them again."""
    assert updated(TEXT) == TEXT


@pytest.mark.parametrize("name", [*VARIABLE_NAMES, "DATABASE_URL"])
def test_every_variable_is_on_the_page(name: str) -> None:
    """The page has every variable that the module or its database reads."""
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("provider", LLMProviderType)
def test_every_provider_is_on_the_page(provider: LLMProviderType) -> None:
    """The page names each value that LLM_PROVIDER can have."""
    assert f"`{provider}`" in TEXT


@pytest.mark.parametrize("name", LLMConfig.model_fields)
def test_a_field_says_what_it_means(name: str) -> None:
    """Every field of LLMConfig has a description, which the page repeats."""
    assert LLMConfig.model_fields[name].description


def test_no_default_of_this_machine_is_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults are those of an empty environment, whatever is set on this machine."""
    before = tables()
    monkeypatch.setenv("OPENAI_MODEL", "gpt-4o")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-this-machine")
    assert before == tables()
