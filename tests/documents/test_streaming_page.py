"""docs/streaming.md: its endpoint is served to a client, and each failure in its table is tried."""

from __future__ import annotations

import asyncio
import re
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from sqlalchemy import select

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import LLMRequest, llm_services_admin_provider
from modules.llm_services.types import LLMMessage, MessageRole
from routes.conftest import _application  # noqa: F401 - a fixture
from routes.mounted import served
from support.attempts import provider
from support.server import Visit, serving
from support.streams import chunk, event, of_text, send, sends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from stand_in.pytest_plugin import LLMStandIn

DOCUMENT: Final = (Path(__file__).resolve().parents[2] / "docs/streaming.md").read_text(encoding="utf-8")
ENDPOINT: Final = re.compile(r"^```py\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINE: Final = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
MESSAGES: Final = [LLMMessage(role=MessageRole.USER, content="hi")]
KNOWN_COST: Final = 0.25
BILL: Final = {"usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": KNOWN_COST}}

_HEAD, *LINES = (
    tuple(re.findall(r"`(\w+)`", cell) or [cell] for cell in cells)
    for cells in LINE.findall(DOCUMENT.split("## When it fails")[1].split("\n## ")[0])
)


NAMES: Final = [" ".join(line[0]) for line in LINES]


@pytest.fixture
def example(llm_stand_in: LLMStandIn, monkeypatch: pytest.MonkeyPatch, _application: None) -> dict[str, Any]:  # noqa: F811
    """Return the names in the page's example after running it; its calls go to the stand-in."""
    assert llm_stand_in.url
    monkeypatch.delenv("DATABASE_URL", raising=False)
    names: dict[str, Any] = {"__name__": "example"}
    exec(ENDPOINT.findall(DOCUMENT)[0], names)  # noqa: S102 - it is the page that is tested
    return names


def stored() -> list[LLMRequest]:
    """Return the rows of the application's database."""
    with infrastructure_provider().get_session_context() as session:
        return llm_services_admin_provider(session).get_recent_requests()


def data(lines: Iterator[str]) -> Iterator[str]:
    """Yield the data of a stream's events."""
    return (line.removeprefix("data: ") for line in lines if line.startswith("data: "))


def test_the_endpoint_streams_to_a_client(example: dict[str, Any]) -> None:
    """A client gets the pieces of the answer one by one, as JSON; together they are the text on the row."""
    with served(example["app"]) as url, httpx.Client(trust_env=False, timeout=60) as client:
        response = client.get(f"{url}/ask", params={"question": "What is a ledger?"})
    events = [data.removeprefix("data: ") for data in response.text.split("\n\n")]
    pieces = [httpx.Response(200, text=data).json() for data in events if data.startswith('"')]
    [row] = stored()
    assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
    assert len(pieces) > 5
    assert ("completed", "".join(pieces)) == (row.status, row.response_content)
    assert "event: end" in response.text


def test_the_endpoint_ends_an_answer_that_fails_in_an_event(example: dict[str, Any]) -> None:
    """After the status was sent, a failure is reported to the client as an event."""
    example["MODEL"] = "openrouter/stand-in/no-credits"
    with served(example["app"]) as url, httpx.Client(trust_env=False, timeout=60) as client:
        response = client.get(f"{url}/ask", params={"question": "What is a ledger?"})
    assert (200, 'event: error\ndata: "LLMProviderError"\n\n') == (response.status_code, response.text)


def test_a_browser_that_leaves_ends_the_request(example: dict[str, Any], llm_stand_in: LLMStandIn) -> None:
    """The provider sees that its client has disconnected, and the row keeps the text so far."""
    example["MODEL"] = "openrouter/stand-in/stall-mid-body"
    with served(example["app"]) as url, httpx.Client(trust_env=False, timeout=60) as client:
        with client.stream("GET", f"{url}/ask", params={"question": "What is a ledger?"}) as response:
            first = next(data(response.iter_lines()))
        while not llm_stand_in.requests[-1].hung_up:
            time.sleep(0.01)
        while "pending" == (row := stored()[0]).status:
            time.sleep(0.01)
    assert ("failed", "CancelledError", None) == (row.status, row.error_type, row.cost_estimate)
    assert (row.response_content or "").startswith(first.strip('"'))


async def _hang(blocks: bytes, visit: Visit) -> None:
    send(visit, blocks)
    await visit.writer.drain()
    await asyncio.Event().wait()


def _cut(visit: Visit) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    text = event(chunk(content="Pa"))
    visit.writer.write(head + f"{len(text):x}\r\n".encode() + text + b"\r\n")


def _refuse(_: str) -> None:
    raise ZeroDivisionError("mine")


TEXT: Final = event(chunk(content="Pa"))
FAILURE: Final = {"error": {"code": 502, "message": "Provider returned error"}}
# What each line of the table plays: the server, the call's options, and the settings that make it short.
CASES: Final[list[tuple[Callable[[Visit], Any], dict[str, Any], dict[str, Any]]]] = [
    (sends(TEXT + event({**chunk("error"), **FAILURE, **BILL})), {}, {}),
    (sends(TEXT), {}, {}),
    (_cut, {}, {}),
    (sends(TEXT + b"data: {\n\n" + event({"choices": [], **BILL})), {}, {}),
    (partial(_hang, TEXT), {}, {"stream_idle_timeout": 0.1}),
    (partial(_hang, TEXT), {}, {"request_timeout": 0.3}),
    (sends(TEXT * 1000), {}, {"max_response_mb": 0.01}),
    (sends(TEXT * 2), {"on_text": _refuse}, {}),
    (partial(_hang, TEXT), {}, {}),
]
CAUGHT: Final = {
    "the [error](errors.md) for its code, as without a stream": "LLMProviderError",
    "the exception itself": "ZeroDivisionError",
}
ERROR_TYPES: Final = {
    "the same": "LLMProviderError",
    "error_message": "ZeroDivisionError",
    "on_text raised": "ZeroDivisionError",
}


@pytest.mark.parametrize(("line", "case"), list(zip(LINES, CASES, strict=True)), ids=NAMES)
async def test_a_line_of_the_table(
    session: Session, line: tuple[list[str], ...], case: tuple[Any, dict[str, Any], dict[str, Any]]
) -> None:
    """The exception, the row's error_type and its cost are what the line says; the text so far is on the row."""
    play, options, settings = case
    arrived = asyncio.Event()
    async with serving(play) as server:
        called = provider(session, server.base_url, retries=3, **settings)
        noted = {"on_text": lambda _: arrived.set(), **options}
        call = asyncio.ensure_future(called.generate_response(MESSAGES, model="openrouter/author/model", **noted))
        if "CancelledError" in line[1]:
            await arrived.wait()
            call.cancel()
        [error] = await asyncio.gather(call, return_exceptions=True)
    [row] = session.scalars(select(LLMRequestModel)).all()
    assert CAUGHT.get(line[1][0], line[1][0]) == type(error).__name__
    assert ERROR_TYPES.get(line[2][0], line[2][0]) == row.error_type
    assert (KNOWN_COST if line[3] == ["as reported, otherwise NULL"] else None) == row.cost_estimate
    assert (row.response_content or "").startswith("Pa")
    assert "gen-1" == row.provider_response_id


async def test_a_whole_stream_has_none_of_these(session: Session) -> None:
    """The server of the table's cases, played to the end, is an answer."""
    async with serving(sends(of_text("Pa", "ris"))) as server:
        response, _ = await provider(session, server.base_url).generate_response(MESSAGES, stream=True)
    assert "Paris" == response.content
