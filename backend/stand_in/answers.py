"""From what came in to what goes out: the checks at the door, the scenario, its headers and its body."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import books, journal, vendors
from .bodies import completion, encoded, failure
from .identity import generation_id, headers
from .kinds import Answer, Body, Completion, Page
from .request import FaultyRequestError, Request
from .scenarios import REFUSALS, SCENARIOS, chosen
from .schema import BadSchemaError

if TYPE_CHECKING:
    from .kinds import Scenario
    from .wire import Received

METHOD, PATH = "POST", "/api/v1/chat/completions"
OK = 200


@dataclass(slots=True)
class Desk:
    """Where every request is answered and noted, the requests that scenarios with a `then` have seen, and the books."""

    seen: set[tuple[str, str]] = field(default_factory=set)
    books: books.Books = field(default_factory=books.Books)
    journal: journal.Journal = field(default_factory=journal.Journal)

    def answer(self, received: Received) -> Answer:
        """Answer a request, faulty or not."""
        if journal.is_read(received):
            return self.journal.read(received.target)
        answer = self._answered(received)
        self.journal.note(received, answer)
        return answer

    def _answered(self, received: Received) -> Answer:
        if vendors.is_vendors(received):
            return vendors.answered(received, self.seen)
        key = received.header("authorization").removeprefix("Bearer ").strip()
        try:
            _check_door(received, key)
            if received.method == books.METHOD:
                return self._booked(received, key)
            request = Request.read(received.body, key)
            return self._generated(self._remembered(chosen(request), request), request)
        except FaultyRequestError as fault:
            refusal = str(fault)
        except BadSchemaError:
            refusal = "bad-schema"
        except RecursionError:
            refusal = "too-deep"
        return _written(REFUSALS[refusal], Request.blank(key))

    def _generated(self, scenario: Scenario, request: Request) -> Answer:
        answer = _written(scenario, request)
        generation = dict(answer.headers).get("X-Generation-Id")
        if generation and isinstance(scenario.answer, Completion):
            self.books.enter(generation, scenario.answer, request)
        return answer

    def _booked(self, received: Received, key: str) -> Answer:
        found = self.books.found(received.target)
        if found is None:
            return _written(books.NOT_BOOKED, Request.blank(key))
        head = headers(books.BOOKED, "application/json")
        return Answer(OK, head, encoded(found), Body.WHOLE, fault=None, padded=False)

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
        "unknown-path": (received.method, path) not in {(METHOD, PATH), (books.METHOD, books.PATH)},
        "missing-key": not key,
        "unknown-key": not key.startswith("sk-or-") or "invalid" in key,
    }
    for name, fault in faults.items():
        if fault:
            raise FaultyRequestError(name)


def _written(scenario: Scenario, request: Request) -> Answer:
    shape, status = scenario.answer, scenario.status
    if isinstance(shape, Page):
        head, body = headers(scenario, shape.content_type), shape.text.encode()
    else:
        generation = generation_id()
        head = headers(scenario, "application/json", generation if status == OK else None)
        if isinstance(shape, Completion):
            body = encoded(completion(shape, request, generation))
        else:
            body = encoded(failure(shape, status, request))
    padded = status == OK and not isinstance(shape, Page)
    return Answer(status, head, body, scenario.body, scenario.fault, padded)
