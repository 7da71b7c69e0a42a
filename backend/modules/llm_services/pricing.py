"""Estimated costs, before a call and after it, by the price table of genai-prices.

https://github.com/pydantic/genai-prices. Importing the table takes a quarter of a second, so a thread does it when the
first call needs it. The table's own extractor parses the usage in a body: it knows tokens by modality, cache writes by
duration, and more.
"""

from __future__ import annotations

import atexit
import logging
import math
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from . import packages, threads
from .types import CHARACTERS_OF_A_TOKEN, LARGEST_INTEGER, CostSource, LLMProviderType, Usage
from .vendors import GEMINI_PATH, VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    from genai_prices import UpdatePrices
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import PriceCalculation

    from .types import LLMMessage

logger = logging.getLogger(__name__)

FREE: Final = ":free"
VARIANT: Final = ":"  # separates the name of a variant
PRESET: Final = "@"
TOKENS_OF_A_MESSAGE: Final = 4
TOKENS_OF_A_FILE: Final = 1000
# Few enough tokens to avoid the higher prices that some models have for long prompts.
SAMPLE: Final = 1000
FRESH: Final = {"input_tokens": SAMPLE, "output_tokens": 0}
READ: Final = FRESH | {"cache_read_tokens": SAMPLE}
WRITTEN: Final = FRESH | {"cache_write_tokens": SAMPLE}
# The table's names for the formats of usage; a vendor has one format for each API.
EXTRACTORS: Final = {
    "chat_completions": ("chat", "default"),
    "generate_content": ("default",),
    "images": ("images",),
    "messages": ("anthropic", "default"),
    "responses": ("responses",),
    "speech": ("default",),
}
USAGE_FIELDS: Final = ("usage", "usageMetadata")
TOKENS: Final = "_tokens"
BY_CHARACTER: Final = "input_characters"
IMAGES: Final = "images"


@dataclass(frozen=True)
class Spent:
    """What a price is for: counts of tokens and pieces, under the table's names, and the rates that apply."""

    counts: Mapping[str, float]
    rates: Mapping[str, str] = field(default_factory=dict)
    api_variant: str = ""


@cache
def _table() -> ModuleType:
    try:
        import genai_prices  # noqa: PLC0415 - what imports this module does not pay for the table
        import genai_prices.data_snapshot  # noqa: PLC0415
    except ImportError as error:
        raise packages.missing(error) from error
    with suppress(LookupError):  # the first price loads the table
        genai_prices.calc_price(genai_prices.Usage(input_tokens=1, output_tokens=1), "gpt-4o", provider_id="openai")
    return genai_prices


async def load(*, is_renewed: bool = False) -> None:
    """Load the table, so that `priced` need not; with `is_renewed`, also start to update it in the background."""
    if not _table.cache_info().currsize:
        await threads.run(_table)
    if is_renewed:
        _renew()


@cache
def _renew() -> UpdatePrices:
    """Fetch the table from its publisher, now and every hour, in a daemon thread of the package.

    If a fetch fails, `genai-prices` logs it and the table is not changed. A process that is forked later keeps the
    table that it has then.
    """
    updates: UpdatePrices = _table().UpdatePrices()
    updates.start()
    atexit.register(updates.stop)
    return updates


def priced(
    usage: Usage, vendor: LLMProviderType, models: Iterable[str], api_variant: str = "", body: object = None
) -> Usage:
    """Return `usage` with its cost in USD at `vendor`'s list price, or unchanged if there is no price.

    The first of `models` that has a price is used. `body` is the vendor's response in the API `api_variant`. If a part
    of the bill has no price, there is no cost at all, because a partial cost would look like the whole.
    """
    is_counted = usage.input_tokens is not None and usage.output_tokens is not None
    if usage.cost is not None or not (is_counted or BY_CHARACTER in usage.pieces):
        return usage
    names = [name.removeprefix(GEMINI_PATH) for name in models]
    try:
        spent = _spent(usage, vendor, api_variant, body)
    except ValueError as error:
        logger.info("no price for %s of %s: %s", names[0], vendor, error)
        return usage
    cost = _price(spent, [listing for name in names for listing in _listings(vendor, name)])
    if cost is None:
        return usage
    return replace(usage, cost=cost, cost_source=CostSource.ESTIMATED, price_table=price_table())


def _spent(usage: Usage, vendor: LLMProviderType, api_variant: str, body: object) -> Spent:
    """Return what an answer is billed for; raise ValueError for impossible or contradictory counts."""
    counts = _extracted(vendor, api_variant, body)
    if counts is None:
        own = {
            "input_tokens": usage.input_tokens,
            "cache_read_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_creation_tokens,
            "output_tokens": usage.output_tokens,
        }
        counts = {name: figure for name, figure in own.items() if figure is not None}
    counts |= usage.pieces
    if absurd := [name for name, figure in counts.items() if figure > LARGEST_INTEGER or figure != int(figure)]:
        raise ValueError(f"{', '.join(absurd)} cannot be")
    batch = {"processing": "batch"} if "batch" in usage.rates.values() else {}
    rates = batch | {name: rate for name, rate in usage.rates.items() if rate != "batch"}
    return Spent(counts, rates, api_variant)


def _extracted(vendor: LLMProviderType, api_variant: str, body: object) -> dict[str, float] | None:
    """Return the usage that the table's extractor finds in a body; None if it does not know the vendor or the API.

    Raises ValueError for usage that it cannot parse.
    """
    try:
        seller = _snapshot().find_provider(None, VENDORS[vendor].price_table_name, None)
    except LookupError:
        return None
    known = {extractor.api_flavor for extractor in seller.extractors or ()}
    flavor = next((flavor for flavor in EXTRACTORS.get(api_variant, ()) if flavor in known), None)
    if flavor is None or not isinstance(body, dict):
        return None
    try:
        _model, usage = seller.extract_usage({name: body.get(name) for name in USAGE_FIELDS}, api_flavor=flavor)
    except AttributeError as error:  # the extractor expected a string
        raise ValueError(str(error)) from error
    return dict(vars(usage))


def _snapshot() -> DataSnapshot:
    snapshot: DataSnapshot = _table().data_snapshot.get_snapshot()
    return snapshot


def _price(spent: Spent, listings: Iterable[tuple[LLMProviderType, str]]) -> float | None:
    """Return the price in USD by the first listing that has one; None if none has, with the reasons in the log.

    If a listing lacks a price for a part of the bill, later listings are not tried: they may be for something else.
    """
    for vendor, model in listings:
        try:
            return _listed_price(spent, vendor, model)
        except (LookupError, ValueError) as error:
            logger.info("no price for %s of %s: %s", model, vendor, error)
            if isinstance(error, ValueError):
                break
    return None


def _listed_price(spent: Spent, vendor: LLMProviderType, model: str) -> float:
    """Return the price by a listing; raise LookupError if it has none, ValueError if a part of the bill has none."""
    table, snapshot = _table(), _snapshot()

    def price(counts: Mapping[str, float], rates: Mapping[str, str] | None = None) -> PriceCalculation:
        seller = VENDORS[vendor].price_table_name
        return snapshot.calc(table.Usage(**counts), model, seller, None, None, rates)

    def is_list_price(rates: Mapping[str, str]) -> bool:
        return vars(price(FRESH, rates).model_price) == vars(price(FRESH).model_price)

    pieces = {unit: count for unit, count in spent.counts.items() if count and not unit.endswith(TOKENS)}
    unpriced = [unit for unit in pieces if not hasattr(table.Usage(), unit)]
    found = price({unit: count for unit, count in spent.counts.items() if unit not in unpriced}, spent.rates)
    cost = float(found.total_price)
    if not (cost or unpriced) and any(spent.counts.values()):
        raise LookupError("the table has only its name")
    unpriced += [
        unit for unit, count in pieces.items() if unit not in unpriced and not price({unit: count}).total_price
    ]
    # A rate that changes no price is one that the table does not know.
    unpriced += [f"{name} {rate}" for name, rate in spent.rates.items() if is_list_price({name: rate})]
    if _is_image_unpriced(spent, has_price=found.model_price.output_image_mtok is not None):
        unpriced.append("images")
    if unpriced:
        raise ValueError(f"the table has none for {', '.join(unpriced)}")
    return cost


def _is_image_unpriced(spent: Spent, *, has_price: bool) -> bool:
    """Return True if images would be priced as text: the model has no image price, or the usage has no image count.

    OpenAI's image models have a single output price, for images only.
    """
    is_counted = "output_image_tokens" in spent.counts
    if spent.api_variant == IMAGES:
        return has_price and not is_counted
    return not has_price and bool(spent.counts.get("output_image_tokens"))


def expected(messages: Sequence[LLMMessage], vendor: LLMProviderType, model: str, cap: int | None) -> float:
    """Return the approximate cost of a call in USD before it is made; 0.0 for a model that is free or has no price.

    A token counts as four characters, a message as four more tokens, an image or a file as a thousand. The answer is
    assumed to be as long as the messages, or `cap` tokens if that is less.
    """
    prompt, completion = expected_tokens(messages, cap)
    return price_of_tokens(prompt, completion, vendor, model) or 0.0


def expected_tokens(messages: Sequence[LLMMessage], cap: int | None) -> tuple[int, int]:
    """Return the tokens of a prompt and of its answer, as `expected` assumes them."""
    prompt = sum(TOKENS_OF_A_MESSAGE + _tokens(message.content) for message in messages)
    return prompt, prompt if cap is None else min(prompt, cap)


def price_of_tokens(prompt: int, completion: int, vendor: LLMProviderType, model: str) -> float | None:
    """Return the list price in USD of tokens of a model, under the name that callers use; None if there is no price."""
    name = model.strip().removeprefix(VENDORS[vendor].prefix or "").removeprefix(GEMINI_PATH).partition(PRESET)[0]
    if name.endswith(FREE):
        return 0.0
    return _price(Spent({"input_tokens": prompt, "output_tokens": completion}), _listings(vendor, name))


def cache_saving(read: int, written: int, vendor: LLMProviderType, model: str) -> float | None:
    """Return what a prompt cache saved in USD, at today's list price, for tokens read from it and written to it.

    The result is negative if writing cost more than reading saved, and None if the model has no cache price.
    """
    name = model.partition(PRESET)[0]
    if name.endswith(FREE):
        return 0.0
    for seller, listed in _listings(vendor, name):
        fresh, cached, kept = (_price(Spent(sample), [(seller, listed)]) for sample in (FRESH, READ, WRITTEN))
        if fresh is not None and cached is not None and kept is not None and cached < fresh:
            return ((fresh - cached) * read + (fresh - kept) * written) / SAMPLE
    return None


def price_table() -> str:
    """Return the name and version of the table, with the time of the fetch if it was fetched since the start."""
    name, snapshot = f"genai-prices {_table().__version__}", _snapshot()
    return f"{name}, {snapshot.timestamp.astimezone(UTC):%Y-%m-%dT%H:%MZ}" if snapshot.from_auto_update else name


def _listings(vendor: LLMProviderType, model: str) -> Iterator[tuple[LLMProviderType, str]]:
    """Yield the names under which a model may have a price: its own, then that of the model that it is a variant of."""
    yield vendor, model
    if vendor is LLMProviderType.OPENROUTER and VARIANT in model:
        yield vendor, model.partition(VARIANT)[0]  # variants such as :nitro choose the endpoint
    if vendor is LLMProviderType.BEDROCK:
        yield LLMProviderType.ANTHROPIC, model  # the table has Amazon's ids, but not all of Claude's names


def _tokens(content: str | list[dict[str, Any]] | None) -> int:
    if not isinstance(content, list):
        return math.ceil(len(content or "") / CHARACTERS_OF_A_TOKEN)
    return sum(_tokens(part["text"]) if isinstance(part.get("text"), str) else TOKENS_OF_A_FILE for part in content)
