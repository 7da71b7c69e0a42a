"""Cases that random bodies rarely have: odd codecs, sums too large for a float, deep nesting, very long text."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel
from sqlalchemy import select

from modules.llm_services.exceptions import LLMError, LLMValidationError
from modules.llm_services.flow.structured import parse
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.types import LLMMessage, MessageRole, ToolDefinition
from modules.llm_services.wires.wire import Answer
from properties.mutations import CHARSETS, ODD_CHARSETS
from properties.shapes import CALL, completion
from support.attempts import MESSAGES, MODEL, provider
from support.measuring import decoding_seconds
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

TOOLS = [ToolDefinition(name="look", description="look", parameters={"type": "object"})]
LONGEST_DECODINGS = 10  # if its time grows with the square of its length, a text takes a thousand times as long


class City(BaseModel):
    """The requested object."""

    name: str
    population: int


def raw(head: str, body: bytes = b"") -> Callable[[Visit], None]:
    """Return a handler that sends a head and a body unchanged."""
    return lambda visit: visit.writer.write(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)


async def failed(session: Session, answer: Callable[[Visit], None]) -> LLMError:
    """Return the LLMError of a call that is answered like this, after checking its only row."""
    async with serving(answer) as server:
        with pytest.raises(LLMError) as caught:
            await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL)
    (row,) = session.scalars(select(LLMRequestModel))
    assert (caught.value.request_id, "failed") == (row.id, row.status)
    return caught.value


@pytest.mark.parametrize("charset", [*CHARSETS, *ODD_CHARSETS])
async def test_a_body_that_is_not_json_is_read_in_any_charset(session: Session, charset: str) -> None:
    """A page that is not JSON is an LLMError, whatever charset it claims, even one that decodes no text."""
    head = f"HTTP/1.1 200 OK\ncontent-type: text/html; charset={charset}\nconnection: close"
    assert (await failed(session, raw(head, b"<html>\\\xff</html>"))).retryable


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("HTTP/1.1 200 OK\ncontent-length: many", b"{}"),
        ("HTTP/1.1 200 OK\ntransfer-encoding: chunked", b"zz\r\n{}"),
        ("HTTP/1.1 200 OK\ncontent-encoding: gzip\nconnection: close", b"no gzip"),
        ("HTTP/1.1 999 ?\nconnection: close", b"{}"),
        ("HTTP/1.1 200", b"{}"),
        ("HTTP/1.0 200 OK\nset-cookie: =;;=\xff; expires=never; domain=..", b"{}"),
        ("HTTP/1.1 302 Found\nlocation: http://[", b"{}"),
        ("ICY 200 OK", b"{}"),
        ("\x00\x01", b"\x02"),
        ("HTTP/1.1 200 OK\nretry-after: " + "9" * 5000 + "\nx-generation-id: \xff\nconnection: close", b"{}"),
    ],
)
async def test_any_head_ends_in_an_llm_error(session: Session, head: str, body: bytes) -> None:
    """A head that HTTP does not allow, or that contradicts its body, is an LLMError."""
    await failed(session, raw(head, body))


HUGE = {"cost": 1e308, "is_byok": True, "cost_details": {"upstream_inference_cost": 1e308}}
HUGE_BACK = {"cost": -1e308, "is_byok": True, "cost_details": {"upstream_inference_cost": -1e308}}


async def test_a_sum_beyond_a_float_is_no_cost(session: Session) -> None:
    """If the sum of two costs is too large for a float, the completed row has 0.0 and `unpriced`."""
    body = completion() | {"usage": HUGE}
    async with serving(lambda visit: visit.answer(body)) as server:
        await provider(session, server.base_url).generate_response(MESSAGES, model=MODEL)
    (row,) = session.scalars(select(LLMRequestModel))
    assert row.response_raw is not None
    assert (0.0, "unpriced") == (row.cost_estimate, row.response_raw["cost_source"])


async def test_sums_beyond_a_float_can_be_added(session: Session) -> None:
    """The costs of two attempts can be added, whatever they are."""
    wrong, right = completion(content="{}"), completion(content='{"name": "Ghent", "population": 1}')
    bodies = iter([wrong | {"usage": HUGE}, right | {"usage": HUGE_BACK}])
    async with serving(lambda visit: visit.answer(next(bodies))) as server:
        asked = provider(session, server.base_url, retries=1)
        city, _, _ = await asked.generate_structured_response(MESSAGES, City, model=MODEL)
    assert "Ghent" == city.name


async def test_what_is_remembered_can_be_put_back(session: Session) -> None:
    """A tool's result can follow any tool call, even one with a number too large for a float."""
    message = {"tool_calls": [CALL], "reasoning_details": [{"weight": float("inf")}]}
    asked = [*MESSAGES, LLMMessage(role=MessageRole.TOOL, name="look", content="{}")]
    async with serving(lambda visit: visit.answer(completion("tool_calls", **message))) as server:
        llm = provider(session, server.base_url)
        await llm.generate_response_with_tools(MESSAGES, TOOLS, model=MODEL)
        await llm.generate_response_with_tools(asked, TOOLS, model=MODEL)
    assert 2 == len(server.visits)


def test_a_tower_in_a_string_is_no_child() -> None:
    """A child encoded as a string, nested as deeply as Python can parse, is an LLMValidationError."""
    for depth in range(850, 1000):
        tower = json.dumps({"name": "Ghent", "population": "[" * depth + "]" * depth})
        with pytest.raises(LLMValidationError):
            parse(Answer(content=tower), City)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("```json" + "\n" * 20_000, id="newlines after a fence"),
        pytest.param('{"name": "' + 'He said \\"so\\". ' * 2_500, id="a cut string of many quotes"),
    ],
)
def test_a_long_answer_that_was_cut_is_judged_in_no_time(content: str) -> None:
    """Very long truncated text is processed quickly, because the event loop waits for it."""
    began = time.thread_time()
    with pytest.raises(LLMValidationError):
        parse(Answer(content=content, finish_reason="length"), City)
    assert LONGEST_DECODINGS > (time.thread_time() - began) / decoding_seconds()
