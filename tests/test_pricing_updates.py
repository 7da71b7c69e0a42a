"""LLM_UPDATE_PRICES: a deployed release can price newer models, and no call waits for the update."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx2
import pytest
from genai_prices import data_snapshot

from modules.llm_services import pricing
from modules.llm_services.config import VARIABLE_NAMES, create_llm_config_from_env
from modules.llm_services.public import LLMMessage, llm_services_provider
from modules.llm_services.types import LLMProviderType
from support.billed import billed
from support.doors import DOORS
from support.processes import without_slow_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    Publish = Callable[[Callable[[], httpx2.Response]], None]

BACKEND: Final = Path(__file__).resolve().parents[1] / "backend"
OPENAI: Final = LLMProviderType.OPENAI
NEXT_MONTHS: Final = "gpt-of-next-month"
BODY: Final = {"model": NEXT_MONTHS, "usage": {"input_tokens": 1000, "output_tokens": 1000}}
COUNTS: Final = [{"path": name, "dest": name} for name in ("input_tokens", "output_tokens")]
NEW_TABLE: Final = [
    {
        "id": "openai",
        "name": "OpenAI",
        "api_pattern": "https://api\\.openai\\.com",
        "extractors": [{"api_flavor": "responses", "root": "usage", "mappings": COUNTS}],
        "models": [
            {"id": NEXT_MONTHS, "match": {"equals": NEXT_MONTHS}, "prices": {"input_mtok": 2, "output_mtok": 8}},
        ],
    }
]


def updaters() -> list[threading.Thread]:
    """Return the threads that fetch the table."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("genai_prices")]


def end_updates() -> None:
    """Stop the fetching threads, and wait for them."""
    if pricing._renew.cache_info().currsize:
        pricing._renew().stop()  # type: ignore[no-untyped-call]
    for thread in updaters():
        thread.join()


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publish]:
    """Replace the table's publisher; afterwards, stop fetching and restore the installed table."""

    def publish(answer: Callable[[], httpx2.Response]) -> None:
        monkeypatch.setattr(httpx2, "get", lambda *_args, **_options: answer())

    pricing._renew.cache_clear()
    yield publish
    end_updates()
    pricing._renew.cache_clear()
    data_snapshot.set_custom_snapshot(None)


def response(status: int = 200, **content: Any) -> httpx2.Response:
    """Return the publisher's response."""
    return httpx2.Response(status, request=httpx2.Request("GET", "https://prices.example"), **content)


async def test_off_by_default(publish: Publish) -> None:
    """Without the variable, nothing is fetched and no thread starts."""
    publish(lambda: pytest.fail("the table was fetched"))
    await pricing.load()
    assert (False, []) == (create_llm_config_from_env().update_prices, updaters())


async def test_a_model_of_next_month(publish: Publish) -> None:
    """A model that the release does not know has a price after a fetch, and the row has the time of the fetch."""
    publish(lambda: response(json=NEW_TABLE))
    assert None is billed(OPENAI, BODY, NEXT_MONTHS).cost
    await pricing.load(is_renewed=True)
    assert pricing._renew().wait(30)
    found = billed(OPENAI, BODY, NEXT_MONTHS)
    assert 0.01 == found.cost
    name, _comma, fetched = str(found.price_table).partition(", ")
    assert (True, 17) == (name.startswith("genai-prices "), len(fetched))


@pytest.mark.parametrize("answer", [response(500), response(content=b"<html>"), response(json={"no": "table"})])
async def test_a_table_that_does_not_come(
    publish: Publish,
    answer: httpx2.Response,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """If the fetch fails, the old table is kept and used, and the log says why."""
    publish(lambda: answer)
    with caplog.at_level(logging.ERROR):
        await pricing.load(is_renewed=True)
        with pytest.raises(Exception, match=r".+"):
            pricing._renew().wait(30)
        end_updates()
    assert "Error updating genai-prices" in caplog.text
    assert 0.00225 == billed(OPENAI, BODY | {"model": "gpt-5-mini"}, "gpt-5-mini").cost


async def test_no_call_waits_for_a_table(
    publish: Publish,
    base_url: str,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the publisher is silent, calls use the current table, and later calls start no further fetch."""
    silence, fetches = threading.Event(), []

    def silent() -> httpx2.Response:
        fetches.append(1)
        silence.wait()
        return response(json=NEW_TABLE)

    publish(silent)
    for name in VARIABLE_NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in (DOORS[OPENAI].environment(base_url) | {"LLM_UPDATE_PRICES": "true"}).items():
        monkeypatch.setenv(name, value)
    llm = llm_services_provider(session)
    try:
        for _ in range(2):
            answer, _id = await llm.generate_response([LLMMessage(role="user", content="hi")], model="gpt-5-mini")
            assert 0 < (answer.cost_estimate or 0)
    finally:
        silence.set()
    pricing._renew().wait(30)
    assert 1 == len(fetches) == len(updaters())


SCRIPT: Final = """
import asyncio, threading
import httpx2
httpx2.get = lambda *_args, **_options: threading.Event().wait()
from modules.llm_services import pricing
asyncio.run(pricing.load(is_renewed=True))
print([thread.daemon for thread in threading.enumerate() if thread.name.startswith("genai_prices")])
"""


def test_no_thread_holds_the_end_of_a_process() -> None:
    """A process exits at once and without output while a fetch is not answered."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", SCRIPT]
    done = subprocess.run(command, cwd=BACKEND, capture_output=True, text=True, check=False)
    assert (0, "[True]\n", "") == (done.returncode, done.stdout, without_slow_steps(done.stderr))
