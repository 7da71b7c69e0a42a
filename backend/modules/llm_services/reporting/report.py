"""Where the money went: reads a report."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ..pricing import cache_saving, price_table
from ..types import LLMProviderType
from .facts import facts
from .sections import Sums, statement
from .snapshot import is_in_part, parts, snapshot
from .tally import Tally, by_name, dearest, figures, latency, usd
from .values import PromptCache, Report, ResponseCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import timedelta

    from sqlalchemy import Engine

    from .snapshot import Part
    from .values import Scope

TOP: Final = 20


def read_report(
    engine: Engine,
    scope: Scope,
    longest: timedelta,
    top: int = TOP,
    tracked: Callable[[Sequence[Part]], Iterable[Part]] = iter,
) -> Report:
    """Return what the rows of `scope` add up to at one moment, while others go on writing; nothing is written here.

    A row that has been pending for more than `longest` is overdue. Of models, providers, users and causes the `top`
    dearest are named. The whole table is read once, for there is no index on `created_at`; `tracked` is asked for its
    parts one after another, so it can say how far the reading is. Raises SQLAlchemyError where that fails.
    """
    made_at = datetime.now(UTC)
    tally = Tally()
    with snapshot(engine) as connection:
        question = statement(facts(engine.dialect.name, scope, made_at - longest, is_in_part(engine.dialect.name)))
        for part in tracked(parts(connection)):
            tally.add(connection.execute(question, part))
    return _report(tally, scope, made_at, top)


def _report(tally: Tally, scope: Scope, made_at: datetime, top: int) -> Report:
    times = Counter[str]()
    for each in tally.times.values():
        times.update(each)
    latencies = {model: found for model, each in sorted(tally.times.items()) if (found := latency(each))}
    return Report(
        scope=scope,
        made_at=made_at,
        days=by_name(tally.days),
        models=dearest(tally.models, top),
        providers=dearest(tally.providers, top),
        users=dearest(tally.users, top),
        cost_sources=by_name(tally.cost_sources),
        causes=dearest(tally.causes, top),
        unsettled=by_name(tally.unsettled),
        retries=figures(tally.retries[()]),
        latency=latency(times),
        latencies=latencies,
        prompt_cache=_prompt_cache(tally),
        response_cache=_response_cache(tally),
    )


def _prompt_cache(tally: Tally) -> PromptCache:
    """Price the cached tokens of each model as it was served, else as it was asked for."""
    read = written = unpriced = 0
    saved = 0.0
    for (provider, model, served_model), sums in tally.prompt_caches.items():
        read, written = read + sums.read_tokens, written + sums.written_tokens
        names = (served_model, str(model).removeprefix("openrouter/"))
        savings = (_saving(sums, str(provider), name) for name in names if name)
        saving = next((each for each in savings if each is not None), None)
        if saving is None:
            unpriced += sums.read_tokens + sums.written_tokens
        else:
            saved += saving
    return PromptCache(read, written, saved, unpriced, price_table())


def _saving(sums: Sums, provider: str, model: str) -> float | None:
    if provider not in list(LLMProviderType):
        return None
    return cache_saving(sums.read_tokens, sums.written_tokens, LLMProviderType(provider), model)


def _response_cache(tally: Tally) -> ResponseCache:
    sums = tally.repeats[None,]
    return ResponseCache(answers=sums.attempts, saved=usd(sums), unknown=sums.unknown_costs)
