"""Spending by the metadata of calls, models that end, and the providers that OpenRouter tried for a call."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from modules.llm_services.model_names import ENDS_SOON
from modules.llm_services.reporting.ending import listed_ends, models_that_end
from modules.llm_services.reporting.page import page
from modules.llm_services.reporting.report import read_report
from modules.llm_services.reporting.tables import view
from modules.llm_services.reporting.values import Figures, Scope
from modules.llm_services.types import LLMProviderType
from modules.llm_services.vendors import VENDORS
from reporting.reported_rows import FIRST, LONGEST, SECOND, brief, report, row, write
from support.calls import ask, rows

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from modules.llm_services.models import LLMRequestModel
    from modules.llm_services.reporting.values import Groups, Report
    from stand_in.pytest_plugin import LLMStandIn

END = date(2027, 6, 30)


def labelled(value: object) -> dict[str, Any]:
    """Return the options of a call with metadata."""
    return {"seed": 7, "metadata": {"team": value, "feature": "search"}}


def by(engine: Engine, *labels: str) -> Report:
    """Return the report by names in the metadata."""
    return report(engine, labels=labels)


def costs(groups: Groups) -> list[tuple[str | None, str]]:
    """Return the names of groups and their costs, in order."""
    return [(group.key[0], brief(group.figures)[3]) for group in groups.shown]


@pytest.mark.parametrize(
    "without", [None, {}, {"metadata": None}, {"metadata": {}}, {"metadata": ["team"]}, {"metadata": "team"}, ["a"], 7]
)
def test_a_team_has_its_spend(engine: Engine, without: object) -> None:
    """Rows are grouped by the value; those without the name, or with other metadata, form a group."""
    write(
        engine,
        row(additional_params=labelled("growth"), cost_estimate=0.2),
        row(additional_params=labelled("growth"), cost_estimate=0.3),
        row(additional_params=labelled("support"), cost_estimate=0.1),
        row(additional_params=without, cost_estimate=0.4),
    )
    found = by(engine, "team").labels["metadata.team"]
    assert [("growth", "0.5"), (None, "0.4"), ("support", "0.1")] == costs(found)


@pytest.mark.parametrize("value", [7, True, "8", "", "Ärger ' \"; --", "a\nb"])
def test_any_value_is_a_name(engine: Engine, value: object) -> None:
    """Numbers, booleans and texts of any kind read the same from both databases."""
    write(engine, row(additional_params=labelled(value)))
    expected = value if isinstance(value, str) else json.dumps(value)
    assert [(expected, "0.1")] == costs(by(engine, "team").labels["metadata.team"])


@pytest.mark.parametrize("name", ["cost.centre", 'a "quoted" name', "it's", "$", "Straße", "{a,b}"])
def test_any_name_can_be_reported_by(engine: Engine, name: str) -> None:
    """Names with a meaning in JSON paths or SQL work like any other."""
    write(engine, row(additional_params={"metadata": {name: "x"}}), row(additional_params={"metadata": {"cost": "y"}}))
    found = costs(by(engine, name).labels[f"metadata.{name}"])
    assert {("x", "0.1"), (None, "0.1")} == set(found)


def test_two_names_are_two_tables(engine: Engine) -> None:
    """Each name adds up to the total, and does not affect the users or the totals."""
    write(engine, row(additional_params=labelled("growth")), row(additional_params=labelled("support"), user_id=2))
    found = by(engine, "feature", "team")
    assert [("search", "0.2")] == costs(found.labels["metadata.feature"])
    assert [("growth", "0.1"), ("support", "0.1")] == costs(found.labels["metadata.team"])
    assert [found.total] * 3 == [found.users.total, *(groups.total for groups in found.labels.values())]


def test_damaged_options_are_nobodys(sqlite_engine: Engine) -> None:
    """Options that are not JSON do not end the report."""
    write(sqlite_engine, row())
    with sqlite_engine.begin() as connection:
        connection.execute(text("UPDATE llm_requests SET additional_params = '{\"metadata\": {'"))
    assert [(None, "0.1")] == costs(by(sqlite_engine, "team").labels["metadata.team"])


def test_the_page_and_the_terminal_show_the_labels(sqlite_engine: Engine) -> None:
    """A name has its own table, with a named line for rows without it."""
    write(sqlite_engine, row(additional_params=labelled("growth")), row())
    found = by(sqlite_engine, "team")
    (section,) = (section for section in view(found, "").sections if section.title == "By metadata.team")
    assert ["growth", "no metadata.team", "total"] == [line.cells[0] for line in section.rows]
    assert "By metadata.team" in page(found, "")


async def test_the_metadata_of_a_call_is_on_its_row(sqlite_engine: Engine, llm_stand_in: LLMStandIn) -> None:
    """A call's `metadata` is sent, is on its row, and can be reported by."""
    with Session(sqlite_engine) as session:
        await ask(session, metadata={"team": "growth"})
    (made,) = rows(sqlite_engine)
    assert {"team": "growth"} == (made.additional_params or {})["metadata"] == (made.request_payload or {})["metadata"]
    today = made.created_at.date()
    found = read_report(sqlite_engine, Scope(today, today, labels=("team",)), LONGEST)
    assert ["growth"] == [group.key[0] for group in found.labels["metadata.team"].shown]
    assert 1 == len(llm_stand_in.requests)


@pytest.mark.parametrize(
    ("today", "ends"),
    [
        (END - ENDS_SOON - timedelta(days=1), False),
        (END - ENDS_SOON, True),
        (END, True),
        (END + timedelta(days=400), True),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "azure_openai"])
def test_a_model_that_ends_is_named(monkeypatch: pytest.MonkeyPatch, today: date, provider: str, *, ends: bool) -> None:
    """From 90 days before its end on, a model in use is named, even if another vendor serves it."""
    models = cast("dict[str, date | None]", VENDORS[LLMProviderType.OPENAI].models)
    monkeypatch.setitem(models, "gpt-mortal", END)
    found = models_that_end({("gpt-mortal", provider): Figures(calls=3, attempts=4)}, today)
    assert [("gpt-mortal", provider, END, 3)] * ends == [
        (model.model, model.provider, model.end, model.figures.calls) for model in found
    ]


def test_models_without_an_end_are_not_named() -> None:
    """An unlisted model, a name of OpenRouter's, and an unknown provider have no end."""
    keys = [("gpt-6-sol", "openai"), ("openrouter/openai/gpt-5", "openrouter"), ("gpt-4", "bedrock"), ("x", "other")]
    assert () == models_that_end(dict.fromkeys(keys, Figures(calls=1)), END)


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("openrouter/a/soon", [END]),
        ("openrouter/a/soon-2026", [END]),
        ("openrouter/a/soon:nitro", [END]),
        ("openrouter/a/soon@preset/mail", [END]),
        ("openrouter/a/late", []),
        ("openrouter/a/for-ever", []),
        ("openrouter/a/gone", [None]),
        ("openrouter/auto", [None]),
        ("openrouter/~a/latest", []),
        ("openrouter/@preset/mail", []),
        ("openrouter/", [None]),
    ],
)
def test_what_openrouter_lists(model: str, found: list[date | None]) -> None:
    """OpenRouter's models end by its list; an unlisted one has no day, and aliases and presets do not end."""
    listed = listed_ends(
        [
            {"id": "a/soon", "canonical_slug": "a/soon-2026", "expiration_date": str(END)},
            {"id": "a/late", "expiration_date": "2126-01-31T00:00:00Z"},
            {"id": "a/for-ever", "expiration_date": None},
            {"name": "without an id"},
        ]
    )
    ends = models_that_end({(model, "openrouter"): Figures(calls=1)}, END, listed)
    assert found == [ending.end for ending in ends]
    assert () == models_that_end({(model, "openrouter"): Figures(calls=1)}, END)


def test_a_retired_model_is_in_the_report(engine: Engine) -> None:
    """A model that ended long ago and is still called has a line with its calls."""
    write(engine, row(provider="openai", model="o1-preview"), row())
    found = report(engine)
    assert [("o1-preview", "openai", date(2025, 7, 28), 1)] == [
        (model.model, model.provider, model.end, model.figures.calls) for model in found.ending
    ]
    (section,) = (section for section in view(found, "").sections if section.title.startswith("Models that end"))
    assert ("o1-preview", "openai", "2025-07-28") == section.rows[0].cells[:3]


def tried(*attempts: tuple[str | None, int | None], **columns: Any) -> LLMRequestModel:
    """Return a row with attempts of OpenRouter."""
    listed = [{"provider": provider, "model": "m", "status": status} for provider, status in attempts]
    return row(response_raw={"body": {}, "cost_source": "reported", "upstream_attempts": listed}, **columns)


def test_why_it_fell_back(engine: Engine) -> None:
    """Calls are grouped by what OpenRouter tried, if that was more than once or failed."""
    write(
        engine,
        tried(("OpenAI", 429), ("Azure", 200), cost_estimate=0.2),
        tried(("OpenAI", 429), ("Azure", 200)),
        tried(("OpenAI", 503), status="failed", cost_estimate=None),
        tried(("OpenAI", 200)),
        tried((None, None), ("Azure", 200), cost_estimate=0.05),
        row(),
    )
    found = report(engine).fallbacks
    assert [("OpenAI 429 → Azure 200", "0.3"), ("? ? → Azure 200", "0.05"), ("OpenAI 503", "0")] == costs(found)


@pytest.mark.parametrize("odd", ["text", 7, {}, [], ["a"], [None], [[]]])
def test_attempts_of_another_shape(engine: Engine, odd: object) -> None:
    """Invalid attempts do not end the report."""
    write(engine, row(response_raw={"upstream_attempts": odd}))
    assert 1 == report(engine).total.attempts


def test_only_openrouters_rows_fall_back(engine: Engine) -> None:
    """A field of that name on another vendor's row is ignored."""
    write(engine, tried(("a", 429), ("b", 200), provider="openai"))
    assert () == report(engine).fallbacks.shown


async def test_the_attempts_behind_a_call_are_on_its_row(engine: Engine, llm_stand_in: LLMStandIn) -> None:
    """With router_metadata, the row and the report have every provider that was tried, with its status."""
    with Session(engine) as session:
        await ask(session, "openrouter/stand-in/fallback", router_metadata=True)
        await ask(session, "openrouter/stand-in/fallback")
    with_metadata, without = rows(engine)
    raw = with_metadata.response_raw or {}
    attempts = [(attempt["provider"], attempt["status"]) for attempt in raw["upstream_attempts"]]
    assert [("OpenAI", 429), ("Together", 503), ("Azure", 200)] == attempts
    assert isinstance(raw["upstream_time_ms"], int)
    assert "upstream_attempts" not in (without.response_raw or {})
    today = with_metadata.created_at.date()
    found = read_report(engine, Scope(today, today), LONGEST)
    assert ["OpenAI 429 → Together 503 → Azure 200"] == [group.key[0] for group in found.fallbacks.shown]
    assert 2 == len(llm_stand_in.requests)


async def test_the_attempts_behind_a_failure_are_on_its_row(engine: Engine, llm_stand_in: LLMStandIn) -> None:
    """The row of an error has them too."""
    llm_stand_in.monkeypatch.setenv("MAX_RETRIES", "0")
    with Session(engine) as session, pytest.raises(Exception, match="overload"):
        await ask(session, "openrouter/stand-in/provider-overloaded", router_metadata=True)
    (failed,) = rows(engine)
    assert [529] == [attempt["status"] for attempt in (failed.response_raw or {})["upstream_attempts"]]


def test_the_days_are_those_of_the_scope(engine: Engine) -> None:
    """Labels and fallbacks are limited to the period, like everything else."""
    write(engine, tried(("a", 1), ("b", 2), additional_params=labelled("x")))
    found = read_report(engine, Scope(SECOND, SECOND, labels=("team",)), LONGEST)
    assert ((), ()) == (found.fallbacks.shown, found.labels["metadata.team"].shown)
    assert FIRST < SECOND
