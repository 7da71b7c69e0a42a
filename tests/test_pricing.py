"""Costs from the price table: what a call cost if its vendor does not say, and estimates before a call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from genai_prices import Usage as TableUsage
from genai_prices import calc_price

from modules.llm_services.config import VARIABLE_NAMES
from modules.llm_services.pricing import expected, priced
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.service import MODEL_PROVIDER_MAP
from modules.llm_services.types import CostSource, LLMProviderType, Usage
from modules.llm_services.vendors import VENDORS

if TYPE_CHECKING:
    from decimal import Decimal

    from sqlalchemy.orm import Session

QUESTION = [LLMMessage(role="user", content="x" * 400)]
OPENAI, CLAUDE = LLMProviderType.OPENAI, LLMProviderType.ANTHROPIC


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)


def per_token(vendor: LLMProviderType, model: str, **tokens: int) -> Decimal:
    """Return the table's price of one token of a kind: its price per million, divided."""
    return (
        calc_price(TableUsage(**tokens), model_ref=model, provider_id=VENDORS[vendor].price_table_name).total_price
        / 1_000_000
    )


def test_every_kind_of_token_has_its_price() -> None:
    """Uncached, cached and cache-written input and output each have their own price, exact to the last digit."""
    usage = Usage(input_tokens=1000, cached_input_tokens=300, cache_creation_tokens=200, output_tokens=50)
    million = 1_000_000
    model = "claude-haiku-4-5"
    fresh = per_token(CLAUDE, model, input_tokens=million)
    read = per_token(CLAUDE, model, input_tokens=million, cache_read_tokens=million)
    written = per_token(CLAUDE, model, input_tokens=million, cache_write_tokens=million)
    output = per_token(CLAUDE, model, output_tokens=million)
    assert read < fresh < written < output
    cost = 500 * fresh + 300 * read + 200 * written + 50 * output
    found = priced(usage, CLAUDE, [model])
    assert (float(cost), CostSource.ESTIMATED) == (found.cost, found.cost_source)
    assert str(found.price_table).startswith("genai-prices ")


@pytest.mark.parametrize("model", ["no-such-model", "tts-1"])
def test_what_the_table_does_not_price(model: str, caplog: pytest.LogCaptureFixture) -> None:
    """A model that is not in the table, or has no price there, has no cost, and the log says why."""
    usage = Usage(input_tokens=10, output_tokens=10)
    with caplog.at_level(logging.INFO):
        assert usage == priced(usage, OPENAI, [model])
    assert f"no price for {model} of openai" in caplog.text


def test_what_the_vendor_says_stands() -> None:
    """A cost that the vendor reported is not estimated again, and without tokens nothing is estimated."""
    for usage in (Usage(input_tokens=10, output_tokens=10, cost=0.5), Usage()):
        assert usage == priced(usage, OPENAI, ["gpt-5-mini"])


def test_an_estimate_before_the_call(session: Session) -> None:
    """The estimate is the list price of the prompt's tokens and of as many output tokens, for all providers' names."""
    llm = llm_services_provider(session)
    for model in ("gpt-5-mini", "claude-haiku-4-5", "gemini-2.5-flash", "openrouter/anthropic/claude-3-opus"):
        once, twice = llm.estimate_cost(QUESTION, model), llm.estimate_cost(QUESTION * 2, model)
        assert 0 < once
        assert pytest.approx(2 * once) == twice


def test_an_estimate_at_amazon(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate uses the serving vendor's price: Amazon's for its ids, Anthropic's if only a name is known."""
    monkeypatch.setenv("CLAUDE_PROVIDER", "bedrock")
    estimated = llm_services_provider(session).estimate_cost(QUESTION, "claude-haiku-4-5")
    assert estimated == expected(QUESTION, CLAUDE, "claude-haiku-4-5", None) > 0
    assert estimated < expected(QUESTION, LLMProviderType.BEDROCK, "claude-haiku-4-5-20251001", None)


@pytest.mark.parametrize("suffix", [":nitro", ":online", "@preset/mine", ":floor@preset/mine"])
def test_an_estimate_of_a_variant(session: Session, suffix: str) -> None:
    """A suffix of OpenRouter that chooses how a model is served does not change the model's price."""
    llm = llm_services_provider(session)
    plain = "openrouter/anthropic/claude-3-opus"
    assert 0 < llm.estimate_cost(QUESTION, plain) == llm.estimate_cost(QUESTION, plain + suffix)


def test_a_cap_bounds_the_estimate() -> None:
    """A token limit lowers the estimate."""
    assert expected(QUESTION, OPENAI, "gpt-5-mini", 1) < expected(QUESTION, OPENAI, "gpt-5-mini", None)


def test_parts_are_counted() -> None:
    """Text in parts counts as text, an image as a thousand tokens."""
    parts = [{"type": "text", "text": "x" * 400}]
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    in_parts, with_image = (LLMMessage(role="user", content=each) for each in (parts, [*parts, image]))
    costs = [expected([each], OPENAI, "gpt-5-mini", None) for each in (*QUESTION, in_parts, with_image)]
    assert costs[0] == costs[1] < costs[2]


@pytest.mark.parametrize(
    "model",
    [
        "openrouter/meta-llama/llama-3-70b:free",
        "openrouter/anthropic/claude-3-opus:free@preset/mine",
        "openrouter/no/such:nitro",
        "openrouter/@preset/mine",
        "openrouter/",
        "gpt-99",
        "",
        None,
        "dall-e-3",
    ],
)
def test_an_estimate_is_never_an_exception(session: Session, model: str | None) -> None:
    """For a free model, an unknown model or no model, the estimate is 0.0."""
    assert 0.0 == llm_services_provider(session).estimate_cost(QUESTION, model)


@pytest.mark.parametrize(
    "model", sorted(name for name in MODEL_PROVIDER_MAP if name.startswith(("gpt", "o1", "claude", "gemini-2.5-flash")))
)
def test_models_of_the_map(model: str, session: Session) -> None:
    """The estimate for any routed model is a number."""
    assert 0 <= llm_services_provider(session).estimate_cost(QUESTION, model) < 1
