"""Whatever a caller passes is accepted, or refused by name before anything is sent or written."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel

from cases.bodies import OPENROUTER, VENDORS, completion
from cases.scripted_server import ScriptedServer, scripted_server
from modules.llm_services.config import VARIABLE_NAMES
from modules.llm_services.exceptions import LLMError
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import (
    LLMMessage,
    ToolDefinition,
    llm_services_admin_provider,
    llm_services_provider,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session


class Answer(BaseModel):
    """An object."""

    answer: str


class Evil:
    """An object that raises at every operation."""

    def __bool__(self) -> bool:
        raise ZeroDivisionError("bool")

    def __eq__(self, _other: object) -> bool:
        raise ZeroDivisionError("eq")

    def __repr__(self) -> str:
        raise ZeroDivisionError("repr")

    def __len__(self) -> int:
        raise ZeroDivisionError("len")

    __hash__ = None  # type: ignore[assignment]


def cyclic() -> dict[str, Any]:
    """Return a dict that contains itself."""
    found: dict[str, Any] = {"role": "user", "content": "hi"}
    found["self"] = found
    return found


def cyclic_list() -> list[Any]:
    """Return a list that contains itself."""
    found: list[Any] = []
    found.append(found)
    return found


def bottomless() -> list[Any]:
    """Return ten thousand nested lists."""
    found: list[Any] = []
    for _ in range(10_000):
        found = [found]
    return found


HOSTILE: Final[dict[str, Any]] = {
    "None": None,
    "true": True,
    "a number": 5,
    "zero": 0,
    "negative": -1,
    "half": 1.5,
    "NaN": float("nan"),
    "infinite": float("inf"),
    "a huge number": 10**400,
    "a decimal": Decimal(1),
    "a complex number": 1j,
    "no text": "",
    "a space": " ",
    "a text": "x",
    "a long text": "x" * 100_000,
    "NUL": "a\x00b",
    "half a character": "a\ud800b",
    "an escape": "\x1b[31m{0}%s",
    "bytes": b"x",
    "an empty list": [],
    "a list of None": [None],
    "a list of numbers": [1, 2],
    "a list of texts": ["x"],
    "a list of dicts": [{"a": 1}],
    "a list of bytes": [b"x"],
    "a cyclic list": cyclic_list(),
    "a bottomless list": bottomless(),
    "a list with a cyclic dict": [cyclic()],
    "a tuple": (1, 2),
    "an empty dict": {},
    "a dict": {"a": 1},
    "a cyclic dict": cyclic(),
    "a bottomless dict": {"a": bottomless()},
    "a dict of odd keys": {(1, 2): 3, None: 4},
    "a dict of surrogates": {"\ud800": "\udfff"},
    "a set": {1, 2},
    "an object": object(),
    "an evil object": Evil(),
    "a list of evil objects": [Evil()],
    "a dict of an evil object": {"a": Evil()},
    "a function": len,
    "a class": int,
    "an error": ValueError("x"),
    "a generator": iter(()),
    "a model": Answer,
    "an instance": Answer(answer="x"),
    "a message": LLMMessage(role="user", content="hi"),
    "a message made without checks": [LLMMessage.model_construct(role=5, content=b"x")],  # type: ignore[arg-type]
}
GENERAL: Final = {"user_id": 1, "model": OPENROUTER, "temperature": 0.5, "max_output_tokens": 5}
OPTIONS: Final = (
    "timeout",
    "use_cache",
    "extra_body",
    "reasoning",
    "verbosity",
    "text",
    "colour",
    "seed",
    "top_p",
    "stop",
)
TOOL: Final = ToolDefinition(name="look", description="look", parameters={"type": "object"})
CALLS: Final[dict[str, dict[str, Any]]] = {
    "generate_response": {"messages": [LLMMessage(role="user", content="hi")], **GENERAL},
    "generate_structured_response": {
        "messages": [LLMMessage(role="user", content="hi")],
        "response_model": Answer,
        **GENERAL,
    },
    "generate_response_with_tools": {
        "messages": [LLMMessage(role="user", content="hi")],
        "tools": [TOOL],
        **GENERAL,
    },
    "generate_image": {"prompt": "a", "user_id": 1, "size": "1024x1024", "quality": "standard", "style": "vivid"},
    "generate_audio": {
        "text": "a",
        "voice": "nova",
        "user_id": 1,
        "model": "tts-1",
        "audio_format": "mp3",
        "speed": 1.0,
    },
    "search_web": {"queries": ["a"], "user_id": 1, "max_results": 10},
}
READS: Final[dict[str, dict[str, Any]]] = {
    "get_request": {"request_id": "0e65a72b-7b4d-4585-b08a-ab5d7be13a78"},
    "get_user_requests": {"user_id": 1, "limit": 1, "offset": 0},
    "estimate_cost": {"messages": [LLMMessage(role="user", content="hi")], "model": "gpt-4o"},
    "get_request_count_by_user": {"user_id": 1},
    "get_request_count_by_status": {"status": "pending"},
    "get_recent_requests": {"limit": 1, "offset": 0},
    "count_requests_since": {"moment": None},
    "sum_request_costs_since": {"moment": None},
}
OF_CALLS: Final = [
    (name, argument)
    for name, given in CALLS.items()
    for argument in [*given, *(OPTIONS if "messages" in given else ())]
]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """Play every vendor, answering with a completion."""
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)
    with scripted_server() as server:
        server.script(completion('{"answer": "x"}'))
        settings = {
            "OPENROUTER_API_KEY": "sk-or-v1-hostile",
            "OPENROUTER_BASE_URL": f"{server.url}/api/v1",
            "OPENAI_API_KEY": "sk-hostile",
            "OPENAI_BASE_URL": f"{server.url}/v1",
            "ANTHROPIC_API_KEY": "sk-ant-hostile",
            "ANTHROPIC_BASE_URL": server.url,
            "GEMINI_API_KEY": "gemini-hostile",
            "GEMINI_API_BASE_URL": f"{server.url}/v1beta",
            "MAX_RETRIES": "0",
            "REQUEST_TIMEOUT": "20",
            "LLM_PROVIDER": "openrouter",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield server


async def outcome(
    session: Session, server: ScriptedServer, method: str, argument: str, arguments: dict[str, Any]
) -> str:
    """Return what is wrong with the end of a call; "" if nothing is."""
    sent = len(server.requests)
    written = session.query(LLMRequestModel).count()
    session.rollback()
    try:
        await getattr(llm_services_provider(session), method)(**arguments)
    except (LLMError, NotImplementedError):
        return ""
    except (ValueError, TypeError) as error:
        if argument not in str(error):
            return f"{type(error).__name__} does not name it: {str(error)[:200]}"
        rows = session.query(LLMRequestModel).count()
        session.rollback()
        return "" if (sent, written) == (len(server.requests), rows) else "refused after it was sent or written"
    except Exception as error:  # noqa: BLE001 - what a call must not raise
        return f"{type(error).__name__}: {str(error)[:200]}"
    return ""


@pytest.mark.parametrize(("method", "argument"), OF_CALLS)
async def test_an_argument_of_a_call(session: Session, server: ScriptedServer, method: str, argument: str) -> None:
    """A hostile value of one argument is accepted, or refused by name before anything is sent."""
    problems = {}
    for name, value in HOSTILE.items():
        if problem := await outcome(session, server, method, argument, {**CALLS[method], argument: value}):
            problems[name] = problem
    assert {} == problems


@pytest.mark.parametrize("vendor", VENDORS)
async def test_messages_to_each_vendor(session: Session, server: ScriptedServer, vendor: str) -> None:
    """The same is true of content, parts of content and tool calls, on every vendor's wire."""
    problems = {}
    model = VENDORS[vendor].model
    fields = ("content", "name", "tool_calls", "tool_call_id", "function_call", "reasoning_details", "cache_control")
    for (name, value), field in product(HOSTILE.items(), fields):
        for role in ("user", "assistant", "tool"):
            messages = [{"role": "user", "content": "hi"}, {"role": role, "content": "hi", field: value}]
            arguments = {"messages": messages, "model": model}
            if problem := await outcome(session, server, "generate_response", "messages", arguments):
                problems[f"{role}, {field}, {name}"] = problem
    assert {} == problems


@pytest.mark.parametrize(
    ("method", "argument"), [(name, argument) for name, given in READS.items() for argument in given]
)
def test_an_argument_of_a_read(session: Session, server: ScriptedServer, method: str, argument: str) -> None:
    """A hostile value of a read's argument finds nothing, or raises a ValueError or TypeError that names it."""
    problems = {}
    service = llm_services_provider(session)
    reader: Any = service if hasattr(service, method) else llm_services_admin_provider(session)
    for name, value in HOSTILE.items():
        try:
            getattr(reader, method)(**{**READS[method], argument: value})
        except (ValueError, TypeError) as error:
            if argument not in str(error):
                problems[name] = f"{type(error).__name__} does not name it: {str(error)[:200]}"
        except Exception as error:  # noqa: BLE001 - as above
            problems[name] = f"{type(error).__name__}: {str(error)[:200]}"
        assert not session.in_transaction() or session.is_active
    assert {} == problems
    assert [] == server.requests
