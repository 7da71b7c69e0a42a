"""A table of eleven rows with every figure of its report worked out by hand; the same on both databases."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from modules.llm_services.pricing import cache_saving
from modules.llm_services.reporting.tables import _headlines
from modules.llm_services.reporting.values import Groups, Latency, Report, ResponseCache
from modules.llm_services.types import LLMProviderType
from reporting.reported_rows import ONE, SECOND, TWO, brief, noon, report, row, write

if TYPE_CHECKING:
    from sqlalchemy import Engine


def raw(source: str | None = "reported", **envelope: Any) -> dict[str, Any]:
    """Return a `response_raw`."""
    return {"body": {"usage": {}}, "upstream_provider": "Alpha", "cost_source": source} | envelope


@pytest.fixture
def found(engine: Engine) -> Report:
    """Return the report on the table."""
    cached = raw(cached_input_tokens=40, served_model="openai/gpt-4.1-mini-2025-04-14")
    (original,) = write(engine, row(cached=True, response_raw=cached))
    openai: dict[str, Any] = {"provider": "openai", "model": TWO, "user_id": 2}
    late: dict[str, Any] = {"created_at": noon(SECOND)}
    failed: dict[str, Any] = {"status": "failed", "cost_estimate": None, **late}
    limited = raw(None, status_code=429, error_code="rate_limit")
    repeat = raw("cached", cached_request_id=str(original))
    nothing: dict[str, Any] = {"input_tokens": None, "output_tokens": None, "execution_time_ms": None}
    write(
        engine,
        row(cost_estimate=0.2, execution_time_ms=200, response_raw=raw(upstream_provider="Beta")),
        row(cost_estimate=0.3, execution_time_ms=300, response_raw={"cost_source": "estimated"}, **openai),
        row(cost_estimate=0.0, execution_time_ms=400, response_raw={"cost_source": "unpriced"}, **openai, **late),
        row(user_id=None, error_type="LLMRateLimitError", response_raw=limited, **failed),
        row(
            user_id=None,
            cost_estimate=0.4,
            execution_time_ms=500,
            retry_attempt=2,
            response_raw=raw("reconciled"),
            **late,
        ),
        row(error_type="LLMValidationError", response_raw=raw(status_code=200), **failed | {"cost_estimate": 0.05}),
        row(
            cost_estimate=0.0,
            cached=True,
            execution_time_ms=1,
            response_raw=repeat,
            **late,
            input_tokens=0,
            output_tokens=0,
        ),
        row(status="pending", cost_estimate=None, response_raw=None, **nothing),
        row(error_type="abandoned", response_raw=None, **failed | nothing),
        row(created_at=noon(SECOND) + timedelta(hours=12), cost_estimate=1000.0),
    )
    return report(engine)


def named(groups: Groups) -> dict[str | None, tuple[int, int, int, str, int]]:
    """Return groups in order."""
    return {group.key[0]: brief(group.figures) for group in groups.shown}


def test_the_whole(found: Report) -> None:
    """Ten attempts of nine calls have a known cost of 1.05 USD; the cost of four is unknown, one of them unpriced."""
    assert (10, 9, 3, "1.05", 4) == brief(found.total)
    total = found.total
    assert (700, 40, 70) == (total.input_tokens, total.cached_input_tokens, total.output_tokens)


def test_by_day(found: Report) -> None:
    """A day is a UTC day, from midnight to midnight."""
    assert {"2026-03-01": (4, 4, 0, "0.6", 1), "2026-03-02": (6, 5, 3, "0.45", 3)} == {
        day: brief(group) for day, group in found.days.items()
    }


def test_by_model(found: Report) -> None:
    """Models are grouped by the requested name."""
    assert [(ONE, (8, 7, 3, "0.75", 3)), (TWO, (2, 2, 0, "0.3", 1))] == list(named(found.models).items())


def test_by_served_provider(found: Report) -> None:
    """The provider is the one that served: OpenRouter's says its name; a row without one counts as OpenRouter."""
    assert [
        ("Alpha", (5, 4, 2, "0.55", 1)),
        ("openai", (2, 2, 0, "0.3", 1)),
        ("Beta", (1, 1, 0, "0.2", 0)),
        ("openrouter", (2, 2, 1, "0", 2)),
    ] == list(named(found.providers).items())


def test_a_vendor_is_told_apart_by_what_was_called(engine: Engine) -> None:
    """A vendor behind OpenRouter is not the vendor that was called directly, even with the same name."""
    write(engine, row(response_raw=raw(upstream_provider="openai")), row(provider="openai", cost_estimate=0.2))
    keys = [group.key for group in report(engine).providers.shown]
    assert [("openai", "openai"), ("openai", "openrouter")] == keys


def test_by_user(found: Report) -> None:
    """Calls without a user form a group."""
    assert [
        (None, (2, 1, 1, "0.4", 1)),
        ("1", (6, 6, 2, "0.35", 2)),
        ("2", (2, 2, 0, "0.3", 1)),
    ] == list(named(found.users).items())


def test_costs_are_told_apart_by_where_they_come_from(found: Report) -> None:
    """Reported, reconciled, estimated and cached costs are known; unpriced, unknown and pending ones are not."""
    assert {
        "reported": (3, 3, 1, "0.35", 0),
        "reconciled": (1, 0, 0, "0.4", 0),
        "estimated": (1, 1, 0, "0.3", 0),
        "cached": (1, 1, 0, "0", 0),
        "unpriced": (1, 1, 0, "0", 1),
        "unknown": (2, 2, 2, "0", 2),
        "pending": (1, 1, 0, "0", 1),
    } == {source: brief(group) for source, group in found.cost_sources.items()}


def test_failures_by_cause(found: Report) -> None:
    """A cause is the exception, its status and its code; its cost may be known or not."""
    assert [
        (("LLMValidationError", "200", None), "0.05", 0),
        (("LLMRateLimitError", "429", "rate_limit"), "0", 1),
        (("abandoned", None, None), "0", 1),
    ] == [(group.key, brief(group.figures)[3], group.figures.unknown_costs) for group in found.causes.shown]
    assert (3, 3, 3, "0.05", 2) == brief(found.causes.total)


def test_asking_again(found: Report) -> None:
    """The cost of attempts after the first is a separate figure."""
    assert (1, 0, 0, "0.4", 0) == brief(found.retries)


def test_latency(found: Report) -> None:
    """Percentiles are nearest ranks over completed attempts, without answers from the response cache."""
    assert Latency(5, 300, 500) == found.latency
    assert {ONE: Latency(3, 200, 500), TWO: Latency(2, 300, 400)} == found.latencies


def test_when_streamed_answers_began(engine: Engine) -> None:
    """Completed streams have percentiles of the time to the first piece; invalid times are left out."""
    envelope = {"body": {}, "cost_source": "reported"}
    streamed = [row(response_raw={**envelope, "time_to_first_piece_ms": ms}) for ms in (50, 10, 20, "soon", None)]
    failed = row(status="failed", response_raw={**envelope, "time_to_first_piece_ms": 1})
    write(engine, *streamed, failed, row(), row(response_raw=["no object"]))
    found = report(engine)
    assert Latency(3, 20, 50) == found.first_piece
    assert ("First piece", "0.02 s") in [line[:2] for line in _headlines(found)]


def test_what_has_no_end(found: Report) -> None:
    """Abandoned rows and overdue rows are counted separately."""
    assert {"abandoned": (1, 1, 1, "0", 1), "overdue": (1, 1, 0, "0", 1)} == {
        name: brief(group) for name, group in found.unsettled.items()
    }


def test_the_response_cache_saved_what_the_original_cost(found: Report) -> None:
    """A call answered by the response cache saved the cost of its original."""
    assert ResponseCache(answers=1, saved=Decimal("0.1"), unknown=0) == found.response_cache


def test_the_prompt_cache_saved_the_difference_in_price(found: Report) -> None:
    """Cached tokens are priced by the model that served them."""
    expected = cache_saving(40, 0, LLMProviderType.OPENROUTER, "openai/gpt-4.1-mini-2025-04-14")
    assert expected
    cache = found.prompt_cache
    assert (40, 0, expected, 0) == (cache.read_tokens, cache.written_tokens, cache.saved, cache.unpriced_tokens)


@pytest.mark.parametrize("groups", ["models", "providers", "users"])
def test_the_parts_make_the_whole(found: Report, groups: str) -> None:
    """Days, models, providers, users and sources each add up to the same total."""
    assert found.total == getattr(found, groups).total


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"user_id": 2}, (2, 2, 0, "0.3", 1)),
        ({"model": ONE}, (8, 7, 3, "0.75", 3)),
        ({"model": ONE, "user_id": 2}, (0, 0, 0, "0", 0)),
    ],
)
def test_some_of_it(engine: Engine, scope: dict[str, Any], expected: tuple[int, int, int, str, int]) -> None:
    """Reports on one user, on one model, and on both."""
    assert expected == brief(report(engine, **scope).total)


@pytest.mark.usefixtures("found")
def test_the_dearest_are_named(engine: Engine) -> None:
    """If only one group is shown, it is the most expensive one, and the others are added up."""
    providers = report(engine, top=1).providers
    assert ["Alpha"] == [group.key[0] for group in providers.shown]
    assert (3, (5, 5, 1, "0.5", 3)) == (providers.others, brief(providers.rest))
