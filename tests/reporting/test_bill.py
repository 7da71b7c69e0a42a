"""OpenRouter's bill compared with the table: what agrees, and the differences by cause, which add up to the total."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from modules.llm_services.reporting import bill, dialects
from modules.llm_services.reporting.bill import (
    AGREES,
    ANOTHER_COST,
    BYOK_FEES,
    NOT_BILLED,
    NOT_HERE,
    OVER_MIDNIGHT,
    ROUNDING,
    UNKNOWN_COST,
    Bill,
    compare,
)
from modules.llm_services.reporting.values import Scope
from reporting.reported_rows import FIRST, SECOND, noon, row, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from modules.llm_services.models import LLMRequestModel

TODAY = date(2026, 3, 20)
MARCH = Scope(date(2026, 3, 1), date(2026, 3, 31))
SLUG = "openai/gpt-4.1-mini"
DATED = "openai/gpt-4.1-mini-2025-04-14"


def made(cost: float | None, upstream: str | None = "OpenAI", **columns: Any) -> LLMRequestModel:
    """Return a row of a call to the model."""
    source = "reported" if cost is not None else None
    raw: dict[str, Any] = {
        "body": {},
        "cost_source": source,
        "upstream_provider": upstream,
        "served_model": DATED,
        "status_code": 200,
    }
    given: dict[str, Any] = {"model": f"openrouter/{SLUG}", "cost_estimate": cost, "response_raw": raw}
    return row(**given | columns)


def listed(usage: object, requests: int = 1, day: date = FIRST, **fields: object) -> dict[str, object]:
    """Return an entry of OpenRouter's activity."""
    entry: dict[str, object] = {
        "date": str(day),
        "model": SLUG,
        "model_permaslug": DATED,
        "endpoint_id": "e",
        "provider_name": "OpenAI",
        "usage": usage,
        "byok_usage_inference": 0,
        "requests": requests,
    }
    return entry | fields


def compared(engine: Engine, *activity: dict[str, object], today: date = TODAY) -> Bill:
    """Compare the table with an activity, and check that the differences add up."""
    found = compare(engine, MARCH, activity, today)
    assert found.billed - found.recorded == sum(found.remainders.values(), Decimal())
    return found


def reasons(found: Bill) -> list[str]:
    """Return the reasons of the lines that have one."""
    return [line.reason for line in found.lines if line.reason != AGREES]


def test_what_agrees(engine: Engine) -> None:
    """Costs that floats would not add up exactly agree to the last digit."""
    write(engine, *(made(0.1) for _ in range(3)))
    found = compared(engine, listed(Decimal("0.3"), 3))
    assert (Decimal("0.3"), Decimal("0.3"), Decimal("0.3"), {}) == (
        found.billed,
        found.recorded,
        found.agreeing,
        found.remainders,
    )


@pytest.mark.parametrize(
    ("rows", "activity", "expected"),
    [
        (lambda: [made(0.1), made(None)], [listed(0.15, 2)], {UNKNOWN_COST: "0.05"}),
        (lambda: [made(0.1), made(None, None)], [listed(0.15, 2)], {UNKNOWN_COST: "0.05"}),
        (lambda: [made(0.1)], [listed(0.1), listed(0.2, model="x/y", model_permaslug="x/y")], {NOT_HERE: "0.2"}),
        (lambda: [made(0.1)], [listed(0.1), listed(0.2, day=SECOND)], {NOT_HERE: "0.2"}),
        (lambda: [made(0.1)], [listed(0.3, 3)], {NOT_HERE: "0.2"}),
        (lambda: [made(0.1), made(0.2, "Azure")], [listed(0.1)], {NOT_BILLED: "-0.2"}),
        (lambda: [made(0.1)], [listed(0.12)], {ANOTHER_COST: "0.02"}),
        (lambda: [made(0.1)], [listed(0.08)], {ANOTHER_COST: "-0.02"}),
        (lambda: [made(0.1)], [listed(0.005, byok_usage_inference=0.1)], {BYOK_FEES: "0.005"}),
        (lambda: [made(0.1)], [listed(0.05, byok_usage_inference=0.1)], {ANOTHER_COST: "0.05"}),
        (lambda: [made(0.1)], [listed(0.1000004)], {ROUNDING: "0.0000004"}),
        (lambda: [made(0.1, created_at=noon(FIRST))], [listed(0.1, day=SECOND)], {OVER_MIDNIGHT: "0.0"}),
        (list, [listed(0.1)], {NOT_HERE: "0.1"}),
        (lambda: [made(0.1)], [], {NOT_BILLED: "-0.1"}),
    ],
)
def test_the_remainder_has_names(
    engine: Engine,
    rows: Callable[[], list[LLMRequestModel]],
    activity: list[dict[str, object]],
    expected: dict[str, str],
) -> None:
    """Each planted difference is found, to the last digit, under its cause."""
    write(engine, *rows())
    found = compared(engine, *activity)
    assert {name: Decimal(usd) for name, usd in expected.items()} == found.remainders


@pytest.mark.parametrize(
    "columns",
    [
        {"response_raw": {"cost_source": "cached", "served_model": DATED, "upstream_provider": "OpenAI"}},
        {"provider": "openai", "model": "gpt-5"},
        {"created_at": noon(date(2026, 2, 28))},
    ],
    ids=["answered by our own cache", "of another provider", "of another month"],
)
def test_what_is_no_part_of_the_bill(engine: Engine, columns: dict[str, Any]) -> None:
    """Rows that did not reach OpenRouter, or not in this month, are not compared."""
    write(engine, made(0.5, **columns))
    assert [] == compared(engine).lines


@pytest.mark.parametrize("status", [400, 401, 429, 503])
def test_a_refusal_is_not_a_row_of_unknown_cost(engine: Engine, status: int) -> None:
    """A refused call was not billed, so it does not count as a row of unknown cost."""
    refused = {"status_code": status, "cost_source": None, "upstream_provider": "OpenAI", "served_model": DATED}
    write(engine, made(0.1), made(None, status="failed", response_raw=refused))
    found = compared(engine, listed(0.15, 2))
    assert ({NOT_HERE: Decimal("0.05")}, 0) == (found.remainders, found.unknown_rows)


@pytest.mark.parametrize(
    ("requested", "served", "name"),
    [
        (f"openrouter/{SLUG}", DATED, SLUG),
        (f"openrouter/{SLUG}", None, SLUG),
        (f"openrouter/{SLUG}:nitro", None, SLUG),
        (f"openrouter/{SLUG}:nitro", DATED, SLUG),
        (f"openrouter/{SLUG}@preset/mail", None, SLUG),
        ("openrouter/a/other", DATED, SLUG),
        ("openrouter/auto", DATED, SLUG),
        ("openrouter/a/other", None, "a/other"),
        ("openrouter/a/other", "b/unlisted-2026", "b/unlisted-2026"),
        ("openrouter/", None, ""),
    ],
)
def test_a_call_is_listed_under_the_model_that_served_it(requested: str, served: str | None, name: str) -> None:
    """Variants, presets, fallbacks and routers are billed under the model that answered."""
    names = bill.Names()
    names.add(SLUG, DATED)
    assert name == names.listed(requested, served)


def test_a_free_variant_is_a_model_of_its_own() -> None:
    """Two models with the same dated name are distinguished by the requested name."""
    names = bill.Names()
    for model in (SLUG, f"{SLUG}:free"):
        names.add(model, DATED)
    assert [SLUG, f"{SLUG}:free"] == [names.listed(f"openrouter/{model}", DATED) for model in (SLUG, f"{SLUG}:free")]


def test_days_that_are_not_listed(engine: Engine) -> None:
    """Days before the last thirty, and today, are named with the table's amount; the others are compared."""
    today = date(2026, 4, 10)
    write(engine, made(0.1), made(0.2, created_at=noon(date(2026, 3, 11))))
    found = compared(engine, listed(0.2, day=date(2026, 3, 11)), today=today)
    first = today - timedelta(days=bill.LISTED_DAYS)
    assert [date(2026, 3, day) for day in range(1, first.day)] == list(found.missing)
    assert (Decimal("0.1"), Decimal("0.2"), {}) == (found.missing[FIRST], found.recorded, found.remainders)


def test_today_is_not_over(engine: Engine) -> None:
    """Today's cost is not on the bill yet, and is not a difference."""
    write(engine, made(0.1, created_at=noon(TODAY)))
    found = compared(engine)
    assert ({TODAY: Decimal("0.1")}, []) == ({TODAY: found.missing[TODAY]}, found.lines)


def test_a_table_in_parts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is counted once, however many parts the table has."""
    monkeypatch.setattr(dialects, "ROWS_PER_PART", 3)
    monkeypatch.setattr(dialects, "BLOCKS_PER_PART", 1)
    write(engine, *(made(0.1) for _ in range(50)))
    assert [] == reasons(compared(engine, listed(5, 50)))


@pytest.mark.parametrize(
    "fields", [{"date": "yesterday"}, {"usage": "much"}, {"usage": "NaN"}, {"requests": "Infinity"}, {"date": None}]
)
def test_an_activity_that_cannot_be_read(engine: Engine, fields: dict[str, object]) -> None:
    """An entry with an invalid day or amount ends the comparison with an error that shows it."""
    with pytest.raises(ValueError, match="activity cannot be read"):
        compare(engine, MARCH, [listed(0.1) | fields], TODAY)
