"""Every scenario of OpenRouter's stand-in is exported if it has a response, and refused if it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from cassette.response_from_row import NotExportableError
from cassettes.exporting.conftest import KEY
from cassettes.exporting.incidents import QUESTION, Call, check_same, check_same_kind, make_calls
from modules.llm_services import LLMMessage
from stand_in.scenarios import SCENARIOS

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from modules.llm_services import LLMServicesProvider

SHORT_TIMEOUT = "0.5"
# `huge` sends megabytes, and otherwise equals `completion`.
SMALL_SCENARIOS = {name: scenario for name, scenario in SCENARIOS.items() if name != "huge"}
ANSWERED = [
    name for name, scenario in SMALL_SCENARIOS.items() if scenario.fault is None and scenario.part != "endless padding"
]
# The scenario that the refusal names, because it fails in the same way.
BROKEN = {
    "slow": "stall",
    "reset-while-reading": "disconnect",
    "reset": "disconnect",
    "disconnect": "disconnect",
    "silence": "silence",
    "stall": "stall",
    "stall-mid-body": "stall",
    "half-body": "half-body",
    "reset-mid-body": "half-body",
    "short-content-length": "disconnect",
    "long-content-length": "half-body",
    "bad-gzip": "bad-gzip",
    "not-http": "disconnect",
}
ON_BOTH = ["completion", "cut-json", "choice-error", "rate-limited", "daily-cap", "redirect-away", "html"]


def asking(scenario: str, **options: Any) -> Call:
    """Return a call to a scenario."""

    async def ask(llm: LLMServicesProvider) -> object:
        question = [*QUESTION, LLMMessage(role="user", content=f"Once more: {scenario}")]
        return await llm.generate_response(question, model=f"openrouter/stand-in/{scenario}", **options)

    return ask


def test_every_scenario_is_exported_or_refused() -> None:
    """Every scenario has a response, or is in the table of those that break."""
    assert set(SMALL_SCENARIOS) == set(ANSWERED) | set(BROKEN)


@pytest.mark.parametrize("name", ANSWERED)
def test_an_exchange_comes_back(session: Session, name: str) -> None:
    """A row of a call with any response replays to the same result and the same row."""
    incident = make_calls(session, asking(name))
    exported = incident.export()
    check_same(incident, exported)
    assert KEY not in exported.text


@pytest.mark.parametrize("name", ANSWERED)
def test_a_masked_exchange_comes_back(session: Session, name: str) -> None:
    """A masked cassette replays to the same kind of result at the same cost, without the prompt."""
    incident = make_calls(session, asking(name))
    exported = incident.export(mask=True)
    check_same_kind(incident, exported)
    assert all(word not in exported.text for word in ("Walnut", "capital", "France", KEY))


@pytest.mark.parametrize("name", BROKEN)
def test_what_no_answer_ended_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A row without a whole exchange is refused, and the refusal names the scenario with the same failure."""
    monkeypatch.setenv("REQUEST_TIMEOUT", SHORT_TIMEOUT)
    incident = make_calls(session, asking(name))
    with pytest.raises(NotExportableError, match=f"openrouter/stand-in/{BROKEN[name]}$"):
        incident.export()


@pytest.mark.parametrize("name", ON_BOTH)
def test_a_row_of_postgresql_comes_back(engine: Engine, name: str) -> None:
    """A row is exported from SQLite and from PostgreSQL."""
    with Session(engine) as session:
        incident = make_calls(session, asking(name))
        check_same(incident, incident.export())
        check_same_kind(incident, incident.export(mask=True))


def test_options_and_settings_come_back(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's options and the configuration's settings are exported as such."""
    monkeypatch.setenv("TEMPERATURE", "0.3")
    options = {
        "max_output_tokens": 16,
        "reasoning": {"effort": "low"},
        "provider": {"order": ["Anthropic"]},
        "user": "user_2aB3aB3aB3aB3",
        "stop": ["Walnut"],
        "no_such_option": "Walnut",
    }
    incident = make_calls(session, asking("completion", **options))
    check_same(incident, incident.export())
    assert "Walnut" not in incident.export(mask=True).text


@pytest.mark.parametrize("name", ["completion", "reasoning", "choice-error", "rate-limited"])
def test_a_streamed_call_comes_back(session: Session, name: str) -> None:
    """A stream is exported as the assembled answer, and replays to the same call and row."""
    incident = make_calls(session, asking(name, stream=True))
    check_same(incident, incident.export())


@pytest.mark.parametrize("name", ["cut-json", "half-body", "reset-mid-body"])
def test_a_stream_that_broke_is_refused_in_words(session: Session, name: str) -> None:
    """A broken stream is refused, and the message names the scenario with the same failure."""
    incident = make_calls(session, asking(name, stream=True))
    with pytest.raises(NotExportableError, match=r"its stream is incomplete: .*half-body"):
        incident.export()
