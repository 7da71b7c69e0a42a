"""How a report reads the table: exactly, at one moment, in parts, whatever the rows contain."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, event, text

from modules.llm_services.pricing import cache_saving
from modules.llm_services.reporting import dialects
from modules.llm_services.reporting.report import read_report
from modules.llm_services.reporting.values import Figures, Latency, PromptCache, ResponseCache, Scope
from modules.llm_services.types import LLMProviderType
from reporting.reported_rows import FIRST, LONGEST, ONE, SECOND, TWO, brief, report, row, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

    from modules.llm_services.reporting.dialects import Part


@pytest.fixture
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read three rows at a time on SQLite, and eight kilobytes at a time on PostgreSQL."""
    monkeypatch.setattr(dialects, "ROWS_PER_PART", 3)
    monkeypatch.setattr(dialects, "BLOCKS_PER_PART", 1)


def test_an_empty_table(engine: Engine) -> None:
    """A table without rows has a report without figures."""
    found = report(engine)
    assert (Figures(), {}, {}, None, {}) == (found.total, found.days, found.unsettled, found.latency, found.latencies)
    assert [(), (), (), ()] == [group.shown for group in (found.models, found.providers, found.users, found.causes)]
    assert ResponseCache() == found.response_cache
    assert PromptCache(0, 0, 0.0, 0, found.prompt_cache.price_table) == found.prompt_cache


@pytest.fixture
def engine_of_a_schema(engine: Engine) -> Iterator[Engine]:
    """Return an engine that looks for the table in a schema, as `schema_translate_map` names it."""
    if engine.dialect.name == "sqlite":
        yield engine.execution_options(schema_translate_map={None: "main"})
        return
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA jobs"))
        connection.execute(text("ALTER TABLE llm_requests SET SCHEMA jobs"))
    yield engine.execution_options(schema_translate_map={None: "jobs"})
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE jobs.llm_requests SET SCHEMA public"))
        connection.execute(text("DROP SCHEMA jobs"))


@pytest.mark.usefixtures("_small_parts")
def test_a_table_in_a_schema(engine_of_a_schema: Engine) -> None:
    """A table that is in a schema of its own is read in parts like any other."""
    assert 0 == report(engine_of_a_schema).total.attempts
    write(engine_of_a_schema, *(row() for _ in range(40)))
    assert 40 == report(engine_of_a_schema).total.attempts


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([0.1] * 10, "1"),
        ([0.000194] * 1000, "0.194"),
        ([1e8, 1e-9, 1e-9], "100000000.000000002"),
        ([1.5, -0.25], "1.25"),
    ],
)
def test_money_is_added_up_exactly(engine: Engine, costs: list[float], expected: str) -> None:
    """Costs are added as decimals, where floats would drift or lose small amounts."""
    write(engine, *(row(cost_estimate=cost) for cost in costs))
    found = report(engine)
    assert [Decimal(expected)] * 3 == [found.total.cost, found.models.total.cost, found.users.total.cost]


@pytest.mark.parametrize(
    ("times", "p50", "p95"),
    [
        ([7], 7, 7),
        ([1, 2], 1, 2),
        (list(range(100, 0, -1)), 50, 95),
        ([5] * 19 + [9], 5, 5),
        ([5] * 18 + [9, 9], 5, 9),
        ([-4, 3, 4, 5], 4, 5),
    ],
)
def test_a_percentile_is_a_time_that_was_measured(engine: Engine, times: list[int], p50: int, p95: int) -> None:
    """The percentile is the smallest time that this percentage of times do not exceed; negative times are ignored."""
    write(engine, *(row(execution_time_ms=time) for time in times))
    assert Latency(sum(time >= 0 for time in times), p50, p95) == report(engine).latencies[ONE]


@pytest.mark.parametrize(
    "odd",
    [
        ["a", "list"],
        "a text",
        None,
        7,
        {},
        {"cost_source": "hearsay", "upstream_provider": None},
        {"cost_source": ["reported"], "cached_input_tokens": "many", "cache_creation_tokens": -3},
        {"cached_input_tokens": 1.5, "cache_creation_tokens": 10**30, "cached_request_id": "1' OR '1'='1"},
    ],
    ids=repr,
)
def test_an_odd_envelope_says_nothing(engine: Engine, odd: object) -> None:
    """Whatever the envelope is, the row's own columns count, and invalid fields are ignored."""
    write(engine, row(response_raw=odd, cached=True), row())
    found = report(engine)
    assert (2, 2, 0, "0.2", 0) == brief(found.total)
    assert {"reported": 1, "unstated": 1} == {name: group.attempts for name, group in found.cost_sources.items()}
    assert {"Alpha", "openrouter"} == {group.key[0] for group in found.providers.shown}
    assert (0, 0) == (found.prompt_cache.read_tokens, found.prompt_cache.written_tokens)


def test_text_that_is_no_json_says_nothing(sqlite_engine: Engine) -> None:
    """SQLite accepts any text in a JSON column; a truncated one does not end the report."""
    write(sqlite_engine, row())
    with sqlite_engine.begin() as connection:
        connection.execute(text("""UPDATE llm_requests SET response_raw = '{"cost_source": "repo'"""))
    assert ["unstated"] == list(report(sqlite_engine).cost_sources)


def test_an_original_that_is_no_json_is_of_unknown_source(sqlite_engine: Engine) -> None:
    """If the original of a cached answer has invalid JSON, its cost still counts."""
    (original,) = write(sqlite_engine, row())
    with sqlite_engine.begin() as connection:
        connection.execute(text("""UPDATE llm_requests SET response_raw = '{"cost_source": "repo'"""))
    envelope = {"cost_source": "cached", "cached_request_id": str(original)}
    write(sqlite_engine, row(cost_estimate=0.0, cached=True, response_raw=envelope))
    assert ResponseCache(answers=1, saved=Decimal("0.1"), unknown=0) == report(sqlite_engine).response_cache


def test_a_cost_that_is_no_amount_is_unknown(engine: Engine) -> None:
    """Infinity, which both databases accept as a float, is an unknown cost."""
    write(engine, row(cost_estimate=math.inf), row(cost_estimate=-math.inf), row())
    assert (3, 3, 0, "0.1", 2) == brief(report(engine).total)


def test_what_is_in_flight_is_not_overdue(engine: Engine) -> None:
    """A row that was opened a moment ago is in flight, because its process may still settle it."""
    now = datetime.now(UTC)
    write(engine, row(status="pending", cost_estimate=None, created_at=now))
    found = read_report(engine, Scope(FIRST, now.date()), LONGEST)
    assert {"in flight": (1, 1, 0, "0", 1)} == {name: brief(group) for name, group in found.unsettled.items()}


@pytest.mark.parametrize("missing", ["unknown", "unpriced", "gone"])
def test_an_original_of_unknown_cost(engine: Engine, missing: str) -> None:
    """What the response cache saved is unknown if the original's cost is unknown or its row is missing."""
    costs = {"unknown": None, "unpriced": 0.0, "gone": 0.1}
    (original,) = write(engine, row(cost_estimate=costs[missing], response_raw={"cost_source": missing}))
    envelope = {"cost_source": "cached", "cached_request_id": str(original)}
    write(engine, row(cost_estimate=0.0, cached=True, response_raw=envelope))
    if missing == "gone":
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM llm_requests WHERE cached = false"))
    assert ResponseCache(answers=1, saved=Decimal(), unknown=1) == report(engine).response_cache


def test_tokens_without_a_price_are_counted(engine: Engine) -> None:
    """Cached tokens of a model without a price save nothing, and are counted."""
    envelope = {"cost_source": "reported", "cached_input_tokens": 60, "cache_creation_tokens": 5, "served_model": "x/y"}
    write(
        engine,
        row(model="openrouter/x/y", cached=True, response_raw=envelope),
        row(provider="somebody", model="x", cached=True, response_raw=envelope),
    )
    cache = report(engine).prompt_cache
    assert (120, 10, 0.0, 130) == (cache.read_tokens, cache.written_tokens, cache.saved, cache.unpriced_tokens)


def test_writing_to_a_cache_is_paid_for() -> None:
    """If writing costs more than reading saved, the saving is negative; a free model saves nothing."""
    claude = LLMProviderType.ANTHROPIC, "claude-haiku-4-5"
    read, written = cache_saving(1000, 0, *claude), cache_saving(0, 1000, *claude)
    assert read
    assert written
    assert written < 0 < read
    assert pytest.approx(read + written) == cache_saving(1000, 1000, *claude)
    assert 0.0 == cache_saving(1000, 0, LLMProviderType.OPENROUTER, "openai/gpt-4.1-mini:free")
    assert cache_saving(1000, 0, LLMProviderType.OPENAI, "tts-1") is None


@pytest.mark.usefixtures("_small_parts")
def test_the_parts_of_a_table_are_all_of_it(engine: Engine) -> None:
    """In many parts, every row counts once, and the tracker sees each part."""
    costs = [number / 8 for number in range(100)]
    write(engine, *(row(cost_estimate=cost, model=(ONE, TWO)[place % 2]) for place, cost in enumerate(costs)))
    seen: list[Part] = []

    def track(parts: Sequence[Part]) -> Iterator[Part]:
        for part in parts:
            yield part
            seen.append(part)
        assert seen == parts

    found = read_report(engine, Scope(FIRST, SECOND), LONGEST, tracked=track)
    assert (100, 100, 0, f"{sum(costs)}", 0) == brief(found.total)
    assert {ONE: 50, TWO: 50} == {model: latency.answers for model, latency in found.latencies.items()}
    assert 3 < len(seen)


@pytest.mark.usefixtures("_small_parts")
def test_a_report_is_of_one_moment(engine: Engine) -> None:
    """Rows written during a report are neither blocked nor included; the next report has them."""
    write(engine, *(row() for _ in range(100)))

    def interfere(parts: Sequence[Part]) -> Iterator[Part]:
        first, *others = parts
        assert others
        yield first
        write(engine, *(row() for _ in range(100)))
        with engine.begin() as connection:
            connection.execute(text("UPDATE llm_requests SET cost_estimate = 1000"))
        yield from others

    found = read_report(engine, Scope(FIRST, SECOND), LONGEST, tracked=interfere)
    assert (100, 100, 0, "10", 0) == brief(found.total)
    assert (200, 200, 0, "200000", 0) == brief(report(engine).total)


def test_nothing_can_be_written(engine: Engine) -> None:
    """A report's connection refuses writes, and the next one from the pool does not."""
    with (
        pytest.raises(Exception, match=r"read.?only") as refused,
        dialects.DIALECTS[engine.dialect.name].snapshot(engine) as connection,
    ):
        connection.execute(text("DELETE FROM llm_requests"))
    assert "OperationalError" in refused.exconly() or "ReadOnlySqlTransaction" in refused.exconly()
    write(engine, row())
    assert 1 == report(engine).total.attempts


def test_an_engine_that_begins_its_own_transactions(sqlite_engine: Engine) -> None:
    """An engine by SQLAlchemy's recipe for SQLite, which begins transactions itself, works."""
    write(sqlite_engine, row())
    taught = create_engine(sqlite_engine.url)
    event.listen(taught, "connect", lambda connection, _record: setattr(connection, "isolation_level", None))
    event.listen(taught, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    try:
        assert [1, 1] == [report(taught).total.attempts for _ in range(2)]
    finally:
        taught.dispose()


def test_a_part_is_one_statement(engine: Engine) -> None:
    """Each part of the table is read by one statement, however much a report shows."""
    write(engine, row())
    statements: list[Any] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    report(engine)
    assert 1 == sum("FROM llm_requests" in statement and "WITH" in statement for statement in statements)
