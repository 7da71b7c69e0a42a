"""Who takes part in the benchmark, and which rounds each of them plays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

IN_FLIGHT: Final = (1, 64, 256, 1000)
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
USUAL_SIZE: Final = 120
SLOW_SECONDS: Final = 0.2
MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Round:
    """So many calls in flight, each with a question of so many characters, to a server that takes so many seconds."""

    in_flight: int
    size: int = USUAL_SIZE
    delay: float = 0.0

    @property
    def key(self) -> str:
        """Return the round's name in the results."""
        return f"{self.in_flight} in flight, {self.size} characters, {self.delay:g} s"


@dataclass(frozen=True)
class Contestant:
    """A file of `contestants`, what its environment needs, and the rounds that it plays."""

    name: str
    file: str
    needs: tuple[str, ...]
    rounds: tuple[Round, ...]
    imports: str
    environment: dict[str, str] = field(default_factory=dict)


EVERY: Final = tuple(Round(in_flight, delay=delay) for in_flight in IN_FLIGHT for delay in (0.0, SLOW_SECONDS))
AT_ONCE: Final = tuple(Round(in_flight) for in_flight in IN_FLIGHT)
# An SDK that takes milliseconds a call would take minutes a round at a thousand.
FEW: Final = (Round(1), Round(64))
LARGE: Final = tuple(Round(64, size) for size in SIZES)
OURS: Final = (".[postgres]",)
IMPORT_OURS: Final = "import modules.llm_services.public"

# Or it asks the network for its price table when it is imported.
LOCAL_PRICES: Final = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}

CONTESTANTS: Final = (
    Contestant("ours, on SQLite", "ours", OURS, (*EVERY, *LARGE), IMPORT_OURS),
    Contestant("ours, on PostgreSQL", "ours", OURS, AT_ONCE, IMPORT_OURS, {"DATABASE_URL": "postgresql"}),
    Contestant("ours, a million rows on SQLite", "ours", OURS, FEW, IMPORT_OURS, {"BENCH_ROWS": str(MILLION)}),
    Contestant("ours, not recorded", "ours", OURS, AT_ONCE, IMPORT_OURS, {"BENCH_UNRECORDED": "1"}),
    Contestant("httpx", "httpx_bare", ("httpx", "pydantic", "sqlalchemy"), (*EVERY, *LARGE), "import httpx"),
    Contestant("httpx2", "httpx2_bare", ("httpx2",), EVERY, "import httpx2"),
    Contestant("openai", "openai_sdk", ("openai",), FEW, "import openai"),
    Contestant("litellm", "litellm_sdk", ("litellm",), FEW, "import litellm", LOCAL_PRICES),
    Contestant("pydantic-ai", "pydantic_ai_agent", ("pydantic-ai-slim[openai]",), FEW, "import pydantic_ai"),
    Contestant("langchain-openrouter", "langchain_sdk", ("langchain-openrouter",), FEW, "import langchain_openrouter"),
    Contestant("openrouter", "openrouter_sdk", ("openrouter",), FEW, "import openrouter"),
)
