"""A process that makes calls and is killed at a random instant, and what the server and the reader saw until then."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, get_args

from ledger.crash import script
from support.server import serving
from support.streams import send

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncGenerator

    from sqlalchemy import Engine

    from support.server import Server, Visit

HERE = Path(__file__).parent
BACKEND = HERE.parents[2] / "backend"
SLOWEST_ANSWER_SECONDS = 0.05
LATEST_EVENT = 200
LATEST_EVENT_ALONE = 20
LONGEST_DELAY_SECONDS = 0.01
LONGEST_LIFE_SECONDS = 60
LAST_WORD = "0-0"

Event = Literal["received", "answered", "handed"]


@dataclass(frozen=True)
class Instant:
    """When the process is killed: after a number of events of a kind since its first answer, and a short delay.

    There are `in_flight` calls at a time, because the ledger writes the row of a lone call in another way.
    """

    event: Event
    count: int
    delay: float = 0.0
    in_flight: int = script.IN_FLIGHT

    @classmethod
    def drawn(cls, chance: random.Random) -> Instant:
        """Return a random one."""
        event: Event = chance.choice(get_args(Event))
        in_flight = chance.choice((script.IN_FLIGHT, 1))
        latest = LATEST_EVENT if in_flight > 1 else LATEST_EVENT_ALONE
        return cls(event, chance.randint(1, latest), chance.uniform(0, LONGEST_DELAY_SECONDS), in_flight)


@dataclass
class Story:
    """The observations of one process: requests that arrived, and calls with a reported end."""

    received: list[str] = field(default_factory=list)
    handed: list[dict[str, Any]] = field(default_factory=list)


class Witness:
    """The server and the reader at the two ends of the process; each records an event before it acts on it."""

    def __init__(self, instant: Instant, chance: random.Random) -> None:
        self.story, self.pid = Story(), 0
        self.reached, self.drained = asyncio.Event(), asyncio.Event()
        self._instant, self._left, self._chance = instant, instant.count, chance

    def _happened(self, event: Event) -> None:
        if self.story.handed and event == self._instant.event:
            self._left -= 1
            if self._left == 0:
                self.reached.set()

    async def answer(self, visit: Visit) -> None:
        """Note a request, then answer it after a while."""
        marker = visit.payload["messages"][0]["content"]
        if marker == LAST_WORD:
            self.drained.set()
            return
        self.story.received.append(marker)
        self._happened("received")
        await asyncio.sleep(self._chance.uniform(0, SLOWEST_ANSWER_SECONDS))
        if script.is_refused(marker):
            visit.answer(script.REFUSAL, status=502)
        elif visit.payload.get("stream"):
            first, rest = script.stream(marker)
            send(visit, first)
            await visit.writer.drain()
            await asyncio.sleep(self._chance.uniform(0, SLOWEST_ANSWER_SECONDS))
            visit.writer.write(rest)
        else:
            visit.answer(script.answer(marker))
        self._happened("answered")

    async def read(self, told: asyncio.StreamReader) -> int:
        """Note what the process reports, to its end; return how it ended."""
        async for line in told:
            match json.loads(line):
                case {"pid": pid}:
                    self.pid = pid
                case {"ended": status}:
                    return int(status)
                case end:
                    self.story.handed.append(end)
                    self._happened("handed")
        return 0


@dataclass
class Nursery:
    """A process that has imported what a call needs, and forks the processes that make calls, one at a time."""

    engine: Engine
    process: asyncio.subprocess.Process
    errors: IO[str]

    async def killed(self, run: int, chance: random.Random, instant: Instant, late: int = 0) -> Story:
        """Let a process make calls with rows of the user `run`, kill it, and return its Story."""
        self.engine.dispose()  # SQLite's journal then belongs to the process alone, and the next connection recovers it
        witness = Witness(instant, chance)
        async with serving(witness.answer) as server, asyncio.timeout(LONGEST_LIFE_SECONDS):
            assert self.process.stdin
            assert self.process.stdout
            order = {"run": run, "base_url": server.base_url, "late": late, "in_flight": instant.in_flight}
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            reading = asyncio.ensure_future(witness.read(self.process.stdout))
            reached = asyncio.ensure_future(witness.reached.wait())
            try:
                await asyncio.wait({reading, reached}, return_when=asyncio.FIRST_COMPLETED)
                assert not reading.done(), f"it ended by itself: {self.written()}"
                await asyncio.sleep(instant.delay)
            finally:
                reached.cancel()
                if witness.pid and not reading.done():
                    os.kill(witness.pid, signal.SIGKILL)
            assert -signal.SIGKILL == await reading
            await _drained(server, witness)
        assert "" == self.written()
        return witness.story

    def written(self) -> str:
        """Return what the processes have written to standard error."""
        self.errors.seek(0)
        return self.errors.read()


@asynccontextmanager
async def nursery(engine: Engine) -> AsyncGenerator[Nursery]:
    """Yield a Nursery for the database of `engine`; it ends with the block."""
    with tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", str(HERE / "fifty_calls.py")),
            cwd=folder,
            env=environment(engine),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield Nursery(engine, process, errors)
        finally:
            process.kill()
            await process.wait()


async def _drained(server: Server, witness: Witness) -> None:
    """Return when the server has read every earlier request, shown by one that is sent now and arrives last."""
    host, _, port = server.base_url.split("/")[2].partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({"messages": [{"content": LAST_WORD}]}).encode()
    writer.write(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    await witness.drained.wait()
    writer.close()
    await writer.wait_closed()


def environment(engine: Engine) -> dict[str, str]:
    """Return the environment of a process whose rows go to `engine`'s database."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(BACKEND), str(HERE.parents[1])]),
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
    }
