"""What a call cost where its vendor does not say: by the price table of genai-prices, so an estimate.

https://github.com/pydantic/genai-prices. The table is a quarter of a second to import, so a thread does it, when the
first call needs it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from .types import CostSource

if TYPE_CHECKING:
    from types import ModuleType

    from .types import Usage

logger = logging.getLogger(__name__)


@cache
def _table() -> ModuleType:
    import genai_prices  # noqa: PLC0415 - what imports this module does not pay for the table

    return genai_prices


async def load() -> None:
    """Read the table, so that `priced` need not."""
    if not _table.cache_info().currsize:
        await asyncio.to_thread(_table)


def priced(usage: Usage, vendor: str, model: str) -> Usage:
    """Return `usage` with what it costs in USD at `vendor`'s list price; as it is where that is not known.

    Reasoning tokens are billed as output, of which they are part.
    """
    if usage.cost is not None or usage.input_tokens is None or usage.output_tokens is None:
        return usage
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
        cost = float(table.calc_price(spent, model_ref=model, provider_id=vendor).total_price)
    except (LookupError, ValueError) as error:
        logger.info("no price for %s of %s: %s", model, vendor, error)
        return usage
    if not cost and usage.input_tokens:
        return usage  # a model that is in the table for its name alone
    return replace(usage, cost=cost, cost_source=CostSource.ESTIMATED, price_table=f"genai-prices {table.__version__}")
