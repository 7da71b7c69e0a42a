"""Recorded answers of the live services: the estimate equals what genai-prices computes for the body.

The recordings are not in this repository: RECORDINGS_FOLDER names their folder, with one subfolder for each vendor.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import genai_prices
import pytest

from modules.llm_services.types import CostSource, LLMProviderType
from modules.llm_services.vendors import VENDORS
from modules.llm_services.wires.wire import Kind
from support.billed import billed

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

FOLDER: Final = os.environ.get("RECORDINGS_FOLDER", "")
FILES: Final = sorted(Path(FOLDER).glob("*/*.json")) if FOLDER else []
RECORDED: Final = [path for path in FILES if not path.name.startswith("error")]
VENDOR_OF_FOLDER: Final = {"azure": LLMProviderType.AZURE_OPENAI}
FLAVORS: Final = {"openai": "responses", "azure": "responses", "bedrock": "anthropic"}
# Amazon's names for its models; the price is that of the requested name.
REQUESTED: Final = {"claude-3-haiku-48k-20240307": "claude-3-haiku-20240307"}


def own_reading(vendor: str, body: dict[str, Any], model: str) -> PriceCalculation:
    """Return the usage that genai-prices extracts from a body, and its price at the tier in the body.

    Its extractor does not see OpenAI's hosted tools, which are in `tool_usage`.
    """
    seller = VENDORS[VENDOR_OF_FOLDER.get(vendor) or LLMProviderType(vendor)].price_table_name
    named = {name: value for name, value in body.items() if name not in {"model", "modelVersion"}}
    read = genai_prices.extract_usage(named, provider_id=seller, api_flavor=FLAVORS.get(vendor, "default"))
    searches = ((body.get("tool_usage") or {}).get("web_search") or {}).get("num_requests")
    if searches:
        read.usage.web_searches = searches
    tier = body.get("service_tier")
    context = {"service_tier": tier} if tier else None
    return genai_prices.calc_price(read.usage, model_ref=model, provider_id=seller, price_context=context)


@pytest.mark.skipif(not RECORDED, reason=f"no recordings in {FOLDER}")
@pytest.mark.parametrize("path", [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in RECORDED])
def test_an_estimate_is_what_the_table_makes_of_the_body(path: Path) -> None:
    """The estimate for each body is exact to the last digit; an answer without usage has no price."""
    body, vendor = json.loads(path.read_text(encoding="utf-8"))["response"]["body"], path.parent.name
    served = str(body.get("model") or body.get("modelVersion")).removeprefix("models/")
    model, kind = REQUESTED.get(served, served), Kind.SPEECH if "tts" in served else Kind.TEXT
    found = billed(VENDOR_OF_FOLDER.get(vendor) or LLMProviderType(vendor), body, model, kind=kind)
    try:
        due = float(own_reading(vendor, body, model).total_price)
    except (LookupError, ValueError):
        assert None is found.cost
    else:
        assert (due, CostSource.ESTIMATED) == (found.cost, found.cost_source)
