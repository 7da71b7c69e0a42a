"""When models end: what the error for a retired model says, and that no default is about to end."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import model_ends
import pytest

from documents.models_table import PAGE, updated
from modules.llm_services.flow.errors import to_exception
from modules.llm_services.types import LLMProviderType
from modules.llm_services.vendors import MODEL_PROVIDER_MAP, VENDORS
from modules.llm_services.wires.wire import ParsedError

if TYPE_CHECKING:
    from model_ends import Default

    from modules.llm_services.exceptions import LLMError

HALF_A_YEAR_AFTER_THE_RELEASE: Final = date(2027, 5, 26)
# OpenAI ends all models of this endpoint on one day, and names no replacement.
WITHOUT_SUCCESSOR: Final = frozenset({"tts-1"})
# The names that callers of the first release use; they are routed forever.
FIRST_NAMES: Final = """
    gpt-4o gpt-4o-mini gpt-4-turbo gpt-4 gpt-3.5-turbo o1 o1-mini o1-preview gpt-5 gpt-5-mini gpt-5-nano
    tts-1 tts-1-hd gpt-4o-mini-tts dall-e-2 dall-e-3
    claude-opus-4-1 claude-sonnet-4-5 claude-haiku-4-5 claude-3-5-sonnet-20241022 claude-3-5-sonnet-20240620
    claude-3-opus-20240229 claude-3-sonnet-20240229 claude-3-haiku-20240307
    gemini-2.5-pro gemini-2.5-flash gemini-2.5-flash-preview gemini-2.5-flash-lite gemini-2.5-flash-lite-preview
    gemini-2.5-flash-native-audio gemini-2.5-flash-image gemini-2.5-flash-preview-tts gemini-2.5-pro-preview-tts
    gemini-2.5-computer-use-preview
"""


@pytest.mark.parametrize("name", FIRST_NAMES.split())
def test_no_name_is_ever_taken_away(name: str) -> None:
    """The map keeps every earlier name, retired or not."""
    assert name in MODEL_PROVIDER_MAP


def test_a_name_has_one_vendor() -> None:
    """No name is in the rows of two vendors."""
    assert sum(len(vendor.models) for vendor in VENDORS.values()) == len(MODEL_PROVIDER_MAP)


@pytest.mark.parametrize("default", model_ends.all_defaults(), ids=lambda default: f"{default.vendor}, {default.kind}")
def test_a_default_lives(default: Default) -> None:
    """Every default is served for half a year after the release, or is an alias, or has no successor."""
    lives = default.end is None or default.end >= HALF_A_YEAR_AFTER_THE_RELEASE
    assert lives or default.model in WITHOUT_SUCCESSOR


@pytest.mark.parametrize(
    ("model", "today", "since"),
    [
        ("gpt-5", date(2026, 12, 10), None),
        ("gpt-5", date(2026, 12, 11), date(2026, 12, 11)),
        ("gpt-5", date(2028, 1, 1), date(2026, 12, 11)),
        ("gpt-5.2", date(2028, 1, 1), None),
        ("claude-3-opus-20240229", date(2028, 1, 1), None),
        ("no-such-model", date(2028, 1, 1), None),
    ],
)
def test_a_model_is_retired_from_its_last_day_on(model: str, today: date, since: date | None) -> None:
    """A vendor's row has the retirement dates of its own models, and not of others'."""
    assert since == VENDORS[LLMProviderType.OPENAI].retired_since(model, today)


@pytest.mark.parametrize(
    ("provider", "model", "status", "since"),
    [
        (LLMProviderType.OPENAI, "o1-mini", 404, "o1-mini was retired on 2025-10-27"),
        (LLMProviderType.OPENAI, "o1-mini", 400, "o1-mini was retired on 2025-10-27"),
        (LLMProviderType.OPENAI, "o1-mini", 429, ""),
        (LLMProviderType.OPENAI, "o1-mini", 401, ""),
        (LLMProviderType.OPENAI, "gpt-5.2", 404, ""),
        (LLMProviderType.ANTHROPIC, "claude-3-opus-20240229", 404, "retired on 2026-01-05"),
        (LLMProviderType.GEMINI, "gemini-2.5-flash-preview", 404, "retired on 2026-02-17"),
        (LLMProviderType.AZURE_OPENAI, "o1-mini", 404, ""),
        (LLMProviderType.BEDROCK, "claude-3-opus-20240229", 404, ""),
        (LLMProviderType.OPENROUTER, "openrouter/openai/o1-mini", 404, ""),
    ],
)
def test_the_error_of_a_retired_model_says_since_when(
    provider: LLMProviderType, model: str, status: int, since: str
) -> None:
    """The refusal of a retired model says when it was retired; other errors, and other vendors', do not."""
    error: LLMError = to_exception(ParsedError(status, "no such model"), VENDORS[provider], model)
    assert since in str(error)
    assert bool(since) == ("retired" in str(error))


@pytest.mark.parametrize(
    ("arguments", "code", "shown", "hidden"),
    [
        (
            ["--today", "2026-11-26"],
            1,
            ["default of OpenAI, speech: tts-1 ends on 2027-01-06: set AUDIO_MODEL", "2026-12-01: gemini-2.5-flash, "],
            ["2027-04-01", "2026-10-23"],
        ),
        (["--today=2026-11-26", "--days=4"], 0, ["2026-11-30: claude-sonnet-4-5, "], ["default", "2026-12-01"]),
        (["--today=2026-11-26", "--days=3"], 0, [], ["2026"]),
        (["--today=2027-02-01", "--days=3"], 1, ["default of OpenAI, speech: tts-1"], ["2027-01-06: "]),
    ],
)
def test_the_script_says_what_ends(
    arguments: list[str],
    code: int,
    shown: list[str],
    hidden: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """model_ends.py lists the defaults that end, then the names, by day; a default that ends gives exit code 1."""
    monkeypatch.setattr("sys.argv", ["model_ends.py", *arguments])
    assert code == model_ends.main()
    output = capsys.readouterr().out
    assert [True] * len(shown) == [text in output for text in shown]
    assert [] == [text for text in hidden if text in output.replace("ends on 2027-01-06: ", "")]


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    """docs/providers.md has the defaults and the names with their ends; models_table.py writes them again."""
    page = PAGE.read_text(encoding="utf-8")
    assert updated(page) == page
