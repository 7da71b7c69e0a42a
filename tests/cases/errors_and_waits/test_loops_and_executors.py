"""Errors and waits 07 and 08: loops that are closed by hand, and a busy default executor."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest
from pydantic import BaseModel

from cases.bodies import OPENROUTER, VENDORS, completion
from cases.scripted_server import Reply
from modules.llm_services.exceptions import LLMTimeoutError
from modules.llm_services.public import LLMMessage
from support.processes import run_python

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from cases.bodies import Vendor
    from cases.caller import Caller
    from cases.scripted_server import ScriptedServer

PATIENCE_SECONDS: Final = 3.0


# Each way to end a loop, in a separate process, because one would notice what another leaves open.
SCRIPT: Final = """
import asyncio, gc, json, logging, socket, sys
from concurrent.futures import ThreadPoolExecutor
from modules.infrastructure.database import make_engine
from modules.llm_services.exceptions import LLMError
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.shared_models import Base
from sqlalchemy.orm import Session
told = json.load(sys.stdin)
logged = []
class Noted(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())
logging.getLogger().addHandler(Noted(logging.WARNING))
async def call(llm):
    asyncio.get_running_loop().slow_callback_duration = 60  # a warning about a busy machine
    try:
        await llm.generate_response([LLMMessage(role="user", content="Which city?")], model=told["model"])
    except LLMError as error:
        assert told["fails"], error
def closed_by_hand(llm):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(call(llm))
    loop.run_until_complete(call(llm))
    loop.close()
def generators_shut_down(llm):
    loop = asyncio.new_event_loop()
    loop.run_until_complete(call(llm))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
def run(llm):
    asyncio.run(call(llm))
def beside_a_running_loop(llm):
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(loop.run_until_complete, call(llm)).result()
    async def close():
        loop.close()
    asyncio.run(close())
def in_a_thread(llm):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(closed_by_hand, llm).result()
engine = make_engine(told["url"])
Base.metadata.create_all(engine)
with Session(engine) as session:
    llm = llm_services_provider(session)
    for _ in range(3):
        globals()[told["way"]](llm if told["is_shared"] else llm_services_provider(session))
engine.dispose()
del llm
gc.collect()
sockets = [found for found in gc.get_objects() if type(found) is socket.socket and found.fileno() >= 0]
print(json.dumps({"logged": logged, "open": len(sockets)}))
"""


def check_silence(
    server: ScriptedServer,
    folder: Path,
    way: str,
    *,
    model: str = OPENROUTER,
    fails: bool = False,
    is_shared: bool = False,
) -> None:
    """Run three tasks on a loop each, and assert that nothing is logged or warned about and no socket stays open."""
    told = {"url": f"sqlite:///{folder / 'loops.db'}", "way": way, "model": model}
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
        "LOG_LEVEL": "ERROR",  # which models end soon depends on the date
    }
    done = run_python(["-c", SCRIPT], variables, folder, json.dumps(told | {"fails": fails, "is_shared": is_shared}))
    assert (0, "") == (done.returncode, done.stderr)
    assert {"logged": [], "open": 0} == json.loads(done.stdout)
    assert 3 <= len(server.requests)


@pytest.mark.parametrize(
    "way", ["closed_by_hand", "generators_shut_down", "run", "in_a_thread", "beside_a_running_loop"]
)
@pytest.mark.parametrize("is_shared", [False, True])
def test_a_loop_may_end_in_any_way(server: ScriptedServer, tmp_path: Path, way: str, *, is_shared: bool) -> None:
    """With a loop for each task, as in Celery, nothing is logged and no socket stays open."""
    server.script(completion())
    check_silence(server, tmp_path, way, is_shared=is_shared)


def test_a_failed_call_leaves_nothing_open(server: ScriptedServer, tmp_path: Path) -> None:
    """The same is true after an error."""
    server.script(Reply({"error": {"code": 400, "message": "no"}}, 400))
    check_silence(server, tmp_path, "closed_by_hand", fails=True)


@pytest.mark.parametrize("name", ["openai", "claude", "gemini"])
def test_every_vendors_connections_are_closed(server: ScriptedServer, tmp_path: Path, name: str) -> None:
    """The same is true of every vendor; each address has its own client."""
    server.script(VENDORS[name].text("Ghent"))
    check_silence(server, tmp_path, "closed_by_hand", model=VENDORS[name].model)


class City(BaseModel):
    """The requested object."""

    city: str


@asynccontextmanager
async def busy_executor() -> AsyncGenerator[None]:
    """Occupy the loop's default executor until the block ends."""
    is_over = threading.Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        loop.set_default_executor(pool)
        work = [loop.run_in_executor(None, is_over.wait) for _ in range(3)]
        try:
            yield
        finally:
            is_over.set()
            await asyncio.gather(*work)


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the timeout of an attempt to one second."""
    monkeypatch.setenv("REQUEST_TIMEOUT", "1")


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("call", ["text", "structured", "with_tools"])
async def test_a_busy_executor_does_not_keep_a_call(caller: Caller, vendor: Vendor, call: str) -> None:
    """While the executor is busy, the call is answered or ends in an LLMTimeoutError."""
    answer = vendor.object('{"city": "Ghent"}') if call == "structured" else vendor.text("Ghent")
    async with busy_executor():
        if call == "structured":
            calling = caller.structured(City, answer, model=vendor.model)
        else:
            calling = getattr(caller, call)(answer, model=vendor.model)
        outcome = await asyncio.wait_for(calling, PATIENCE_SECONDS)
    assert outcome.error is None or isinstance(outcome.error, LLMTimeoutError)


@pytest.mark.usefixtures("_short")
async def test_a_busy_executor_does_not_keep_what_is_large(caller: Caller) -> None:
    """Large values are processed outside the application's executor."""
    messages = [LLMMessage(role="user", content="a" * 3_000_000)]
    async with busy_executor():
        outcome = await asyncio.wait_for(caller.text(completion("b" * 3_000_000), messages=messages), PATIENCE_SECONDS)
    assert outcome.error is None or isinstance(outcome.error, LLMTimeoutError)


@pytest.mark.usefixtures("_short")
async def test_a_busy_executor_does_not_keep_the_response_cache(caller: Caller) -> None:
    """The response cache does not use that executor either."""
    async with busy_executor():
        outcome = await asyncio.wait_for(caller.text(completion(), use_cache=True), PATIENCE_SECONDS)
    assert outcome.error is None or isinstance(outcome.error, LLMTimeoutError)


@pytest.mark.usefixtures("_short")
async def test_a_name_that_is_looked_up_counts(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolving a host counts towards the attempt's time, even if the executor is busy."""
    monkeypatch.setenv("OPENROUTER_BASE_URL", caller.server.url.replace("127.0.0.1", "localhost") + "/api/v1")
    async with busy_executor():
        outcome = await asyncio.wait_for(caller.text(completion()), PATIENCE_SECONDS)
    assert outcome.error is None or isinstance(outcome.error, LLMTimeoutError)
