"""The stand-in as pytest fixtures, for the tests of applications: no key, no network, and every failure on demand.

pytest loads this file wherever the distribution is installed, so nothing is imported or started before a fixture is
used.
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
    """A running stand-in; `url` is the base URL to use instead of OpenRouter's."""

    url: str

    def environment(self) -> dict[str, str]:
        """Return the variables that direct the calls of every provider to it, for example for another process."""
        from .vendors import environment  # noqa: PLC0415 - only who uses the fixture pays for it

        return environment(self.url)

    def journal(self, after: int) -> dict[str, Any]:
        """Return the `requests` after the first `after`, the number of all requests, and the number of dropped ones."""
        import json  # noqa: PLC0415 - as above
        from urllib.request import ProxyHandler, build_opener  # noqa: PLC0415

        address = f"{self.url.removesuffix('/api/v1')}/stand-in/requests?after={after}"
        with build_opener(ProxyHandler({})).open(address, timeout=10) as response:
            read: dict[str, Any] = json.load(response)
        return read


@dataclass(frozen=True)
class StandInRequest:
    """A request that arrived: its path and text, the scenario that answered it, and its status; None if none was sent.

    `hung_up` is True once the client has closed the connection before the end of the answer.
    """

    path: str
    text: str
    scenario: str
    status: int | None
    hung_up: bool = False

    @property
    def body(self) -> Any:
        """The JSON of the request; raises ValueError if it is not JSON."""
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
        """The base URL to use instead of OpenRouter's."""
        return self.server.url

    @property
    def requests(self) -> list[StandInRequest]:
        """Every request since the test began, oldest first; each retry is a separate request.

        A request that a scenario breaks off while it is being read (`reset-while-reading`) is not included. Raises
        RuntimeError if the test has sent more than the stand-in stores, which is 64 MiB of bodies.
        """
        journal = self.server.journal(self.before)
        if journal["forgotten"] > self.before:
            raise RuntimeError("the stand-in does not remember all requests of this test")
        return [StandInRequest(**request) for request in journal["requests"]]

    def scene(self, wire: str, scene: str) -> None:
        """Have another vendor's calls play a scenario of `python -m stand_in --list` for the rest of the test.

        `wire` is the vendor's name in that list. OpenRouter's scenarios are chosen by the model's name instead.
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
    """Run a stand-in for the whole test run, in a separate process; it changes nothing else."""
    from . import running  # noqa: PLC0415 - as above

    with running() as url:
        yield StandInServer(url)


@pytest.fixture
def llm_stand_in(llm_stand_in_server: StandInServer, monkeypatch: pytest.MonkeyPatch) -> LLMStandIn:
    """Direct every LLM call of the test to a stand-in on this machine, whatever keys the environment or a .env has.

    All providers are configured; unless LLM_PROVIDER names another one, OpenRouter is the default.
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
