"""A cost that OpenRouter reports is either complete or unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from complaints.asking import Reply, completion, story
from modules.llm_services.exceptions import LLMError, LLMProviderError
from modules.llm_services.providers.openrouter_generation import _usage
from modules.llm_services.types import CostSource, LLMProviderType
from support.billed import billed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OPENROUTER: Final = LLMProviderType.OPENROUTER
OWN_KEY: Final = {"is_byok": True}
PARTS: Final = {"upstream_inference_prompt_cost": 0.01, "upstream_inference_completions_cost": 0.02}
HALF: Final = {"upstream_inference_prompt_cost": 0.01}
WHOLE: Final = {"upstream_inference_cost": 0.05}
UNKNOWN: Final[list[dict[str, Any]]] = [
    {"cost": 0, **OWN_KEY},
    {"cost": 0.001, **OWN_KEY},
    {"cost": None, **OWN_KEY},
    {"cost": 0, **OWN_KEY, "cost_details": HALF},
    {"cost": -1.0, **OWN_KEY, "cost_details": WHOLE},
    {"cost": 0, **OWN_KEY, "cost_details": {"upstream_inference_cost": -0.05}},
    {"cost": 0, **OWN_KEY, "cost_details": {"upstream_inference_cost": -0.05, **PARTS}},
    {"cost": -1.0},
    {"cost": 1e300},
    {"cost": float("nan")},
    {"cost": float("inf")},
    {"cost": "-0.5"},
    {"cost": True},
]


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": None, **OWN_KEY, "cost_details": WHOLE}, 0.05),
        ({**OWN_KEY, "cost_details": WHOLE}, 0.05),
        ({"cost": 0, **OWN_KEY, "cost_details": PARTS}, 0.03),
        ({"cost": 0.001, **OWN_KEY, "cost_details": {"upstream_inference_cost": None, **PARTS}}, 0.031),
        ({"cost": 0.001, **OWN_KEY, "cost_details": WHOLE | PARTS}, 0.051),
        ({"cost": 0, **OWN_KEY, "cost_details": {"upstream_inference_cost": 0}}, 0.0),
        ({"cost": 0.2, "cost_details": PARTS}, 0.2),
        ({"cost": 0, "is_byok": False}, 0.0),
    ],
)
def test_a_cost_is_whole(usage: dict[str, Any], cost: float) -> None:
    """With your own provider key, the cost is the fee plus the upstream cost, in either of its two forms."""
    found = billed(OPENROUTER, {"usage": usage}, "openrouter/author/model")
    assert (cost, CostSource.REPORTED) == (found.cost, found.cost_source)


@pytest.mark.parametrize("usage", UNKNOWN)
def test_a_part_or_an_absurd_figure_is_no_cost(usage: dict[str, Any]) -> None:
    """The fee alone, a negative figure or more than a million USD cannot be right, so the cost is unknown."""
    assert None is billed(OPENROUTER, {"usage": usage}, "openrouter/author/model").cost


@pytest.mark.parametrize("usage", [{"cost": -1.0, "prompt_tokens": -9}, {"cost": 0, **OWN_KEY}])
async def test_what_is_not_booked_is_in_the_body(session: Session, usage: dict[str, Any]) -> None:
    """A completed row with such a figure has cost 0.0, `unpriced`, no negative count, and the unchanged body."""
    told = await story(session, completion() | {"usage": usage})
    assert (0.0, None, "unpriced") == (told.rows[0].cost_estimate, told.rows[0].input_tokens, told.raw["cost_source"])
    assert usage == told.raw["body"]["usage"]


async def test_what_is_not_booked_is_unknown_on_a_failed_row(session: Session) -> None:
    """A failed row with an impossible figure has neither a cost nor a cost source."""
    failed = {"error": {"code": 502, "message": "words"}}
    told = await story(session, Reply(completion() | failed | {"usage": {"cost": -1.0}}), retries=0)
    assert LLMProviderError is type(told.failed)
    assert (None, False) == (told.rows[0].cost_estimate, "cost_source" in told.raw)


def statistics(**data: object) -> httpx.Response:
    """Return the statistics of a generation."""
    return httpx.Response(200, json={"data": data})


def test_the_statistics_are_whole_too() -> None:
    """The generation statistics add the upstream cost to the fee, as answers do."""
    assert 0.051 == _usage(statistics(total_cost=0.001, is_byok=True, upstream_inference_cost=0.05)).cost
    assert 0.2 == _usage(statistics(total_cost=0.2, is_byok=False, upstream_inference_cost=0.05)).cost


@pytest.mark.parametrize("data", [{}, {"total_cost": -1}, {"total_cost": 0, "is_byok": True}])
def test_statistics_without_a_whole_cost_say_nothing(data: dict[str, Any]) -> None:
    """If the statistics have no complete cost, the row is not changed."""
    with pytest.raises(LLMError, match="no cost in the answer"):
        _usage(statistics(**data))
