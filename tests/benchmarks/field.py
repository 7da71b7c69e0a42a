"""The contestants of the benchmark, and the rounds of each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
IN_FLIGHT: Final = (1, 64, 256)
MANY_IN_FLIGHT: Final = 1000
USUAL_SIZE: Final = 120
LARGE_SIZE: Final = 1_000_000
SLOW_SECONDS: Final = 0.2
MODEL: Final = "author/model"
SLOW_MODEL: Final = "author/slow"
STREAM_PIECES: Final = 200
MILLION: Final = 1_000_000
PER_CALL_WAY: Final = "per call"


@dataclass(frozen=True)
class Round:
    """A number of calls in flight in each of a number of processes, and special settings of the round.

    `size` is the length of the prompt in characters. The server answers at once, or after SLOW_SECONDS. A round that
    `watches_lag` also measures how late the event loop wakes a task.
    """

    in_flight: int
    size: int = USUAL_SIZE
    is_slow: bool = False
    processes: int = 1
    watches_lag: bool = False

    @property
    def key(self) -> str:
        """Return the round's name in the results."""
        special = {
            f"{self.size:,} characters": self.size != USUAL_SIZE,
            "slow server": self.is_slow,
            f"{self.processes} processes": self.processes > 1,
            "lag": self.watches_lag,
        }
        return ", ".join([f"{self.in_flight} in flight", *(name for name, holds in special.items() if holds)])

    @property
    def model(self) -> str:
        """Return the model name that makes the server answer as the round requires."""
        return SLOW_MODEL if self.is_slow else MODEL


AT_ONCE: Final = tuple(Round(in_flight) for in_flight in IN_FLIGHT)
# An SDK that takes 10 ms or more for a call would take minutes at 256 in flight.
FEW: Final = (Round(1), Round(64))
LARGE: Final = Round(64, LARGE_SIZE)
TWO_PROCESSES: Final = Round(64, processes=2)
# A saturated loop is always late; at 16 in flight with a slow server it has spare time.
LAG: Final = (Round(1, watches_lag=True), Round(16, is_slow=True, watches_lag=True))
STREAMS: Final = (Round(1), Round(16))
SLOW: Final = (Round(1, is_slow=True), Round(MANY_IN_FLIGHT, is_slow=True))


@dataclass(frozen=True)
class Contestant:
    """A file of `contestants`, what its environment needs, and the rounds that it plays.

    Ours has `source` instead of `needs`: the root of a checkout of this project. `is_extra` means that a quick run
    leaves it out.
    """

    name: str
    file: str
    needs: tuple[str, ...]
    rounds: tuple[Round, ...]
    environment: dict[str, str] = field(default_factory=dict)
    source: Path | None = None
    is_extra: bool = False

    @property
    def counts_starts(self) -> bool:
        """True if the time until its first call is measured."""
        is_usual = self.environment.get("BENCH_WAY", PER_CALL_WAY) == PER_CALL_WAY
        return is_usual and Round(64) in self.rounds and not self.is_extra

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return what pip installs into the contestant's environment."""
        if self.source is None:
            return self.needs
        project = tomllib.loads((self.source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]
        # Until November 2026, the module's imports were the distribution's dependencies.
        return (*project["dependencies"], *extras.get("module", ()), *extras["postgres"], *FOR_INFRASTRUCTURE)


# Otherwise it downloads its price table when it is imported.
LOCAL_PRICES: Final = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
POSTGRES: Final = {"DATABASE_URL": "postgresql"}

FOR_INFRASTRUCTURE: Final = ("python-dotenv",)  # which an application brings

HTTP_ALONE: Final = "our HTTP alone"
UNRECORDED: Final = "ours without the ledger's rows"
SHARED: Final = "ours, one service object, SQLite"
SHARED_POSTGRES: Final = "ours, one service object, PostgreSQL"
PER_CALL: Final = "ours, a service object per call, SQLite"
PER_CALL_POSTGRES: Final = "ours, a service object per call, PostgreSQL"
MILLION_ROWS: Final = "ours, on a million rows of SQLite"
THOUSAND: Final = "ours, a thousand calls in flight"
STREAMED: Final = "ours, on_text"
LINES: Final = "httpx, lines of a stream"
BEFORE: Final = "before: "


def _ours(
    name: str, way: str, rounds: tuple[Round, ...], environment: dict[str, str] | None = None, *, is_extra: bool = False
) -> Contestant:
    return Contestant(name, "ours", (), rounds, {"BENCH_WAY": way} | (environment or {}), ROOT, is_extra)


OURS: Final = (
    _ours(PER_CALL, PER_CALL_WAY, (*AT_ONCE, LARGE, TWO_PROCESSES, *LAG)),
    _ours(PER_CALL_POSTGRES, PER_CALL_WAY, (*AT_ONCE, TWO_PROCESSES, *LAG), POSTGRES),
    _ours(SHARED, "shared", AT_ONCE),
    _ours(SHARED_POSTGRES, "shared", AT_ONCE, POSTGRES),
    _ours(UNRECORDED, "unrecorded", AT_ONCE),
    _ours(HTTP_ALONE, "http", (*AT_ONCE, *LAG)),
    _ours(MILLION_ROWS, PER_CALL_WAY, (Round(64),), {"BENCH_ROWS": str(MILLION)}, is_extra=True),
    _ours(STREAMED, "streamed", STREAMS),
    _ours(THOUSAND, PER_CALL_WAY, (*SLOW, Round(MANY_IN_FLIGHT)), is_extra=True),
)
OTHERS: Final = (
    Contestant("aiohttp", "aiohttp_bare", ("aiohttp",), AT_ONCE),
    Contestant("httpx", "httpx_bare", ("httpx",), (*AT_ONCE, LARGE)),
    Contestant(LINES, "httpx_lines", ("httpx",), STREAMS),
    Contestant("httpx2", "httpx2_bare", ("httpx2",), AT_ONCE),
    Contestant("openai SDK", "openai_sdk", ("openai",), AT_ONCE),
    Contestant("LiteLLM", "litellm_sdk", ("litellm",), FEW, LOCAL_PRICES),
    Contestant("pydantic-ai", "pydantic_ai_agent", ("pydantic-ai-slim[openai]",), FEW),
    Contestant("OpenRouter SDK", "openrouter_sdk", ("openrouter",), FEW),
)


def at_revision(source: Path) -> list[Contestant]:
    """Return our contestants from another checkout, to be measured next to today's."""
    compared = [each for each in OURS if not each.is_extra and each.name != STREAMED]
    return [
        replace(
            each,
            name=BEFORE + each.name,
            source=source,
            rounds=tuple(order for order in each.rounds if order.processes == 1),
        )
        for each in compared
    ]


def quick(contestant: Contestant) -> Contestant:
    """Return a contestant with the rounds of a quick run, without those that watch the lag."""
    return replace(contestant, rounds=tuple(order for order in contestant.rounds if not order.watches_lag))
