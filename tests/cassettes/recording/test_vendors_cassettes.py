"""Recorded answers of the other vendors: what the caller gets, and the whole row."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from cassettes.recording.scenarios import VENDORS, Scenario
from modules.llm_services import LLMAuthenticationError, LLMServicesProvider
from modules.llm_services.types import LLMProviderType

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

pytestmark = [
    pytest.mark.vcr,
    pytest.mark.parametrize("vendor", [vendor for vendor in VENDORS if vendor != LLMProviderType.OPENROUTER]),
]

Row = Callable[[UUID | None], dict[str, Any]]


def priced(*, prop: Hashable, path: object) -> bool:
    """Remove what depends on the price table, which has its own releases."""
    del path
    return prop in {"price_table", "cost_estimate"}


async def test_text(
    scenario: Scenario, llm: LLMServicesProvider, vendor: str, row: Row, snapshot: SnapshotAssertion
) -> None:
    """Text, tokens, finish reason and an estimated price, on every wire."""
    response, request_id = await scenario.ask(llm)
    assert (vendor, scenario.model, "stop") == (response.provider, response.model, response.finish_reason)
    assert response.content
    assert (response.input_tokens or 0) + (response.output_tokens or 0) == response.tokens_used
    assert 0 < row(request_id)["cost_estimate"]
    assert snapshot(exclude=priced) == row(request_id)


async def test_structured(
    scenario: Scenario, llm: LLMServicesProvider, vendor: str, row: Row, snapshot: SnapshotAssertion
) -> None:
    """An object of the requested model, in each wire's own way."""
    city, request_id, usage = await scenario.ask_for_city(llm)
    assert (vendor, city.model_dump()) == (usage["provider"], row(request_id)["response_output"])
    assert snapshot(exclude=priced) == row(request_id)


async def test_tool_call(
    scenario: Scenario, llm: LLMServicesProvider, vendor: str, row: Row, snapshot: SnapshotAssertion
) -> None:
    """A tool call with decoded arguments."""
    response, calls, request_id = await scenario.ask_for_a_call(llm)
    assert (vendor, ["weather"]) == (response.provider, [call.name for call in calls or []])
    assert "city" in (calls or [])[0].arguments
    assert snapshot(exclude=priced) == row(request_id)


async def test_invalid_key(
    scenario: Scenario, llm: LLMServicesProvider, vendor: str, row: Row, snapshot: SnapshotAssertion
) -> None:
    """A refused key is an LLMAuthenticationError, with any status that the vendor uses for it."""
    with pytest.raises(LLMAuthenticationError, match="check") as caught:
        await scenario.ask(llm)
    assert (vendor, False) == (caught.value.provider, caught.value.retryable)
    assert snapshot == row(caught.value.request_id)
