"""Every scenario of OpenRouter's stand-in: exported where an exchange ended it, refused where none did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from cassette.answered import NotExportableError
from exporting.conftest import KEY
from exporting.incidents import QUESTION, Call, check_same, check_same_kind, happened
from modules.llm_services import LLMMessage
from stand_in.scenarios import SCENARIOS

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from modules.llm_services import LLMServicesProvider

SHORT_TIMEOUT = "0.5"
# The megabytes of `huge` say nothing that a shorter answer does not.
TRIED = {name: each for name, each in SCENARIOS.items() if name != "huge"}
ENDED = [name for name, each in TRIED.items() if each.fault is None and each.part != "endless padding"]
# What each is told to use instead: the scenario that breaks in the same way.
BROKEN = {
    "slow": "stall",
    "reset-while-reading": "disconnect",
    "reset": "disconnect",
    "disconnect": "disconnect",
    "silence": "silence",
    "stall": "stall",
    "half-body": "half-body",
    "reset-mid-body": "half-body",
    "short-content-length": "disconnect",
    "long-content-length": "half-body",
    "bad-gzip": "bad-gzip",
    "not-http": "disconnect",
}
ON_BOTH = ["completion", "cut-json", "choice-error", "rate-limited", "daily-cap", "redirect-away", "html"]


def asking(scenario: str, **options: Any) -> Call:
    """Return a question to a scenario."""

    async def ask(llm: LLMServicesProvider) -> object:
        question = [*QUESTION, LLMMessage(role="user", content=f"Once more: {scenario}")]
        return await llm.generate_response(question, model=f"openrouter/stand-in/{scenario}", **options)

    return ask


def test_every_scenario_is_exported_or_refused() -> None:
    """A scenario ends with an exchange or it is in the table of those that break."""
    assert set(TRIED) == set(ENDED) | set(BROKEN)


@pytest.mark.parametrize("name", ENDED)
def test_an_exchange_comes_back(session: Session, name: str) -> None:
    """A row whose call was answered, well or badly, replays to the same result and the same row."""
    incident = happened(session, asking(name))
    exported = incident.exported()
    check_same(incident, exported)
    assert KEY not in exported.text


@pytest.mark.parametrize("name", ENDED)
def test_a_masked_exchange_comes_back(session: Session, name: str) -> None:
    """With its texts masked it ends in the same way, at the same price, and nothing that was asked is to be read."""
    incident = happened(session, asking(name))
    exported = incident.exported(mask=True)
    check_same_kind(incident, exported)
    assert all(words not in exported.text for words in ("Walnut", "capital", "France", KEY))


@pytest.mark.parametrize("name", BROKEN)
def test_what_no_answer_ended_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A row without a whole exchange is refused, and the refusal names the scenario that breaks in the same way."""
    monkeypatch.setenv("REQUEST_TIMEOUT", SHORT_TIMEOUT)
    incident = happened(session, asking(name))
    with pytest.raises(NotExportableError, match=f"openrouter/stand-in/{BROKEN[name]}$"):
        incident.exported()


@pytest.mark.parametrize("name", ON_BOTH)
def test_a_row_of_postgresql_comes_back(engine: Engine, name: str) -> None:
    """A row is exported from whatever database it was written to."""
    with Session(engine) as session:
        incident = happened(session, asking(name))
        check_same(incident, incident.exported())
        check_same_kind(incident, incident.exported(mask=True))


def test_options_and_settings_come_back(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked with options, and what the configuration said, is asked in the same way."""
    monkeypatch.setenv("TEMPERATURE", "0.3")
    options = {
        "max_output_tokens": 16,
        "reasoning": {"effort": "low"},
        "provider": {"order": ["Anthropic"]},
        "user": "user_2aB3aB3aB3aB3",
        "stop": ["Walnut"],
        "no_such_option": "Walnut",
    }
    incident = happened(session, asking("completion", **options))
    check_same(incident, incident.exported())
    assert "Walnut" not in incident.exported(mask=True).text
