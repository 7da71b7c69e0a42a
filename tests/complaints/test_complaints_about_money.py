"""Complaints 15 to 21, 23, 24, 40: what other clients report as the cost, and what this one does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from complaints.asking import USAGE, Reply, completion, error, story
from modules.llm_services.exceptions import LLMProviderError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

CAN_AFFORD = (
    "This request requires more credits, or fewer max_tokens. "
    "You requested up to 64000 tokens, but can only afford 2666. To increase, visit https://openrouter.ai/credits"
)


def billed(**usage: object) -> dict[str, Any]:
    """Return a completion with this usage."""
    return completion() | {"usage": usage}


@pytest.mark.parametrize("status", [402, 200])
async def test_a_402_is_not_tried_again(session: Session, status: int) -> None:
    """15. QwenLM/qwen-code#73, MattJColes/lgtmaybe#281: a 402 is an LLMProviderError after one attempt."""
    told = await story(session, Reply(error(402, "Insufficient credits"), status))
    assert (LLMProviderError, 402, 1) == (type(told.failed), told.failed.status_code, len(told.sent))


async def test_a_402_says_what_was_asked_and_what_is_left(session: Session) -> None:
    """16. can1357/oh-my-pi#9569, MattJColes/lgtmaybe#281: no limit is made up, and the message has both figures."""
    told = await story(session, Reply(error(402, CAN_AFFORD), 402))
    assert "max_tokens" not in told.sent[0]
    assert "it can afford 2,666 of the 64,000 tokens requested" in str(told.failed)
    assert "lower max_output_tokens" in str(told.failed)


async def test_a_cap_that_was_given_is_sent(session: Session) -> None:
    """16. anomalyco/opencode#12219: max_output_tokens is sent unchanged as max_tokens."""
    assert 300 == (await story(session, completion(), max_output_tokens=300)).sent[0]["max_tokens"]


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.2, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.2}}, 0.2),
        ({"cost": 0.2, "cost_details": {"upstream_inference_cost": 0.1}}, 0.2),
        ({"cost": 0.2, "is_byok": None, "cost_details": {"upstream_inference_cost": 0.2}}, 0.2),
    ],
)
async def test_an_upstream_cost_is_not_added_twice(session: Session, usage: dict[str, Any], cost: float) -> None:
    """17. AutomatosAI/automatos-ai#745, 2witstudios/PageSpace#1561: without an own key, it is in the cost."""
    told = await story(session, billed(**usage))
    assert (cost, cost) == (told.value[0].cost_estimate, told.rows[0].cost_estimate)


async def test_byok_is_not_free(session: Session) -> None:
    """18. Kilo-Org/kilocode#13841, OpenRouterTeam/ai-sdk-provider#247: with an own key, the upstream cost is added."""
    told = await story(session, billed(cost=0.0001, is_byok=True, cost_details={"upstream_inference_cost": 0.0002}))
    assert (0.0003, True) == (told.rows[0].cost_estimate, told.raw["is_byok"])


async def test_an_unknown_cost_is_marked(session: Session) -> None:
    """19. preloop/preloop#197: a completed row with an unreported cost has 0.0 and `unpriced`."""
    told = await story(session, completion() | {"usage": {"total_tokens": 62}})
    assert (0.0, "unpriced") == (told.rows[0].cost_estimate, told.raw["cost_source"])


async def test_an_unknown_cost_of_a_failure_is_null(session: Session) -> None:
    """19. griffinwork40/agent-afk#981: a failed row without usage has NULL as its cost, not 0."""
    told = await story(session, Reply(error(500), 500), retries=0)
    assert told.failed.retryable
    assert (None, False) == (told.rows[0].cost_estimate, "cost_source" in told.raw)


async def test_free_is_zero_as_reported(session: Session) -> None:
    """20. nearai/ironclaw#463, diegosouzapw/OmniRoute#9054: a reported 0 is 0, and no table prices it."""
    told = await story(session, billed(cost=0, total_tokens=1_000_000), model="openrouter/author/model:free")
    assert (0.0, "reported") == (told.rows[0].cost_estimate, told.raw["cost_source"])


async def test_the_bill_wins(session: Session) -> None:
    """21. damianvtran/local-operator#226, civitai/civitai#3815: the reported cost is recorded digit for digit."""
    told = await story(session, billed(cost=0.0076509169000000005, prompt_tokens=1, completion_tokens=1))
    assert 0.0076509169000000005 == told.rows[0].cost_estimate == told.value[0].cost_estimate


async def test_cached_tokens_are_inside_the_prompt(session: Session) -> None:
    """23. anomalyco/opencode#4256, aplisay/llm-agent#345: input tokens include the cached ones."""
    told = await story(session, billed(cost=0.1, prompt_tokens=2649, prompt_tokens_details={"cached_tokens": 2569}))
    answer = told.value[0]
    assert (2649, 2569, 0.1) == (answer.input_tokens, answer.cached_input_tokens, answer.cost_estimate)
    assert (2649, True) == (told.rows[0].input_tokens, told.rows[0].cached)


async def test_cache_writes_are_counted(session: Session) -> None:
    """24. anomalyco/opencode#18440, BerriAI/litellm#33772: tokens written to a cache are reported."""
    usage = {"cost": 0.1, "prompt_tokens": 2572, "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 9}}
    told = await story(session, billed(**usage))
    assert (9, 9) == (told.value[0].cache_creation_tokens, told.raw["cache_creation_tokens"])
    assert usage == told.raw["body"]["usage"]


async def test_every_attempt_keeps_its_bill(session: Session) -> None:
    """40. superplanehq/superplane#7390: a second attempt does not overwrite the first one's usage; both are summed."""
    told = await story(session, completion('{"title": 1}'), completion('{"name": "Ghent"}'), call="structured")
    assert [USAGE["cost"]] * 2 == [row.cost_estimate for row in told.rows]
    assert (0.5, 30) == (told.value[2]["cost_estimate"], told.value[2]["tokens_used"])
