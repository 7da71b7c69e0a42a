"""docs/reference.md is the public interface, written from its docstrings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from documents.reference_page import PAGE, updated
from modules import llm_services
from modules.llm_services import public
from modules.llm_services.types import (
    AudioResponse,
    ImageResponse,
    LLMMessage,
    LLMResponse,
    ToolCall,
    ToolDefinition,
    WebSearchResponse,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

TEXT = PAGE.read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#{3,4} (\w+)$", TEXT, re.MULTILINE)
VALUES: Final[list[type[BaseModel]]] = [
    LLMMessage,
    ToolDefinition,
    LLMResponse,
    ToolCall,
    ImageResponse,
    AudioResponse,
    WebSearchResponse,
]
PROTOCOLS = [public.LLMServicesProvider, public.LLMServicesAdminProvider]


def test_the_page_is_that_of_the_code() -> None:
    """The page is written from the docstrings; `python tests/documents/reference_page.py` writes it again."""
    assert updated(TEXT) == TEXT


@pytest.mark.parametrize("name", sorted({*llm_services.__all__, *public.__all__}))
def test_every_public_name_is_on_the_page(name: str) -> None:
    """Every public name has a section."""
    assert name in HEADINGS


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_method_is_on_the_page(protocol: type) -> None:
    """Each call and each read has a section."""
    assert {name for name in vars(protocol) if not name.startswith("_")} <= set(HEADINGS)


@pytest.mark.parametrize(
    ("name", "field"), [(value.__name__, field) for value in VALUES for field in value.model_fields]
)
def test_every_field_is_explained(name: str, field: str) -> None:
    """Each field of a value has a line below the value's heading."""
    section = TEXT.partition(f"### {name}\n")[2].partition("\n### ")[0]
    assert re.search(rf"^\| `{field}` \| .+ \| .+ \|$", section, re.MULTILINE)
