"""Promises of the interface, tested for every vendor: OpenAI, Azure, Anthropic, Bedrock, Gemini."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from modules.llm_services import (
    LLMMessage,
    LLMValidationError,
)
from modules.llm_services.public import ToolDefinition
from providers.conftest import QUESTION

if TYPE_CHECKING:
    from collections.abc import Hashable

    from syrupy.assertion import SnapshotAssertion

    from providers.conftest import At


class Town(BaseModel):
    """A place."""

    name: str
    people: int


class City(BaseModel):
    """A place with places in it."""

    name: str
    twin: Town | None
    quarters: list[Town]


WEATHER = ToolDefinition(
    name="weather",
    description="The weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


SNAPSHOTS = Path(__file__).parent / "__snapshots__" / "test_every_vendor.ambr"


@pytest.mark.parametrize("model", [City, Town])
def test_the_docstring_of_the_pydantic_model_is_part_of_the_recorded_requests(model: type[BaseModel]) -> None:
    """The schemas in the snapshots have it as their description, so a new one needs new snapshots."""
    assert f"'description': {model.__doc__!r}," in SNAPSHOTS.read_text(encoding="utf-8"), (
        f"the docstring of {model.__name__} was edited: restore it, or run pytest with --snapshot-update"
    )


async def test_text(at: At, snapshot: SnapshotAssertion) -> None:
    """An answer in text has tokens and an estimated price, and its row has the whole exchange."""
    response, request_id = await at.llm.generate_response(QUESTION, model=at.door.model)
    assert "the capital of France" in response.content
    assert (at.door.provider, at.door.model, "stop") == (response.provider, response.model, response.finish_reason)
    assert 0 < (response.input_tokens or 0)
    assert (response.input_tokens or 0) + (response.output_tokens or 0) == response.tokens_used
    row = at.row()
    assert (request_id, response.cost_estimate, "estimated") == (
        row["id"],
        row["cost_estimate"],
        row["response_raw"]["cost_source"],
    )
    assert 0 < row["cost_estimate"]
    assert row["response_raw"]["price_table"].startswith("genai-prices ")
    assert snapshot(exclude=_price_table) == row


def _price_table(*, prop: Hashable, path: object) -> bool:
    del path
    return prop in {"price_table", "cost_estimate", "vendor_request_id"}


async def test_structured(at: At, snapshot: SnapshotAssertion) -> None:
    """A structured answer is an instance of the model, with nested models and lists; the row has it parsed."""
    city, _request_id, usage = await at.llm.generate_structured_response(QUESTION, City, model=at.door.model)
    assert isinstance(city, City)
    row = at.row()
    assert city.model_dump() == row["response_output"]
    assert row["tokens_used"] == usage["tokens_used"] == usage["usage"]["total_tokens"] > 0
    assert snapshot(exclude=_price_table) == row


async def test_a_tool_call_and_its_result(at: At, snapshot: SnapshotAssertion) -> None:
    """Tool calls are decoded; a result sent with the tool's name only is answered in the next turn."""
    asking, calls, _ = await at.llm.generate_response_with_tools(QUESTION, [WEATHER], model=at.door.model)
    assert [call.model_dump() for call in calls or []] == asking.response_output == at.row()["response_output"]
    assert [("weather", {"city": "city, says the stand-in"})] == [(call.name, call.arguments) for call in calls or []]
    assert snapshot(exclude=_price_table) == at.row()
    result = LLMMessage(role="tool", name="weather", content='{"sky": "clear"}')
    response, calls, _ = await at.llm.generate_response_with_tools([*QUESTION, result], [WEATHER], model=at.door.model)
    assert (None, "stop") == (calls, response.finish_reason)
    assert "clear" in response.content or "sky" in str(at.rows()[1]["request_payload"])


async def test_a_tool_result_of_an_unknown_call(at: At) -> None:
    """For a result of a call that this process does not know, a call is made up that the API accepts."""
    unseen = [
        LLMMessage(role="user", content="Is it clear where nobody has looked?"),
        LLMMessage(role="tool", name="weather", content="clear"),
    ]
    response, _, _ = await at.llm.generate_response_with_tools(unseen, [WEATHER], model=at.door.model)
    assert "stop" == response.finish_reason


async def test_a_cached_prompt(at: At) -> None:
    """Tokens from the vendor's cache are counted as part of the input, mark the row, and cost less."""
    plain, _ = await at.llm.generate_response(QUESTION, model=at.door.model)
    cached, _ = await at.scene("cached-prompt").llm.generate_response(QUESTION, model=at.door.model)
    assert plain.input_tokens == cached.input_tokens
    assert 0 < (cached.cached_input_tokens or 0) < (cached.input_tokens or 0)
    assert [False, True] == [row["cached"] for row in at.rows()] == [plain.cached, cached.cached]
    assert (cached.cost_estimate or 0) < (plain.cost_estimate or 0)


async def test_a_truncated_answer(at: At) -> None:
    """Truncated text is returned with its finish reason; a truncated object is an LLMValidationError."""
    service = at.scene("truncated").llm
    response, _ = await service.generate_response(QUESTION, model=at.door.model, max_output_tokens=16)
    assert ("length", True) == (response.finish_reason, bool(response.content))
    with pytest.raises(LLMValidationError) as caught:
        await service.generate_structured_response(QUESTION, City, model=at.door.model, max_output_tokens=16)
    assert "truncated" in str(caught.value)
    assert 0 < at.rows()[1]["cost_estimate"]


async def test_a_refused_answer(at: At) -> None:
    """A refusal is an answer with its tokens; in a structured call it raises an LLMValidationError."""
    service = at.scene("refused").llm
    await service.generate_response(QUESTION, model=at.door.model)
    with pytest.raises(LLMValidationError, match="refused"):
        await service.generate_structured_response(QUESTION, City, model=at.door.model)
    assert ["completed", "failed"] == [row["status"] for row in at.rows()]


async def test_an_empty_answer(at: At) -> None:
    """An answer without text is "", after one attempt, and not an error."""
    response, _ = await at.scene("empty").llm.generate_response(QUESTION, model=at.door.model)
    assert "" == response.content


@pytest.mark.parametrize("scene", ["not-json", "wrong-shape"])
async def test_an_answer_of_another_shape(at: At, scene: str) -> None:
    """JSON that does not validate is requested once more, then raises; both attempts keep their cost."""
    with pytest.raises(LLMValidationError, match="City"):
        await at.scene(scene, MAX_RETRIES="3").llm.generate_structured_response(QUESTION, City, model=at.door.model)
    assert [1, 2] == [row["retry_attempt"] for row in at.rows()]
    assert all(row["cost_estimate"] > 0 for row in at.rows())


async def test_the_options_of_every_vendor(at: At) -> None:
    """Reasoning and verbosity, as consumers pass them to any provider, are accepted by every wire."""
    for effort in ("minimal", "low", "medium", "high"):
        await at.llm.generate_response(
            QUESTION, model=at.door.model, reasoning={"effort": effort}, verbosity="low", text={"verbosity": "low"}
        )
    assert ["completed"] * 4 == [row["status"] for row in at.rows()]


async def test_an_impossible_option(at: At) -> None:
    """A known option of a wrong type raises a ValueError that names it, before anything is sent or written."""
    with pytest.raises(ValueError, match=r"reasoning\.effort"):
        await at.llm.generate_response(QUESTION, model=at.door.model, reasoning={"effort": "immense"})
    assert [] == at.rows()


async def test_parts_of_both_spellings(at: At, snapshot: SnapshotAssertion) -> None:
    """Text and images in the form of Responses or of Chat Completions are sent in the wire's own form."""
    pixel = "data:image/png;base64,iVBORw0KGgo="
    parts = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "https://example.com/cat.png"},
        {"type": "text", "text": "And this?"},
        {"type": "image_url", "image_url": {"url": pixel}},
    ]
    system = LLMMessage(role="system", content="Be brief.")
    messages = [system, LLMMessage(role="user", content=parts), LLMMessage(role="user", content="Well?")]
    await at.llm.generate_response(messages, model=at.door.model)
    assert snapshot == at.row()["request_payload"]


async def test_what_is_not_implemented(at: At) -> None:
    """No provider searches the web."""
    with pytest.raises(NotImplementedError, match="web search"):
        await at.llm.search_web(["news"])
