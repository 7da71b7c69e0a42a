"""docs/errors.md, line by line: a server plays each line to the real provider, and the result is what the line says."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
from pydantic import BaseModel
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from modules.llm_services.flow import loop
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.types import LLMMessage, MessageRole
from support.attempts import provider
from support.server import Visit, serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sqlalchemy import Engine

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
LINE: Final = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
CODES: Final = re.compile(r"`[0-9]{3}`(?: `[0-9]{3}`)*")
MESSAGES: Final = [LLMMessage(role=MessageRole.USER, content="hi")]
MODEL: Final = "openrouter/author/model"
BILL: Final = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.5}


class City(BaseModel):
    """The object of a structured call."""

    name: str


class Line(NamedTuple):
    """A line of the table."""

    said: str
    caught: str
    again: str
    row: str


_HEAD, _RULE, *LINES = (Line(*cells) for cells in LINE.findall(DOCUMENT.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Case:
    """What the server plays: an answer, or an event during the call; `status` is the resulting error's."""

    body: object = None
    http_status: int = 200
    status: int | None = 200
    structured: bool = False
    befalls: str = ""
    wait: str = ""
    retries: int = 1


def error(code: object, **fields: object) -> dict[str, Any]:
    """Return an error in OpenRouter's form."""
    return {"error": {"code": code, "message": "words", **fields}}


def said(content: object, finish_reason: str = "stop", **choice: Any) -> dict[str, Any]:
    """Return a completion with usage."""
    message = {"role": "assistant", "content": content, **choice.pop("message", {})}
    return {"choices": [{"message": message, "finish_reason": finish_reason, **choice}], "usage": BILL}


def coded(code: int, **fields: object) -> list[Case]:
    """Return an error code as the HTTP status, and inside a 200."""
    return [Case(error(code, **fields), code, code), Case(error(code, **fields), 200, code)]


def broken(befalls: str, status: int | None = None, body: object = None) -> list[Case]:
    """Return a call during which something fails."""
    return [Case(body, status=status, befalls=befalls)]


NOT_SENT: Final = {"nobody listens", "proxy leads nowhere", "setting leads nowhere"}
NO_OBJECTS: Final = [said(None), said('{"name": "Ghe', "length"), said("I can't.", "content_filter")]
NO_ANSWERS: Final = ["", "\n         \n", "<html>", '{"id": "gen', {}, {"choices": None}, {"choices": []}, []]
CUT_CALL: Final = {"message": {"tool_calls": [{"id": "call_1", "function": {"name": "look", "arguments": "{"}}]}}
CASES: Final[dict[str, list[Case]]] = {
    "`401` from the provider behind OpenRouter, for its own key": coded(401, metadata={"provider_name": "Some Cloud"}),
    "`402` because requests in flight hold the credit": coded(402, metadata={"reason": "in_flight_budget_exhausted"}),
    "`402` because the key has reached its own limit": coded(402, metadata={"limit_source": "openrouter_key_limit"}),
    "`429` with a wait of more than a minute": [Case(error(429), 429, 429, wait="61")],
    "`429` because of a daily cap": coded(429, metadata={"limit_source": "openrouter_free_tier_daily"}),
    "an error without a code": [Case(error(None)), Case(error("invalid_prompt")), Case({"error": "words"})],
    "an error whose name says that it is transient": [Case(error("server_error")), Case(error("provider_overloaded"))],
    "an error after part of the text": [
        Case(said("partial", "error", error={"code": 502, "message": "words"}), status=502),
        Case(said("partial") | error(503), status=503),
    ],
    "`finish_reason` `error` without a code": [Case(said("partial", "error"))],
    "a `200` without an answer: blank, HTML, truncated JSON, no `choices`": [Case(body) for body in NO_ANSWERS],
    "a redirect": [Case("", 302, 302), Case("", 307, 307)],
    "text that is empty, truncated or filtered": [Case(body) for body in NO_OBJECTS],
    "the same in a structured call": [Case(body, status=None, structured=True) for body in NO_OBJECTS],
    "a structured answer that does not validate": [Case(said('{"title": "Ghent"}'), status=None, structured=True)],
    "a tool call whose arguments are not a JSON object": [Case(said("", "tool_calls", **CUT_CALL))],
    "no server at the address": broken("nobody listens"),
    "a proxy that cannot be reached": broken("proxy leads nowhere"),
    "a wrong value in a proxy or certificate variable": broken("setting leads nowhere"),
    "the connection broke after the request was sent": [*broken("breaks"), *broken("is cut", 200)],
    "no answer within `REQUEST_TIMEOUT` seconds": broken("is silent"),
    "an answer that the database could not take": broken("table goes meanwhile", body=said("hello")),
    "a database that could not take the row beforehand": broken("no table"),
    "you cancelled the call": broken("is cancelled"),
}


def cases(line: Line) -> list[Case]:
    """Return the cases of a line: its codes if it lists only codes, otherwise those in CASES."""
    if CODES.fullmatch(line.said):
        return [case for code in re.findall("[0-9]+", line.said) for case in coded(int(code))]
    return CASES[line.said]


def move(session: Session, source: str, target: str) -> None:
    """Rename a table, on a separate connection."""
    engine = session.get_bind().engine
    with engine.connect() as connection:
        connection.execute(text(f"ALTER TABLE {source} RENAME TO {target}"))
        connection.commit()


@dataclass
class Scene:
    """A server that plays a case, and the call that is made to it."""

    case: Case
    session: Session
    visits: int = 0

    async def __call__(self, visit: Visit) -> None:
        """Answer, or fail, as the case says."""
        self.visits += 1
        match self.case.befalls:
            case "breaks":
                return
            case "is cut":
                visit.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
                return
            case "is silent":
                await asyncio.Event().wait()
            case "is cancelled":
                self.call.cancel()
                await asyncio.Event().wait()
            case "table goes meanwhile":
                move(self.session, "llm_requests", "hidden")
        headers = {"retry_after": self.case.wait} if self.case.wait else {}
        visit.answer(self.case.body, self.case.http_status, **headers)

    async def play(self) -> BaseException | None:
        """Make the call, and return what it raised."""
        if self.case.befalls == "no table":
            move(self.session, "llm_requests", "hidden")
        async with self._base_url() as base_url:
            self.call = asyncio.ensure_future(ask(self.session, base_url, self.case))
            await asyncio.wait({self.call})
        if "table" in self.case.befalls:
            move(self.session, "hidden", "llm_requests")
        return asyncio.CancelledError() if self.call.cancelled() else self.call.exception()

    @asynccontextmanager
    async def _base_url(self) -> AsyncGenerator[str]:
        if self.case.befalls not in NOT_SENT:
            async with serving(self) as server:
                yield server.base_url
            return
        with socket.socket() as unused, pytest.MonkeyPatch.context() as environment:
            unused.bind(("127.0.0.1", 0))
            closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
            match self.case.befalls:
                case "proxy leads nowhere":
                    environment.setenv("HTTPS_PROXY", closed)
                    yield "https://llm.invalid/api/v1"
                case "setting leads nowhere":
                    environment.setenv("SSL_CERT_FILE", "/nonexistent.pem")
                    yield "https://llm.invalid/api/v1"
                case _:
                    yield f"{closed}/api/v1"


async def ask(session: Session, base_url: str, case: Case) -> object:
    """Make the call of a case, with as many retries as it allows."""
    timeout = 0.3 if case.befalls == "is silent" else 20
    llm = provider(session, base_url, retries=case.retries, request_timeout=timeout)
    if case.structured:
        return await llm.generate_structured_response(MESSAGES, City, model=MODEL)
    return await llm.generate_response_with_tools(MESSAGES, [], model=MODEL)


def test_every_line_has_its_cases() -> None:
    """Every line has a case, and every case a line."""
    assert set(CASES) == {line.said for line in LINES if not CODES.fullmatch(line.said)}


@pytest.mark.parametrize(
    ("line", "case"),
    [pytest.param(line, case, id=f"{line.said}-{n}") for line in LINES for n, case in enumerate(cases(line))],
)
async def test_a_line_is_true(line: Line, case: Case, sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exception, the retries and the row are what the line says."""
    monkeypatch.setattr(loop, "BACKOFF_SECONDS", 0.0)
    with Session(sqlite_engine) as session:
        scene = Scene(case, session)
        raised = await scene.play()
        rows = session.scalars(select(LLMRequestModel).order_by(LLMRequestModel.retry_attempt)).all()
        again = line.again.startswith(("yes", "once"))
        assert (line.caught, again) == (caught(raised), len(rows) > 1)
        assert case.befalls in NOT_SENT or (2 if again else min(len(rows), 1)) == scene.visits
        if isinstance(raised, LLMError):
            assert (case.status, line.again.startswith(("yes", "by you"))) == (raised.status_code, raised.retryable)
            assert ("`retry_after`" in line.again) == ((raised.retry_after or 0) > 0)
            assert (rows[-1].id if rows else None) == raised.request_id
        assert {line.row} == ({told(row, raised, case) for row in rows} or {"none"})


def caught(raised: BaseException | None) -> str:
    """Return the exception in the form of the line: its class, and where it has the answer, if it has one."""
    if raised is None:
        return "nothing: the text is returned"
    name = f"`{'asyncio.' * isinstance(raised, asyncio.CancelledError)}{type(raised).__name__}`"
    if isinstance(raised, LLMError) and raised.response is not None:
        return f"{name}, the answer in `.response`"
    return f"{name}, which names it" if "SSL_CERT_FILE=" in str(raised) else name


def told(row: LLMRequestModel, raised: BaseException | None, case: Case) -> str:
    """Return the state of a row in the form of the line, after checking that it has the exception's message."""
    if row.status != "pending":
        assert (type(raised).__name__ if raised else None) == row.error_type
    if row.cost_estimate is None:
        assert (None, None) == (row.tokens_used, row.response_content)
        return f"`{row.status}`, cost unknown"
    assert isinstance(case.body, dict)
    words = case.body["choices"][0]["message"]["content"]
    assert (0.5, 3, words or "") == (row.cost_estimate, row.tokens_used, row.response_content or "")
    return f"`{row.status}`, text and cost as billed"
