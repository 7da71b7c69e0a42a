"""A truncated or refused answer is neither an object nor a tool call, whatever it contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from flow.paid import answering, completion
from modules.llm_services.exceptions import LLMValidationError
from modules.llm_services.types import ToolDefinition
from support.attempts import MESSAGES, MODEL, provider, rows
from support.server import serving

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TOOL = ToolDefinition(name="weather", description="Say how it is.", parameters={"type": "object", "properties": {}})


class Found(BaseModel):
    """A model that accepts half an answer."""

    items: list[str] = []


def ended(body: dict[str, Any], native: str) -> dict[str, Any]:
    """Return a body with the vendor's own finish reason."""
    body["choices"][0]["native_finish_reason"] = native
    return body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (completion('{"items": []}', "length"), "truncated .* raise max_output_tokens"),
        (ended(completion('{"items": ["a"]}'), "max_tokens"), "truncated"),
        (ended(completion('{"items": ["a"]}'), "MAX_TOKENS"), "truncated"),
        (completion('{"items": []}', "content_filter"), "refused"),
        (ended(completion('{"items": []}'), "refusal"), "refused"),
        (ended(completion('{"items": []}'), "SAFETY"), "refused"),
        (completion("{}", refusal="I won't."), "refused .* I won't."),
    ],
)
async def test_a_cut_or_refused_object_is_an_error(session: Session, body: dict[str, Any], message: str) -> None:
    """A truncated or refused object is not requested again, and the row has what was billed."""
    async with serving(answering(body)) as server:
        with pytest.raises(LLMValidationError, match=message) as caught:
            await provider(session, server.base_url, retries=3).generate_structured_response(
                MESSAGES, Found, model=MODEL
            )
    (row,) = rows(session)
    assert ("failed", 0.1) == (row.status, row.cost_estimate)
    assert caught.value.response is not None
    assert body["choices"][0]["message"]["content"] == caught.value.response.content


def tool_call(arguments: str) -> dict[str, Any]:
    """Return a call of the tool."""
    return {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}


@pytest.mark.parametrize("arguments", ['{"city": "Par', '{"city": "Paris"}'])
async def test_a_cut_tool_call_is_an_error_that_says_so(session: Session, arguments: str) -> None:
    """The error says "truncated" and what to raise, even if the arguments are complete, and has the text."""
    body = completion("Let me see.", "length", tool_calls=[tool_call(arguments)])
    async with serving(answering(body)) as server:
        with pytest.raises(LLMValidationError, match=r"truncated .* raise max_output_tokens") as caught:
            await provider(session, server.base_url, retries=3).generate_response_with_tools(
                MESSAGES, [TOOL], model=MODEL
            )
    assert caught.value.response is not None
    assert "Let me see." == caught.value.response.content


async def test_a_readable_tool_call_rides_on_the_error(session: Session) -> None:
    """If one tool call is malformed, the error still has the other one."""
    calls = [tool_call('{"city": "Rome"}'), tool_call('{"city": "Par')]
    async with serving(answering(completion(None, "tool_calls", tool_calls=calls))) as server:
        with pytest.raises(LLMValidationError, match="not a JSON object") as caught:
            await provider(session, server.base_url, retries=3).generate_response_with_tools(
                MESSAGES, [TOOL], model=MODEL
            )
    assert caught.value.response is not None
    assert {"city": "Rome"} == caught.value.response.response_output[0]["arguments"]


async def test_a_cut_text_beside_tools_is_an_answer(session: Session) -> None:
    """Truncated text is returned unchanged even if tools were offered."""
    async with serving(answering(completion("Let me", "length"))) as server:
        asked = provider(session, server.base_url, retries=3)
        response, calls, _request_id = await asked.generate_response_with_tools(MESSAGES, [TOOL], model=MODEL)
    assert ("Let me", "length", None) == (response.content, response.finish_reason, calls)
