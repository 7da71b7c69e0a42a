"""From what came in to what goes out: the checks at the door, the scenario, its headers and its body."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .bodies import HTML, completion, encoded, failure
from .identity import generation_id, headers
from .kinds import Body, Completion
from .request import FaultyRequestError, Request
from .scenarios import REFUSALS, SCENARIOS, chosen

if TYPE_CHECKING:
    from .kinds import Scenario
    from .wire import Received

METHOD, PATH = "POST", "/api/v1/chat/completions"
OK = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: status, headers, a body, and how much of that is sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    sends: Body

    @property
    def padded(self) -> bool:
        """Tell whether keep-alive padding comes first: the status is out before the provider has answered."""
        return self.status == OK and self.sends is not Body.HTML


@dataclass(slots=True)
class Desk:
    """Where every request is answered, and the requests that scenarios with a `then` have seen."""

    seen: set[tuple[str, str]] = field(default_factory=set)

    def answer(self, received: Received) -> Answer:
        """Answer a request, faulty or not."""
        key = received.header("authorization").removeprefix("Bearer ").strip()
        try:
            _check_door(received, key)
            request = Request.read(received.body, key)
            return _written(self._remembered(chosen(request), request), request)
        except FaultyRequestError as fault:
            refusal = str(fault)
        except RecursionError:
            refusal = "too-deep"
        return _written(REFUSALS[refusal], Request.blank(key))

    def _remembered(self, scenario: Scenario, request: Request) -> Scenario:
        """Return the scenario, or the one after it when this request has been seen before."""
        if scenario.then is None:
            return scenario
        visit = (scenario.name, request.identity)
        if visit in self.seen:
            return SCENARIOS[scenario.then]
        self.seen.add(visit)
        return scenario


def _check_door(received: Received, key: str) -> None:
    path = received.target.partition("?")[0]
    faults = {
        "unknown-path": (received.method, path) != (METHOD, PATH),
        "missing-key": not key,
        "unknown-key": not key.startswith("sk-or-") or "invalid" in key,
    }
    for name, fault in faults.items():
        if fault:
            raise FaultyRequestError(name)


def _written(scenario: Scenario, request: Request) -> Answer:
    if scenario.body is Body.HTML:
        page = headers(scenario, "text/html; charset=utf-8")
        return Answer(scenario.status, page, HTML.encode(), scenario.body)
    shape, generation = scenario.answer, generation_id()
    body = completion(shape, request, generation) if isinstance(shape, Completion) else failure(shape, request)
    head = headers(scenario, "application/json", generation if scenario.status == OK else None)
    return Answer(scenario.status, head, encoded(body), scenario.body)
