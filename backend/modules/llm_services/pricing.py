"""What a call cost where its vendor does not say, and what one may cost: by the price table of genai-prices.

https://github.com/pydantic/genai-prices. The table is a quarter of a second to import, so a thread does it, when the
first call needs it.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from . import packages, threads
from .types import CostSource, LLMProviderType, Usage
from .vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from .types import LLMMessage

logger = logging.getLogger(__name__)

FREE: Final = ":free"
VARIANT: Final = ":"  # begins the name of a variant
PRESET: Final = "@"
CHARACTERS_OF_A_TOKEN: Final = 4
TOKENS_OF_A_MESSAGE: Final = 4
TOKENS_OF_A_FILE: Final = 1000
# So few tokens that no model has a higher price for them, as some have for long prompts.
SAMPLE: Final = 1000
FRESH: Final = Usage(input_tokens=SAMPLE, output_tokens=0)
READ: Final = replace(FRESH, cached_input_tokens=SAMPLE)
WRITTEN: Final = replace(FRESH, cache_creation_tokens=SAMPLE)


@cache
def _table() -> ModuleType:
    try:
        import genai_prices  # noqa: PLC0415 - what imports this module does not pay for the table
    except ImportError as error:
        raise packages.missing(error) from error
    with suppress(LookupError):  # the first price reads the table itself
        genai_prices.calc_price(genai_prices.Usage(input_tokens=1, output_tokens=1), "gpt-4o", provider_id="openai")
    return genai_prices


async def load() -> None:
    """Read the table, so that `priced` need not."""
    if not _table.cache_info().currsize:
        await threads.run(_table)


def priced(usage: Usage, vendor: LLMProviderType, model: str) -> Usage:
    """Return `usage` with what it costs in USD at `vendor`'s list price; as it is where that is not known.

    Reasoning tokens are billed as output, of which they are part.
    """
    if usage.cost is not None or usage.input_tokens is None or usage.output_tokens is None:
        return usage
    cost = _price(usage, vendor, model)
    if cost is None:
        return usage
    return replace(usage, cost=cost, cost_source=CostSource.ESTIMATED, price_table=price_table())


def _price(usage: Usage, vendor: LLMProviderType, model: str) -> float | None:
    """Return the list price in USD; None, with the reason in the log, for a model that the table does not price."""
    table = _table()
    spent = table.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_creation_tokens,
        output_tokens=usage.output_tokens,
        input_audio_tokens=usage.input_audio_tokens,
        output_audio_tokens=usage.output_audio_tokens,
    )
    try:
        cost = float(table.calc_price(spent, model_ref=model, provider_id=VENDORS[vendor].price_table_name).total_price)
    except (LookupError, ValueError) as error:
        logger.info("no price for %s of %s: %s", model, vendor, error)
        return None
    if not cost and usage.input_tokens:
        logger.info("no price for %s of %s: the table has its name alone", model, vendor)
        return None
    return cost


def expected(messages: Sequence[LLMMessage], vendor: LLMProviderType, model: str, cap: int | None) -> float:
    """Return what a call may cost in USD, before it is made; 0.0 for a model that costs nothing, or has no price.

    A token is taken to be four characters, a message four tokens more, an image or a file a thousand; the answer as
    long as the question, or as `cap` tokens where that is less.
    """
    name = model.partition(PRESET)[0]
    if name.endswith(FREE):
        return 0.0
    prompt_tokens = sum(TOKENS_OF_A_MESSAGE + _tokens(message.content) for message in messages)
    completion_tokens = prompt_tokens if cap is None else min(prompt_tokens, cap)
    usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
    prices = (_price(usage, seller, listed) for seller, listed in _listings(vendor, name))
    return next((price for price in prices if price is not None), 0.0)


def cache_saving(read: int, written: int, vendor: LLMProviderType, model: str) -> float | None:
    """Return what a prompt cache saved in USD, by today's list price, for tokens read from it and written to it.

    Negative where writing cost more than reading saved; None for a model for whose cache no price is known.
    """
    name = model.partition(PRESET)[0]
    if name.endswith(FREE):
        return 0.0
    for seller, listed in _listings(vendor, name):
        fresh, cached, kept = (_price(sample, seller, listed) for sample in (FRESH, READ, WRITTEN))
        if fresh is not None and cached is not None and kept is not None and cached < fresh:
            return ((fresh - cached) * read + (fresh - kept) * written) / SAMPLE
    return None


def price_table() -> str:
    """Return the name and version of the table."""
    return f"genai-prices {_table().__version__}"


def _listings(vendor: LLMProviderType, model: str) -> Iterator[tuple[LLMProviderType, str]]:
    """Yield where the price of a model may stand: under its own name, then under that of what it is a variant of."""
    yield vendor, model
    if vendor is LLMProviderType.OPENROUTER and VARIANT in model:
        yield vendor, model.partition(VARIANT)[0]  # :nitro, :online and their like choose who serves, not what
    if vendor is LLMProviderType.BEDROCK:
        yield LLMProviderType.ANTHROPIC, model  # the table knows Amazon's ids, and not all of Claude's names


def _tokens(content: str | list[dict[str, Any]] | None) -> int:
    if not isinstance(content, list):
        return math.ceil(len(content or "") / CHARACTERS_OF_A_TOKEN)
    return sum(_tokens(part["text"]) if isinstance(part.get("text"), str) else TOKENS_OF_A_FILE for part in content)
