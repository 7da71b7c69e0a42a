"""The stand-in as pytest fixtures, for the tests of applications: no key, no network, and every failure on order.

pytest loads this file wherever the distribution is installed: nothing is imported or started before a fixture is used.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

GUARDED = (
    "{error}\nThe stand-in at {url} is running and cannot be reached: something blocks the network of the tests and "
    "has to let this machine through. With pytest-recording: --allowed-hosts='^127\\.0\\.0\\.1$'; with pytest-socket: "
    "--allow-hosts=127.0.0.1"
)


@dataclass(frozen=True)
class StandInServer:
    """A running stand-in; `url` is its base URL in OpenRouter's place."""

    url: str

    def environment(self) -> dict[str, str]:
        """Return the variables that lead every call of every provider to it, for a process of your own, say."""
        from .vendors import environment  # noqa: PLC0415 - only who uses the fixture pays for it

        return environment(self.url)

    def journal(self, after: int) -> dict[str, Any]:
        """Return the `requests` that came after so many, how many came in all, and how many of them are forgotten."""
        import json  # noqa: PLC0415 - as above
        from urllib.request import ProxyHandler, build_opener  # noqa: PLC0415

        address = f"{self.url.removesuffix('/api/v1')}/stand-in/requests?after={after}"
        with build_opener(ProxyHandler({})).open(address, timeout=10) as response:
            read: dict[str, Any] = json.load(response)
        return read


@dataclass(frozen=True)
class StandInRequest:
    """A request that came in: path and text, the scenario that answered and its status, None where none was sent.

    `hung_up` is True once its client has closed the connection before the end of the answer.
    """

    path: str
    text: str
    scenario: str
    status: int | None
    hung_up: bool = False

    @property
    def body(self) -> Any:
        """The JSON that was sent; raises ValueError where it is none."""
        import json  # noqa: PLC0415 - as above

        return json.loads(self.text)


@dataclass(frozen=True)
class LLMStandIn:
    """The stand-in during one test."""

    server: StandInServer
    monkeypatch: pytest.MonkeyPatch
    before: int

    @property
    def url(self) -> str:
        """The base URL in OpenRouter's place."""
        return self.server.url

    @property
    def requests(self) -> list[StandInRequest]:
        """Every request since the test began, oldest first: a call that was tried again is several.

        A request that a scenario breaks off while it is being read (`reset-while-reading`) is none. Raises
        RuntimeError where the test has sent more than the stand-in remembers, 64 MiB of bodies.
        """
        journal = self.server.journal(self.before)
        if journal["forgotten"] > self.before:
            raise RuntimeError("the stand-in does not remember all requests of this test")
        return [StandInRequest(**request) for request in journal["requests"]]

    def scene(self, wire: str, scene: str) -> None:
        """Have another vendor's calls play a scenario of `python -m stand_in --list`, for the rest of the test.

        `wire` is the vendor's name in that list. OpenRouter's scenarios are chosen by the model's name.
        """
        from .scenarios import SCENARIOS, find  # noqa: PLC0415 - as above
        from .vendors import OPENROUTER, VENDORS  # noqa: PLC0415

        vendors = {name: vendor for name, vendor in VENDORS.items() if name != OPENROUTER}
        names = [name for name, scenario in SCENARIOS.items() if scenario.everywhere]
        if wire not in vendors:
            raise ValueError(f"{wire!r} is none of {', '.join(vendors)}")
        if (scenario := find(scene)) is None or not scenario.everywhere:
            raise ValueError(f"{scene!r} is none of {', '.join(names)}")
        self.monkeypatch.setenv(vendors[wire].url_variable, vendors[wire].url(self.url, scene))


@pytest.fixture(scope="session")
def llm_stand_in_server() -> Iterator[StandInServer]:
    """Run a stand-in for the whole run, in a process of its own; it changes nothing else."""
    from . import running  # noqa: PLC0415 - as above

    with running() as url:
        yield StandInServer(url)


@pytest.fixture
def llm_stand_in(llm_stand_in_server: StandInServer, monkeypatch: pytest.MonkeyPatch) -> LLMStandIn:
    """Lead every LLM call of the test to a stand-in on this machine, whatever keys this environment or a .env has.

    All providers are configured; where LLM_PROVIDER says nothing else, OpenRouter is the default.
    """
    for name, value in llm_stand_in_server.environment().items():
        monkeypatch.setenv(name, value)
    if not os.environ.get("LLM_PROVIDER", "").strip():
        monkeypatch.setenv("LLM_PROVIDER", "openrouter")
    try:
        before = llm_stand_in_server.journal(after=sys.maxsize)["count"]
    except Exception as error:  # noqa: BLE001 - whatever a guard of the network raises
        pytest.fail(GUARDED.format(error=error, url=llm_stand_in_server.url), pytrace=False)
    return LLMStandIn(llm_stand_in_server, monkeypatch, before)
