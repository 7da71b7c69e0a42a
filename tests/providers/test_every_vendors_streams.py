"""Promises of the interface about streams, tested for every vendor: a streamed answer equals an unstreamed one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from modules.llm_services import LLMError
from modules.llm_services.public import ToolDefinition
from providers.conftest import QUESTION
from providers.test_every_vendor import City
from providers.test_every_vendors_failures import ENDLESS, EVERYWHERE

if TYPE_CHECKING:
    from modules.llm_services import LLMResponse
    from providers.conftest import At

TOOL = ToolDefinition(
    name="look_up", description="", parameters={"type": "object", "properties": {"city": {"type": "string"}}}
)
# Values that the stand-in draws or that depend on time.
DRAWN = {"provider_response_id", "response_created_at", "response_time_ms", "reasoning_details"}
ANSWERS = [name for name, each in EVERYWHERE.items() if not each.failure]
# On wires with a last event that says so, the answer is complete before this connection breaks.
BROKEN_AT_THE_END = "long-content-length"
FAILURES = [name for name, each in EVERYWHERE.items() if each.failure and name != BROKEN_AT_THE_END]


def same(response: LLMResponse) -> dict[str, Any]:
    """Return the parts of a response that do not differ between calls."""
    return {name: value for name, value in response.model_dump().items() if name not in DRAWN}


@pytest.mark.parametrize("scene", ANSWERS)
async def test_an_answer_in_pieces_is_the_same_answer(at: At, scene: str) -> None:
    """Text, figures, cost and row equal those of the unstreamed answer; the pieces add up to its text."""
    whole, _ = await at.scene(scene).llm.generate_response(QUESTION, model=at.door.model)
    pieces: list[str] = []
    streamed, _ = await at.llm.generate_response(QUESTION, model=at.door.model, on_text=pieces.append)
    assert same(whole) == same(streamed)
    assert whole.content == "".join(pieces)
    row, streamed_row = at.rows()
    assert (row["cost_estimate"], row["tokens_used"]) == (streamed_row["cost_estimate"], streamed_row["tokens_used"])
    assert streamed_row["response_raw"]["body"]["assembled_from_events"] > 0
    assert {"stream": True} == streamed_row["additional_params"]


async def test_a_tool_call_in_pieces_is_the_same_call(at: At) -> None:
    """Arguments in pieces are assembled, and a tool's result can follow."""
    _, whole, _ = await at.llm.generate_response_with_tools(QUESTION, [TOOL], model=at.door.model)
    _, streamed, _ = await at.llm.generate_response_with_tools(QUESTION, [TOOL], model=at.door.model, stream=True)
    assert whole
    assert streamed
    assert [(call.name, call.arguments) for call in whole] == [(call.name, call.arguments) for call in streamed]


async def test_an_object_comes_as_a_stream(at: At) -> None:
    """A structured call with stream=True returns its object."""
    city, _, usage = await at.llm.generate_structured_response(QUESTION, City, model=at.door.model, stream=True)
    assert isinstance(city, City)
    assert usage["tokens_used"] > 0


@pytest.mark.parametrize("scene", FAILURES)
async def test_a_failure_is_the_same_failure(at: At, scene: str) -> None:
    """The exception equals that of the unstreamed call; the row has the text so far, and NULL for an unknown cost."""
    pieces: list[str] = []
    at.scene(scene, REQUEST_TIMEOUT="1" if scene in ENDLESS else "30")
    scenario = EVERYWHERE[scene]
    with pytest.raises(LLMError) as caught:
        await at.llm.generate_response(QUESTION, model=at.door.model, on_text=pieces.append)
    assert scenario.failure
    expected = (scenario.elsewhere or scenario.failure.raises).split(" or ")
    assert (True, scenario.failure.retryable) == (type(caught.value).__name__ in expected, caught.value.retryable)
    row = at.row()
    assert ("failed", "".join(pieces), None) == (row["status"], row["response_content"] or "", row["cost_estimate"])


async def test_half_an_answer_has_no_price(at: At) -> None:
    """The cost of a partial answer is unknown whatever the vendor counts: the row has NULL and no estimate."""
    pieces: list[str] = []
    arrived = asyncio.Event()

    def note(piece: str) -> None:
        pieces.append(piece)
        arrived.set()

    call = asyncio.ensure_future(
        at.scene("stall-mid-body").llm.generate_response(QUESTION, model=at.door.model, on_text=note)
    )
    await arrived.wait()
    call.cancel()
    await asyncio.wait({call})
    row = at.row()
    assert ("failed", "CancelledError", None) == (row["status"], row["error_type"], row["cost_estimate"])
    assert "".join(pieces) == row["response_content"]
